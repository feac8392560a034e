"""Decisions on records under four eyes: proposed by one steward, carried out by another's word."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from store.errors import StoreError
from store.merged import BECOME
from store.regions import inside
from store.withdrawal import withdraw_record

if TYPE_CHECKING:
    import asyncpg

    from store.connection import Connection, Queried

_COLUMNS = (
    "decision_id, record_id, act, reason, state, proposed_by, proposed_at, decided_by, decided_at"
)
_STATUS = {"WITHDRAW": "WITHDRAWN", "REPAIR": "REPAIRED"}


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision as it stands; `reason` is encrypted."""

    id: UUID
    record_id: UUID
    act: str
    reason: bytes
    state: str
    proposed_by: str
    proposed_at: datetime
    decided_by: str | None
    decided_at: datetime | None


def _hidden(barred: str, district: str) -> str:
    """Whether record `r` is of a barred subject, or of none of the district where there is one."""
    return (
        f"(r.subject_id IN ({BECOME.format(ids=barred)}) OR {district}::text IS NOT NULL AND"
        " NOT EXISTS (SELECT FROM organisation o WHERE o.subject_id = r.subject_id"
        f" AND o.region_id IN ({inside(f'{district}::text')})))"
    )


def _decision(row: asyncpg.Record) -> Decision:
    return Decision(*[row[name.strip()] for name in _COLUMNS.split(",")])


async def demand_decidable(
    connection: Connection,
    record_id: UUID,
    region: str,
    barred: frozenset[UUID],
    district: str | None,
) -> list[UUID]:
    """Give the record's subjects when this city and this steward may decide on it.

    Raises StoreError `RECORD_UNKNOWN`, also for a subject that the steward may not ask about or
    that is not of its district, and `RECORD_FOREIGN`: who recognised a record decides on it
    谁认定谁修复 (X22).
    """
    rows = await connection.fetch(
        f"SELECT subject_id, origin_region, {_hidden('$2', '$3')} AS hidden FROM record r"
        " WHERE record_id = $1",
        record_id,
        list(barred),
        district,
    )
    if not rows or any(row["hidden"] for row in rows):
        raise StoreError("RECORD_UNKNOWN", "No record has this id: look it up again.")
    if any(row["origin_region"] != region for row in rows):
        raise StoreError("RECORD_FOREIGN", "Ask the city that the record comes from to decide.")
    return [row["subject_id"] for row in rows]


async def propose(
    connection: Connection, record_id: UUID, act: str, reason: bytes, by: str, decision_id: UUID
) -> Decision:
    """Enter a proposal. Raises StoreError `DECISION_OPEN` when one waits for this record."""
    row = await connection.fetchrow(
        "INSERT INTO record_decision (decision_id, record_id, act, reason, proposed_by)"
        " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (record_id) WHERE state = 'PROPOSED'"
        f" DO NOTHING RETURNING {_COLUMNS}",
        decision_id,
        record_id,
        act,
        reason,
        by,
    )
    if row is None:
        raise StoreError("DECISION_OPEN", "Confirm or refuse what is proposed for it already.")
    return _decision(row)


def new_id() -> UUID:
    """The id of a new decision."""
    return uuid4()


async def proposed(connection: Connection, decision_id: UUID) -> Decision:
    """A proposal that nobody has decided, locked until the transaction ends.

    Raises StoreError `DECISION_UNKNOWN`.
    """
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM record_decision"
        " WHERE decision_id = $1 AND state = 'PROPOSED' FOR UPDATE",
        decision_id,
    )
    if row is None:
        raise StoreError("DECISION_UNKNOWN", "No open proposal has this id: list them again.")
    return _decision(row)


async def confirm(
    connection: Connection, decision: Decision, by: str, reason: str, on: date
) -> tuple[Decision, str]:
    """Carry out a proposal; the decision and the record's status then.

    Raises StoreError `SAME_PERSON` when the proposer confirms, and as `withdraw_record`.
    """
    if by == decision.proposed_by:
        raise StoreError("SAME_PERSON", "Let another steward confirm what you proposed.")
    await withdraw_record(
        connection, decision.record_id, reason=reason, on=on, status=_STATUS[decision.act]
    )
    status: str = await connection.fetchval(
        "SELECT status FROM record WHERE record_id = $1 LIMIT 1", decision.record_id
    )
    return await _settle(connection, decision, "CONFIRMED", by), status


async def refuse(connection: Connection, decision: Decision, by: str) -> Decision:
    """Do not carry out a proposal; its proposer may take it back this way."""
    return await _settle(connection, decision, "REFUSED", by)


async def _settle(connection: Connection, decision: Decision, state: str, by: str) -> Decision:
    row = await connection.fetchrow(
        "UPDATE record_decision SET state = $2, decided_by = NULLIF($3, proposed_by),"
        f" decided_at = now() WHERE decision_id = $1 RETURNING {_COLUMNS}",
        decision.id,
        state,
        by,
    )
    assert row is not None
    return _decision(row)


async def decisions(
    connection: Queried,
    state: str | None,
    first: int,
    barred: frozenset[UUID],
    district: str | None,
) -> list[Decision]:
    """The newest decisions, of one state or all, but those on the records of barred subjects and,
    where there is a district, of others than its own."""
    values: list[Any] = [state, first, list(barred), district]
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM record_decision d WHERE ($1::text IS NULL OR state = $1)"
        " AND NOT EXISTS (SELECT FROM record r WHERE r.record_id = d.record_id"
        f" AND {_hidden('$3', '$4')})"
        " ORDER BY proposed_at DESC, decision_id LIMIT $2",
        *values,
    )
    return [_decision(row) for row in rows]
