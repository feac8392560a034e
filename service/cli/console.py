"""`xinqiao console`: explore a node from a browser, signed with an identity of this machine."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from service.cli.completion import identities, nodes, purposes
from service.cli.output import explained


def console(
    as_name: Annotated[
        str | None,
        typer.Option(
            "--as",
            help="Identity that signs; without it the public reader.",
            autocompletion=identities,
        ),
    ] = None,
    node: Annotated[
        str, typer.Option(help="Name of a node, or its URL.", autocompletion=nodes)
    ] = "benxi",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")
    ] = 8090,
    purpose: Annotated[
        str,
        typer.Option(help="Purpose 查询目的 to begin with, P1 to P17.", autocompletion=purposes),
    ] = "",
    case: Annotated[str, typer.Option(help="Case number 案号 to begin with.")] = "",
    actor: Annotated[str | None, typer.Option(help="Person who acts, for systems.")] = None,
) -> None:
    """Open a console 控制台 in the browser: GraphiQL, every question signed, every answer verified.

    Exit status: 0 stopped (Ctrl-C), 2 unusable call or node out of reach.
    """
    from service.console_server import open_console
    from service.home import home

    def announce(address: str) -> None:
        sys.stdout.write(
            f"用浏览器打开（只能用一次） open once in a browser:\n  {address}\n"
            "Ctrl-C 停止 stops it.\n"
        )
        sys.stdout.flush()

    with explained():
        open_console(
            home(), node, as_name, port=port, purpose=purpose, case=case, actor=actor,
            announce=announce,
        )  # fmt: skip
