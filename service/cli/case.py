"""`xinqiao case`: matters of a unit, and the subjects that each names."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from service.cli.completion import nodes, purposes
from service.cli.output import JSON_OPTION, console, explained, print_json, print_table
from service.cli.subject import HELP, codes_given

application = typer.Typer(help="案件 cases: open, close, list.", no_args_is_help=True)

NODE = Annotated[str, typer.Option("--node", help="Name of the node.", autocompletion=nodes)]
UNIT = Annotated[str, typer.Option(help="USCC of the unit; empty for the node's own stewards.")]
NUMBER = Annotated[str, typer.Option(help="Case number 案号, as credit-case names it.")]


@application.command("open")
def open_now(
    number: NUMBER,
    purpose: Annotated[str, typer.Option(help="Purpose 用途, P1 to P17.", autocompletion=purposes)],
    subject: Annotated[list[str], typer.Option(help=f"{HELP}; may be repeated.")],
    unit: UNIT = "",
    by: Annotated[str, typer.Option(help="Who opens it 立案人.")] = "operator",
    node: NODE = "benxi",
) -> None:
    """Open 立案 a matter that names its subjects, or add subjects to an open one."""
    from service.home import home
    from service.permission import open_matter

    with explained():
        asyncio.run(
            open_matter(
                home(),
                node,
                unit=unit,
                number=number,
                purpose=purpose,
                subjects=codes_given(subject),
                opened_by=by,
            )
        )
    console().print(f"{number} 已立案 open")


@application.command("close")
def close_now(number: NUMBER, unit: UNIT = "", node: NODE = "benxi") -> None:
    """Close 结案: from now on nothing rests on the matter."""
    from service.home import home
    from service.permission import close_matter

    with explained():
        asyncio.run(close_matter(home(), node, unit=unit, number=number))
    console().print(f"{number} 已结案 closed")


@application.command("list")
def list_now(
    unit: Annotated[str | None, typer.Option(help="USCC of the unit; all without.")] = None,
    node: NODE = "benxi",
    as_json: bool = JSON_OPTION,
) -> None:
    """List 列出 matters, newest first, with the number of their subjects."""
    from service.home import home
    from service.permission import listed_matters

    with explained():
        rows = asyncio.run(listed_matters(home(), node, unit))
    if as_json:
        print_json(rows)
    else:
        print_table(rows)
