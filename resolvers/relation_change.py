"""What became of a subject's relations, from the statements that the store keeps of each.

A relation is in force by what is known of its period now, or by `knownAt`; its figures on a day
are those of the last statement made by then, else of the first.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import groupby, pairwise
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson

from resolvers.answer import Disclosure
from resolvers.context import Call
from resolvers.errors import QuestionError
from resolvers.graph_answer import Parties
from resolvers.graph_scope import demand_search, given_to, subject_asked
from resolvers.projection import shanghai_day
from resolvers.reading import fetch
from resolvers.statement import Selected, Statement
from resolvers.visibility import persons_visible, relation_visible

MAX_CHANGES = 500
_SHANGHAI = ZoneInfo("Asia/Shanghai")
_FIGURES = ("share_min", "share_max", "subscribed", "paid", "amount")
_WORDS = ("position", "currency")
_DAYS = ("valid_from", "valid_to")


@dataclass(frozen=True, slots=True)
class State:
    """What one statement says of a relation."""

    stated_at: dt.datetime
    said: Mapping[str, Any]

    @property
    def day(self) -> dt.date:
        return shanghai_day(self.stated_at)

    def in_force(self, day: dt.date) -> bool:
        begins, ends = self.said["valid_from"], self.said["valid_to"]
        return (begins is None or begins <= day) and (ends is None or day < ends)


@dataclass(frozen=True, slots=True)
class History:
    """A relation of the subject and the statements about it, oldest first; at least one."""

    relation: UUID
    kind: str
    outward: bool
    other: UUID
    origin: str
    states: tuple[State, ...]

    def on(self, day: dt.date) -> State | None:
        """The state on a day, None when the relation is not in force."""
        if not self.states[-1].in_force(day):
            return None
        said = [state for state in self.states if state.day <= day]
        return said[-1] if said else self.states[0]


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a relation on a day; None when no day is stated."""

    history: History
    on: dt.date | None
    change: str
    before: State | None
    after: State | None


def changes_of(history: History, until: dt.date) -> list[Change]:
    """Beginning, changed figures and end of a relation, as far as they came by a day."""
    last = history.states[-1]
    begins, ends = last.said["valid_from"], last.said["valid_to"]
    found = [Change(history, begins, "BEGAN", None, history.states[0])]
    for before, after in pairwise(history.states):
        if {**before.said, "valid_to": None} != {**after.said, "valid_to": None}:
            found.append(Change(history, after.day, "CHANGED", before, after))
    if ends is not None:
        found.append(Change(history, ends, "ENDED", last, None))
    return [one for one in found if one.on is None or one.on <= until]


def difference_of(history: History, since: dt.date, until: dt.date) -> Change | None:
    """How the relation on one day differs from the other, None when it does not."""
    before, after = history.on(since), history.on(until)
    if before is None and after is None:
        return None
    if before is None:
        begins = history.states[-1].said["valid_from"]
        return Change(history, begins, "BEGAN", None, after)
    if after is None:
        ends = history.states[-1].said["valid_to"]
        return Change(history, ends, "ENDED", before, None)
    if before.said == after.said:
        return None
    return Change(history, after.day, "CHANGED", before, after)


