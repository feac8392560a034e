"""`xinqiao audit`: the logs exported, verified and proven; commands of the other audit modules."""

from __future__ import annotations

import asyncio
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.completion import logs, nodes
from service.cli.output import JSON_OPTION, console, explained, print_json, styled

if TYPE_CHECKING:
    from security.reconciliation import Reconciliation
    from security.tlog.verify import Verdict, Witnessing

_PARTS = (
    "audit_evidence",
    "audit_package",
    "audit_retention",
    "audit_succession",
    "audit_witness",
    "audit_search",
    "audit_review",
)

application = typer.Typer(
    help="访问日志 the access log: export, verify, prove, receipts.", no_args_is_help=True
)

NODE = Annotated[str, typer.Option("--node", help="Name of the node.", autocompletion=nodes)]
LOG = Annotated[str, typer.Option("--log", help="access, audit or feed.", autocompletion=logs)]


@application.command("export")
def export(
    directory: Annotated[Path, typer.Argument(help="New or empty folder.")],
    node: NODE = "benxi",
    log: LOG = "access",
    evidence: Annotated[
        bool,
        typer.Option(
            "--evidence", help="Opened evidence too: every question in plain text; recorded."
        ),
    ] = False,
    witnessed: Annotated[
        bool, typer.Option("--witnessed", help="As of the last checkpoint that witnesses signed.")
    ] = False,
    as_json: bool = JSON_OPTION,
) -> None:
    """Export 导出 checkpoint, tiles, entries and vkeys into a folder that anybody can verify."""
    from service.home import home
    from service.proof import export_log_of

    with explained():
        size = asyncio.run(
            export_log_of(home(), node, log, directory, evidence=evidence, witnessed=witnessed)
        )
    if as_json:
        print_json({"directory": str(directory), "log": log, "size": size})
    else:
        console().print(f"{directory}: {size:,} 条登记 entries, checkpoint, tile/, vkeys")


@application.command("verify")
def verify(
    target: Annotated[
        str,
        typer.Argument(help="Folder that `export` wrote, or a log's URL (http://…/log/access)."),
    ] = "",
    live: Annotated[
        bool, typer.Option("--live", help="The node's own files and every row of its database.")
    ] = False,
    vkey: Annotated[
        list[str] | None,
        typer.Option(
            help="Verifier key you trust; without it the one this machine knows for the log, else"
            " those in the folder."
        ),
    ] = None,
    witness: Annotated[
        list[str] | None, typer.Option(help="Verifier key of a witness that you trust.")
    ] = None,
    quorum: Annotated[
        int | None, typer.Option(min=0, help="How many of them must have signed; default all.")
    ] = None,
    identity: Annotated[
        str | None,
        typer.Option("--as", help="Auditor whose key opens the entry bundles of a URL."),
    ] = None,
    node: NODE = "benxi",
    log: LOG = "access",
    as_json: bool = JSON_OPTION,
) -> None:
    """Verify 核验 a log.

    Exit status: 0 ok, 1 tampered, 2 unreadable, 3 not witnessed as demanded.
    """
    from security.tlog.verify import verify_export
    from service.enrolment import known_log_keys
    from service.home import home

    rows = None
    with explained():
        demanded = _witnessing(witness or [], quorum)
        if live == bool(target):
            raise typer.BadParameter("name a folder or a URL, or --live and no folder")
        if live:
            from service.proof import verify_own

            verdict, rows = asyncio.run(verify_own(home(), node, log, demanded))
        elif target.startswith(("http://", "https://")):
            from service.log_site import verify_site

            verdict = verify_site(home(), target, identity, vkey, demanded)
        else:
            folder = Path(target)
            verdict = verify_export(folder, vkey or known_log_keys(home(), folder), demanded)
    _show(verdict, rows, as_json)
    raise typer.Exit(1 if rows is not None and rows.findings else verdict.exit_status)


