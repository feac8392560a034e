"""`xinqiao record`: a steward's decisions about single records."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from service.cli.output import JSON_OPTION, console, explained, print_json

application = typer.Typer(help="记录 records: withdraw.", no_args_is_help=True)


@application.command("withdraw")
def withdraw(
    record_id: Annotated[str, typer.Argument(help="Record id 记录标识, as a query shows it.")],
    reason: Annotated[str, typer.Option(help="Why 撤销原因, for example the court's decision.")],
    node: Annotated[str, typer.Option("--node", help="Name of the node.")] = "benxi",
    as_json: bool = JSON_OPTION,
) -> None:
    """Withdraw 撤销 a record that originates here; partners' copies follow by the feed."""
    from service.home import home
    from service.stewardship import withdraw_here

    with explained():
        asyncio.run(withdraw_here(home(), node, record_id, reason))
    if as_json:
        print_json({"recordId": record_id, "status": "WITHDRAWN"})
    else:
        console().print(f"{record_id} 已撤销 withdrawn")
