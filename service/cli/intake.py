"""`xinqiao import`: take in the files that departments send."""

from __future__ import annotations

import asyncio
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from service.cli.completion import kinds, nodes
from service.cli.output import JSON_OPTION, console, explained, notices, print_json, styled

_NOTES = 20  # of a header; the report of a submitted file has all


def import_files(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files, or folders of files.", show_default=False)
    ] = None,
    node: Annotated[str, typer.Option(help="Name of the node.", autocompletion=nodes)] = "benxi",
    kind: Annotated[
        str | None,
        typer.Option(
            help="Kind of the files; without it told by their headers.", autocompletion=kinds
        ),
    ] = None,
    sent_on: Annotated[
        str | None, typer.Option(help="Day the unit sent them (YYYY-MM-DD), if not in the name.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Folder for the report; the current one by default.")
    ] = None,
    template: Annotated[
        str | None,
        typer.Option(
            help="Write an empty file of this kind with each field explained; import nothing.",
            autocompletion=kinds,
        ),
    ] = None,
    form: Annotated[str, typer.Option("--format", help="Of the template: csv or xlsx.")] = "xlsx",
    national: Annotated[
        bool, typer.Option("--national", help="Template under national field ids.")
    ] = False,
    folder: Annotated[
        Path | None,
        typer.Option("--out", help="Folder of the template; the current one by default."),
    ] = None,
    as_json: bool = JSON_OPTION,
) -> None:
    """Import 归集 department files; every line is accepted, accepted with findings, or rejected.

    Exit status: 0 every line accounted for (some may be rejected), 2 a file cannot be read.
    """
    from service.home import home
    from service.intake import import_into

    if template is not None:
        _template(template, node, folder or Path.cwd(), form, national=national, as_json=as_json)
        return
    if not paths:
        raise typer.BadParameter("name files or folders to import, or a --template")
    try:
        day = date.fromisoformat(sent_on) if sent_on else None
    except ValueError:
        raise typer.BadParameter("a date such as 2026-07-01", param_hint="--sent-on") from None
    with explained():
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
                "header": [
                    {"file": str(batch.path), "note": note}
                    for batch in summary.batches
                    for note in batch.header
                ],
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
    for batch in summary.batches:
        for note in batch.header[:_NOTES]:
            notices().print(f"{batch.path.name}: {note}")
    for failure in summary.failures:
        said = f" {failure.path.name}: {failure.message}"
        notices().print(styled("bold red", failure.code, said), soft_wrap=True)
    raise typer.Exit(2 if summary.failures else 0)


def _template(
    kind: str, node: str, folder: Path, form: str, *, national: bool, as_json: bool
) -> None:
    from schema.records import kinds as declared
    from service.home import NodeHome, home
    from service.item import kinds_here
    from service.template import write_template
    from store.intake.layout import layouts

    with explained():
        served = declared()
        # An item of the city's own is known to the node alone.
        if kind not in layouts(served) and NodeHome(home(), node).settings_file.exists():
            served = asyncio.run(kinds_here(home(), node))
        files = write_template(served, kind, folder, form=form, national=national)
    if as_json:
        print_json({"files": [str(path) for path in files]})
    else:
        console().print("模板 template: " + ", ".join(map(str, files)))
