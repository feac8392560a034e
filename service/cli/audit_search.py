"""`xinqiao audit search`, `exposure`, `statistics`: the review's questions, asked through the API.

They are signed questions like any other, so that an auditor's reads stand in the audit log.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from service.cli.completion import identities, kinds, nodes, purposes
from service.cli.output import (
    JSON_OPTION,
    console,
    explained,
    fail,
    print_json,
    print_table,
    styled,
)

application = typer.Typer()

NODE = Annotated[
    str, typer.Option("--node", help="Name of a node, or its URL.", autocompletion=nodes)
]
AS = Annotated[
    str,
    typer.Option("--as", help="Auditor or supervisor who asks.", autocompletion=identities),
]
SINCE = Annotated[
    str | None, typer.Option(help="From this time 时间自: 2026-07-01 or 2026-07-01T08:00.")
]
UNTIL = Annotated[str | None, typer.Option(help="Before this time 时间至.")]

_SEARCH = """
query Search($filter: AccessEntryFilter, $first: Int, $after: String) {
  accessEntries(filter: $filter, first: $first, after: $after) {
    sealed indexed pageInfo { hasNextPage endCursor }
    nodes { log index time caller callerName role unit actor purpose case decision subjects persons
            records types leaf }
  }
}
"""
_ENTRY = """
query Entry($index: Int, $leaf: String, $log: String) {
  accessEntry(index: $index, leaf: $leaf, log: $log) {
    log index leaf time kind caller callerName role unit actor keyId purpose legalBasis case
    correlation outcome decision status rows subjects persons records types policyVersion
    evidenceState witnesses { name time } proof entry
  }
}
"""
_EXPOSURE = """
query Exposure($since: DateTime!, $until: DateTime, $subjects: [String!], $records: [ID!]) {
  exposureReport(since: $since, until: $until, subjects: $subjects, records: $records) {
    since until callers entries complete indexed unknown
    exposures { log caller callerName role unit actor purpose case entries firstTime lastTime
                indexes }
  }
}
"""
_STATISTICS = """
query Statistics($half: String!) {
  accessStatistics(half: $half) {
    since until entries denied findings overdue
    accesses { role purpose decision callers entries subjects persons records }
    reviews { rule state findings overdue }
    samples { log week first size root seed population chosen }
  }
}
"""


def moment(text: str | None) -> str | None:
    """A time as the API takes it, China's without a zone; ends the command when it is none."""
    if text is None:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        fail("TIME_INVALID", "write the time as 2026-07-01 or 2026-07-01T08:00:00+08:00")
    if read.tzinfo is None:
        read = read.replace(tzinfo=ZoneInfo("Asia/Shanghai"))
    return read.isoformat()


def asked(
    node: str, as_name: str, document: str, variables: Mapping[str, Any], field: str
) -> dict[str, Any]:
    """The answer's value of a field; a refusal, or an answer that does not verify, ends here."""
    from service.home import home
    from service.inquiry import ask

    with explained():
        found = ask(home(), node, as_name, document, variables, purpose="P14")
    if found.problem is not None:
        fail(found.problem.code, found.problem.message, 1)
    for error in found.answer.errors or ():
        fail(str(error.get("extensions", {}).get("code", "REFUSED")), str(error.get("message")))
    value = (found.answer.data or {}).get(field)
    if value is None:
        fail("NOT_FOUND", "there is nothing of that name in the log", 1)
    return dict(value)


