"""Files that units submit, and what intake made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from store.regions import unit_of

if TYPE_CHECKING:
    import asyncpg

    from store.connection import Connection, Queried

_COLUMNS = (
    "submission_id, unit_id, caller, file_name, kind, sent_on, job_id, batches, state, code,"
    " message, received_at, finished_at"
)


@dataclass(frozen=True, slots=True)
class Submission:
    """A submitted file as it stands."""

    id: UUID
    unit: str
    caller: str
    file_name: str
    kind: str | None
    sent_on: date | None
    job_id: UUID
    batches: Sequence[UUID]
    state: str
    code: str | None
    message: str | None
    received_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Whose:
    """Which submissions: of one unit, or of the units of a district with what `caller` submitted;
    of everybody without either."""

    unit: str | None = None
    district: str | None = None
    caller: str | None = None

    @property
    def values(self) -> tuple[str | None, ...]:
        """What the condition binds."""
        return self.unit, self.district, self.caller


EVERYBODY = Whose()
_OF = (
    "($1::text IS NULL OR unit_id = $1)"
    f" AND ($2::text IS NULL OR caller = $3 OR {unit_of('unit_id', '$2')})"
)


@dataclass(frozen=True, slots=True)
class Line:
    """One finding of one line; its key orders them."""

    batch_id: UUID
    line: int
    field: str
    code: str
    severity: str
    reason: str


def _submission(row: asyncpg.Record) -> Submission:
    return Submission(*[row[name.strip()] for name in _COLUMNS.split(",")])


async def receive(
    connection: Connection,
    id_: UUID,
    unit: str,
    caller: str,
    file_name: str,
    kind: str | None,
    sent_on: date | None,
    job_id: UUID,
) -> Submission:
    """Enter a submission."""
    row = await connection.fetchrow(
        "INSERT INTO submission (submission_id, unit_id, caller, file_name, kind, sent_on, job_id)"
        f" VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING {_COLUMNS}",
        id_,
        unit,
        caller,
        file_name,
        kind,
        sent_on,
        job_id,
    )
    assert row is not None
    return _submission(row)


async def submission(connection: Queried, id_: UUID, whose: Whose = EVERYBODY) -> Submission | None:
    """A submission, if it is one of these."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM submission WHERE {_OF} AND submission_id = $4",
        *whose.values,
        id_,
    )
    return None if row is None else _submission(row)


async def submissions(connection: Queried, whose: Whose, first: int) -> list[Submission]:
    """The newest of these submissions."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM submission WHERE {_OF}"
        " ORDER BY received_at DESC, submission_id LIMIT $4",
        *whose.values,
        first,
    )
    return [_submission(row) for row in rows]


async def settle(
    connection: Queried,
    id_: UUID,
    state: str,
    batches: Sequence[UUID] = (),
    code: str | None = None,
    message: str | None = None,
) -> None:
    """Enter how far a submission is; READING, DONE or REFUSED."""
    await connection.execute(
        "UPDATE submission SET state = $2, batches = $3, code = $4, message = $5,"
        " finished_at = CASE WHEN $2 <> 'READING' THEN now() END WHERE submission_id = $1",
        id_,
        state,
        list(batches),
        code,
        message,
    )


async def counts(connection: Queried, batches: Sequence[UUID]) -> dict[str, int]:
    """Lines by outcome over these batches."""
    row = await connection.fetchrow(
        "SELECT coalesce(sum(accepted), 0)::int AS accepted,"
        " coalesce(sum(with_findings), 0)::int AS with_findings,"
        " coalesce(sum(rejected), 0)::int AS rejected FROM batch WHERE batch_id = ANY ($1)",
        list(batches),
    )
    assert row is not None
    return dict(row)


async def findings(
    connection: Queried,
    batches: Sequence[UUID],
    first: int,
    after: tuple[UUID, int, str, str] | None,
) -> list[Line]:
    """The findings of these batches by line, `first` and one more, after a key."""
    key = after or (UUID(int=0), -1, "", "")
    rows = await connection.fetch(
        "SELECT batch_id, line_no, field, code, severity, reason FROM batch_finding"
        " WHERE batch_id = ANY ($1) AND (batch_id, line_no, field, code) > ($2, $3, $4, $5)"
        " ORDER BY batch_id, line_no, field, code LIMIT $6",
        list(batches),
        *key,
        first + 1,
    )
    return [Line(*row) for row in rows]


async def finding_count(connection: Queried, batches: Sequence[UUID]) -> int:
    """How many findings these batches have."""
    count: int = await connection.fetchval(
        "SELECT count(*) FROM batch_finding WHERE batch_id = ANY ($1)", list(batches)
    )
    return count
