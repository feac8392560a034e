"""`xinqiao audit review`: the queue of the after-review, and the list of subjects it watches."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from service.cli.audit_search import asked
from service.cli.completion import identities, nodes
from service.cli.output import JSON_OPTION, console, explained, print_json, print_table

application = typer.Typer()
review = typer.Typer(
    help="事后审查 the review queue: list, take, close, watch.", no_args_is_help=True
)
application.add_typer(review, name="review")

NODE = Annotated[str, typer.Option("--node", help="Name of the node.", autocompletion=nodes)]
AS = Annotated[
    str,
    typer.Option("--as", help="Auditor or supervisor who decides.", autocompletion=identities),
]
NUMBER = Annotated[int, typer.Argument(help="Number 编号 of the finding, as `list` shows it.")]

_FINDINGS = """
query Findings($filter: ReviewFindingFilter, $first: Int, $after: String) {
  reviewFindings(filter: $filter, first: $first, after: $after) {
    pageInfo { hasNextPage endCursor }
    nodes { number rule rulesVersion state overdue deadline caller callerName actor unit log indexes
            signs detail firstTime lastTime foundAt reviewer closedAt reason }
  }
}
"""


@review.command("list")
def list_findings(
    as_name: AS = "auditor",
    state: Annotated[str | None, typer.Option(help="OPEN, IN_REVIEW, CLOSED_… 状态.")] = None,
    rule: Annotated[str | None, typer.Option(help="Rule 规则, such as NIGHT.")] = None,
    caller: Annotated[str | None, typer.Option(help="Who asked 查询方.")] = None,
    overdue: Annotated[bool, typer.Option("--overdue", help="After its deadline 超期.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 100,
    node: NODE = "benxi",
    as_json: bool = JSON_OPTION,
) -> None:
    """List 列出 findings, newest first; the question stands in the audit log."""
    told = {"state": state, "rule": rule, "caller": caller, "overdue": overdue or None}
    wanted = {name: value for name, value in told.items() if value is not None}
    rows: list[dict[str, object]] = []
    more, after = True, None
    while more and len(rows) < limit:
        variables = {"filter": wanted, "first": min(limit - len(rows), 1000), "after": after}
        page = asked(node, as_name, _FINDINGS, variables, "reviewFindings")
        rows += page["nodes"]
        more, after = page["pageInfo"]["hasNextPage"], page["pageInfo"]["endCursor"]
    if as_json:
        print_json({"findings": rows, "more": more})
        return
    print_table(
        [
            {
                "编号": row["number"],
                "规则": row["rule"],
                "状态": row["state"],
                "期限": f"{row['deadline']}{' 超期' if row['overdue'] else ''}",
                "查询方": row["caller"],
                "经办人": row["actor"],
                "次数": row["signs"],
                "序号": row["indexes"],
                "审查人": row["reviewer"],
            }
            for row in rows
        ]
    )


@review.command("take")
def take(number: NUMBER, as_name: AS = "auditor", node: NODE = "benxi") -> None:
    """Take 受理 a finding into review."""
    from service.home import home
    from service.review_desk import take_finding

    with explained():
        asyncio.run(take_finding(home(), node, as_name, number))
    console().print(f"{number} 审查中 in review")


@review.command("close")
def close(
    number: NUMBER,
    reason: Annotated[str, typer.Option(help="Why 办结理由.")],
    violation: Annotated[
        bool, typer.Option("--violation/--justified", help="违规 or 正当.", show_default=False)
    ],
    as_name: AS = "auditor",
    node: NODE = "benxi",
) -> None:
    """Close 办结 a finding with a reason; it stays closed."""
    from service.home import home
    from service.review_desk import close_finding

    with explained():
        asyncio.run(
            close_finding(home(), node, as_name, number, violation=violation, reason=reason)
        )
    console().print(
        f"{number} 已办结 closed: {'违规 violation' if violation else '正当 justified'}"
    )


@review.command("watch")
def watch(
    subject: Annotated[str, typer.Argument(help="Code of the subject 主体; - reads a number.")],
    reason: Annotated[str, typer.Option(help="Why it is watched 理由.")] = "",
    remove: Annotated[bool, typer.Option("--remove", help="Take it off the list 移出.")] = False,
    as_name: AS = "supervisor",
    node: NODE = "benxi",
) -> None:
    """Put a subject on the list 重点主体 whose every reading is reviewed, as a supervisor."""
    from service.cli.subject import one_code
    from service.home import home
    from service.review_desk import watch_subject

    with explained():
        code = one_code(subject) or ""
        asyncio.run(watch_subject(home(), node, as_name, code, reason=reason, remove=remove))
    console().print("已移出 off the list" if remove else "已列入 on the list")


@review.command("watched")
def watched(as_name: AS = "supervisor", node: NODE = "benxi", as_json: bool = JSON_OPTION) -> None:
    """List 列出 the watched subjects, as a supervisor."""
    from service.home import home
    from service.review_desk import watched_subjects

    with explained():
        rows = asyncio.run(watched_subjects(home(), node, as_name))
    if as_json:
        print_json(rows)
    else:
        print_table(rows)


@review.command("rebuild")
def rebuild(as_name: AS = "auditor", node: NODE = "benxi") -> None:
    """Make the search index again 重建索引 from the sealed bundles; findings stay."""
    from service.home import home
    from service.review_desk import rebuild_index

    with explained():
        asyncio.run(rebuild_index(home(), node, as_name))
    console().print("索引已清空，节点正在重建 emptied: the running node makes it again")
