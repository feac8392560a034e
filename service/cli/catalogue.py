"""`xinqiao catalogue`: what a city shares, with whom, and who may ask what, by date."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from service.cli import catalogue_kind
from service.cli.completion import nodes
from service.cli.output import JSON_OPTION, console, explained, print_json

application = typer.Typer(help="目录 catalogues: load, show.", no_args_is_help=True)
application.add_typer(catalogue_kind.application, name="kind")

NODE = Annotated[str, typer.Option("--node", help="Name of the node.", autocompletion=nodes)]


@application.command("load")
def load(
    paths: Annotated[list[Path], typer.Argument(help="Catalogue documents (TOML).")],
    node: NODE = "benxi",
    as_json: bool = JSON_OPTION,
) -> None:
    """Load editions 版本 of the information catalogue 信息目录 or application catalogue 应用目录.

    Exit status: 0 loaded, or known already; 2 refused, and nothing was loaded.
    """
    from service.catalogue import load_here
    from service.home import home

    with explained():
        done = asyncio.run(load_here(home(), node, paths))
    if as_json:
        print_json(done)
        return
    for one in done:
        word = "已装载 loaded" if one["loaded"] else "已有 known already"
        console().print(f"{one['type']} {one['edition']}: {word}, {_period(one)}")


@application.command("show")
def show(
    node: NODE = "benxi",
    on: Annotated[
        str | None, typer.Option(help="Day (YYYY-MM-DD); the node's domain date by default.")
    ] = None,
    as_json: bool = JSON_OPTION,
) -> None:
    """Show 查看 the catalogues in force on a day, and every edition."""
    from schema.records import kinds
    from service.catalogue import shown_here
    from service.home import home

    try:
        day = date.fromisoformat(on) if on else None
    except ValueError:
        raise typer.BadParameter("a date such as 2026-07-01", param_hint="--on") from None
    with explained():
        found = asyncio.run(shown_here(home(), node, day))
    if as_json:
        print_json(found)
        return
    out = console()
    labels = {kind.name: kind.label for kind in kinds()}
    _items(found["information"], labels, out)
    _applications(found["application"], labels, out)
    out.print("版本 editions:")
    for one in found["editions"]:
        out.print(f"  {one['type']} {one['edition']}: {_period(one)}")


def _items(found: dict[str, Any] | None, labels: Mapping[str, str], out: Any) -> None:
    if found is None:
        out.print("信息目录 information catalogue: 无 none in force")
        return
    out.print(f"信息目录 information catalogue {found['edition']}, {_period(found)}")
    table = Table("类型 kind", "方式 share", "来源单位 providers", "伙伴 partners", "周期 cycle")
    for item in found["items"]:
        days = item["cycleDays"]
        unit = "工作日 wd" if item["cycleIsWorking"] else "日 d"
        table.add_row(
            labels.get(item["kind"], item["kind"]),
            item["share"],
            "\n".join(provider["name"] for provider in item["providers"]),
            " ".join(item["partners"]),
            f"{days} {unit}" if days else "",
        )
    out.print(table)


def _applications(found: dict[str, Any] | None, labels: Mapping[str, str], out: Any) -> None:
    if found is None:
        out.print("应用目录 application catalogue: 无 none in force")
        return
    out.print(f"应用目录 application catalogue {found['edition']}, {_period(found)}")
    table = Table("单位 unit", "事项 matter", "用途 purposes", "类型 kinds")
    for row in found["applications"]:
        kinds = "、".join(labels.get(kind, kind) for kind in row["kinds"])
        table.add_row(row["unitName"], row["matter"], " ".join(row["purposes"]), kinds)
    out.print(table)


def _period(one: dict[str, Any]) -> str:
    end = f"{one['validTo']} 前 exclusive" if one["validTo"] else "长期 open end"
    return f"{one['validFrom']} – {end}"
