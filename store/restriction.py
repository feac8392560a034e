"""Restricted subjects 限制查询主体: named units only, and no way through them in the graph.

Source: access rules §2, class R. A restriction is this node's decision; relations of a restricted
subject are of class R while it stands, and what departments said of their class comes back after.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from uuid import UUID

from store.errors import StoreError
from store.staging import lock_writes

if TYPE_CHECKING:
    from store.connection import Connection


async def restrict_subject(connection: Connection, subject: UUID, reason: str) -> bool:
    """Restrict a subject and its relations; False when it was restricted already.

    Raises StoreError `REASON_REQUIRED`.
    """
    if not reason.strip():
        raise StoreError("REASON_REQUIRED", "Say why the subject is restricted.")
    async with connection.transaction():
        await lock_writes(connection)
        made = await connection.fetchval(
            "INSERT INTO restriction (subject_id, reason) VALUES ($1, $2)"
            " ON CONFLICT DO NOTHING RETURNING true",
            subject,
            reason,
        )
        if made:
            relations = await connection.fetch(
                "SELECT relation_id FROM relation WHERE subject_id = $1", subject
            )
            changed = await restrict_relations(connection, [row[0] for row in relations])
            await _announce(connection, subject, changed)
    return bool(made)


async def lift_restriction(connection: Connection, subject: UUID) -> bool:
    """End a restriction; False when there is none."""
    async with connection.transaction():
        await lock_writes(connection)
        ended = await connection.fetchval(
            "DELETE FROM restriction WHERE subject_id = $1 RETURNING true", subject
        )
        if ended:
            rows = await connection.fetch(
                """
                UPDATE relation r SET class = s.class FROM (
                    SELECT DISTINCT ON (v.relation_id) v.relation_id, v.content->>'class' AS class
                    FROM relation_version v WHERE v.subject_id = $1
                    ORDER BY v.relation_id, v.stamp DESC, v.batch_sha DESC, v.line_no DESC) s
                WHERE r.relation_id = s.relation_id AND r.class = 'R' AND s.class <> 'R'
                    AND NOT EXISTS (SELECT FROM restriction x
                        WHERE x.subject_id IN (r.subject_id, r.other_id))
                RETURNING r.relation_id
                """,
                subject,
            )
            await _announce(connection, subject, {row[0] for row in rows})
    return bool(ended)


async def restrict_relations(connection: Connection, relations: Iterable[UUID]) -> set[UUID]:
    """Give relations with a restricted end class R; those that changed."""
    rows = await connection.fetch(
        """
        WITH closed AS (
            SELECT r.relation_id FROM relation r
            JOIN restriction x ON x.subject_id IN (r.subject_id, r.other_id)
            WHERE r.relation_id = ANY($1) AND r.class NOT IN ('R', 'I')
        )
        UPDATE relation r SET class = 'R' FROM closed c WHERE r.relation_id = c.relation_id
        RETURNING r.relation_id
        """,
        list(relations),
    )
    return {row[0] for row in rows}


async def move_restriction(connection: Connection, weak: UUID, strong: UUID) -> set[UUID]:
    """Let a subject that becomes part of another bring its restriction; relations that changed."""
    await connection.execute(
        "INSERT INTO restriction (subject_id, reason, decided_at)"
        " SELECT $2, reason, decided_at FROM restriction WHERE subject_id = $1"
        " ON CONFLICT DO NOTHING",
        weak,
        strong,
    )
    await connection.execute("DELETE FROM restriction WHERE subject_id = $1", weak)
    rows = await connection.fetch("SELECT relation_id FROM relation WHERE subject_id = $1", strong)
    return await restrict_relations(connection, [row[0] for row in rows])


async def _announce(connection: Connection, subject: UUID, relations: set[UUID]) -> None:
    await connection.execute(
        "INSERT INTO outbox (entity, entity_id, subject_id) VALUES ('SUBJECT', $1, $1)", subject
    )
    await connection.execute(
        "INSERT INTO outbox (entity, entity_id, subject_id)"
        " SELECT 'RELATION', relation_id, subject_id FROM relation"
        " WHERE relation_id = ANY($1) AND direction = 'OUT' ORDER BY relation_id",
        list(relations),
    )
    await connection.execute("NOTIFY outbox")
