"""`xinqiao run` and `xinqiao serve`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from service.cli.completion import nodes
from service.cli.output import console, explained


def run(
    once: Annotated[bool, typer.Option("--once", help="End after the demonstration.")] = False,
    size: Annotated[str, typer.Option(help="Size of the demo world: S, M or L.")] = "S",
    seed: Annotated[
        int, typer.Option(min=0, max=2**63 - 1, help="Seed of the demo world.")
    ] = 20201022,
) -> None:
    """Run both demo cities 运行两城演示: start, load, ask, verify, serve until stopped.

    Exit status: 0 everything verified, 1 something did not, 130 stopped before the end.
    """
    from service.home import home
    from service.run import Choice
    from service.run import run as run_both

    with explained():
        status = asyncio.run(run_both(home(), Choice(size, seed, once), console()))
    raise typer.Exit(status)


def serve(
    node: Annotated[str, typer.Option(help="Name of the node.", autocompletion=nodes)] = "benxi",
) -> None:
    """Serve one node 运行一个节点 until stopped."""
    from service.start import main

    with explained():
        raise typer.Exit(main(["serve", node]))