async def timeline(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """The changes of a subject's relations, newest first; None when there is no subject to see.

    Raises QuestionError FORBIDDEN, LIST_LIMIT, CASE_REQUIRED.
    """
    given = given_to(selected, call)
    if not 1 <= given["first"] <= MAX_CHANGES:
        raise QuestionError("LIST_LIMIT", f"ask for 1 to {MAX_CHANGES} changes")
    until: dt.date = given.get("to") or call.context.today
    since: dt.date | None = given.get("from")

    def chosen(histories: Iterable[History]) -> dict[str, Any]:
        found = [one for history in histories for one in changes_of(history, until)]
        found = [one for one in found if since is None or (one.on is not None and one.on >= since)]
        found.sort(key=lambda one: (one.on or dt.date.min, one.history.relation), reverse=True)
        return {"changes": found[: given["first"]], "more": len(found) > given["first"]}

    return await _answer(statement, selected, call, given, chosen)


async def difference(
    statement: Statement, selected: Selected, call: Call
) -> tuple[Any, Disclosure]:
    """How a subject's relations differ between two days; None when there is no subject to see.

    Raises QuestionError FORBIDDEN, CASE_REQUIRED.
    """
    given = given_to(selected, call)
    since: dt.date = given["from"]
    until: dt.date = given.get("to") or call.context.today

    def chosen(histories: Iterable[History]) -> dict[str, Any]:
        found = [difference_of(history, since, until) for history in histories]
        changed = [one for one in found if one is not None]
        changed.sort(key=lambda one: (one.history.kind, one.history.relation))
        return {"since": since, "until": until, "changes": changed}

    return await _answer(statement, selected, call, given, chosen)


async def _answer(
    statement: Statement, selected: Selected, call: Call, given: Mapping[str, Any], chosen: Any
) -> tuple[Any, Disclosure]:
    fresh = statement.anew(call.context.scope)
    demand_search(fresh)
    subject = await subject_asked(fresh, given["subject"], call)
    if subject is None:
        return None, Disclosure(not_found=(given["subject"],))
    parties = Parties.prepare(fresh, selected)
    value = chosen(await _histories(fresh, subject, given.get("knownAt"), call))
    changes: list[Change] = value["changes"]
    seen = await parties.read(sorted({one.history.other for one in changes}), call)
    loans = "BORROWS" in fresh.scope.row.relations
    value["changes"] = [
        _shown(one)
        for one in changes
        if one.history.other in seen or (loans and one.history.kind == "BORROWS")
    ]
    return parties.shape(value), parties.disclosure(len(value["changes"]))


async def _histories(
    statement: Statement, subject: UUID, known_at: dt.datetime | None, call: Call
) -> list[History]:
    check = statement.anew(call.context.scope)
    own = check.bind(lambda _: subject, "uuid")
    known = check.bind(lambda _: known_at, "timestamptz")
    kinds = tuple(sorted(check.scope.row.relations))
    people = "" if persons_visible(check) else _NO_PERSONS
    sql, binds = check.finished(
        "SELECT r.relation_id, r.direction, r.kind, r.other_id, r.origin_region, v.stamp,"
        " v.content::text AS content FROM relation r JOIN relation_version v"
        " USING (subject_id, relation_id, direction)"
        f" WHERE r.subject_id = {own} AND {relation_visible(check, 'r', kinds, walked=True)}"
        f" AND v.content->>'class' = r.class AND ({known} IS NULL OR v.recorded_from <= {known})"
        f" {people} ORDER BY r.relation_id, r.direction, v.stamp, v.batch_sha, v.line_no"
    )
    rows = await fetch(call.context.pool, sql, [bind(call) for bind in binds])
    found = []
    for _, told in groupby(rows, lambda row: (row["relation_id"], row["direction"])):
        statements = list(told)
        one = statements[0]
        states = tuple(
            State(row["stamp"], said_in(orjson.loads(row["content"]))) for row in statements
        )
        found.append(
            History(
                one["relation_id"],
                one["kind"],
                one["direction"] == "OUT",
                one["other_id"],
                one["origin_region"],
                states,
            )
        )
    return found


_NO_PERSONS = "AND NOT EXISTS (SELECT FROM person x WHERE x.subject_id = r.other_id)"


def said_in(content: Mapping[str, Any]) -> dict[str, Any]:
    """What a kept statement says, as values; what cannot be read is as not said."""
    said: dict[str, Any] = {name: content.get(name) for name in _WORDS}
    for name in _FIGURES:
        said[name] = _read(content.get(name), Decimal)
    for name in _DAYS:
        said[name] = _read(content.get(name), dt.date.fromisoformat)
    return said


def _read(text: Any, how: Any) -> Any:
    try:
        return None if text is None else how(str(text))
    except (ValueError, InvalidOperation):
        return None


def _shown(change: Change) -> dict[str, Any]:
    history = change.history
    return {
        "id": history.other,
        "on": change.on,
        "change": change.change,
        "kind": history.kind,
        "outward": history.outward,
        "relationId": str(history.relation),
        "originRegion": history.origin,
        "before": state_shown(change.before),
        "after": state_shown(change.after),
    }


def state_shown(state: State | None) -> dict[str, Any] | None:
    """A state as the answer shows it."""
    if state is None:
        return None
    said: Sequence[tuple[str, Any]] = list(state.said.items())
    shown = {_camel(name): value for name, value in said}
    return {**shown, "statedAt": state.stated_at.astimezone(_SHANGHAI)}


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)
