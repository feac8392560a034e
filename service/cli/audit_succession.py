"""`xinqiao audit succeed`: a log ended and succeeded when its files are gone for good."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from service.cli.completion import nodes
from service.cli.output import JSON_OPTION, console, explained, print_json

application = typer.Typer()


@application.command("succeed")
def succeed(
    log: Annotated[str, typer.Argument(help="access or audit.")] = "access",
    node: Annotated[
        str, typer.Option("--node", help="Name of the node.", autocompletion=nodes)
    ] = "benxi",
    whole: Annotated[
        bool,
        typer.Option(
            "--whole", help="End a log that lacks nothing, after database and files were restored."
        ),
    ] = False,
    as_json: bool = JSON_OPTION,
) -> None:
    """End 终结 a log whose files are lost for good and open its successor; stop the node first."""
    from service.home import home
    from service.succession import succeed as end_log

    with explained():
        done = asyncio.run(end_log(home(), node, log, whole=whole))
    if as_json:
        print_json({"ended": done.ended, "successor": done.successor, "reason": done.reason})
        return
    console().print(f"日志已终结 ended {done.ended} ({done.reason})")
    console().print(
        f"后继日志 successor {done.successor}: 把节点文件交给伙伴 give partners the papers"
    )
