"""Shares that add up to more than a whole (records.md 1.3): kept as stated, for a steward."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING
from uuid import UUID

from store.ids import subject_id

if TYPE_CHECKING:
    from store.connection import Connection

ISSUE = "SHARE_SUM"
_TOLERATED = "1.000001"  # records.md 1.3: the sum of ratios is at most 1 + 1e-6


async def oversubscribed(
    connection: Connection, companies: Iterable[UUID], *, on: date
) -> set[UUID]:
    """The companies whose holdings in force on that day add up to more than a whole.

    Each has an open issue `SHARE_SUM` from then on; the issue of one that adds up again is closed.
    Known shares only: an unknown one counts as nothing.
    """
    checked = list(companies)
    rows = await connection.fetch(
        "SELECT subject_id, trim_scale(sum(share_min))::text AS total FROM relation"
        " WHERE subject_id = ANY($1) AND kind = 'HOLDS' AND direction = 'IN' AND status = 'VALID'"
        " AND (valid_from IS NULL OR valid_from <= $2) AND (valid_to IS NULL OR valid_to > $2)"
        f" GROUP BY subject_id HAVING sum(share_min) > {_TOLERATED}",
        checked,
        on,
    )
    over = {row["subject_id"]: row["total"] for row in rows}
    await connection.execute(
        "UPDATE quality_issue SET closed_at = now() WHERE closed_at IS NULL AND issue_id = ANY($1)",
        [_issue(company) for company in checked if company not in over],
    )
    if over:
        await connection.execute(
            "INSERT INTO quality_issue AS q (issue_id, kind, subject_id, detail)"
            " SELECT issue_id, $4, subject_id, jsonb_build_object('sum', total)"
            " FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS o (issue_id, subject_id, total)"
            " ON CONFLICT (issue_id) DO UPDATE SET detail = EXCLUDED.detail, closed_at = NULL",
            [_issue(company) for company in over],
            list(over),
            list(over.values()),
            ISSUE,
        )
    return set(over)


def _issue(company: UUID) -> UUID:
    return subject_id(f"issue:{ISSUE}", str(company))
