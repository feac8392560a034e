"""Records that are new, have changed or have ended: the events of `recordChanged`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson

from resolvers.answer import Disclosure
from resolvers.argument import Given
from resolvers.bulk import codes_given, subjects_of
from resolvers.change import given_arguments
from resolvers.context import Call, Changes
from resolvers.event import Happened, Step, changes_of_node, rows_after
from resolvers.known_kind import demand_kinds
from resolvers.projection import Shape, shaper
from resolvers.reading import fetch
from resolvers.record import record_json
from resolvers.statement import Level, Selected, Statement
from resolvers.visibility import record_visible
from store.outbox import Row

_ENTITY = frozenset({"RECORD"})

# A record that has ended, as it was while it was valid: whoever might see it then is told.
_BEFORE = """(SELECT x.record_id, x.subject_id, x.kind, x.subject_category, x.class,
    'VALID'::text AS status, x.display_from, x.display_until, NULL::date AS display_ended_on,
    x.query_until, x.origin_region FROM record x
    JOIN unnest({subjects}, {records}) u(s, r) ON x.subject_id = u.s AND x.record_id = u.r
    WHERE x.status <> 'VALID' AND EXISTS (SELECT FROM record_version v
        WHERE v.subject_id = x.subject_id AND v.record_id = x.record_id AND v.status = 'VALID'))"""


async def take(statement: Statement, selected: Selected, call: Call, position: str | None) -> Step:
    """What changed after a position, one event per record, as the caller may see it.

    Raises QuestionError POSITION_INVALID, LIST_LIMIT, BAD_VALUE, KIND_UNKNOWN, and as
    `resolvers.reading.fetch`.
    """
    changes = changes_of_node(call.context)
    _demand_known(statement, selected, call)
    after = given_arguments(selected, call).get("after")
    rows, then, more = await rows_after(changes, position, after, _ENTITY)
    if not rows:
        return Step(position=then.text, more=more)
    happened = await _happened(statement, selected, call, changes, rows)
    return Step(tuple(happened), then.text, more=more)


async def _happened(
    statement: Statement,
    selected: Selected,
    call: Call,
    changes: Changes,
    rows: Sequence[Row],
) -> list[Happened]:
    named = await _subjects(statement, selected, call)
    if named is not None:
        rows = [row for row in rows if row.subject_id in named]
    kinds = selected.given("kinds")
    seen, manifest = await _seen(statement, selected, call, rows, kinds)
    ended = await _ended(
        statement, call, changes, [r for r in rows if r.entity_id not in seen], named
    )
    latest = {row.entity_id: row for row in rows}
    wanted = None if kinds is None else frozenset(kinds.read(call))

    def fill(inner: Selected) -> Shape:
        column = manifest[inner.key]
        return lambda value: (
            orjson.Fragment(value["row"][column]) if value.get("row") is not None else None
        )

    shape = shaper(statement, selected, fill, ("record",))
    found = []
    for row in sorted(latest.values(), key=lambda row: row.place):
        value: dict[str, Any] = {"recordId": str(row.entity_id), "position": row.place.text}
        if row.entity_id in seen:
            at = seen[row.entity_id]
            value |= {"change": at["change"], "kind": at["kind"], "row": at}
            subjects, records = at["a"], at["r"]
        elif row.entity_id in ended and (wanted is None or ended[row.entity_id] in wanted):
            value |= {"change": "ENDED", "kind": ended[row.entity_id]}
            subjects, records = b"", row.entity_id.bytes
        else:
            continue
        disclosure = Disclosure(
            subjects=subjects,
            records=records,
            coordinates=(selected.coordinate, *statement.coordinates),
            masked=tuple(statement.masked),
            rows=1,
        )
        found.append(Happened(shape(value), disclosure, row.place.text))
    return found


def _demand_known(statement: Statement, selected: Selected, call: Call) -> None:
    """Refuse too many codes, and kinds that are none: of those nothing would ever be told."""
    codes, kinds = selected.given("subjects"), selected.given("kinds")
    check = statement.anew(call.context.scope)
    if codes is not None:
        codes_given(check, codes)
        for refused in check.checks:
            refused(call)
    if kinds is not None:
        demand_kinds(statement.kinds, kinds.read(call))


async def _subjects(statement: Statement, selected: Selected, call: Call) -> frozenset[UUID] | None:
    """The subjects of the filter, None without one."""
    codes = selected.given("subjects")
    if codes is None:
        return None
    check = statement.anew(call.context.scope)
    sql, binds = check.finished(f"SELECT id FROM {subjects_of(check, codes, 's')}")
    rows = await fetch(call.context.pool, sql, [bind(call) for bind in binds])
    return frozenset(row["id"] for row in rows if row["id"] is not None)


async def _seen(
    statement: Statement,
    selected: Selected,
    call: Call,
    rows: Sequence[Row],
    kinds: Given | None,
) -> tuple[Mapping[UUID, Any], Mapping[str, str]]:
    """The records that the caller sees now, with the columns of each selected `record`."""
    alias, level = "r", Level()
    served = tuple(kind.name for kind in statement.kinds)
    columns: dict[str, str] = {}
    shown = []
    with statement.deeper():
        for inner in statement.select(selected.type, selected.details):
            if inner.name == "record":
                columns[inner.key] = name = f"j{len(columns)}"
                with statement.deeper():
                    value = record_json(level, statement, alias, served, inner.details)
                shown.append(f"({value})::json AS {name}")
    visible = record_visible(statement, alias)
    where = [visible]
    if kinds is not None:
        where.append(f"{alias}.kind = ANY({statement.given(kinds, 'text[]')})")
    subjects = statement.bind(lambda _: [row.subject_id for row in rows], "uuid[]")
    records = statement.bind(lambda _: [row.entity_id for row in rows], "uuid[]")
    level.records[f"uuid_send({alias}.record_id)"] = None
    level.subjects[
        f"coalesce((SELECT s.audit_ref FROM subject s WHERE s.subject_id = {alias}.subject_id),"
        " ''::bytea)"
    ] = None
    shown += [f"{level.manifest(kind)} AS {kind}" for kind in ("a", "r")]
    sql, binds = statement.finished(
        f"SELECT {alias}.record_id, {alias}.kind, {', '.join(shown)}"
        f" FROM unnest({subjects}, {records}) u(s, r)"
        f" JOIN record {alias} ON {alias}.subject_id = u.s AND {alias}.record_id = u.r"
        f" {' '.join(level.joins)} WHERE {' AND '.join(where)}"
    )
    found = await fetch(call.context.pool, sql, [bind(call) for bind in binds])
    changed = await _changed(call, [row["record_id"] for row in found])
    return {
        row["record_id"]: {**row, "change": "CHANGED" if row["record_id"] in changed else "NEW"}
        for row in found
    }, columns


async def _changed(call: Call, records: Sequence[UUID]) -> frozenset[UUID]:
    """Which of these visible records were stated, marked or cleared of a mark since their first
    statement."""
    assert call.context.changes is not None
    rows = await fetch(
        call.context.changes.pool,
        "SELECT r.record_id FROM record r WHERE r.record_id = ANY ($1)"
        " AND r.recorded_from > (SELECT min(v.recorded_from) FROM record_version v"
        " WHERE v.subject_id = r.subject_id AND v.record_id = r.record_id)",
        [list(records)],
    )
    return frozenset(row["record_id"] for row in rows)


async def _ended(
    statement: Statement,
    call: Call,
    changes: Changes,
    rows: Sequence[Row],
    named: frozenset[UUID] | None,
) -> Mapping[UUID, str]:
    """Kinds of the records that have ended and that the caller might see while they were valid.

    One that was sent again under its right subject has not, unless only the former one is named.
    """
    if not rows:
        return {}
    check = statement.anew(call.context.scope)
    subjects = check.bind(lambda _: [row.subject_id for row in rows], "uuid[]")
    records = check.bind(lambda _: [row.entity_id for row in rows], "uuid[]")
    before = _BEFORE.format(subjects=subjects, records=records)
    followed = check.bind(lambda _: None if named is None else list(named), "uuid[]")
    sql, binds = check.finished(
        f"SELECT w.record_id, w.kind FROM {before} w WHERE {record_visible(check, 'w')}"
        " AND NOT EXISTS (SELECT FROM record o WHERE o.record_id = w.record_id"
        f" AND ({followed} IS NULL OR o.subject_id = ANY({followed}))"
        f" AND {record_visible(check, 'o')})"
    )
    found = await fetch(changes.pool, sql, [bind(call) for bind in binds])
    return {row["record_id"]: row["kind"] for row in found}
