"""What held of relations, listings and penalties before and after a time, as the caller may see it.

The statements that the store keeps are read past the walls, so that what has ended or was
withdrawn can be told to whoever might see it while it held; the caller's own conditions are part
of each statement all the same.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import orjson

from resolvers.context import Call
from resolvers.graph_scope import categories
from resolvers.projection import shanghai
from resolvers.reach import TRUE
from resolvers.reading import Store, fetch
from resolvers.relation_change import State, said_in, state_shown
from resolvers.screening import LISTS
from resolvers.statement import Statement
from resolvers.visibility import record_seen, relation_visible

PENALTY = "penalty"
_FINAL = 9999  # the year of a decision that no later statement undoes
Read = Callable[[Mapping[str, Any]], dict[str, Any]]
_FIGURES = (
    "share_min",
    "share_max",
    "subscribed",
    "paid",
    "position",
    "amount",
    "currency",
    "valid_from",
    "valid_to",
)
_SHOWN = (
    "severity",
    "decision_date",
    "display_from",
    "display_until",
    "display_ended_on",
    "objection",
)


@dataclass(frozen=True, slots=True)
class Touched:
    """A relation or record to look at: what held before `since`, and what held at `until`.

    Either None: the statement that came last against those before it.
    """

    id: UUID
    subject: UUID
    since: dt.datetime | None
    until: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What a statement says, its status, and the day from which on it holds no more."""

    status: str
    over: dt.date | None
    said: Mapping[str, Any]
    shown: Mapping[str, Any]  # as said, or as it stands now with what was derived from it
    stated_at: dt.datetime
    recorded_at: dt.datetime

    def holds(self, day: dt.date) -> bool:
        return self.status == "VALID" and (self.over is None or day < self.over)


@dataclass(frozen=True, slots=True)
class Became:
    """What became of a relation or record between two times."""

    change: str
    id: UUID
    kind: str
    origin: str
    ends: tuple[UUID, ...]  # source and target of a relation, the subject of a record
    what: str
    recorded_at: dt.datetime | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None

    @property
    def whose(self) -> tuple[UUID, UUID | None]:
        """A relation by its id; a record by its subject too, for it may be corrected to another."""
        return whose(self.what, self.id, self.ends[0])


def whose(what: str, id_: UUID, subject: UUID) -> tuple[UUID, UUID | None]:
    """What is told once of a change: as `Became.whose`."""
    return id_, None if what == "RELATION" else subject


def change_of(
    before: Standing | None,
    after: Standing | None,
    days: tuple[dt.date, dt.date],
    *,
    marked: bool = False,
) -> str | None:
    """NEW, CHANGED, ENDED or UNDONE; None when nothing is to be told.

    `days` are those on which the one and the other is judged; `marked` says that something was
    done to it beside its statements.
    """
    held = before is not None and before.holds(days[0])
    holds = after is not None and after.holds(days[1])
    if not held:
        return "NEW" if holds else None
    if after is None or after.status == "WITHDRAWN":
        return "UNDONE"
    if not holds:
        return "ENDED"
    assert before is not None
    if marked or (before.said, before.over) != (after.said, after.over):
        return "CHANGED"
    return None


