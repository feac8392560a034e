"""`xinqiao import`: take in the files that departments send."""

from __future__ import annotations

import asyncio
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from service.cli.output import JSON_OPTION, console, explained, notices, print_json


def import_files(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders of files.")],
    node: Annotated[str, typer.Option(help="Name of the node.")] = "benxi",
    kind: Annotated[
        str | None, typer.Option(help="Kind of the files; without it told by their headers.")
    ] = None,
    sent_on: Annotated[
        str | None, typer.Option(help="Day the unit sent them (YYYY-MM-DD), if not in the name.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Folder for the report; the current one by default.")
    ] = None,
    as_json: bool = JSON_OPTION,
) -> None:
    """Import 归集 department files; every line is accepted, accepted with findings, or rejected.

    Exit status: 0 every line accounted for (some may be rejected), 2 a file cannot be read.
    """
    from service.home import home
    from service.intake import import_into

    with explained():
        day = date.fromisoformat(sent_on) if sent_on else None
        summary = asyncio.run(
            import_into(
                home(), node, paths, kind=kind, sent_on=day, report_dir=report or Path.cwd()
            )
        )
    if as_json:
        print_json(
            {
                "lines": summary.lines,
                "accepted": summary.accepted,
                "with_findings": summary.with_findings,
                "rejected": summary.rejected,
                "report": str(summary.report) if summary.report else None,
                "failures": [
                    {"file": str(one.path), "code": one.code, "message": one.message}
                    for one in summary.failures
                ],
            }
        )
        raise typer.Exit(2 if summary.failures else 0)
    out = console()
    out.print(
        f"{summary.lines:,} 行 lines: {summary.accepted:,} 接收 accepted, "
        f"{summary.with_findings:,} 接收但有问题 with findings, {summary.rejected:,} 退回 rejected"
    )
    if summary.with_findings or summary.rejected:
        out.print(f"退回与问题清单 report: {summary.report}")
    for failure in summary.failures:
        notices().print(f"[bold red]{failure.code}[/] {failure.path.name}: {failure.message}")
    raise typer.Exit(2 if summary.failures else 0)
