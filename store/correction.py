"""Corrections 更正: a record sent again under another code of its subject supersedes the first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from uuid import UUID

from store.kind import Kind, Kinds
from store.withdrawal import FINAL

if TYPE_CHECKING:
    from store.connection import Connection

REASON = "更正"
_SAME_SUBJECT = ("subject_id",)
_SAME_DOCUMENT = ("document_no", "reported_name")
_KEPT = """, kept AS (
            INSERT INTO record_version (subject_id, record_id, stamp, batch_sha, line_no, digest,
                status, content, commitment, salt, valid_from, valid_to)
            SELECT subject_id, record_id, at, by_batch, by_line, digest, status,
                jsonb_build_object('supersededBy', top, 'reason', display_end_reason),
                sha256(digest || salt), salt, valid_from, valid_to FROM ended
            ON CONFLICT DO NOTHING
        )
        INSERT INTO outbox (entity, entity_id, subject_id)
        SELECT 'RECORD', record_id, subject_id FROM ended ORDER BY subject_id, record_id
        RETURNING entity_id"""
"""What follows `ended`, the records that a statement under the order `at` to `by_line` ended."""
_ELIGIBLE = (
    "issuer_uscc IS NOT NULL AND subject_category <> 'NATURAL_PERSON' AND kind = ANY({kinds})"
)


async def supersede_corrected(
    connection: Connection,
    record_ids: Iterable[UUID],
    *,
    kinds: Kinds,
    subjects: Iterable[UUID] = (),
) -> set[UUID]:
    """Withdraw records that a later statement repeats under another code of the organisation.

    The same record is: same origin, kind, issuer and natural key, of the same subject, or, where
    the natural key has the document number, under the same name, were it renamed since; or the same
    id. The greatest statement stands, the others end on the day it was sent; computed from order
    keys, so the order of arrival does not matter. Where one of them was repaired, all are.
    `subjects` are bodies that became one, or were parted. Returns the records that changed.
    """
    ids, bodies = list(record_ids), list(subjects)
    by_document = [kind.name for kind in kinds if _has_document(kind)]
    held = []
    if bodies:
        held = await connection.fetch(
            "SELECT DISTINCT record_id FROM record WHERE subject_id = ANY($1)", bodies
        )
    changed = await end_where_it_was(connection, [*ids, *(row["record_id"] for row in held)])
    changed |= await _supersede(connection, kinds, _SAME_SUBJECT, list(kinds.by_name), ids, bodies)
    changed |= await _supersede(connection, kinds, _SAME_DOCUMENT, by_document, ids, bodies)
    return changed | await _supersede_renamed(connection, kinds, by_document, ids, bodies)


async def stand_again(connection: Connection, subjects: Iterable[UUID]) -> None:
    """Show what corrections have ended of these subjects as it was stated.

    For bodies whose records were parted: what ended one may now be another one's. What still is a
    correction is to end it again.
    """
    await connection.execute(
        """
        WITH stands AS (
            UPDATE record r SET status = v.status, digest = v.digest, recorded_from = now(),
                display_ended_on = (v.content ->> 'display_ended_on')::date,
                display_end_reason = v.content ->> 'display_end_reason'
            FROM record_version v
            WHERE r.subject_id = ANY($1) AND r.display_end_reason = $2 AND r.batch_id IS NOT NULL
              AND v.subject_id = r.subject_id AND v.record_id = r.record_id AND v.content ? 'party'
              AND (v.stamp, v.batch_sha, v.line_no) = (r.stamp, r.batch_sha, r.line_no)
            RETURNING r.subject_id, r.record_id
        )
        INSERT INTO outbox (entity, entity_id, subject_id)
        SELECT 'RECORD', record_id, subject_id FROM stands ORDER BY subject_id, record_id
        """,
        list(subjects),
        REASON,
    )


async def end_where_it_was(connection: Connection, record_ids: Iterable[UUID]) -> set[UUID]:
    """Withdraw records under every subject but that of their greatest statement.

    A record whose id does not name its subject is corrected so, and a copy whose party has become
    another one at its origin. What a steward withdrew may be sent under its right subject. Returns
    the records that changed.
    """
    rows = await connection.fetch(
        f"""
        WITH ranked AS (
            SELECT subject_id, record_id, status, display_end_reason, display_ended_on,
                   first_value(subject_id) OVER same AS holder,
                   first_value(status) OVER same AS standing,
                   first_value(display_ended_on) OVER same AS ended_on,
                   first_value(stamp) OVER same AS stamp,
                   first_value(batch_sha) OVER same AS batch_sha,
                   first_value(line_no) OVER same AS line_no
            FROM record WHERE record_id = ANY($1)
            WINDOW same AS (PARTITION BY record_id
                ORDER BY stamp DESC, batch_sha DESC, line_no DESC)
        ), due AS (
            SELECT *, CASE WHEN stamp = $3 THEN ended_on
                ELSE (stamp AT TIME ZONE 'Asia/Shanghai')::date END AS end_on
            FROM ranked
            WHERE subject_id <> holder AND (stamp < $3 OR standing = 'REPAIRED')
        ), ended AS (
            UPDATE record r SET status = 'WITHDRAWN', display_end_reason = $2,
                display_ended_on = k.end_on,
                digest = sha256(r.digest || convert_to($2, 'UTF8')), recorded_from = now()
            FROM due k
            WHERE r.subject_id = k.subject_id AND r.record_id = k.record_id
              AND (k.status = 'VALID'
                   OR (k.display_end_reason = $2 AND k.display_ended_on < k.end_on))
            RETURNING r.*, k.record_id AS top, k.stamp AS at, k.batch_sha AS by_batch,
                k.line_no AS by_line
        ){_KEPT}
        """,
        list(record_ids),
        REASON,
        FINAL,
    )
    return {row["entity_id"] for row in rows}


async def repeated_records(connection: Connection, kinds: Kinds) -> list[UUID]:
    """Every record that another one of its kind repeats; reads all records."""
    rows = await connection.fetch(
        "SELECT record_id FROM record GROUP BY record_id HAVING count(*) > 1"
    )
    found: set[UUID] = {row["record_id"] for row in rows}
    by_document = [kind.name for kind in kinds if _has_document(kind)]
    of_document = (("document_no",), by_document)
    for same, names in ((_SAME_SUBJECT, list(kinds.by_name)), of_document):
        rows = await connection.fetch(
            f"""
            SELECT unnest(array_agg(record_id)) AS record_id
            FROM (SELECT *, {natural_key(kinds)} AS key FROM record
                  WHERE {_ELIGIBLE.format(kinds="$1")}) r
            GROUP BY kind, origin_region, issuer_uscc, key, {", ".join(same)} HAVING count(*) > 1
            """,
            names,
        )
        found.update(row["record_id"] for row in rows)
    return list(found)


def natural_key(kinds: Kinds) -> str:
    """SQL: the natural key of a row of `record`, null where a kind has none of these."""
    cases = "".join(
        f" WHEN '{kind.name}' THEN jsonb_build_array({', '.join(_values(kind))})"
        for kind in kinds
        if kind.natural_key
    )
    return f"CASE kind{cases} END" if cases else "NULL::jsonb"


def _values(kind: Kind) -> Iterable[str]:
    for name in kind.natural_key:
        declared = kind.field(name)
        yield declared.envelope or f"fields -> '{declared.api_name}'"


def _has_document(kind: Kind) -> bool:
    return any(kind.field(name).envelope == "document_no" for name in kind.natural_key)


async def _supersede(
    connection: Connection,
    kinds: Kinds,
    same: tuple[str, ...],
    names: list[str],
    ids: list[UUID],
    bodies: list[UUID],
) -> set[UUID]:
    """End what is the same by these columns, beside origin, kind, issuer and natural key."""
    eligible, key = _ELIGIBLE.format(kinds="$4"), natural_key(kinds)
    columns = f"kind, origin_region, issuer_uscc, {', '.join(same)}"
    rows = await connection.fetch(
        f"""
        WITH touched AS MATERIALIZED (
            SELECT DISTINCT {columns}, {key} AS key FROM record
            WHERE (record_id = ANY($1) OR subject_id = ANY($3)) AND {eligible}
        ), wanted AS MATERIALIZED (
            SELECT DISTINCT {columns} FROM touched
        ), held AS MATERIALIZED (
            SELECT {columns}, subject_id AS holder, record_id, status, stamp, batch_sha, line_no,
                   display_end_reason, display_ended_on, {key} AS key
            FROM wanted JOIN record USING ({columns})
            WHERE {eligible} AND (batch_id IS NOT NULL OR status = 'REPAIRED')
        ), ranked AS (
            SELECT holder, record_id, display_end_reason, display_ended_on,
                   first_value(record_id) OVER same AS top,
                   first_value(stamp) OVER same AS stamp,
                   first_value(batch_sha) OVER same AS batch_sha,
                   first_value(line_no) OVER same AS line_no,
                   first_value(status) OVER same = 'REPAIRED' AS repaired,
                   first_value(display_end_reason) OVER same AS repair,
                   first_value(display_ended_on) OVER same AS repaired_on
            FROM touched JOIN held USING ({columns}, key)
            WINDOW same AS (PARTITION BY {columns}, key
                ORDER BY stamp DESC, batch_sha DESC, line_no DESC, record_id)
        ), due AS (
            SELECT *, CASE WHEN repaired THEN 'REPAIRED' ELSE 'WITHDRAWN' END AS end_status,
                   CASE WHEN repaired THEN repair ELSE $2 END AS end_reason,
                   CASE WHEN repaired THEN repaired_on
                        WHEN display_end_reason = $2 THEN greatest(display_ended_on, sent_on)
                        ELSE sent_on END AS end_on
            FROM (SELECT *, (stamp AT TIME ZONE 'Asia/Shanghai')::date AS sent_on FROM ranked) r
            WHERE record_id <> top
        ), ended AS (
            UPDATE record r SET status = k.end_status, display_end_reason = k.end_reason,
                display_ended_on = k.end_on,
                digest = sha256(r.digest || convert_to(k.end_reason, 'UTF8')), recorded_from = now()
            FROM due k
            WHERE r.subject_id = k.holder AND r.record_id = k.record_id
              AND r.batch_id IS NOT NULL
              AND (k.display_end_reason, k.display_ended_on)
                  IS DISTINCT FROM (k.end_reason, k.end_on)
            RETURNING r.*, k.top, k.stamp AS at, k.batch_sha AS by_batch, k.line_no AS by_line
        ){_KEPT}
        """,
        ids,
        REASON,
        bodies,
        names,
    )
    return {row["entity_id"] for row in rows}


async def _supersede_renamed(
    connection: Connection, kinds: Kinds, names: list[str], ids: list[UUID], bodies: list[UUID]
) -> set[UUID]:
    """End what another record of the document repeated under its name before that was renamed.

    Only what is shown is compared above: whether the repetition or the new name comes first must
    not matter.
    """
    eligible, key = _ELIGIBLE.format(kinds="$4"), natural_key(kinds)
    columns = "kind, origin_region, issuer_uscc, document_no"
    rows = await connection.fetch(
        f"""
        WITH touched AS MATERIALIZED (
            SELECT DISTINCT {columns} FROM record
            WHERE (record_id = ANY($1) OR subject_id = ANY($3)) AND {eligible}
        ), held AS MATERIALIZED (
            SELECT {columns}, {key} AS key, subject_id, record_id, reported_name, status,
                   display_end_reason, display_ended_on, stamp, batch_sha, line_no
            FROM touched JOIN record USING ({columns}) WHERE {eligible} AND batch_id IS NOT NULL
        ), due AS (
            SELECT DISTINCT ON (o.subject_id, o.record_id) o.subject_id, o.record_id,
                   n.record_id AS top, v.stamp, v.batch_sha, v.line_no,
                   (v.stamp AT TIME ZONE 'Asia/Shanghai')::date AS end_on
            FROM held o JOIN held n USING ({columns}, key)
            JOIN record_version v ON v.subject_id = n.subject_id AND v.record_id = n.record_id
                AND v.content ->> 'reported_name' = o.reported_name
                AND (v.stamp, v.batch_sha, v.line_no) > (o.stamp, o.batch_sha, o.line_no)
            WHERE o.record_id <> n.record_id AND o.reported_name <> n.reported_name
              AND (o.status = 'VALID' OR o.display_end_reason = $2)
            ORDER BY o.subject_id, o.record_id, v.stamp DESC, v.batch_sha DESC, v.line_no DESC
        ), ended AS (
            UPDATE record r SET status = 'WITHDRAWN', display_end_reason = $2,
                display_ended_on = k.end_on,
                digest = sha256(r.digest || convert_to($2, 'UTF8')), recorded_from = now()
            FROM due k
            WHERE r.subject_id = k.subject_id AND r.record_id = k.record_id
              AND (r.display_end_reason IS DISTINCT FROM $2 OR r.display_ended_on < k.end_on)
            RETURNING r.*, k.top, k.stamp AS at, k.batch_sha AS by_batch, k.line_no AS by_line
        ){_KEPT}
        """,
        ids,
        REASON,
        bodies,
        names,
    )
    return {row["entity_id"] for row in rows}