async def relations_became(
    statement: Statement,
    call: Call,
    store: Store,
    touched: Sequence[Touched],
    kinds: Sequence[str],
    days: tuple[dt.date, dt.date],
) -> list[Became]:
    """What became of these relations. Raises as `resolvers.reading.fetch`."""
    if not touched:
        return []
    check = statement.anew(call.context.scope)
    figures = ", ".join(f"'{name}', x.{name}::text" for name in _FIGURES)
    sql = (
        "SELECT w.relation_id AS id, w.subject_id, w.other_id, w.kind, w.origin_region,"
        f" w.as_is, w.now_status, w.stamp, {_COLUMNS} FROM"
        " (SELECT x.relation_id, x.subject_id, x.other_id, x.kind, x.class, x.origin_region,"
        " 'VALID'::text AS status, x.status AS now_status, x.stamp,"
        f" jsonb_build_object({figures})::text AS as_is, u.since, u.until"
        f" FROM {_given(check, touched)} JOIN relation x ON x.relation_id = u.id"
        " AND x.direction = 'IN') w"
        f" {_versions('relation_version', 'relation_id', _OF_TARGET)}"
        f" WHERE {relation_visible(check, 'w', tuple(kinds), walked=True)} AND {_led_to(check)}"
    )
    found = []
    for row in await _read(check, call, store, sql):
        before, after = _standings(row, "valid_to", said_in)
        change = change_of(before, after, days)
        if change is None:
            continue
        found.append(
            Became(
                change,
                row["id"],
                row["kind"],
                row["origin_region"],
                (row["other_id"], row["subject_id"]),
                "RELATION",
                after.recorded_at if after else None,
                _relation_shown(before),
                _relation_shown(after) if after and after.status == "VALID" else None,
            )
        )
    return found


async def records_became(
    statement: Statement,
    call: Call,
    store: Store,
    touched: Sequence[Touched],
    days: tuple[dt.date, dt.date],
    *,
    marked: bool,
) -> list[Became]:
    """What became of these listings and penalties; others are left out.

    `marked`: they are told of although no statement of them differs. Raises as
    `resolvers.reading.fetch`.
    """
    if not touched:
        return []
    check = statement.anew(call.context.scope)
    served = [kind for kind in (PENALTY, *LISTS) if kind in check.kinds.by_name]
    seen = record_seen(check, "w", served)
    shown = ", ".join(f"'{name}', x.{name}" for name in _SHOWN)
    kinds = check.bind(lambda _: served, "text[]")
    # Whoever might see it while it was valid and on display is told that it is so no more.
    gone = (
        "(x.status <> 'VALID' OR x.display_ended_on IS NOT NULL) AND EXISTS (SELECT FROM"
        " record_version v WHERE v.subject_id = x.subject_id AND v.record_id = x.record_id"
        " AND v.status = 'VALID' AND v.content->>'display_ended_on' IS NULL)"
    )
    sql = (
        "SELECT w.record_id AS id, w.subject_id, w.kind, w.origin_region, w.as_is, w.now_status,"
        f" w.stamp, {seen.whole} AS whole, {_COLUMNS} FROM"
        " (SELECT x.record_id, x.subject_id, x.kind, x.subject_category, x.class,"
        " x.origin_region, x.display_from, x.display_until, x.query_until,"
        f" CASE WHEN {gone} THEN 'VALID' ELSE x.status END AS status,"
        f" CASE WHEN {gone} THEN NULL ELSE x.display_ended_on END AS display_ended_on,"
        " x.status AS now_status, x.stamp,"
        f" jsonb_build_object({shown})::text AS as_is, u.since, u.until"
        f" FROM {_given(check, touched)} JOIN record x ON x.subject_id = u.subject"
        f" AND x.record_id = u.id AND x.kind = ANY({kinds})) w"
        f" {_versions('record_version', 'record_id')} WHERE {seen.visible}"
    )
    found = []
    for row in await _read(check, call, store, sql):
        before, after = _standings(row, "display_ended_on", _record_said)
        change = change_of(before, after, days, marked=marked)
        if change is None:
            continue
        whole = bool(row["whole"])
        found.append(
            Became(
                change,
                row["id"],
                row["kind"],
                row["origin_region"],
                (row["subject_id"],),
                "PENALTY" if row["kind"] == PENALTY else "LIST",
                after.recorded_at if after else None,
                _record_shown(before) if whole else None,
                _record_shown(after) if whole else None,
            )
        )
    return found


_COLUMNS = ", ".join(
    f"{side}.{column} AS {side}_{column}"
    for side in ("b", "a")
    for column in ("status", "content", "stamp", "recorded_from")
)
_OF_TARGET = " AND v.direction = 'IN'"
_LAST = {
    "b": "v.recorded_from < coalesce(w.since, (SELECT max(n.recorded_from) FROM {table} n WHERE"
    " n.subject_id = w.subject_id AND n.{id} = w.{id}))",
    "a": "(w.until IS NULL OR v.recorded_from <= w.until)",
}