@application.command("prove")
def prove(
    entry: Annotated[str, typer.Argument(help="Index, or leaf hash in hexadecimal.")],
    folder: Annotated[
        Path | None, typer.Option("--from", help="An export; without it the node's own files.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="File to write, by convention NAME.tlog-proof.")
    ] = None,
    with_entry: Annotated[
        bool, typer.Option("--entry", help="Put the entry itself into the proof's extra line.")
    ] = False,
    witnessed: Annotated[
        bool, typer.Option("--witnessed", help="Under the last checkpoint that witnesses signed.")
    ] = False,
    node: NODE = "benxi",
    log: LOG = "access",
    as_json: bool = JSON_OPTION,
) -> None:
    """Prove 证明 that an entry stands in the log: a C2SP tlog-proof, checked before it is given."""
    from client.note import VerifierKey
    from security.tlog.proving import prove_entry
    from service.enrolment import known_log_keys
    from service.home import home

    with explained():
        if folder is not None:
            texts = known_log_keys(home(), folder) or (folder / "vkeys").read_text().split()
            keys = [VerifierKey.parse(text) for text in texts]
            source, note = folder, (folder / "checkpoint").read_bytes()
        else:
            from service.proof import OwnLog

            own = OwnLog.of(home(), node, log)
            keys = list(own.signer.verifiers)
            entry = asyncio.run(own.resolved(entry))
            source, note = own.folder, own.note(witnessed) or b""
        proof, leaf = prove_entry(source, note or None, entry, with_entry=with_entry)
        head = proof.verify(leaf, keys)
        if out is not None:
            out.write_text(proof.text(), encoding="utf-8")
    if as_json:
        found = {"index": proof.index, "leaf": leaf.hex(), "size": head.size, "log": head.origin}
        print_json({**found, "proof": proof.text()})
    elif out is None:
        sys.stdout.write(proof.text())
    else:
        console().print(f"{out}: {head.origin} 序号 index {proof.index}, size {head.size}")


@application.command("receipt")
def receipt(
    leaf: Annotated[
        str,
        typer.Argument(
            help="Leaf hash of a receipt, hexadecimal, or the whole header Credit-Receipt."
        ),
    ],
    node: NODE = "benxi",
    as_json: bool = JSON_OPTION,
) -> None:
    """Show 查证 what became of a receipt (pending, unknown, lost), or its C2SP tlog-proof."""
    from service.home import home
    from service.proof import receipt_of

    with explained():
        status = asyncio.run(receipt_of(home(), node, leaf))
    proof = status.to_tlog_proof()
    if as_json:
        print_json(status.to_json())
    else:
        sys.stdout.write(proof or f"{status.state}\n")
    raise typer.Exit(0 if status.index is not None else 1)


def _witnessing(keys: list[str], quorum: int | None) -> Witnessing:
    from client.note import VerifierKey
    from security.tlog.verify import Witnessing

    parsed = tuple(VerifierKey.parse(one) for one in keys)
    if quorum is not None and quorum > len(parsed):
        raise typer.BadParameter("--quorum is more than the witnesses that you named")
    return Witnessing(parsed, len(parsed) if quorum is None else quorum)


def _show(verdict: Verdict, rows: Reconciliation | None, as_json: bool) -> None:
    findings = [*verdict.findings, *(rows.findings if rows else ())]
    if as_json:
        found: dict[str, Any] = {
            "status": "TAMPERED" if rows is not None and rows.findings else verdict.status.name,
            "origin": verdict.origin,
            "size": verdict.size,
            "root": verdict.root.hex() if verdict.root else None,
            "entriesRead": verdict.entries,
            "witnesses": list(verdict.witnesses),
            "firstBadIndex": min((f.index for f in findings if f.index is not None), default=None),
            "findings": [{"path": f.path, "index": f.index, "reason": f.reason} for f in findings],
        }
        if rows is not None:
            found["rows"] = {
                "entries": rows.entries,
                "evidence": rows.evidence,
                "erased": rows.erased,
            }
        print_json(found)
        return
    out = console()
    if not findings and verdict.exit_status == 0:
        root = verdict.root.hex() if verdict.root else ""
        whole = f" {verdict.origin}: {verdict.size:,} entries, root {root}"
        out.print(styled("green", "✔ 日志完整", whole))
        if not verdict.entries:
            out.print("  只查了哈希 hashes only: the entries are an auditor's to read (--as)")
        if verdict.witnesses:
            out.print(f"  见证 witnessed by {', '.join(verdict.witnesses)}")
        if rows is not None:
            out.print(
                f"  数据库 rows agree: {rows.entries:,} entries, {rows.evidence:,} with evidence,"
                f" {rows.erased:,} ERASED"
            )
    else:
        name = "TAMPERED" if findings and verdict.exit_status in (0, 3) else verdict.status.name
        out.print(styled("bold red", f"✘ {name}"))
    for finding in findings:
        place = "" if finding.index is None else f" entry {finding.index}"
        out.print(f"  {finding.path}{place}: {finding.reason}")


def _register() -> None:
    """Add the commands of the other audit modules, each an `application` of its own."""
    for name in _PARTS:
        application.add_typer(import_module(f"service.cli.{name}").application)


_register()
