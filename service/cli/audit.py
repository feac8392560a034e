"""`xinqiao audit`: the access log exported, verified and read."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from service.cli.completion import logs, nodes
from service.cli.output import JSON_OPTION, console, explained, print_json

application = typer.Typer(
    help="访问日志 the access log: export, verify, receipts.", no_args_is_help=True
)

NODE = Annotated[str, typer.Option("--node", help="Name of the node.", autocompletion=nodes)]


@application.command("export")
def export(
    directory: Annotated[Path, typer.Argument(help="New or empty folder.")],
    node: NODE = "benxi",
    log: Annotated[
        str, typer.Option(help="access, audit or feed.", autocompletion=logs)
    ] = "access",
    as_json: bool = JSON_OPTION,
) -> None:
    """Write checkpoint, tiles, entry bundles and vkeys into a folder that anybody can verify."""
    from service.home import home
    from service.proof import export_log_of

    with explained():
        size = asyncio.run(export_log_of(home(), node, log, directory))
    if as_json:
        print_json({"directory": str(directory), "log": log, "size": size})
    else:
        console().print(f"{directory}: {size:,} 条登记 entries, checkpoint, tile/, vkeys")


@application.command("verify")
def verify(
    directory: Annotated[Path, typer.Argument(help="Folder that `export` wrote.")],
    vkey: Annotated[
        list[str] | None,
        typer.Option(
            help="Verifier key you trust; without it the one this machine knows for the log, else"
            " those in the folder."
        ),
    ] = None,
    as_json: bool = JSON_OPTION,
) -> None:
    """Verify an exported log offline. Exit status: 0 ok, 1 tampered, 2 unreadable."""
    from security.tlog.verify import verify_export
    from service.enrolment import known_log_keys
    from service.home import home

    verdict = verify_export(directory, vkey or known_log_keys(home(), directory))
    if as_json:
        print_json(
            {
                "status": verdict.status.name,
                "origin": verdict.origin,
                "size": verdict.size,
                "root": verdict.root.hex() if verdict.root else None,
                "firstBadIndex": verdict.first_bad_index,
                "findings": [
                    {"path": f.path, "index": f.index, "reason": f.reason} for f in verdict.findings
                ],
            }
        )
    else:
        out = console()
        if verdict.exit_status == 0:
            out.print(
                f"[green]✔ 日志完整[/] {verdict.origin}: {verdict.size:,} entries, root "
                f"{verdict.root.hex() if verdict.root else ''}"
            )
        else:
            out.print(f"[bold red]✘ {verdict.status.name}[/]")
        for finding in verdict.findings:
            place = "" if finding.index is None else f" entry {finding.index}"
            out.print(f"  {finding.path}{place}: {finding.reason}", markup=False)
    raise typer.Exit(verdict.exit_status)


@application.command("receipt")
def receipt(
    leaf: Annotated[str, typer.Argument(help="Leaf hash of a receipt, hexadecimal.")],
    node: NODE = "benxi",
    as_json: bool = JSON_OPTION,
) -> None:
    """Show what became of a receipt, and its inclusion proof as a C2SP tlog-proof."""
    from service.home import home
    from service.proof import receipt_of

    with explained():
        status = asyncio.run(receipt_of(home(), node, leaf))
    if as_json:
        print_json(status.to_json())
    else:
        console().print(status.to_tlog_proof() or f"{status.state}", markup=False)
    raise typer.Exit(0 if status.index is not None else 1)
