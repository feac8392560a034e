"""Withdrawal 撤销: a record that no reader sees any more, kept as a version."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from store.errors import StoreError
from store.staging import lock_writes
from store.statement import Order

if TYPE_CHECKING:
    from store.connection import Connection

# Above every batch: no file that is sent again brings a withdrawn record back.
_FINAL = datetime(9999, 12, 31, tzinfo=UTC)


async def withdraw_record(
    connection: Connection,
    record_id: UUID,
    *,
    reason: str,
    on: date,
    order: Order | None = None,
) -> bool:
    """Show the record as WITHDRAWN from `on`; False when it already is.

    Without `order` the withdrawal is final; a mirror gives the order of the origin's tombstone.
    Raises StoreError `RECORD_UNKNOWN`.
    """
    order = order or Order(_FINAL, hashlib.sha256(b"withdrawal").digest(), 0)
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
        if not any(row["older"] and row["status"] != "WITHDRAWN" for row in rows):
            return False
        await connection.execute(
            """
            WITH withdrawn AS (
                UPDATE record SET status = 'WITHDRAWN', display_ended_on = $5,
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
        )
        await connection.execute("NOTIFY outbox")
    return True
