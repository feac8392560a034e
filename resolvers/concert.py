"""Agreements to act in concert 一致行动人 as the caller may see them: class G, few, read whole."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from graph.closure import Agreement
from resolvers.context import Call
from resolvers.graph_scope import classes
from resolvers.reading import fetch
from resolvers.statement import Statement
from store.merged import BECOME

_CONCERTS = f"""
SELECT c.concert_id, c.subject_id, c.company_id,
       o.region_id = ANY($4::text[]) OR k.region_id = ANY($4) AS inside FROM (
    SELECT DISTINCT ON (concert_id, subject_id) * FROM concert
     WHERE $2::timestamptz IS NULL OR recorded_from <= $2
     ORDER BY concert_id, subject_id, stamp DESC, batch_sha DESC, line_no DESC
) c
  LEFT JOIN organisation o ON o.subject_id = c.subject_id
  LEFT JOIN organisation k ON k.subject_id = c.company_id
 WHERE c.subject_id NOT IN ({BECOME.format(ids="$3")})
   AND (c.valid_from IS NULL OR c.valid_from <= $1::date)
   AND (c.valid_to IS NULL OR $1 < c.valid_to)
 ORDER BY c.concert_id, c.subject_id
 LIMIT 50000
"""


async def agreements_seen(
    statement: Statement,
    call: Call,
    day: dt.date,
    known_at: dt.datetime | None,
    regions: frozenset[str] | None,
) -> tuple[Agreement, ...]:
    """The agreements in force on the day, as known at a time; None: now. `regions` are those of
    the caller's district, which sees the agreements that touch it; None for all."""
    if "G" not in classes(statement.scope.row):
        return ()
    asked = [day, known_at, list(statement.scope.grounds.barred), list(regions or ())]
    members: dict[tuple[UUID, UUID | None], set[UUID]] = {}
    seen: set[tuple[UUID, UUID | None]] = set()
    for concert, member, company, inside in await fetch(call.context.pool, _CONCERTS, asked):
        members.setdefault((concert, company), set()).add(member)
        if inside or regions is None:
            seen.add((concert, company))
    return tuple(Agreement(frozenset(found), at[1]) for at, found in members.items() if at in seen)
