"""`xinqiao audit purge`, `retention` and `timestamp`: evidence over the years."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from service.cli.audit_evidence import AS, ENTRY, LOG, NODE
from service.cli.output import JSON_OPTION, console, explained, fail, print_json, print_table

application = typer.Typer()
timestamp = typer.Typer(help="可信时间戳 RFC 3161 timestamps.", no_args_is_help=True)


@application.command("purge")
def purge(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count only; nothing is erased.")
    ] = False,
    on: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Day to count for, with --dry-run."),
    ] = None,
    node: NODE = "benxi",
    as_json: bool = JSON_OPTION,
) -> None:
    """Erase evidence that is past retention 到期清除; the logs stay whole and record it."""
    from service.erasing import purge_node
    from service.home import home

    if on is not None and not dry_run:
        fail("PURGE_DAY", "--on goes with --dry-run only: what is erased is judged by today")
    with explained():
        rules, purged, months = asyncio.run(
            purge_node(home(), node, on=on.date() if on else None, dry_run=dry_run)
        )
    rows = [
        {
            "log": one.log,
            "class": one.kind,
            "before": one.before.isoformat(),
            "judged": one.judged,
            "erased": one.erased,
        }
        for one in purged
    ]
    if as_json:
        print_json(
            {
                "dryRun": dry_run,
                "rules": [_rule(rule) for rule in rules],
                "purged": rows,
                "monthKeysDestroyed": months,
            }
        )
        return
    print_table([_rule(rule) for rule in rules])
    if rows:
        print_table(rows)
    word = "将清除 would be erased" if dry_run else "已清除 erased"
    console().print(f"{sum(one.erased for one in purged):,} 条证据{word}")
    if months:
        console().print(f"月密钥 keys of months: {', '.join(months)}")


@application.command("retention")
def retention(
    kind: Annotated[str, typer.Argument(metavar="CLASS", help="QUERY, PROVISION, …")],
    months: Annotated[int, typer.Argument(min=1, max=1200, help="Months to keep its evidence.")],
    source: Annotated[str, typer.Option(help="What demands it 依据.")],
    node: NODE = "benxi",
    as_name: AS = "supervisor",
    as_json: bool = JSON_OPTION,
) -> None:
    """Let a class of evidence be kept so many months 留存期 from today on."""
    from service.erasing import keep_for
    from service.home import home

    with explained():
        rule = asyncio.run(keep_for(home(), node, kind, months, source, name=as_name))
    if as_json:
        print_json(_rule(rule))
    else:
        print_table([_rule(rule)])


def _rule(rule: object) -> dict[str, object]:
    names = {"class": "kind", "months": "months", "least": "least", "from": "valid_from"}
    return {
        **{shown: str(getattr(rule, name)) for shown, name in names.items()},
        "source": getattr(rule, "source", ""),
    }


@timestamp.command("request")
def request(
    entry: ENTRY,
    out: Annotated[Path, typer.Argument(help="New file, a .tsq.")],
    node: NODE = "benxi",
    log: LOG = "access",
) -> None:
    """Write 申请 a request for a timestamp over the checkpoint that holds an entry."""
    from service.erasing import timestamp_request_for
    from service.home import home

    if out.exists():
        fail("FILE_EXISTS", f"{out} is there already: name a new file")
    with explained():
        out.write_bytes(asyncio.run(timestamp_request_for(home(), node, entry, log=log)))
    console().print(f"{out}: 请交时间戳机构 send it to a time-stamping authority")


@timestamp.command("attach")
def attach(
    response: Annotated[Path, typer.Argument(help="The authority's answer, a .tsr.")],
    anchor: Annotated[list[Path], typer.Option(help="The authority's certificates (PEM).")],
    node: NODE = "benxi",
    as_json: bool = JSON_OPTION,
) -> None:
    """Verify 收存 an authority's answer and keep it: it dates every entry below the checkpoint."""
    from service.erasing import timestamp_attach
    from service.home import home

    with explained():
        anchors = [path.read_bytes() for path in anchor]
        size, stamp = asyncio.run(timestamp_attach(home(), node, response.read_bytes(), anchors))
    if as_json:
        print_json({"size": size, "time": stamp.at.isoformat(), "authority": stamp.authority})
    else:
        console().print(f"{stamp.authority} {stamp.at.isoformat()}: 前 {size:,} 条 entries dated")


application.add_typer(timestamp, name="timestamp")
