"""Corrections 更正: a decision sent again under another code supersedes by document number."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from store.connection import Connection

REASON = "更正"


async def supersede_corrected(connection: Connection, record_ids: Iterable[UUID]) -> set[UUID]:
    """Withdraw records that a later statement repeats under another code of the organisation.

    The same decision is: same origin, kind, issuer, document number and reported name. The
    greatest statement stands, the others end on the day it was sent; computed from order keys,
    so the order of arrival does not matter. Returns the records that changed.
    """
    rows = await connection.fetch(
        """
        WITH touched AS (
            SELECT DISTINCT kind, origin_region, issuer_uscc, document_no, reported_name
            FROM record WHERE record_id = ANY($1) AND document_no IS NOT NULL
              AND issuer_uscc IS NOT NULL AND subject_category <> 'NATURAL_PERSON'
        ), ranked AS (
            SELECT r.subject_id, r.record_id, r.display_end_reason, r.display_ended_on,
                   first_value(r.record_id) OVER same AS top,
                   first_value(r.stamp) OVER same AS stamp,
                   first_value(r.batch_sha) OVER same AS batch_sha,
                   first_value(r.line_no) OVER same AS line_no
            FROM touched t JOIN record r
              USING (kind, origin_region, issuer_uscc, document_no, reported_name)
            WHERE r.batch_id IS NOT NULL
            WINDOW same AS (PARTITION BY kind, origin_region, issuer_uscc, document_no,
                reported_name ORDER BY r.stamp DESC, r.batch_sha DESC, r.line_no DESC)
        ), ended AS (
            UPDATE record r SET status = 'WITHDRAWN', display_end_reason = $2,
                display_ended_on = (k.stamp AT TIME ZONE 'Asia/Shanghai')::date,
                digest = sha256(r.digest || convert_to($2, 'UTF8')), recorded_from = now()
            FROM ranked k
            WHERE k.record_id <> k.top AND r.subject_id = k.subject_id
              AND r.record_id = k.record_id
              AND (k.display_end_reason, k.display_ended_on) IS DISTINCT FROM
                  ($2, (k.stamp AT TIME ZONE 'Asia/Shanghai')::date)
            RETURNING r.*, k.top, k.stamp AS at, k.batch_sha AS by_batch, k.line_no AS by_line
        ), kept AS (
            INSERT INTO record_version (subject_id, record_id, stamp, batch_sha, line_no, digest,
                status, content, commitment, salt, valid_from, valid_to)
            SELECT subject_id, record_id, at, by_batch, by_line, digest, status,
                jsonb_build_object('supersededBy', top, 'reason', display_end_reason),
                sha256(digest || salt), salt, valid_from, valid_to FROM ended
            ON CONFLICT DO NOTHING
        )
        INSERT INTO outbox (entity, entity_id, subject_id)
        SELECT 'RECORD', record_id, subject_id FROM ended ORDER BY subject_id, record_id
        RETURNING entity_id
        """,
        list(record_ids),
        REASON,
    )
    return {row["entity_id"] for row in rows}
