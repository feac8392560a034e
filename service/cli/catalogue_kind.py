"""`xinqiao catalogue kind`: catalogue items that the city defines without a new release."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from service.cli.completion import nodes
from service.cli.output import JSON_OPTION, console, explained, print_json, print_table

application = typer.Typer(help="自定目录项 items of the city's own.", no_args_is_help=True)

NODE = Annotated[str, typer.Option("--node", help="Name of the node.", autocompletion=nodes)]


@application.command("add")
def add(
    path: Annotated[Path, typer.Argument(help="Declaration (TOML).")],
    node: NODE = "benxi",
    as_json: bool = JSON_OPTION,
) -> None:
    """Declare an item 目录项, or add to one: files of it can be imported from now on.

    Exit status: 0 declared, or known already; 2 refused.
    """
    from service.home import home
    from service.item import declare_here, read_item

    with explained():
        done = asyncio.run(declare_here(home(), node, read_item(path)))
    if as_json:
        print_json({**_told(done.kind), "version": done.version})
        return
    word = "已有 known already" if done.version is None else f"版本 version {done.version}"
    console().print(f"{done.kind.label} {done.kind.name}: {word}")


@application.command("list")
def list_(node: NODE = "benxi", as_json: bool = JSON_OPTION) -> None:
    """List 列出 the items of a node."""
    from service.home import home
    from service.item import items_here

    with explained():
        found = asyncio.run(items_here(home(), node))
    if as_json:
        print_json([_told(kind) for kind in found])
        return
    print_table(
        [{"类型 kind": kind.name, "名称 label": kind.label} for kind in found], whole=("类型 kind",)
    )


def _told(kind: Any) -> dict[str, Any]:
    return {
        "name": kind.name,
        "label": kind.label,
        "naturalKey": [kind.field(name).api_name for name in kind.natural_key],
        "fields": [declared.api_name for declared in kind.fields],
    }
