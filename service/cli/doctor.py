"""`xinqiao doctor`: what is wrong with this machine or a node, and how to mend it."""

from __future__ import annotations

from typing import Annotated

import typer

from service.cli.completion import nodes
from service.cli.output import JSON_OPTION, console, explained, print_json, styled


def doctor(
    node: Annotated[
        str | None,
        typer.Option(help="Name of the node; without it all of them.", autocompletion=nodes),
    ] = None,
    as_json: bool = JSON_OPTION,
) -> None:
    """Check 体检 the machine and its nodes: what is wrong, how to mend it. Changes nothing.

    Exit status: 0 no fault (there may be notices), 1 faults, 2 unusable call.
    """
    from service.doctor.finding import State
    from service.doctor.visit import examine
    from service.home import home

    with explained():
        findings = examine(home(), node)
    faults = sum(one.state is State.FAULT for one in findings)
    if as_json:
        print_json({"ok": not faults, "findings": [one.to_json() for one in findings]})
        raise typer.Exit(1 if faults else 0)
    out = console()
    marks = {State.OK: ("green", "✔"), State.NOTICE: ("yellow", "!"), State.FAULT: ("red", "✘")}
    for one in findings:
        place = f" {one.node}" if one.node else ""
        code = f"{one.code} " if one.code else ""
        said = one.text[0] if one.text[0] == one.text[1] else f"{one.text[0]} · {one.text[1]}"
        line = styled(*marks[one.state], f"{place} {one.check} ")
        out.print(line.append(code, "bold").append(said))
        if one.mend is not None:
            out.print(f"    → {one.mend[0]}\n    → {one.mend[1]}")
    if faults:
        out.print(styled("bold red", f"{faults} 处故障 faults"))
    else:
        out.print(styled("green", "没有故障 no faults"))
    raise typer.Exit(1 if faults else 0)
