"""Watch notices 关注提示: derived whenever they are asked for, so none is ever stale.

A subject has a notice for each listing of somebody whom it stands for, directly or through
others: when that one cannot pay, it is called upon. Notices change no grade (X30) and end with
the listing: nothing is kept that would have to be taken back.
"""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import asyncpg

from graph.debt import Guarantees, Way, gather
from graph.guarantee_circle import rings
from resolvers.answer import Disclosure
from resolvers.context import Call
from resolvers.global_id import global_id_text
from resolvers.graph_question import Question, Shown, asked, without
from resolvers.reading import fetch
from resolvers.statement import Selected, Statement
from resolvers.visibility import record_visible

LISTS = ("serious_list", "court_defaulter")
RULE = (
    "所担保的主体（含间接）被列入严重失信名单或失信被执行人名单 somebody whom it stands for,"
    " directly or through others, is on a list of serious dishonesty; no grade changes"
)


async def answer(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """The watch notices about a subject, None when there is no such subject to see.

    Raises QuestionError FORBIDDEN, BUDGET_LIMIT, CASE_REQUIRED, GRAPH_UNAVAILABLE.
    """
    question = await asked(statement, selected, call, kind="GUARANTEES")
    if isinstance(question, str):
        return without(question)
    first = question.first()
    view, place = question.view()
    gathered = await asyncio.to_thread(gather, view, place, Way.DOWN, levels=question.levels)
    rows = await question.rows_seen(gathered.relation_ids, ("GUARANTEES",), "e.relation_id")
    found = gathered.only({row[0] for row in rows}, Way.DOWN)
    before = _before(found)
    number = {found.ids[node]: node for node in before if node}
    listings = await _listings(question, list(number))
    listings.sort(
        key=lambda row: (before[number[row["subject_id"]]][1], row["subject_id"], row["record_id"])
    )
    together = next((one for one in rings(found) if 0 in one), [])
    shown = Shown(question, found)
    shown.key(0)
    notices = []
    for row in listings[:first]:
        listed = number[row["subject_id"]]
        notices.append(
            {
                "listed": shown.key(listed),
                "recordId": global_id_text(
                    statement.kinds.by_name[row["kind"]].type_name, str(row["record_id"])
                ),
                "kind": row["kind"],
                "documentNo": row["document_no"],
                "decisionDate": row["decision_date"],
                "originRegion": row["origin_region"],
                "distance": before[listed][1],
                "inRing": listed in together,
                "way": [shown.key(node) for node in _way(before, listed)],
            }
        )
    value = {
        **question.frame(found),
        "rule": RULE,
        "totalCount": len(listings),
        "notices": notices,
    }
    records = [row["record_id"].bytes for row in listings[:first]]
    return await shown.told(value, len(notices), records=records)


def _before(found: Guarantees) -> dict[int, tuple[int, int]]:
    """Whom the subject stands for, nearest first: who stands for each, and how far it is."""
    beside = found.stands_for()
    before, frontier = {0: (0, 0)}, [0]
    for node in frontier:
        for other in beside.get(node, ()):
            if other not in before:
                before[other] = node, before[node][1] + 1
                frontier.append(other)
    return before


def _way(before: dict[int, tuple[int, int]], node: int) -> list[int]:
    way = [node]
    while way[-1]:
        way.append(before[way[-1]][0])
    return way[::-1]


async def _listings(question: Question, ids: list[UUID]) -> list[asyncpg.Record]:
    """The listings in force of these subjects that the caller may see."""
    if not ids:
        return []
    check = question.statement.anew(question.call.context.scope)
    kinds = [name for name in LISTS if name in check.kinds.by_name]
    bound = check.bind(lambda _: ids, "uuid[]")
    day = check.bind(lambda _: question.day, "date")
    named = check.bind(lambda _: kinds, "text[]")
    visible = record_visible(check, "w", kinds)
    sql, binds = check.finished(
        "SELECT w.record_id, w.subject_id, w.kind, w.document_no, w.decision_date,"
        f" w.origin_region FROM record w WHERE w.subject_id = ANY({bound})"
        f" AND w.kind = ANY({named}) AND w.decision_date <= {day} AND {visible}"
    )
    pool = question.call.context.pool
    return await fetch(pool, sql, [bind(question.call) for bind in binds])
