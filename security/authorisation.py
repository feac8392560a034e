"""Authorisations by the subject 授权: who may read which kinds, for what, until when, how often.

A use is counted durably before anything leaves, and a revocation counts from its own commit on.
Source: access rules §4; 征信业管理条例 art. 18, PIPL art. 15 (revoking is as easy as granting).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from asyncpg import Record

from security.policy import PolicyError

DAYS = 90
"""How long an authorisation holds unless it says otherwise."""
TEXT_VERSION = "2026-1"
"""The version of the text that subjects agree to."""
PURPOSES = ("P9", "P11")


class Method(StrEnum):
    """How the subject authorised: 窗口书面, 实名APP, 电子印章."""

    COUNTER = "COUNTER"
    APP = "APP"
    SEAL = "SEAL"


@dataclass(frozen=True, slots=True)
class Authorisation:
    """One authorisation; `valid_to` is exclusive, `grantee` a caller's id."""

    id: str
    subject: UUID
    grantee: str
    kinds: frozenset[str]
    purpose: str
    valid_from: datetime
    valid_to: datetime
    max_uses: int
    method: Method
    granted_by: str
    evidence_hash: bytes | None = None
    text_version: str = TEXT_VERSION
    used: int = 0
    revoked_at: datetime | None = None


class Connection(Protocol):
    """What authorisations need of an asyncpg connection or pool."""

    async def fetch(self, query: str, *args: object) -> list[Record]: ...

    async def fetchrow(self, query: str, *args: object) -> Record | None: ...

    async def fetchval(self, query: str, *args: object) -> object: ...

    async def execute(self, query: str, *args: object) -> str: ...


def invalid() -> PolicyError:
    """The one refusal for what is unknown, another's, over, spent or revoked."""
    return PolicyError(
        "AUTHORISATION_INVALID",
        "no authorisation of this id holds for the caller and purpose: ask the subject for one",
    )


def new_authorisation(
    subject: UUID,
    grantee: str,
    kinds: Sequence[str],
    purpose: str,
    *,
    at: datetime,
    days: int = DAYS,
    max_uses: int = 1,
    method: Method = Method.APP,
    granted_by: str,
    evidence_hash: bytes | None = None,
) -> Authorisation:
    """Draw up an authorisation from now on.

    Raises PolicyError AUTHORISATION_MALFORMED: no kind, another purpose than P9 and P11, days
    outside 1 to 90, fewer than one use, or a paper at the counter without its digest.
    """
    counter = method is Method.COUNTER
    if (
        not kinds
        or purpose not in PURPOSES
        or not 1 <= days <= DAYS
        or not 1 <= max_uses <= 10_000
        or (counter and evidence_hash is None)
    ):
        raise PolicyError(
            "AUTHORISATION_MALFORMED",
            f"name kinds, purpose P9 or P11, 1 to {DAYS} days, 1 to 10000 uses, and the signed"
            " paper where it was given at the counter",
        )
    return Authorisation(
        id=f"A{secrets.token_hex(12)}",
        subject=subject,
        grantee=grantee,
        kinds=frozenset(kinds),
        purpose=purpose,
        valid_from=at,
        valid_to=at + timedelta(days=days),
        max_uses=max_uses,
        method=method,
        granted_by=granted_by,
        evidence_hash=evidence_hash,
    )


async def record_authorisation(connection: Connection, one: Authorisation) -> None:
    """Store a new authorisation."""
    await connection.execute(
        "INSERT INTO authorisation (subject_id, authorisation_id, grantee, kinds, purpose,"
        " valid_from, valid_to, max_uses, method, evidence_hash, text_version, granted_by)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        one.subject,
        one.id,
        one.grantee,
        sorted(one.kinds),
        one.purpose,
        one.valid_from,
        one.valid_to,
        one.max_uses,
        one.method.value,
        one.evidence_hash,
        one.text_version,
        one.granted_by,
    )


_IN_FORCE = (
    "authorisation_id = $1 AND grantee = $2 AND purpose = $3 AND revoked_at IS NULL"
    " AND valid_from <= $4 AND $4 < valid_to"
)
_USABLE = f"{_IN_FORCE} AND used < max_uses"


async def usable_authorisation(
    connection: Connection,
    id_: str,
    grantee: str,
    purpose: str | None,
    at: datetime,
    *,
    counted: bool = False,
) -> Authorisation:
    """Give an authorisation that holds; PolicyError AUTHORISATION_INVALID when it does not.

    `counted` says that this use is counted already, so that it may be the last.
    """
    holds = _IN_FORCE if counted else _USABLE
    row = await connection.fetchrow(
        f"SELECT * FROM authorisation WHERE {holds}", id_, grantee, purpose, at
    )
    if row is None:
        raise invalid()
    return _read(row)


async def use_authorisation(
    connection: Connection, id_: str, grantee: str, purpose: str | None, at: datetime
) -> None:
    """Count one use before anything is read; raises as `usable_authorisation`."""
    found = await connection.fetchval(
        f"UPDATE authorisation SET used = used + 1 WHERE {_USABLE} RETURNING true",
        id_,
        grantee,
        purpose,
        at,
    )
    if found is None:
        raise invalid()


async def revoke_authorisation(
    connection: Connection, id_: str, by: str, subject: UUID | None = None
) -> bool:
    """Revoke from now on; False when there is none that is not revoked.

    With `subject` only one of that subject, for the subject itself.
    """
    found = await connection.fetchval(
        "UPDATE authorisation SET revoked_at = now(), revoked_by = $2 WHERE authorisation_id = $1"
        " AND revoked_at IS NULL AND ($3::uuid IS NULL OR subject_id = $3) RETURNING true",
        id_,
        by,
        subject,
    )
    return found is not None


async def authorisations(
    connection: Connection, subject: UUID | None = None
) -> list[Authorisation]:
    """List authorisations, newest first; with `subject` only those of that subject."""
    rows = await connection.fetch(
        "SELECT * FROM authorisation WHERE $1::uuid IS NULL OR subject_id = $1"
        " ORDER BY granted_at DESC, authorisation_id LIMIT 1000",
        subject,
    )
    return [_read(row) for row in rows]


def _read(row: Record) -> Authorisation:
    return Authorisation(
        id=row["authorisation_id"],
        subject=row["subject_id"],
        grantee=row["grantee"],
        kinds=frozenset(row["kinds"]),
        purpose=row["purpose"],
        valid_from=row["valid_from"],
        valid_to=row["valid_to"],
        max_uses=row["max_uses"],
        method=Method(row["method"]),
        granted_by=row["granted_by"],
        evidence_hash=row["evidence_hash"],
        text_version=row["text_version"],
        used=row["used"],
        revoked_at=row["revoked_at"],
    )
