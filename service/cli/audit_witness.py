"""`xinqiao audit witness`: how far a node's logs are witnessed, and proofs that a log forked."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from service.cli.completion import nodes
from service.cli.output import JSON_OPTION, console, explained, print_json, styled

application = typer.Typer()

_SOUND = frozenset({"WITNESSED", "NONE"})


@application.command("witness")
def witness(
    node: Annotated[
        str, typer.Option("--node", help="Name of the node.", autocompletion=nodes)
    ] = "benxi",
    forks: Annotated[
        Path | None, typer.Option(help="Folder to write the proofs of forked logs into.")
    ] = None,
    as_json: bool = JSON_OPTION,
) -> None:
    """Show how far a node's logs are witnessed 见证. Exit status: 0 as the policy wants, 1 not, or
    a log forked."""
    from service.home import home
    from service.witness_report import witness_report

    with explained():
        report = asyncio.run(witness_report(home(), node, forks))
    if as_json:
        print_json(report)
    else:
        _show(report)
    sound = all(one["state"] in _SOUND for one in report["logs"].values())
    raise typer.Exit(0 if sound and not report["forks"] else 1)


def _show(report: dict[str, Any]) -> None:
    out = console()
    out.print(f"见证钥 witness key {report['key']}")
    policy = report["policy"]
    stop = f"{policy['stop']:g} s" if policy["stop"] else "不停 never"
    out.print(
        f"策略 policy: {policy['quorum']} 份共签 cosignatures, 告警 alarm {policy['alarm']:g} s,"
        f" 停答 stop {stop}"
    )
    table = Table(
        "日志 log", "状态 state", "条数 size", "已共签 cosigned", "未见证 unwitnessed",
        "时长 age s", "见证方 witness", "至 size", "说明 code",
    )  # fmt: skip
    for name, one in report["logs"].items():
        first = [name, one["state"], *(f"{one[k]:,}" for k in ("size", "cosigned", "unwitnessed"))]
        first.append(f"{one['age']:g}")
        for witness in one["witnesses"] or [{"name": "", "size": "", "code": ""}]:
            size = witness["size"]
            table.add_row(*first, witness["name"], "" if size is None else str(size),
                          witness["code"] or "")  # fmt: skip
            first = [""] * 6
    out.print(table)
    if report["witnessing"]:
        witnessed = Table("为谁见证 log of another", "条数 size", "共签时间 cosigned at")
        for one in report["witnessing"]:
            witnessed.add_row(one["origin"], f"{one['size']:,}", one["cosignedAt"])
        out.print(witnessed)
    for one in report["forks"]:
        place = f" {one['origin']}  {one['file'] or one['foundAt']}"
        out.print(styled("bold red", "✘ 分叉 FORKED", place))
