"""`xinqiao world`: write a demo world, or load one into an empty node."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from service.cli.completion import nodes
from service.cli.output import JSON_OPTION, console, explained, print_json

application = typer.Typer(help="演示数据 a demo world: written, loaded.")


@application.callback(invoke_without_command=True)
def world(
    context: typer.Context,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write into.", show_default=False)
    ] = None,
    size: Annotated[str, typer.Option(help="S, M or L.")] = "S",
    seed: Annotated[
        int, typer.Option(min=0, max=2**63 - 1, help="Another seed gives another world.")
    ] = 20201022,
    as_json: bool = JSON_OPTION,
) -> None:
    """Write a deterministic demo world 演示数据: truth and feeds apart."""
    from service.world import write_world

    if context.invoked_subcommand is not None:
        return
    if out is None:
        raise typer.BadParameter("name the folder to write into: --out DIR")
    with explained():
        manifest = write_world(size, seed, out)
    if as_json:
        print_json(manifest.to_json())
    else:
        console().print(
            f"{out}: {sum(manifest.counts.values()):,} rows, {len(manifest.sha256)} files"
        )


@application.command("load")
def load(
    folder: Annotated[Path, typer.Argument(help="Folder of a world, written before.")],
    node: Annotated[str, typer.Option(help="Name of the node.", autocompletion=nodes)] = "benxi",
    all_cities: Annotated[
        bool, typer.Option("--all-cities", help="Both cities' feeds into this one node.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes that read; one a core by default.")
    ] = None,
    as_json: bool = JSON_OPTION,
) -> None:
    """Load 装载 a world into a node without subjects, by COPY instead of line by line."""
    from service.home import home
    from service.intake import load_world

    with explained():
        summary = asyncio.run(
            load_world(home(), node, folder, all_cities=all_cities, workers=workers)
        )
    if as_json:
        print_json({"files": summary.files, "copied": summary.copied, "taken_in": summary.taken_in})
    else:
        console().print(
            f"{summary.files:,} 文件 files: {summary.copied:,} 行直接装入 lines copied, "
            f"{summary.taken_in:,} 经归集 through intake"
        )
