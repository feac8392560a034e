"""Agreements to act in concert 一致行动人 as the caller may see them: class G, few, read whole."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from graph.closure import Agreement
from resolvers.context import Call
from resolvers.graph_scope import classes
from resolvers.reading import fetch
from resolvers.statement import Statement

_CONCERTS = """
SELECT concert_id, subject_id, company_id FROM (
    SELECT DISTINCT ON (concert_id, subject_id) * FROM concert
     WHERE $2::timestamptz IS NULL OR recorded_from <= $2
     ORDER BY concert_id, subject_id, stamp DESC, batch_sha DESC, line_no DESC
) c
 WHERE (valid_from IS NULL OR valid_from <= $1::date) AND (valid_to IS NULL OR $1 < valid_to)
 ORDER BY concert_id, subject_id
 LIMIT 50000
"""


async def agreements_seen(
    statement: Statement, call: Call, day: dt.date, known_at: dt.datetime | None
) -> tuple[Agreement, ...]:
    """The agreements in force on the day, as known at a time; None: now."""
    if "G" not in classes(statement.scope.row):
        return ()
    barred = statement.scope.grounds.barred
    members: dict[tuple[UUID, UUID | None], set[UUID]] = {}
    for concert, member, company in await fetch(call.context.pool, _CONCERTS, [day, known_at]):
        if member not in barred:
            members.setdefault((concert, company), set()).add(member)
    return tuple(Agreement(frozenset(found), at[1]) for at, found in members.items())