def _versions(table: str, id_: str, only: str = "") -> str:
    """The statements that stood last before and after; those of another class are not told."""
    return " ".join(
        f"LEFT JOIN LATERAL (SELECT v.status, v.content::text AS content, v.stamp, v.recorded_from"
        f" FROM {table} v WHERE v.subject_id = w.subject_id AND v.{id_} = w.{id_}{only}"
        f" AND (v.status <> 'VALID' OR v.content->>'class' = w.class)"
        f" AND {condition.format(table=table, id=id_)}"
        f" ORDER BY v.stamp DESC, v.batch_sha DESC, v.line_no DESC LIMIT 1) {side} ON true"
        for side, condition in _LAST.items()
    )


def _led_to(check: Statement) -> str:
    """Whether edges may lead to both ends."""
    allowed = categories(check)
    if allowed is None:
        return TRUE
    names = check.bind(lambda _: sorted(allowed), "text[]")
    return (
        "NOT EXISTS (SELECT FROM subject s WHERE s.subject_id IN (w.subject_id, w.other_id)"
        f" AND s.category <> ALL({names}))"
    )


def _given(check: Statement, touched: Sequence[Touched]) -> str:
    ids = check.bind(lambda _: [one.id for one in touched], "uuid[]")
    subjects = check.bind(lambda _: [one.subject for one in touched], "uuid[]")
    since = check.bind(lambda _: [one.since for one in touched], "timestamptz[]")
    until = check.bind(lambda _: [one.until for one in touched], "timestamptz[]")
    return f"unnest({ids}, {subjects}, {since}, {until}) u(id, subject, since, until)"


async def _read(check: Statement, call: Call, store: Store, sql: str) -> list[Any]:
    text, binds = check.finished(sql)
    return await fetch(store, text, [bind(call) for bind in binds])


def _standings(row: Any, over: str, read: Read) -> tuple[Standing | None, Standing | None]:
    before, after = (_kept(row, side, over, read) for side in ("b", "a"))
    if after is not None and (row["a_stamp"], after.status) == (row["stamp"], row["now_status"]):
        # The statement that is shown now: with what was derived from it and marked on it.
        shown = read(orjson.loads(row["as_is"]))
        after = replace(after, over=_day(shown[over]), shown=shown)
    return before, after


def _kept(row: Any, side: str, over: str, read: Read) -> Standing | None:
    status, recorded = row[f"{side}_status"], row[f"{side}_recorded_from"]
    if status is None:
        return None
    said = read(orjson.loads(row[f"{side}_content"] or "{}"))
    stamp = row[f"{side}_stamp"]
    stated = recorded if stamp.year >= _FINAL else stamp
    return Standing(status, _day(said[over]), said, said, stated, recorded)


def _day(value: Any) -> dt.date | None:
    return value if isinstance(value, dt.date) else None


def _record_said(content: Mapping[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = {name: content.get(name) for name in _SHOWN}
    for name in _SHOWN[1:5]:
        said[name] = None if said[name] is None else dt.date.fromisoformat(str(said[name])[:10])
    said["objection"] = bool(said["objection"])
    return said


def _relation_shown(one: Standing | None) -> dict[str, Any] | None:
    return None if one is None else state_shown(State(one.stated_at, one.shown))


def _record_shown(one: Standing | None) -> dict[str, Any] | None:
    if one is None:
        return None
    shown = {
        "severity": one.shown["severity"],
        "decisionDate": one.shown["decision_date"],
        "displayFrom": one.shown["display_from"],
        "displayUntil": one.shown["display_until"],
        "displayEndedOn": one.shown["display_ended_on"],
        "objection": one.shown["objection"],
    }
    return {**shown, "status": one.status, "statedAt": shanghai(one.stated_at)}