@application.command("search")
def search(
    as_name: AS = "auditor",
    caller: Annotated[str | None, typer.Option(help="Who asked 查询方.")] = None,
    unit: Annotated[str | None, typer.Option(help="USCC of the caller's unit 所属单位.")] = None,
    actor: Annotated[str | None, typer.Option(help="Acting person 经办人.")] = None,
    subject: Annotated[str | None, typer.Option(help="Subject 主体, any code.")] = None,
    record: Annotated[str | None, typer.Option(help="Id of a record 记录标识.")] = None,
    record_type: Annotated[
        str | None, typer.Option("--type", help="Record kind 记录类型.", autocompletion=kinds)
    ] = None,
    purpose: Annotated[
        str | None, typer.Option(help="Purpose 用途.", autocompletion=purposes)
    ] = None,
    case: Annotated[str | None, typer.Option(help="Case number 案号.")] = None,
    correlation: Annotated[str | None, typer.Option(help="The caller's reference 关联号.")] = None,
    kind: Annotated[str | None, typer.Option(help="Kind of entry 类别, such as SHARE_OUT.")] = None,
    outcome: Annotated[str | None, typer.Option(help="ALLOWED or DENIED 结果.")] = None,
    reason: Annotated[str | None, typer.Option(help="Code of a refusal 拒绝代码.")] = None,
    since: SINCE = None,
    until: UNTIL = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 100,
    node: NODE = "benxi",
    as_json: bool = JSON_OPTION,
) -> None:
    """Search 检索 the access log, newest first; all given conditions hold together."""
    told = {
        "caller": caller,
        "unit": unit,
        "actor": actor,
        "subject": subject,
        "record": record,
        "recordType": record_type,
        "purpose": purpose,
        "case": case,
        "correlation": correlation,
        "kind": kind,
        "outcome": outcome,
        "reason": reason,
        "since": moment(since),
        "until": moment(until),
    }
    wanted = {name: value for name, value in told.items() if value is not None}
    rows: list[dict[str, Any]] = []
    page: dict[str, Any] = {"pageInfo": {"hasNextPage": True, "endCursor": None}}
    while page["pageInfo"]["hasNextPage"] and len(rows) < limit:
        variables = {
            "filter": wanted,
            "first": min(limit - len(rows), 1000),
            "after": page["pageInfo"]["endCursor"],
        }
        page = asked(node, as_name, _SEARCH, variables, "accessEntries")
        rows += page["nodes"]
    more = page["pageInfo"]["hasNextPage"]
    if as_json:
        print_json(
            {"entries": rows, "more": more, "indexed": page["indexed"], "sealed": page["sealed"]}
        )
        return
    several = len({row["log"] for row in rows}) > 1
    print_table(
        [
            {
                **({"日志": row["log"]} if several else {}),
                "序号": row["index"],
                "时间": row["time"],
                "查询方": row["caller"],
                "经办人": row["actor"],
                "用途": row["purpose"],
                "案由号": row["case"],
                "结论": row["decision"],
                "主体": row["subjects"],
                "记录": row["records"],
            }
            for row in rows
        ]
    )
    if more:
        console().print(f"仅显示前 {limit} 条 first {limit} only: --limit shows more")
    if page["indexed"] < page["sealed"]:
        waiting = page["sealed"] - page["indexed"]
        console().print(f"另有 {waiting} 条待索引 sealed and not yet searched: ask again")


@application.command("show")
def show(
    entry: Annotated[str, typer.Argument(help="Place in the log, or leaf hash of a receipt.")],
    as_name: AS = "auditor",
    log: Annotated[
        str | None, typer.Option(help="Origin of an ended log 已终结的日志 for a place in it.")
    ] = None,
    node: NODE = "benxi",
    as_json: bool = JSON_OPTION,
) -> None:
    """Show 查看 one entry with its inclusion proof, its witnesses and what is kept of it."""
    place = {"index": int(entry)} if entry.isdecimal() and len(entry) < 19 else {"leaf": entry}
    found = asked(node, as_name, _ENTRY, {**place, "log": log}, "accessEntry")
    if as_json:
        print_json(found)
        return
    proof = found.pop("proof")
    for name, value in found.items():
        if value not in (None, "", []):
            text = json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value
            console().print(f"{name}: {text}")
    console().print(f"\n{proof or '文件已丢失，无存证证明 the files are lost: no proof'}")


@application.command("exposure")
def exposure(
    since: Annotated[str, typer.Option(help="From this time 时间自.")],
    subject: Annotated[list[str] | None, typer.Option(help="A subject's code; repeatable.")] = None,
    record: Annotated[list[str] | None, typer.Option(help="A record's id; repeatable.")] = None,
    until: UNTIL = None,
    as_name: AS = "auditor",
    node: NODE = "benxi",
    as_json: bool = JSON_OPTION,
) -> None:
    """Report 知悉范围 who saw these subjects, or these records, since a time."""
    variables = {
        "since": moment(since),
        "until": moment(until),
        "subjects": subject or None,
        "records": record or None,
    }
    found = asked(node, as_name, _EXPOSURE, variables, "exposureReport")
    if as_json:
        print_json(found)
        return
    print_table(found["exposures"])
    out = console()
    out.print(f"{found['callers']} 个查询方 callers, {found['entries']} 条登记 entries")
    for code in found["unknown"]:
        out.print(f"未识别 no subject has the code {code}")
    if not found["complete"]:
        out.print(
            styled("red", "超过 10,000 行，请分段查询", " more than 10,000 rows: ask by parts")
        )


@application.command("statistics")
def statistics(
    half: Annotated[str, typer.Option(help="Half year 半年, such as 2026H1.")],
    as_name: AS = "auditor",
    node: NODE = "benxi",
    as_json: bool = JSON_OPTION,
) -> None:
    """Count 统计 accesses and reviews of half a year."""
    found = asked(node, as_name, _STATISTICS, {"half": half}, "accessStatistics")
    if as_json:
        print_json(found)
        return
    out = console()
    out.print(
        f"{found['entries']} 条登记 entries, {found['denied']} 条拒绝 denied,"
        f" {found['findings']} 项审查 findings, {found['overdue']} 项超期 overdue"
    )
    for part in ("accesses", "reviews", "samples"):
        print_table(found[part])
