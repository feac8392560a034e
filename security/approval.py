"""Approvals 审批: restricted data of named subjects, opened by a supervisor for 24 hours.

The approver is never the requester; an approval holds for the requester's own case number and
for its subjects only (access rules §3, ANALYST and SUPERVISOR; §5.2).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from asyncpg import Record

from security.policy import PolicyError, names_something

HOURS = 24


@dataclass(frozen=True, slots=True)
class Approval:
    """A request for restricted data and what became of it."""

    id: str
    requester: str
    case: str
    subjects: tuple[UUID, ...]
    reason: str
    requested_at: datetime
    decided_by: str | None
    granted: bool | None
    decision: str | None
    valid_to: datetime | None


class Connection(Protocol):
    """What approvals need of an asyncpg connection or pool."""

    async def fetch(self, query: str, *args: object) -> list[Record]: ...

    async def fetchrow(self, query: str, *args: object) -> Record | None: ...

    async def execute(self, query: str, *args: object) -> str: ...


async def request_approval(
    connection: Connection, requester: str, case: str, subjects: Sequence[UUID], reason: str
) -> str:
    """Ask for an approval and give its id.

    Raises PolicyError APPROVAL_MALFORMED without a case number, subjects or a reason.
    """
    if not (names_something(case) and subjects and names_something(reason)):
        raise PolicyError(
            "APPROVAL_MALFORMED", "name the case, the subjects and the reason of the request"
        )
    id_ = f"R{secrets.token_hex(8)}"
    await connection.execute(
        "INSERT INTO approval (approval_id, requester, case_number, subjects, reason)"
        " VALUES ($1, $2, $3, $4, $5)",
        id_,
        requester,
        case,
        list(subjects),
        reason.strip(),
    )
    return id_


async def decide_approval(
    connection: Connection, id_: str, approver: str, *, granted: bool, decision: str, at: datetime
) -> None:
    """Grant for 24 hours, or refuse.

    Raises PolicyError APPROVAL_UNKNOWN for none that is waiting, APPROVAL_OWN for one's own.
    """
    row = await connection.fetchrow(
        "SELECT requester FROM approval WHERE approval_id = $1 AND decided_at IS NULL", id_
    )
    if row is None:
        raise PolicyError("APPROVAL_UNKNOWN", "no request of this id waits; see `approval list`")
    if row["requester"] == approver:
        raise PolicyError("APPROVAL_OWN", "let another supervisor decide: this request is your own")
    await connection.execute(
        "UPDATE approval SET decided_by = $2, decided_at = $3, granted = $4, decision = $5,"
        " valid_to = $6 WHERE approval_id = $1 AND decided_at IS NULL",
        id_,
        approver,
        at,
        granted,
        decision,
        at + timedelta(hours=HOURS) if granted else None,
    )


async def approved_subjects(
    connection: Connection, requester: str, case: str, at: datetime
) -> tuple[frozenset[UUID], str | None]:
    """The subjects opened to the requester for the case now, and the id of the last approval."""
    rows = await connection.fetch(
        "SELECT approval_id, subjects FROM approval WHERE requester = $1 AND case_number = $2"
        " AND granted AND decided_at <= $3 AND $3 < valid_to ORDER BY decided_at",
        requester,
        case,
        at,
    )
    subjects = frozenset(subject for row in rows for subject in row["subjects"])
    return subjects, rows[-1]["approval_id"] if rows else None


async def approvals(connection: Connection) -> list[Approval]:
    """List requests and decisions, newest first."""
    rows = await connection.fetch("SELECT * FROM approval ORDER BY requested_at DESC LIMIT 1000")
    return [
        Approval(
            row["approval_id"],
            row["requester"],
            row["case_number"],
            tuple(row["subjects"]),
            row["reason"],
            row["requested_at"],
            row["decided_by"],
            row["granted"],
            row["decision"],
            row["valid_to"],
        )
        for row in rows
    ]
