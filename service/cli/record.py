"""`xinqiao record`: a steward's decisions about single records."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from service.cli.completion import nodes
from service.cli.output import JSON_OPTION, console, explained, print_json
from service.cli.subject import HELP as SUBJECT_HELP
from service.cli.subject import one_code

application = typer.Typer(
    help="记录 records: withdraw, repair, object, screen.", no_args_is_help=True
)


@application.command("withdraw")
def withdraw(
    record_id: Annotated[str, typer.Argument(help="Record id 记录标识, as a query shows it.")],
    reason: Annotated[str, typer.Option(help="Why 撤销原因, for example the court's decision.")],
    node: Annotated[
        str, typer.Option("--node", help="Name of the node.", autocompletion=nodes)
    ] = "benxi",
    as_json: bool = JSON_OPTION,
) -> None:
    """Withdraw 撤销 a record that originates here; partners' copies follow by the feed."""
    from service.home import home
    from service.stewardship import withdraw_here

    with explained():
        status = asyncio.run(withdraw_here(home(), node, record_id, reason))
    if as_json:
        print_json({"recordId": record_id, "status": status})
    else:
        console().print(f"{record_id} 已撤销 withdrawn")


@application.command("repair")
def repair(
    record_id: Annotated[str, typer.Argument(help="Record id 记录标识, as a query shows it.")],
    node: Annotated[
        str, typer.Option("--node", help="Name of the node.", autocompletion=nodes)
    ] = "benxi",
    as_json: bool = JSON_OPTION,
) -> None:
    """Repair 修复 a record that originates here: no display, sharing or use from today on."""
    from service.home import home
    from service.stewardship import repair_here

    with explained():
        status = asyncio.run(repair_here(home(), node, record_id))
    if as_json:
        print_json({"recordId": record_id, "status": status})
    elif status == "REPAIRED":
        console().print(f"{record_id} 已修复 repaired")
    else:
        console().print(f"{record_id} 早已撤销 was withdrawn before: it stays so")


@application.command("object")
def object_to(
    record_id: Annotated[str, typer.Argument(help="Record id 记录标识, as a query shows it.")],
    end: Annotated[bool, typer.Option("--end", help="Take the mark away 撤除标注.")] = False,
    node: Annotated[
        str, typer.Option("--node", help="Name of the node.", autocompletion=nodes)
    ] = "benxi",
    as_json: bool = JSON_OPTION,
) -> None:
    """Mark 异议标注 a record of this city while an objection is examined; every reader sees it."""
    from service.home import home
    from service.stewardship import mark_here

    with explained():
        asyncio.run(mark_here(home(), node, record_id, not end))
    if as_json:
        print_json({"recordId": record_id, "objection": not end})
    else:
        console().print(f"{record_id} {'已撤除标注 mark removed' if end else '已标注异议 marked'}")


@application.command("screen")
def screen(
    node: Annotated[
        str, typer.Option("--node", help="Name of the node.", autocompletion=nodes)
    ] = "benxi",
    as_json: bool = JSON_OPTION,
) -> None:
    """Screen 筛查 free text again that an older scanner, or none, has looked at; resumable."""
    from service.cli.output import notices
    from service.home import home
    from service.queue import screen_here

    with explained(), notices().status("筛查 screening") as status:
        screened = asyncio.run(
            screen_here(home(), node, lambda done: status.update(f"筛查 screened {done:,}"))
        )
    if as_json:
        print_json({"screened": screened})
    else:
        console().print(f"已筛查 {screened:,} 条记录 records screened")


@application.command("restrict")
def restrict(
    subject: Annotated[str, typer.Argument(help=SUBJECT_HELP)],
    reason: Annotated[str, typer.Option(help="Why 限制理由.")] = "",
    lift: Annotated[bool, typer.Option("--lift", help="End the restriction 解除.")] = False,
    node: Annotated[
        str, typer.Option("--node", help="Name of the node.", autocompletion=nodes)
    ] = "benxi",
    as_json: bool = JSON_OPTION,
) -> None:
    """Restrict 限制 a subject: its relations are of class R, and no search of the graph passes."""
    from service.home import home
    from service.stewardship import restrict_here

    code = one_code(subject) or ""
    with explained():
        changed = asyncio.run(restrict_here(home(), node, code, reason, lift=lift))
    if as_json:
        print_json({"restricted": not lift, "changed": changed})
    else:
        console().print("已解除限制 lifted" if lift else "已限制 restricted")
