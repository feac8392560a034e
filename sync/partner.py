"""Whether a partner answers: what readers are warned of, and since when its copies are as of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sync.database import Reader

if TYPE_CHECKING:
    import asyncpg


@dataclass(frozen=True, slots=True)
class PartnerState:
    """The exchange with one partner; `code` is None when it is in order.

    `as_of` is the time of the last exchange that succeeded, None before the first (X35).
    """

    region: str
    code: str | None
    message: str | None
    failures: int
    as_of: datetime | None


async def partner_states(
    connection: Reader,
) -> list[PartnerState]:
    """Every partner that an exchange was tried with, by region."""
    rows = await connection.fetch(
        "SELECT region_id, code, message, failures, last_success_at FROM partner_state"
        " ORDER BY region_id"
    )
    return [PartnerState(*row) for row in rows]


async def record_success(pool: asyncpg.Pool[Any], region: str) -> None:
    """The partner answered and all of it verified."""
    await pool.execute(
        """
        INSERT INTO partner_state (region_id, last_success_at, last_attempt_at)
        VALUES ($1, now(), now())
        ON CONFLICT (region_id) DO UPDATE
        SET (code, message, failures, last_success_at, last_attempt_at)
            = (NULL, NULL, 0, now(), now())
        """,
        region,
    )


async def record_failure(
    pool: asyncpg.Pool[Any], region: str, code: str, message: str, evidence: bytes = b""
) -> int:
    """The exchange failed; gives how many times in a row. Evidence of a fault is kept."""
    failures: int = await pool.fetchval(
        """
        INSERT INTO partner_state AS s (region_id, code, message, failures, evidence,
                                        last_attempt_at)
        VALUES ($1, $2, $3, 1, nullif($4, ''::bytea), now())
        ON CONFLICT (region_id) DO UPDATE
        SET (code, message, failures, evidence, last_attempt_at)
            = (EXCLUDED.code, EXCLUDED.message, s.failures + 1,
               coalesce(EXCLUDED.evidence, s.evidence), now())
        RETURNING failures
        """,
        region,
        code,
        message,
        evidence,
    )
    return failures
