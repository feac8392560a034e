"""`xinqiao world`: write a demo world."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from service.cli.output import JSON_OPTION, console, explained, print_json


def world(
    out: Annotated[Path, typer.Option(help="Folder to write into.")],
    size: Annotated[str, typer.Option(help="S, M or L.")] = "S",
    seed: Annotated[int, typer.Option(help="Another seed gives another world.")] = 20201022,
    as_json: bool = JSON_OPTION,
) -> None:
    """Write a deterministic demo world 演示数据: truth and feeds apart."""
    from service.world import write_world

    with explained():
        manifest = write_world(size, seed, out)
    if as_json:
        print_json(manifest.to_json())
    else:
        console().print(
            f"{out}: {sum(manifest.counts.values()):,} rows, {len(manifest.sha256)} files"
        )
