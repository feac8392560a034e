"""Approvals 审批: one question about named subjects, opened by a supervisor for 24 hours.

The approver is never the requester; an approval holds for the requester's own case number, for
its subjects and for the question that was approved, to the letter (access rules §3, ANALYST and
SUPERVISOR; §5.2).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Protocol
from uuid import UUID

import orjson
from asyncpg import Record

from security.entry import redacted
from security.field_encryption import FieldCipher
from security.policy import PolicyError, names_something

HOURS = 24
CONTEXT = b"approval.question"
"""What ties an approved question's ciphertext to its place."""


@dataclass(frozen=True, slots=True)
class Question:
    """What an approval opens: a document to the letter, one of its operations, its variables."""

    document: str
    variables: Mapping[str, Any]
    operation_name: str | None = None

    @property
    def plain(self) -> bytes:
        """The question as JSON, its members sorted."""
        return orjson.dumps(
            {
                "document": self.document,
                "operationName": self.operation_name,
                "variables": dict(self.variables),
            },
            option=orjson.OPT_SORT_KEYS,
        )

    @property
    def digest(self) -> bytes:
        """SHA-256 of `plain`: by this the question is known again."""
        return sha256(self.plain).digest()


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
    question_digest: bytes | None  # None of an older release's: such a one opens nothing


class Connection(Protocol):
    """What approvals need of an asyncpg connection or pool."""

    async def fetch(self, query: str, *args: object) -> list[Record]: ...

    async def fetchrow(self, query: str, *args: object) -> Record | None: ...

    async def execute(self, query: str, *args: object) -> str: ...


async def request_approval(
    connection: Connection,
    requester: str,
    case: str,
    subjects: Sequence[UUID],
    reason: str,
    question: Question,
    cipher: FieldCipher,
) -> str:
    """Ask for an approval of a question and give its id.

    The question is kept encrypted for who decides, numbers of persons are cut out of the reason.
    Raises PolicyError APPROVAL_MALFORMED without a case number, subjects, a reason or a document.
    """
    if not (
        names_something(case) and subjects and names_something(reason) and question.document.strip()
    ):
        raise PolicyError(
            "APPROVAL_MALFORMED",
            "name the case, the subjects, the reason and the question of the request",
        )
    if redacted(case) != case:
        raise PolicyError(
            "APPROVAL_MALFORMED", "leave identity card numbers out of the case number: logs keep it"
        )
    id_ = f"R{secrets.token_hex(8)}"
    await connection.execute(
        "INSERT INTO approval (approval_id, requester, case_number, subjects, reason,"
        " question_digest, question) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        id_,
        requester,
        case,
        list(subjects),
        redacted(reason.strip()),
        question.digest,
        cipher.encrypt(question.plain.decode(), CONTEXT),
    )
    return id_


async def approved_question(
    connection: Connection, id_: str, cipher: FieldCipher
) -> tuple[Approval, Question]:
    """A request and what it asks, for who decides; PolicyError APPROVAL_UNKNOWN for none."""
    row = await connection.fetchrow(
        "SELECT * FROM approval WHERE approval_id = $1 AND question IS NOT NULL", id_
    )
    if row is None:
        raise PolicyError("APPROVAL_UNKNOWN", "no request has this id; see `approval list`")
    told = orjson.loads(cipher.decrypt(row["question"], CONTEXT))
    return _read(row), Question(told["document"], told["variables"], told["operationName"])


async def decide_approval(
    connection: Connection, id_: str, approver: str, *, granted: bool, decision: str, at: datetime
) -> None:
    """Grant for 24 hours, or refuse; give it a transaction, which holds the request meanwhile.

    Raises PolicyError APPROVAL_UNKNOWN for none that is waiting, APPROVAL_OWN for one's own.
    """
    row = await connection.fetchrow(
        "SELECT requester FROM approval WHERE approval_id = $1 AND decided_at IS NULL FOR UPDATE",
        id_,
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
        redacted(decision),
        at + timedelta(hours=HOURS) if granted else None,
    )


async def approved_subjects(
    connection: Connection, requester: str, case: str, question: bytes, at: datetime
) -> tuple[frozenset[UUID], str | None]:
    """The subjects opened to the requester for the case and the question of this digest now, and
    the id of the last approval."""
    rows = await connection.fetch(
        "SELECT approval_id, subjects FROM approval WHERE requester = $1 AND case_number = $2"
        " AND question_digest = $3 AND granted AND decided_at <= $4 AND $4 < valid_to"
        " ORDER BY decided_at",
        requester,
        case,
        question,
        at,
    )
    subjects = frozenset(subject for row in rows for subject in row["subjects"])
    return subjects, rows[-1]["approval_id"] if rows else None


async def approvals(connection: Connection) -> list[Approval]:
    """List requests and decisions, newest first."""
    rows = await connection.fetch("SELECT * FROM approval ORDER BY requested_at DESC LIMIT 1000")
    return [_read(row) for row in rows]


def _read(row: Record) -> Approval:
    return Approval(
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
        row["question_digest"],
    )
