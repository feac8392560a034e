"""Declared interests: shown beside what is computed, to those who see relations of class G."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from resolvers.answer import Disclosure
from resolvers.context import Call
from resolvers.graph_answer import Parties
from resolvers.graph_scope import demand_search, given_to, subject_asked
from resolvers.reach import FALSE, all_of, any_of, not_barred, within
from resolvers.reading import fetch
from resolvers.statement import Selected, Statement

_MOST = 1_000


async def answer(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """The interests declared in a body, None when there is no subject to see.

    Raises QuestionError FORBIDDEN, CASE_REQUIRED.
    """
    fresh, given = statement.anew(call.context.scope), given_to(selected, call)
    demand_search(fresh)
    subject = await subject_asked(fresh, given["subject"], call)
    if subject is None:
        return None, Disclosure(not_found=(given["subject"],))
    as_of: dt.date = given.get("asOf") or call.context.today
    parties = Parties.prepare(fresh, selected)
    found = await interests_in(fresh, [subject], as_of, call)
    named = sorted({one["party_id"] for one in found if one["party_id"]})
    seen = await parties.read(named, call)
    value = [
        interest_value(one) | {"id": one["party_id"]}
        for one in found
        if one["party_id"] is None or one["party_id"] in seen
    ]
    return parties.shape(value), parties.disclosure(len(value))


async def interests_in(
    statement: Statement, subjects: Sequence[UUID], as_of: dt.date, call: Call
) -> list[Any]:
    """The rows of interests in these bodies, in force on a day, that the caller may see."""
    check = statement.anew(call.context.scope)
    reach = check.scope.row.closed_relations
    if not check.scope.row.relations:
        return []
    visible = all_of(
        any_of(*(within(check, reach, f"d.{end}") for end in ("subject_id", "party_id"))),
        not_barred(check, "d.subject_id"),
    )
    if visible == FALSE:
        return []
    ids = check.bind(lambda _: list(subjects), "uuid[]")
    day = check.bind(lambda _: as_of, "date")
    sql, binds = check.finished(
        f"SELECT d.* FROM declared_interest d WHERE d.subject_id = ANY({ids}) AND {visible}"
        " AND d.status = 'VALID' AND d.class IN ('O', 'G')"
        f" AND (d.valid_from IS NULL OR d.valid_from <= {day})"
        f" AND (d.valid_to IS NULL OR {day} < d.valid_to)"
        f" ORDER BY d.subject_id, d.interest_type, d.interest_id LIMIT {_MOST}"
    )
    rows = await fetch(call.context.pool, sql, [bind(call) for bind in binds])
    barred = check.scope.grounds.barred
    return [row for row in rows if row["party_id"] not in barred]


def interest_value(row: Any) -> dict[str, Any]:
    """An interest as an answer shows it."""
    return {
        "interestId": str(row["interest_id"]),
        "type": row["interest_type"],
        "directness": row["directness"].upper(),
        "beneficial": row["beneficial"],
        "shareMin": row["share_min"],
        "shareMax": row["share_max"],
        "bounds": row["share_bounds"],
        "details": row["details"],
        "unnamedReason": row["unnamed_reason"],
        "validFrom": row["valid_from"],
        "validTo": row["valid_to"],
        "originRegion": row["origin_region"],
        "source": row["source_unit_name"],
    }
