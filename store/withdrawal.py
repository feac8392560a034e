"""Decisions that end or mark a record: withdrawal 撤销, repair 修复, objection 异议."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from store.errors import StoreError
from store.exclusion import review_exclusions
from store.staging import lock_writes
from store.statement import Order

if TYPE_CHECKING:
    from store.connection import Connection

FINAL = datetime(9999, 12, 31, tzinfo=UTC)
"""Above every batch: no file that is sent again brings a withdrawn record back."""


async def withdraw_record(
    connection: Connection,
    record_id: UUID,
    *,
    reason: str,
    on: date,
    order: Order | None = None,
    status: str = "WITHDRAWN",
) -> bool:
    """Show the record as WITHDRAWN or REPAIRED from `on`; False when it already has ended.

    Repair ends display, sharing and use alike (《信用修复管理办法》 art. 3). Without `order` the
    decision is final; a mirror gives the order of the origin's tombstone. A withdrawal of what was
    repaired stands. Raises StoreError `RECORD_UNKNOWN`, `REASON_REQUIRED`.
    """
    if not reason.strip():
        raise StoreError("REASON_REQUIRED", "Say why the record ends.")
    rank = ("REPAIRED", "WITHDRAWN").index(status)
    order = order or Order(FINAL, hashlib.sha256(b"withdrawal").digest(), rank)
    async with connection.transaction():
        await lock_writes(connection)
        rows = await connection.fetch(
            "SELECT subject_id, status, (stamp, batch_sha, line_no) < ($2, $3, $4) AS older"
            " FROM record WHERE record_id = $1 FOR UPDATE",
            record_id,
            order.stamp,
            order.batch_sha,
            order.line_no,
        )
        if not rows:
            raise StoreError("RECORD_UNKNOWN", "No record has this id: look it up again.")
        if not any(row["older"] and row["status"] not in ("WITHDRAWN", status) for row in rows):
            return False
        await connection.execute(
            """
            WITH withdrawn AS (
                UPDATE record SET status = $7, display_ended_on = $5,
                    display_end_reason = $6, valid_to = $5, stamp = $2, batch_sha = $3,
                    line_no = $4, batch_id = NULL,
                    digest = sha256(digest || convert_to($6, 'UTF8')), recorded_from = now()
                WHERE record_id = $1 AND (stamp, batch_sha, line_no) < ($2, $3, $4)
                RETURNING *
            ), kept AS (
                INSERT INTO record_version (subject_id, record_id, stamp, batch_sha, line_no,
                    digest, status, content, commitment, salt, valid_from, valid_to)
                SELECT subject_id, record_id, stamp, batch_sha, line_no, digest, status,
                    jsonb_build_object('withdrawnOn', $5::date, 'reason', $6::text),
                    sha256(digest || salt), salt, valid_from, valid_to
                FROM withdrawn
            )
            INSERT INTO outbox (entity, entity_id, subject_id)
            SELECT 'RECORD', record_id, subject_id FROM withdrawn
            """,
            record_id,
            order.stamp,
            order.batch_sha,
            order.line_no,
            on,
            reason,
            status,
        )
        await review_exclusions(connection, [row["subject_id"] for row in rows], on=on)
        await connection.execute("NOTIFY outbox")
    return True


async def withdraw_relation(
    connection: Connection, relation_id: UUID, *, reason: str, on: date, order: Order
) -> bool:
    """Show a relation as WITHDRAWN, inside the caller's transaction; False when a later statement
    of it is shown already."""
    await lock_writes(connection)
    rows = await connection.fetch(
        """
        WITH withdrawn AS (
            UPDATE relation SET status = 'WITHDRAWN', stamp = $2, batch_sha = $3, line_no = $4,
                batch_id = NULL, digest = sha256(digest || convert_to($6, 'UTF8')),
                recorded_from = now()
            WHERE relation_id = $1 AND (stamp, batch_sha, line_no) < ($2, $3, $4) RETURNING *
        ), kept AS (
            INSERT INTO relation_version (subject_id, relation_id, direction, stamp, batch_sha,
                line_no, digest, status, content)
            SELECT subject_id, relation_id, direction, stamp, batch_sha, line_no, digest, status,
                jsonb_build_object('withdrawnOn', $5::date, 'reason', $6::text)
            FROM withdrawn
        )
        INSERT INTO outbox (entity, entity_id, subject_id)
        SELECT 'RELATION', relation_id, subject_id FROM withdrawn WHERE direction = 'OUT'
        RETURNING entity_id
        """,
        relation_id,
        order.stamp,
        order.batch_sha,
        order.line_no,
        on,
        reason,
    )
    await connection.execute("NOTIFY outbox")
    return bool(rows)


async def mark_objection(connection: Connection, record_id: UUID, objection: bool) -> bool:
    """Set or take away the mark that an objection is being examined; False when nothing changes.

    The mark is this city's decision and stays when the department sends the record again; it
    neither ends the record nor brings an ended one back. Raises StoreError `RECORD_UNKNOWN`.
    """
    async with connection.transaction():
        await lock_writes(connection)
        found = await connection.fetch(
            "SELECT objection FROM record WHERE record_id = $1 FOR UPDATE", record_id
        )
        if not found:
            raise StoreError("RECORD_UNKNOWN", "No record has this id: look it up again.")
        changed = await connection.fetch(
            """
            WITH marked AS (
                UPDATE record SET objection = $2, recorded_from = now(),
                    digest = sha256(digest || convert_to($3, 'UTF8'))
                WHERE record_id = $1 AND objection <> $2 RETURNING subject_id, record_id
            )
            INSERT INTO outbox (entity, entity_id, subject_id)
            SELECT 'RECORD', record_id, subject_id FROM marked RETURNING entity_id
            """,
            record_id,
            objection,
            f"objection {objection}",
        )
        await connection.execute("NOTIFY outbox")
    return bool(changed)
