"""What changes around a subject: events as they happen, and the digest of a period."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from resolvers.answer import Disclosure
from resolvers.change import given_arguments
from resolvers.context import Call
from resolvers.errors import NotFoundError, QuestionError
from resolvers.event import Happened, Step, changes_of_node, rows_after
from resolvers.graph_answer import Parties, truncated_value
from resolvers.graph_scope import demand_hops, subject_asked
from resolvers.neighbourhood_state import Became, Touched, records_became, relations_became, whose
from resolvers.projection import shanghai, shanghai_day
from resolvers.reading import Store, fetch
from resolvers.statement import Selected, Statement
from resolvers.surroundings import Around, Surroundings, surroundings
from store.outbox import Row

_ENTITIES = frozenset({"RELATION", "RECORD"})
MAX_FIRST = 500
MAX_CHANGES = 5_000  # of one digest
_PERIOD = dt.timedelta(days=5 * 366)
_TICK = dt.timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question about what surrounds a subject."""

    statement: Statement
    call: Call
    start: UUID
    hops: int
    kinds: tuple[str, ...]

    async def around(
        self, since: dt.date, until: dt.date, also: Sequence[UUID] = ()
    ) -> Surroundings:
        around = Around(self.hops, self.kinds, since, until, also)
        return await surroundings(self.statement, self.call, self.start, around)


async def _asked(
    statement: Statement, call: Call, given: Mapping[str, Any]
) -> tuple[Statement, _Asked | None]:
    """The question, None when there is no such subject to see.

    Raises QuestionError FORBIDDEN, HOPS_LIMIT, CASE_REQUIRED.
    """
    fresh = statement.anew(call.context.scope)
    row, hops = fresh.scope.row, given["hops"]
    demand_hops(fresh, hops)
    start = await subject_asked(fresh, given["subject"], call)
    if start is None:
        return fresh, None
    kinds = row.relations & frozenset(given.get("kinds") or row.relations)
    return fresh, _Asked(fresh, call, start, hops, tuple(sorted(kinds)))


async def take(statement: Statement, selected: Selected, call: Call, position: str | None) -> Step:
    """What changed around the subject after a position, each relation and record once.

    Raises QuestionError FORBIDDEN, HOPS_LIMIT, CASE_REQUIRED, SUBJECT_UNKNOWN, POSITION_INVALID,
    and as `resolvers.reading.fetch`.
    """
    changes = changes_of_node(call.context)
    given = given_arguments(selected, call)
    fresh, asked = await _asked(statement, call, given)
    if asked is None:
        message = "name a subject from which you may search"
        raise NotFoundError("SUBJECT_UNKNOWN", message, given["subject"])
    rows, then, more = await rows_after(changes, position, given.get("after"), _ENTITIES)
    if not rows:
        return Step(position=then.text, more=more)
    last = {whose(row.entity, row.entity_id, row.subject_id): row for row in rows}
    today = call.context.today
    became = await _became(asked, changes.pool, _touched(rows), (today, today), marked=True)
    if not became:
        return Step(position=then.text, more=more)
    ties = [one.id for one in became if one.what == "RELATION"]
    around = await asked.around(today, today, ties)
    parties = Parties.prepare(fresh, selected)
    near = await _near(parties, call, became, around)
    near.sort(key=lambda one: last[one.whose].place)
    happened, cut = [], truncated_value(around.truncated)
    for one in near:
        where = last[one.whose].place.text
        value = {"position": where, "change": _value(one, around), "truncated": cut}
        happened.append(Happened(parties.shape(value), _disclosed(parties, [one]), where))
    return Step(tuple(happened), then.text, more=more)


def _touched(rows: Sequence[Row]) -> dict[str, list[Touched]]:
    """By entity, what the rows touch, from before the first of them to behind the last."""
    first: dict[Any, Row] = {}
    last: dict[Any, Row] = {}
    for row in rows:
        one = whose(row.entity, row.entity_id, row.subject_id)
        first.setdefault(one, row)
        last[one] = row
    found: dict[str, list[Touched]] = {"RELATION": [], "RECORD": []}
    for one, row in last.items():
        found[row.entity].append(Touched(row.entity_id, row.subject_id, first[one].at, row.at))
    return found


