"""Declared interests: shown beside what is computed, to those who see relations of class G."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

from resolvers.answer import Disclosure
from resolvers.connection import connection, cursor_invalid, size_of
from resolvers.context import Call
from resolvers.graph_answer import Parties
from resolvers.graph_scope import demand_search, given_to, subject_asked
from resolvers.reach import FALSE, all_of, any_of, in_district, not_barred, within
from resolvers.reading import fetch
from resolvers.statement import Selected, Statement

_READ = 1_000  # rows at a time

# After which interest to go on: its body, its type and its own id.
Place = tuple[UUID, str, UUID]


async def answer(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """A page of the interests declared in a body, None when there is no subject to see.

    Raises QuestionError FORBIDDEN, CASE_REQUIRED, CURSOR_INVALID, BAD_SIZE, LIST_LIMIT.
    """
    fresh, given = statement.anew(call.context.scope), given_to(selected, call)
    demand_search(fresh)
    size = size_of(statement, given)
    subject = await subject_asked(fresh, given["subject"], call)
    if subject is None:
        return None, Disclosure(not_found=(given["subject"],))
    as_of: dt.date = given.get("asOf") or call.context.today
    after = None if given.get("after") is None else (subject, *_told(given["after"]))
    parties, starts_after = Parties.prepare(fresh, selected), after is not None
    found: list[Any] = []
    while len(found) <= size:
        rows = await interests_in(fresh, [subject], as_of, call, after)
        named = sorted({one["party_id"] for one in rows if one["party_id"]})
        seen = await parties.read(named, call)
        found += [one for one in rows if one["party_id"] is None or one["party_id"] in seen]
        if len(rows) < _READ:
            break
        after = _place_of(rows[-1])
    page = found[:size]
    edges = [(_cursor(one), interest_value(one) | {"id": one["party_id"]}) for one in page]
    value = connection(edges, more=len(found) > size, starts_after=starts_after)
    shown = [one["party_id"] for one in page if one["party_id"]]
    return parties.shape(value), parties.disclosure_of(shown, len(page))


async def interests_in(
    statement: Statement,
    subjects: Sequence[UUID],
    as_of: dt.date,
    call: Call,
    after: Place | None = None,
) -> list[Any]:
    """Rows of interests in these bodies, in force on a day, that the caller may see; 1,000 at most,
    and those behind them `after` the last."""
    check = statement.anew(call.context.scope)
    reach = check.scope.row.closed_relations
    if not check.scope.row.relations:
        return []
    visible = all_of(
        any_of(*(within(check, reach, f"d.{end}") for end in ("subject_id", "party_id"))),
        any_of(*(in_district(check, f"d.{end}") for end in ("subject_id", "party_id"))),
        not_barred(check, "d.subject_id"),
        any_of("d.party_id IS NULL", not_barred(check, "d.party_id")),
    )
    if visible == FALSE:
        return []
    ids = check.bind(lambda _: list(subjects), "uuid[]")
    day = check.bind(lambda _: as_of, "date")
    behind = "TRUE"
    if after is not None:
        body, type_, id_ = after
        place = (
            check.bind(lambda _: body, "uuid"),
            check.bind(lambda _: type_, "text"),
            check.bind(lambda _: id_, "uuid"),
        )
        behind = f"(d.subject_id, d.interest_type, d.interest_id) > ({', '.join(place)})"
    sql, binds = check.finished(
        f"SELECT d.* FROM declared_interest d WHERE d.subject_id = ANY({ids}) AND {visible}"
        " AND d.status = 'VALID' AND d.class IN ('O', 'G')"
        f" AND (d.valid_from IS NULL OR d.valid_from <= {day})"
        f" AND (d.valid_to IS NULL OR {day} < d.valid_to)"
        f" AND {behind}"
        f" ORDER BY d.subject_id, d.interest_type, d.interest_id LIMIT {_READ}"
    )
    rows: list[Any] = await fetch(call.context.pool, sql, [bind(call) for bind in binds])
    return rows


async def every_interest(
    statement: Statement, subjects: Sequence[UUID], as_of: dt.date, call: Call
) -> AsyncIterator[Any]:
    """All rows that `interests_in` gives, read as they are asked for."""
    after: Place | None = None
    while True:
        rows = await interests_in(statement, subjects, as_of, call, after)
        for row in rows:
            yield row
        if len(rows) < _READ:
            return
        after = _place_of(rows[-1])


def _place_of(row: Any) -> Place:
    """After which interest the next rows stand."""
    return row["subject_id"], row["interest_type"], row["interest_id"]


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


def _cursor(row: Any) -> str:
    return base64.b64encode(f"{row['interest_id']}|{row['interest_type']}".encode()).decode()


def _told(cursor: str) -> tuple[str, UUID]:
    try:
        id_, _, type_ = base64.b64decode(cursor, validate=True).decode().partition("|")
        if "\x00" not in type_:
            return type_, UUID(id_)
    except (binascii.Error, ValueError):
        pass
    raise cursor_invalid()
