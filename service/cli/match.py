"""`xinqiao match`: ask a partner whether it knows a person, by the agreement's keyed token."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from service.cli.completion import nodes
from service.cli.output import JSON_OPTION, console, explained, print_json


def match(
    node: Annotated[str, typer.Argument(help="The partner's node.", autocompletion=nodes)],
    own: Annotated[
        str, typer.Option("--from", help="Own node: its match key and system key are used.")
    ] = "shenyang",
    purpose: Annotated[str, typer.Option(help="P1…P17.")] = "P8",
    case: Annotated[str, typer.Option(help="Case number 案由号.")] = "",
    as_json: bool = JSON_OPTION,
) -> None:
    """Match a person 自然人比对: the number is read from standard input and never sent.

    Exit status: 0 answered, 1 refused or not verified.
    """
    from service.home import home
    from service.inquiry import match_person

    if sys.stdin.isatty():
        number = typer.prompt("证件号码 document number", hide_input=True)
    else:
        number = sys.stdin.readline()
    with explained():
        found = match_person(home(), node, own, number.strip(), purpose=purpose, case=case)
    if as_json:
        print_json(found.to_json())
    elif found.answer.data is None:
        console().print_json(data=found.to_json())
    else:
        told = found.answer.data["personMatch"]
        kinds = ", ".join(told["recordTypes"]) or "—"
        console().print(f"{'匹配 matched' if told['matched'] else '未匹配 no match'}: {kinds}")
    raise typer.Exit(0 if found.verified and not found.refused else 1)
