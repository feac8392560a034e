"""Exclusion 互斥: who is on a list of the seriously dishonest may not stay on a red list (W29).

Source: records.md §6.1. Which of the two arrives first does not matter; the task is the unit's
that keeps the red list, and it is closed when either entry ends.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING
from uuid import UUID

from store.ids import subject_id
from store.work_queue import BY_INTAKE

if TYPE_CHECKING:
    from store.connection import Connection

ISSUE = "RED_AND_SERIOUS"
RED = "red_list"
SERIOUS = ("serious_list", "court_defaulter")
KINDS = frozenset({RED, *SERIOUS})
REASON = (
    "该主体同时在守信激励名单和严重失信（失信被执行人）名单上，请核实后移出其一。"
    "The subject is on a list of the trustworthy and on one of the seriously dishonest: check and"
    " remove one."
)


async def review_exclusions(
    connection: Connection, subjects: Iterable[UUID], *, on: date
) -> frozenset[UUID]:
    """Open a task for each red entry of these subjects beside a serious one, close the others.

    Entries count while they stand on that day: valid, not removed, a red one not past its end.
    Returns the records that exclude one another.
    """
    looked_at = list(set(subjects))
    rows = await connection.fetch(
        """
        WITH listed AS (
            SELECT subject_id, record_id, kind, source_unit_uscc FROM record
            WHERE subject_id = ANY($1) AND kind = ANY($2) AND status = 'VALID'
              AND (decision_date IS NULL OR decision_date <= $3)
              AND (display_ended_on IS NULL OR display_ended_on > $3)
              AND (fields ->> 'validTo' IS NULL OR kind <> $4
                   OR (fields ->> 'validTo')::date >= $3)
        )
        SELECT r.subject_id, r.record_id, r.source_unit_uscc,
               array_agg(s.record_id ORDER BY s.record_id) AS against
        FROM listed r JOIN listed s USING (subject_id)
        WHERE r.kind = $4 AND s.kind <> $4 GROUP BY 1, 2, 3
        """,
        looked_at,
        list(KINDS),
        on,
        RED,
    )
    found = {_issue(row["record_id"]): row for row in rows}
    await connection.execute(
        "UPDATE quality_issue SET closed_at = now(), closed_by = $4, close_reason = '已移出'"
        " WHERE subject_id = ANY($1) AND kind = $2 AND closed_at IS NULL"
        " AND issue_id <> ALL($3::uuid[])",
        looked_at,
        ISSUE,
        list(found),
        BY_INTAKE,
    )
    if found:
        await connection.execute(
            "INSERT INTO quality_issue AS q (issue_id, kind, subject_id, record_id, unit_id,"
            " layout, reason, detail)"
            " SELECT i, $6, s, r, u, $7, $8, jsonb_build_object('against', a::jsonb)"
            " FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[])"
            " AS t (i, s, r, u, a)"
            " ON CONFLICT (issue_id) DO UPDATE SET detail = EXCLUDED.detail,"
            " subject_id = EXCLUDED.subject_id, closed_at = NULL, closed_by = NULL,"
            " close_reason = NULL WHERE coalesce(q.closed_by, $9) = $9",
            list(found),
            [row["subject_id"] for row in rows],
            [row["record_id"] for row in rows],
            [row["source_unit_uscc"] for row in rows],
            ["[" + ",".join(f'"{one}"' for one in row["against"]) + "]" for row in rows],
            ISSUE,
            RED,
            REASON,
            BY_INTAKE,
        )
    return frozenset(identity for row in rows for identity in (row["record_id"], *row["against"]))


async def sweep_exclusions(connection: Connection, *, on: date) -> None:
    """Review every subject that has entries of both sorts or an open task.

    For what time alone ends, and for subjects that were joined; reads the red lists by kind.
    """
    rows = await connection.fetch(
        "SELECT DISTINCT r.subject_id FROM record r WHERE r.kind = $1 AND EXISTS (SELECT"
        " FROM record s WHERE s.subject_id = r.subject_id AND s.kind = ANY($2))"
        " UNION SELECT subject_id FROM quality_issue WHERE kind = $3 AND closed_at IS NULL",
        RED,
        list(SERIOUS),
        ISSUE,
    )
    subjects = [row["subject_id"] for row in rows if row["subject_id"] is not None]
    if subjects:
        async with connection.transaction():
            await review_exclusions(connection, subjects, on=on)


def _issue(red: UUID) -> UUID:
    return subject_id(f"issue:{ISSUE}", str(red))
