"""`xinqiao audit package` and `explain`: evidence for a court or partner, and reading it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from service.cli.audit_evidence import AS, CASE, ENTRY, LOG, NODE, print_checks
from service.cli.output import JSON_OPTION, console, explained, fail, print_json

application = typer.Typer()


@application.command("package")
def package(
    entry: ENTRY,
    out: Annotated[Path, typer.Argument(help="New file, a zip.")],
    answer: Annotated[
        Path | None,
        typer.Option(help="The answer: its body, or the response as `query --keep` wrote it."),
    ] = None,
    node: NODE = "benxi",
    log: LOG = "access",
    as_name: AS = "auditor",
    case: CASE = "",
    reason: Annotated[str, typer.Option(help="Why, where a second person must confirm.")] = "",
    as_json: bool = JSON_OPTION,
) -> None:
    """Write one file 证据包 with which a court or partner checks an access offline.

    Exit status: 0 everything in it holds, 1 something does not (the file is written all the
    same), 2 not written.
    """
    from security.package import packed
    from service.evidence import open_evidence
    from service.home import home

    if out.exists():
        fail("FILE_EXISTS", f"{out} is there already: name a new file")
    with explained():
        opened = asyncio.run(
            open_evidence(
                home(),
                node,
                entry,
                name=as_name,
                log=log,
                case=case,
                reason=reason,
                answer=answer.read_bytes() if answer else None,
                export=True,
            )
        )
        data = packed(opened.package.files())
        out.write_bytes(data)
    if as_json:
        place = opened.package.place
        print_json(
            {
                "file": str(out),
                "bytes": len(data),
                "log": place.log,
                "index": place.index,
                "leaf": place.leaf.hex(),
                "evidence": opened.package.state,
                "checks": [
                    {"name": c.name, "holds": c.holds, "says": c.says} for c in opened.checks
                ],
                "recordedAs": opened.recorded,
            }
        )
    else:
        console().print(f"{out}: {len(data):,} bytes, 证据 evidence {opened.package.state}")
        print_checks(opened.checks)
    raise typer.Exit(1 if any(check.holds is False for check in opened.checks) else 0)


def _read(file: Path) -> bytes:
    """Read a file as far as any evidence goes; what is longer is none and says so."""
    from security.package_check import MAX_SIZE

    with file.open("rb") as source:
        return source.read(MAX_SIZE + 1)


@application.command("explain")
def explain(
    file: Annotated[Path, typer.Argument(help="A file of evidence, or a folder of `export`.")],
    vkey: Annotated[
        list[str] | None,
        typer.Option(help="Verifier key you trust, beside those that this machine knows."),
    ] = None,
    leaf: Annotated[str | None, typer.Option(help="Leaf hash that a proof is of, hex.")] = None,
    anchor: Annotated[
        list[Path] | None, typer.Option(help="Certificates (PEM) of a timestamp authority.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="What a timestamp is over, such as a checkpoint.")
    ] = None,
    as_json: bool = JSON_OPTION,
) -> None:
    """Say what a file is 说明 and whether it holds, offline.

    Exit status: 0 it holds, 1 it does not, 2 unreadable, 3 it holds by keys alone that nobody
    here vouches for.
    """
    from security.explanation import Known
    from security.explanation import explain as explain_bytes
    from security.package import packed
    from security.package_check import read_package
    from service.cli.audit import verify
    from service.home import home
    from service.vouching import known_verifiers

    if file.is_dir() and not (file / "about.json").exists():
        verify(str(file), vkey=vkey, as_json=as_json)
        return
    with explained():
        known = Known(
            known_verifiers(home(), vkey or ()), tuple(p.read_bytes() for p in anchor or ())
        )
        found = explain_bytes(
            packed(read_package(file)) if file.is_dir() else _read(file),
            known,
            leaf=bytes.fromhex(leaf) if leaf else None,
            stamped=data.read_bytes() if data else None,
        )
    if as_json:
        print_json(
            {
                "form": found.form,
                "title": found.title,
                "outcome": found.outcome.name,
                "checks": [
                    {"name": c.name, "holds": c.holds, "says": c.says} for c in found.checks
                ],
            }
        )
    else:
        console().print(found.title)
        print_checks(found.checks)
    raise typer.Exit(found.outcome.value)
