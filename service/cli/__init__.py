"""The command line `xinqiao`: one module a command, each importing what it needs when it runs."""

from __future__ import annotations

import typer


def application() -> typer.Typer:
    """The command line with all its commands."""
    from service.cli import (
        approval,
        audit,
        authorisation,
        case,
        catalogue,
        graph,
        key,
        mapping,
        queue,
        record,
    )
    from service.cli.console import console
    from service.cli.doctor import doctor
    from service.cli.identify import identify
    from service.cli.intake import import_files
    from service.cli.match import match
    from service.cli.query import query
    from service.cli.run import run, serve
    from service.cli.world import world

    cli = typer.Typer(
        help="Xinqiao 信桥: a credit data node of a city.",
        no_args_is_help=True,
        pretty_exceptions_show_locals=False,
    )
    for name, command in (
        ("run", run),
        ("serve", serve),
        ("import", import_files),
        ("world", world),
        ("query", query),
        ("identify", identify),
        ("match", match),
        ("doctor", doctor),
        ("console", console),
    ):
        cli.command(name)(command)
    cli.add_typer(graph.application, name="graph")
    cli.add_typer(audit.application, name="audit")
    cli.add_typer(key.application, name="key")
    cli.add_typer(authorisation.application, name="authorisation")
    cli.add_typer(approval.application, name="approval")
    cli.add_typer(case.application, name="case")
    cli.add_typer(catalogue.application, name="catalogue")
    cli.add_typer(mapping.application, name="mapping")
    cli.add_typer(queue.application, name="queue")
    cli.add_typer(record.application, name="record")
    return cli


def main() -> None:
    """The entry point `xinqiao`."""
    application()()
