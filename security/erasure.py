"""Erasing evidence 删除: by one person where it names one subject at most and is of somebody
else's access, else by two.

What needs two persons is a decision: asked for by one, confirmed by another within a week, bound
to one entry. The erasure and the log's entry of kind ERASURE that tells of it are one transaction.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeAlias

import asyncpg
import orjson

from security.errors import SecurityError
from security.event import append_event
from security.evidence_store import Place, erase_evidence

WAITING = timedelta(days=7)
"""Within this time the second person confirms."""
OPENING = timedelta(hours=24)
"""How long a confirmed opening holds for whoever asked for it."""


class Act(StrEnum):
    """What two persons decide on."""

    ERASE = "ERASE"
    OPEN = "OPEN"


@dataclass(frozen=True, slots=True)
class Decision:
    """A request for an act on one entry's evidence, and who confirmed it."""

    id: str
    act: Act
    leaf: bytes
    requested_by: str
    reason: str
    requested_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None


Connection: TypeAlias = "asyncpg.Connection[Any]"


def named_subjects(entry: bytes) -> int:
    """Count the subjects that an entry disclosed, as the entry itself says.

    Counted from the entry and not from the evidence, so that everybody can check from the log
    alone whether one person was enough.
    """
    listed = orjson.loads(entry).get("subjects")
    return int(listed["count"]) if listed else 0


def needs_second(entry: bytes, by: str) -> bool:
    """Tell whether one person is not enough to erase: it names several subjects, or is of the
    person's own access, which nobody takes back alone."""
    return named_subjects(entry) > 1 or orjson.loads(entry).get("caller") == by


async def ask_decision(
    connection: Connection, act: Act, leaf: bytes, by: str, reason: str
) -> Decision:
    """Ask for a second person; who asks again gets the request that waits.

    Raises SecurityError `REASON_REQUIRED`.
    """
    demand_reason(reason)
    row = await connection.fetchrow(
        "SELECT * FROM evidence_decision WHERE act = $1 AND leaf = $2 AND requested_by = $3"
        " AND decided_at IS NULL AND requested_at > $4",
        act,
        leaf,
        by,
        datetime.now(UTC) - WAITING,
    )
    if row is None:
        row = await connection.fetchrow(
            "INSERT INTO evidence_decision (decision_id, act, leaf, requested_by, reason)"
            " VALUES ($1, $2, $3, $4, $5) RETURNING *",
            f"D{secrets.token_hex(8)}",
            act,
            leaf,
            by,
            reason.strip(),
        )
    assert row is not None
    return _decision(row)


async def waiting_decision(connection: Connection, id_: str, by: str) -> Decision:
    """Give a request that this person may confirm, locked until the transaction ends.

    Raises SecurityError `DECISION_UNKNOWN` when none of this id waits, `DECISION_OWN` for one's
    own request.
    """
    row = await connection.fetchrow(
        "SELECT * FROM evidence_decision WHERE decision_id = $1 AND decided_at IS NULL"
        " AND requested_at > $2 FOR UPDATE",
        id_,
        datetime.now(UTC) - WAITING,
    )
    if row is None:
        raise SecurityError("DECISION_UNKNOWN", "No request of this id waits: ask for it again.")
    if row["requested_by"] == by:
        raise SecurityError("DECISION_OWN", "Let another person confirm: you asked for it.")
    return _decision(row)


async def confirm_decision(connection: Connection, decision: Decision, by: str) -> None:
    """Note who confirmed a request that waits."""
    await connection.execute(
        "UPDATE evidence_decision SET decided_by = $2, decided_at = now() WHERE decision_id = $1",
        decision.id,
        by,
    )


async def may_open(connection: Connection, leaf: bytes, by: str) -> bool:
    """Tell whether another person has confirmed this person's opening in the last 24 hours."""
    return bool(
        await connection.fetchval(
            "SELECT EXISTS (SELECT FROM evidence_decision WHERE act = 'OPEN' AND leaf = $1"
            " AND requested_by = $2 AND decided_at > $3)",
            leaf,
            by,
            datetime.now(UTC) - OPENING,
        )
    )


async def erase(
    connection: Connection, node: str, place: Place, by: str, decision: Decision | None = None
) -> bool:
    """Erase an entry's evidence and say so in its log; True if there was any left.

    With a `decision` `by` confirms it. Raises SecurityError `SECOND_PERSON_REQUIRED` without one
    when the entry disclosed several subjects or is of the person's own access.
    """
    subjects = named_subjects(place.entry)
    if decision is None and needs_second(place.entry, by):
        raise SecurityError("SECOND_PERSON_REQUIRED", "Let a second person confirm the erasure.")
    async with connection.transaction():
        if decision is not None:
            await confirm_decision(connection, decision, by)
        erased = await erase_evidence(connection, place.leaf)
        if erased:
            detail = {
                "leaf": place.leaf.hex(),
                "index": place.index,
                "subjects": subjects,
                "requestedBy": by if decision is None else decision.requested_by,
                "confirmedBy": None if decision is None else by,
                "decision": None if decision is None else decision.id,
            }
            await append_event(connection, place.log, node, "ERASURE", detail)
    return erased


def demand_reason(reason: str) -> None:
    """Refuse an act without a reason: SecurityError `REASON_REQUIRED`."""
    if not reason.strip():
        raise SecurityError("REASON_REQUIRED", "Say why, by --reason.")


def _decision(row: asyncpg.Record) -> Decision:
    return Decision(
        row["decision_id"],
        Act(row["act"]),
        row["leaf"],
        row["requested_by"],
        row["reason"],
        row["requested_at"],
        row["decided_by"],
        row["decided_at"],
    )
