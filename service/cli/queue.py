"""`xinqiao queue`: the work queue of findings."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.table import Table

from service.cli.completion import nodes
from service.cli.output import JSON_OPTION, console, explained, print_json

application = typer.Typer(help="待办 work queue: list, show, close.", no_args_is_help=True)

_NODE = typer.Option("--node", help="Name of the node.", autocompletion=nodes)
_TASK = typer.Argument(help="Task id 待办标识, as `queue list` shows it.")


@application.command("list")
def list_tasks(
    unit: Annotated[str | None, typer.Option(help="Only of this unit 责任单位, by USCC.")] = None,
    code: Annotated[str | None, typer.Option(help="Only this code, such as UNIT_SUSPECT.")] = None,
    district: Annotated[
        str | None, typer.Option(help="Only of units of this region 区县, by its id.")
    ] = None,
    closed: Annotated[bool, typer.Option("--closed", help="Closed tasks 已处理 instead.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 100,
    node: Annotated[str, _NODE] = "benxi",
    as_json: bool = JSON_OPTION,
) -> None:
    """List 列出 tasks, newest first."""
    from service.home import home
    from service.queue import listed_tasks
    from store.task import Wanted

    wanted = Wanted(unit, code, "CLOSED" if closed else "OPEN", district)
    with explained():
        tasks, more = asyncio.run(listed_tasks(home(), node, wanted, limit))
    if as_json:
        print_json({"tasks": tasks, "more": more})
        return
    table = Table(box=None)
    table.add_column("标识", no_wrap=True, min_width=36)
    for header in ("代码", "责任单位", "文件 · 行", "字段"):
        table.add_column(header, overflow="fold")
    for task in tasks:
        place = f"{task['file']} · {task['line']}" if task["file"] else task["kind"] or ""
        unit_shown = task["unitName"] or task["unit"] or "—"
        table.add_row(task["id"], task["code"], unit_shown, place, task["field"] or "")
    console().print(table)
    if more:
        console().print(f"仅显示前 {limit} 条 first {limit} only: --limit shows more")


@application.command("show")
def show(
    task: Annotated[str, _TASK],
    node: Annotated[str, _NODE] = "benxi",
    as_json: bool = JSON_OPTION,
) -> None:
    """Show 查看 one task."""
    from service.home import home
    from service.queue import shown_task

    with explained():
        found = asyncio.run(shown_task(home(), node, task))
    if as_json:
        print_json(found)
        return
    for name, value in found.items():
        if value is not None:
            console().print(f"{name}: {value}")


@application.command("close")
def close(
    task: Annotated[str, _TASK],
    reason: Annotated[str, typer.Option(help="Why 办结原因.")],
    node: Annotated[str, _NODE] = "benxi",
    as_json: bool = JSON_OPTION,
) -> None:
    """Close 办结 a task that no file will mend; it stays closed."""
    from service.home import home
    from service.queue import close_here

    with explained():
        asyncio.run(close_here(home(), node, task, reason))
    if as_json:
        print_json({"id": task, "state": "CLOSED"})
    else:
        console().print(f"{task} 已办结 closed")