async def digest(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """Each change of a period around the subject once; None when there is no subject to see.

    Raises QuestionError FORBIDDEN, HOPS_LIMIT, CASE_REQUIRED, LIST_LIMIT, PERIOD_INVALID,
    BUDGET_LIMIT, CURSOR_INVALID, and as `resolvers.reading.fetch`.
    """
    given = given_arguments(selected, call)
    now = dt.datetime.now(dt.UTC)
    since, until = given["since"], given.get("until") or now
    if not 1 <= given["first"] <= MAX_FIRST:
        raise QuestionError("LIST_LIMIT", f"ask for 1 to {MAX_FIRST} changes")
    if not since < until or until - since > _PERIOD:
        raise QuestionError(
            "PERIOD_INVALID", "let `since` be before `until`, at most five years apart"
        )
    after = _cursor(given["after"]) if given.get("after") else None
    fresh, asked = await _asked(statement, call, given)
    if asked is None:
        return None, Disclosure(not_found=(given["subject"],))
    store = call.context.kept
    if store is None:
        raise QuestionError("OPERATION_NOT_SUPPORTED", "this node tells of no changes here")
    today = call.context.today
    ending = min(shanghai_day(until), today) if until < now else today
    days = (min(shanghai_day(since), today), ending)
    around = await asked.around(*days)
    touched = await _stated(store, around, (since, until), days)
    became = await _became(asked, store, touched, days, marked=False)
    parties = Parties.prepare(fresh, selected)
    near = await _near(parties, call, became, around)
    near.sort(key=_key, reverse=True)
    if after is not None:
        near = [one for one in near if _key(one) < after]
    page, left = near[: given["first"]], near[given["first"] :]
    value = {
        "since": shanghai(since),
        "until": shanghai(until),
        "changes": [_value(one, around) for one in page],
        "endCursor": _cursor_text(page[-1]) if left else None,
        "truncated": truncated_value(around.truncated),
    }
    return parties.shape(value), _disclosed(parties, page)


async def _stated(
    store: Store,
    around: Surroundings,
    period: tuple[dt.datetime, dt.datetime],
    days: tuple[dt.date, dt.date],
) -> dict[str, list[Touched]]:
    """What was stated in a period of those around, and the relations that ended in it by date."""
    since, until = period
    sql = (
        "SELECT 'RELATION' AS entity, v.relation_id AS id, v.subject_id FROM relation_version v"
        " WHERE v.subject_id = ANY($1) AND v.recorded_from >= $3 AND v.recorded_from < $4"
        " UNION SELECT 'RELATION', r.relation_id, r.subject_id FROM relation r"
        " WHERE r.subject_id = ANY($1) AND r.valid_to > $5 AND r.valid_to <= $6"
        " UNION SELECT 'RECORD', v.record_id, v.subject_id FROM record_version v"
        " WHERE v.subject_id = ANY($2) AND v.recorded_from >= $3 AND v.recorded_from < $4"
        f" LIMIT {2 * MAX_CHANGES + 1}"
    )
    values = [list(around.expanded), list(around.distance), since, until, *days]
    rows = await fetch(store, sql, values)
    found: dict[str, dict[Any, Touched]] = {"RELATION": {}, "RECORD": {}}
    for row in rows:
        one = Touched(row["id"], row["subject_id"], since, until - _TICK)
        found[row["entity"]][whose(row["entity"], one.id, one.subject)] = one
    if len(rows) > 2 * MAX_CHANGES or sum(map(len, found.values())) > MAX_CHANGES:
        raise QuestionError(
            "BUDGET_LIMIT", "more has been stated than a digest reads: name a shorter period"
        )
    return {entity: list(ones.values()) for entity, ones in found.items()}


async def _became(
    asked: _Asked,
    store: Store,
    touched: Mapping[str, Sequence[Touched]],
    days: tuple[dt.date, dt.date],
    *,
    marked: bool,
) -> list[Became]:
    fresh, call = asked.statement, asked.call
    relations = await relations_became(fresh, call, store, touched["RELATION"], asked.kinds, days)
    records = await records_became(fresh, call, store, touched["RECORD"], days, marked=marked)
    return [*relations, *records]


async def _near(
    parties: Parties, call: Call, became: Iterable[Became], around: Surroundings
) -> list[Became]:
    """Those that touch the neighbourhood and whose parties the caller may see."""
    near = [
        one
        for one in became
        if (
            any(end in around.expanded for end in one.ends)
            if one.what == "RELATION"
            else one.ends[0] in around.distance
        )
    ]
    if not near:
        return []
    seen = await parties.read(sorted({end for one in near for end in one.ends}), call)
    return [
        one
        for one in near
        if all(end in seen for end in one.ends)
        or (one.kind == "BORROWS" and any(end in seen for end in one.ends))
    ]


def _disclosed(parties: Parties, became: Sequence[Became]) -> Disclosure:
    ends = list(dict.fromkeys(end for one in became for end in one.ends))
    records = b"".join(one.id.bytes for one in became if one.what != "RELATION")
    return parties.disclosure_of(ends, len(became), records)


def _value(one: Became, around: Surroundings) -> dict[str, Any]:
    said = {"kind": one.kind, "originRegion": one.origin, "before": one.before, "after": one.after}
    relation = one.what == "RELATION"
    return {
        "change": one.change,
        "what": one.what,
        "recordedAt": shanghai(one.recorded_at),
        "parties": [{"id": end, "distance": around.distance.get(end)} for end in one.ends],
        "relation": {**said, "relationId": str(one.id)} if relation else None,
        "record": None if relation else {**said, "recordId": str(one.id)},
    }


def _key(one: Became) -> tuple[dt.datetime, UUID, UUID]:
    return one.recorded_at or dt.datetime.min.replace(tzinfo=dt.UTC), one.id, one.ends[0]


def _cursor_text(one: Became) -> str:
    moment, id_, end = _key(one)
    return base64.urlsafe_b64encode(f"{moment.isoformat()}|{id_}|{end}".encode()).decode()


def _cursor(text: str) -> tuple[dt.datetime, UUID, UUID]:
    try:
        moment, id_, end = base64.b64decode(text, altchars=b"-_", validate=True).decode().split("|")
        told = dt.datetime.fromisoformat(moment), UUID(id_), UUID(end)
        if told[0].tzinfo is not None:
            return told
    except (ValueError, binascii.Error):
        pass
    raise QuestionError("CURSOR_INVALID", "the cursor is not one of this list: start without it")
