"""`xinqiao mapping`: draw up, sign and load the mapping of a partner's grades."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from service.cli.completion import nodes
from service.cli.output import JSON_OPTION, console, explained, print_json

application = typer.Typer(
    help="评价映射 mappings of grades: check, sign, load, show.", no_args_is_help=True
)

NODE = Annotated[str, typer.Option("--node", help="Name of the node.", autocompletion=nodes)]
FILE = Annotated[Path, typer.Argument(help="A draft in TOML, or a mapping that others signed.")]


@application.command("check")
def check(path: FILE, node: NODE = "benxi") -> None:
    """Check a draft 校验: total on the source scale, monotone, within its agreement."""
    from service.home import home
    from service.stewardship import checked_mapping

    with explained():
        mapping = asyncio.run(checked_mapping(home(), node, path))
    console().print(f"{mapping.id}: {len(mapping.rows)} 行 rows, 完整且单调 total and monotone")


@application.command("sign")
def sign(
    path: FILE,
    out: Annotated[Path, typer.Argument(help="Where the signed mapping is written.")],
    node: NODE = "benxi",
) -> None:
    """Sign 签署 a draft, or add this city's signature to what the partner signed."""
    from service.home import home
    from service.stewardship import sign_mapping_here

    with explained():
        signers = asyncio.run(sign_mapping_here(home(), node, path, out))
    console().print(f"{out}: 已签署 signed by {', '.join(signers)}")


@application.command("load")
def load(path: FILE, node: NODE = "benxi") -> None:
    """Load 加载 a mapping that every party of its agreement has signed."""
    from service.home import home
    from service.stewardship import load_mapping_here

    with explained():
        mapping = asyncio.run(load_mapping_here(home(), node, path))
    console().print(f"{mapping.id}: 已加载 loaded, {mapping.scheme} {mapping.version}")


@application.command("show")
def show(node: NODE = "benxi", as_json: bool = JSON_OPTION) -> None:
    """List 查看 the mappings that a node has."""
    from service.home import home
    from service.stewardship import loaded_mappings

    with explained():
        rows = asyncio.run(loaded_mappings(home(), node))
    if as_json:
        print_json(rows)
        return
    table = Table("映射 mapping", "协议 agreement", "方案 scheme", "用途 purposes", "有效期 valid")
    for row in rows:
        table.add_row(
            row["id"],
            row["agreement"],
            f"{row['scheme']} {row['version']}",
            ", ".join(row["purposes"]),
            f"{row['validFrom']} – {row['validTo'] or '长期 open'}",
        )
    console().print(table)
