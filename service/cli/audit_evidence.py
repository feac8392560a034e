"""`xinqiao audit evidence`, `erase` and `confirm`: what was asked, shown again or erased."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

import typer

from service.cli.completion import identities, logs, nodes
from service.cli.output import JSON_OPTION, console, explained, print_json, styled

application = typer.Typer()

ENTRY = Annotated[
    str, typer.Argument(metavar="ENTRY", help="Index, leaf hash in hex, or a Credit-Receipt.")
]
NODE = Annotated[str, typer.Option("--node", help="Name of the node.", autocompletion=nodes)]
LOG = Annotated[str, typer.Option("--log", help="access or audit.", autocompletion=logs)]
AS = Annotated[
    str, typer.Option("--as", help="Identity of this machine.", autocompletion=identities)
]
CASE = Annotated[str, typer.Option(help="Case number 案号 or letter number of the occasion.")]


@application.command("evidence")
def evidence(
    entry: ENTRY,
    node: NODE = "benxi",
    log: LOG = "access",
    as_name: AS = "auditor",
    case: CASE = "",
    reason: Annotated[str, typer.Option(help="Why, where a second person must confirm.")] = "",
    as_json: bool = JSON_OPTION,
) -> None:
    """Show a signed question again 调阅证据 and verify it; recorded in the audit log first.

    Exit status: 0 everything holds (erased evidence says ERASED), 1 something does not, 2 not
    shown.
    """
    from service.evidence import open_evidence
    from service.home import home

    with explained():
        opened = asyncio.run(
            open_evidence(home(), node, entry, name=as_name, log=log, case=case, reason=reason)
        )
    if as_json:
        print_json(shown(opened))
    else:
        _print(opened)
    raise typer.Exit(1 if any(check.holds is False for check in opened.checks) else 0)


def shown(opened: Any) -> dict[str, Any]:
    """What was opened, as JSON."""
    package = opened.package
    files = package.files()
    about = json.loads(files["about.json"])
    document: dict[str, Any] = {
        "log": package.place.log,
        "index": package.place.index,
        "leaf": package.place.leaf.hex(),
        "entry": json.loads(package.place.entry),
        "evidence": package.state,
        "verified": all(check.holds is not False for check in opened.checks),
        "checks": [
            {"name": check.name, "holds": check.holds, "says": check.says}
            for check in opened.checks
        ],
        "caller": about["caller"],
        "keys": about["callerKeys"],
        "recordedAs": opened.recorded,
    }
    if package.kept is not None:
        kept = package.kept.evidence
        document |= {
            "document": kept.document,
            "variables": json.loads(kept.variables),
            "body": kept.body.decode(errors="replace") or None,
            "signatureBase": kept.signature_base.decode(),
            "signature": kept.signature.hex(),
            "subjects": list(opened.subjects),
            "records": [
                kept.lists.records[at : at + 16].hex()
                for at in range(0, len(kept.lists.records), 16)
            ],
            "disclosed": list(kept.lists.disclosed),
            "masked": list(kept.lists.masked),
        }
    return document


def _print(opened: Any) -> None:
    told, out = shown(opened), console()
    entry = told["entry"]
    out.print(styled("bold", told["log"], f" 第 {told['index']} 条 {told['leaf']}"))
    for label, name in (
        ("时间 time", "time"),
        ("查询方 caller", "caller"),
        ("经办人 actor", "actor"),
        ("公钥 key", "keyId"),
        ("目的 purpose", "purpose"),
        ("案号 case", "case"),
        ("结果 decision", "decision"),
    ):
        if entry.get(name):
            out.print(f"  {label}: {entry[name]}")
    if told["evidence"] != "KEPT":
        words = {"ERASED": "已删除", "MISSING": "缺失", "NONE": "无"}
        state = styled("bold", told["evidence"], f" {words[told['evidence']]}")
        out.print("  证据 evidence:", state)
    else:
        for label, name in (("查询 document", "document"), ("签名原文 base", "signatureBase")):
            if told[name]:
                out.print(styled("bold", label))
                out.print(told[name])
        variables = json.dumps(told["variables"], ensure_ascii=False)
        out.print(styled("bold", "变量 variables", f" {variables}"))
        out.print(styled("bold", "主体 subjects", f" {len(told['subjects'])}"))
        for subject in told["subjects"]:
            name = subject["name"] or subject["reference"]
            out.print(f"  {subject['category'] or ''} {name} {subject['uscc'] or ''}")
        out.print(styled("bold", "字段 fields", f" {', '.join(told['disclosed'])}"))
    print_checks(opened.checks)
    if told["recordedAs"]:
        out.print(f"调阅已登记 recorded in the audit log: {told['recordedAs']}")


def print_checks(checks: Any) -> None:
    """Print what was checked: ✔ holds, ✘ does not, · cannot be judged."""
    marks = {True: ("green", "✔"), False: ("bold red", "✘"), None: ("", "·")}
    for check in checks:
        console().print(styled(*marks[check.holds], f" {check.name}: {check.says}"))


@application.command("erase")
def erase(
    entry: ENTRY,
    reason: Annotated[str, typer.Option(help="Why 删除理由.")],
    node: NODE = "benxi",
    log: LOG = "access",
    as_name: AS = "steward",
    as_json: bool = JSON_OPTION,
) -> None:
    """Erase 删除 an entry's evidence; the log still verifies and says ERASED.

    Evidence of several subjects, or of one's own access, is erased when a second person
    confirms within 7 days. Exit status: 0 erased, 3 waits for the second person, 2 refused.
    """
    from service.erasing import erase_one
    from service.home import home

    with explained():
        place, decision = asyncio.run(
            erase_one(home(), node, entry, name=as_name, reason=reason, log=log)
        )
    if as_json:
        print_json(
            {
                "leaf": place.leaf.hex(),
                "index": place.index,
                "erased": decision is None,
                "decision": decision.id if decision else None,
            }
        )
    elif decision is None:
        console().print(f"第 {place.index} 条证据已删除 erased")
    else:
        console().print(f"{decision.id} 待第二人确认 waits: xinqiao audit confirm {decision.id}")
    raise typer.Exit(0 if decision is None else 3)


@application.command("confirm")
def confirm(
    id_: Annotated[str, typer.Argument(metavar="ID", help="The decision's id.")],
    as_name: AS,
    node: NODE = "benxi",
    as_json: bool = JSON_OPTION,
) -> None:
    """Confirm 确认, as the second person, that evidence is erased or opened."""
    from service.erasing import confirm as confirm_now
    from service.home import home

    with explained():
        decision, state = asyncio.run(confirm_now(home(), node, id_, name=as_name))
    if as_json:
        print_json({"id": decision.id, "act": decision.act, "evidence": state})
    else:
        done = (
            "已删除 erased" if state == "ERASED" else "24 小时内可调阅 may be opened for 24 hours"
        )
        console().print(f"{decision.id} {done}")
