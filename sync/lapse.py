"""Copies of what an agreement no longer shares: unreadable from its day on, whoever answers (X38).

The partner's tombstones say the same where they arrive. They do not where it is away, and those of
an item that the agreement after it leaves out are not shown to its reader.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any
from uuid import UUID

from store.connection import Connection
from store.staging import lock_writes
from sync.agreement import Agreement
from sync.catalogue import RELATION

if TYPE_CHECKING:
    import asyncpg

REASON = "协议不再共享"
_LOOKED_UP = 20_000
_CHUNK = 500  # copies of one transaction

_RECORDS = """
SELECT record_id FROM record
WHERE origin_region = $1 AND batch_id IS NULL AND status = 'VALID'
  AND kind || '.' || lower(subject_category) <> ALL($2) LIMIT $3
"""
_RELATIONS = f"""
SELECT r.relation_id FROM relation r JOIN subject s ON s.subject_id = r.other_id
WHERE r.origin_region = $1 AND r.batch_id IS NULL AND r.status = 'VALID' AND r.direction = 'OUT'
  AND '{RELATION}.' || lower(s.category) <> ALL($2) LIMIT $3
"""
# Ordered below its own statement, so that the feed brings it back when it is shared again.
_END_RECORDS = """
WITH ended AS (
    UPDATE record SET status = 'WITHDRAWN', display_ended_on = $3, display_end_reason = $4,
        line_no = -1, digest = sha256(digest || convert_to($4, 'UTF8')), recorded_from = now()
    WHERE record_id = ANY($1) AND origin_region = $2 AND status = 'VALID'
    RETURNING subject_id, record_id
)
INSERT INTO outbox (entity, entity_id, subject_id)
SELECT 'RECORD', record_id, subject_id FROM ended ORDER BY subject_id, record_id
"""
_END_RELATIONS = """
WITH ended AS (
    UPDATE relation SET status = 'WITHDRAWN', line_no = -1,
        digest = sha256(digest || convert_to($3, 'UTF8')), recorded_from = now()
    WHERE relation_id = ANY($1) AND origin_region = $2 AND status = 'VALID'
    RETURNING subject_id, relation_id, direction
)
INSERT INTO outbox (entity, entity_id, subject_id)
SELECT 'RELATION', relation_id, subject_id FROM ended WHERE direction = 'OUT' ORDER BY relation_id
"""


async def end_lapsed(
    pool: asyncpg.Pool[Any], region: str, feed: str, agreement: Agreement, today: date
) -> int:
    """Withdraw a partner's copies that the agreement does not share on that day; how many.

    `feed` is the name of the partner's feed. Some hundreds a transaction; reads all records once
    where there is nothing to end.
    """
    tags = [item.tag for item in agreement.items] if agreement.in_force(today) else []
    ended = 0
    for query in (_RECORDS, _RELATIONS):
        while rows := await pool.fetch(query, region, tags, _LOOKED_UP):
            ids = [row[0] for row in rows]
            for start in range(0, len(ids), _CHUNK):
                chunk = ids[start : start + _CHUNK]
                async with pool.acquire() as connection, connection.transaction():
                    await _end(connection, region, feed, chunk, today, is_record=query is _RECORDS)
            ended += len(ids)
    return ended


async def _end(
    connection: Connection,
    region: str,
    feed: str,
    ids: Sequence[UUID],
    today: date,
    *,
    is_record: bool,
) -> None:
    await lock_writes(connection)
    if is_record:
        await connection.execute(_END_RECORDS, ids, region, today, REASON)
    else:
        await connection.execute(_END_RELATIONS, ids, region, REASON)
    await connection.execute(
        "DELETE FROM mirror_applied WHERE feed = $1 AND record_id = ANY($2)"
        " AND operation = 'UPSERT'",
        feed,
        ids,
    )
    await connection.execute("NOTIFY outbox")
