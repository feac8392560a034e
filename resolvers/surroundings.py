"""Who surrounds a subject for a caller at this moment, by the store itself.

The graph follows the outbox at a distance, so a relation that has just come would not be in it:
what an event is about is looked for where the event was committed. The scope is part of every
step, as it is of a search in the graph.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from graph.walk import Limit, Truncation
from resolvers.context import Call
from resolvers.graph_scope import categories, closed
from resolvers.reading import fetch
from resolvers.statement import Statement
from resolvers.visibility import relation_visible

MAX_NODES = 5_000
MAX_FAN = 1_000


@dataclass(frozen=True, slots=True)
class Around:
    """Which relations lead on: of these kinds, in force on a day of a period, or one of `also`."""

    hops: int
    kinds: tuple[str, ...]
    since: dt.date
    until: dt.date
    also: Sequence[UUID] = ()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Subjects by their distance, those whose relations were followed, and what was cut off."""

    distance: dict[UUID, int]
    expanded: frozenset[UUID]
    truncated: tuple[Truncation, ...]


async def surroundings(
    statement: Statement, call: Call, start: UUID, around: Around
) -> Surroundings:
    """The subjects around one, at most MAX_NODES; who has more than MAX_FAN visible relations is
    not passed. Raises as `resolvers.reading.fetch`."""
    limits = closed(statement, call)
    distance, expanded, cut = {start: 0}, set[UUID](), dict[Truncation, None]()
    category: dict[UUID, str] = {}
    frontier = [start]
    for level in range(around.hops):
        going = []
        for id_ in frontier:
            limit = limits.get(category.get(id_, ""))
            if limit is None:
                going.append(id_)
            else:
                cut[Truncation(level + 1, limit)] = None
        found = await _beside(statement, call, going, around)
        frontier = []
        for id_ in going:
            beside = found.get(id_, [])
            if len(beside) > MAX_FAN:
                cut[Truncation(level + 1, Limit.FAN)] = None
                continue
            expanded.add(id_)
            for other, kind in sorted(beside):
                if other in distance:
                    continue
                if len(distance) >= MAX_NODES:
                    cut[Truncation(level + 1, Limit.NODES)] = None
                    break
                distance[other], category[other] = level + 1, kind
                frontier.append(other)
        if not frontier:
            break
    return Surroundings(distance, frozenset(expanded), tuple(sorted(cut)))


async def _beside(
    statement: Statement, call: Call, ids: Sequence[UUID], around: Around
) -> dict[UUID, list[tuple[UUID, str]]]:
    """The other ends of the visible relations of these subjects, at most MAX_FAN + 1 each."""
    if not ids:
        return {}
    check = statement.anew(call.context.scope)
    bound = check.bind(lambda _: list(ids), "uuid[]")
    since = check.bind(lambda _: around.since, "date")
    until = check.bind(lambda _: around.until, "date")
    also = check.bind(lambda _: list(around.also), "uuid[]")
    in_force = (
        f"(r.valid_from IS NULL OR r.valid_from <= {until})"
        f" AND (r.valid_to IS NULL OR {since} < r.valid_to)"
    )
    where = [
        "r.subject_id = f.id",
        relation_visible(check, "r", around.kinds, walked=True),
        f"({in_force} OR r.relation_id = ANY({also}))",
    ]
    allowed = categories(check)
    if allowed is not None:
        where.append(f"s.category = ANY({check.bind(lambda _: sorted(allowed), 'text[]')})")
    sql, binds = check.finished(
        "SELECT f.id, e.other_id, e.category FROM unnest("
        f"{bound}) f(id) CROSS JOIN LATERAL (SELECT r.other_id, s.category FROM relation r"
        f" JOIN subject s ON s.subject_id = r.other_id WHERE {' AND '.join(where)}"
        f" LIMIT {MAX_FAN + 1}) e"
    )
    rows = await fetch(call.context.pool, sql, [bind(call) for bind in binds])
    found: dict[UUID, list[tuple[UUID, str]]] = {}
    for row in rows:
        found.setdefault(row["id"], []).append((row["other_id"], row["category"]))
    return found
