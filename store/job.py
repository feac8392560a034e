"""Jobs: long answers that the node makes by itself while their caller waits elsewhere.

Who works on a job holds a lease; every write names the attempt that holds it, so that one that
was thought dead and comes back writes nothing. A job whose lease runs out is taken again and goes
on behind its last part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

if TYPE_CHECKING:
    import asyncpg

    from store.connection import Connection, Queried

CHANNEL = "job"
"""Where changes of jobs are announced; the payload is the job's id, or empty."""
ATTEMPTS = 5
"""Times that a job is taken up before it counts as failed."""

_COLUMNS = (
    "job_id, caller, kind, content, shape, state, stage, done, total, rows, code, message,"
    " created_at, started_at, finished_at, expires_at, cancel_asked, size, purpose"
)
_THERE = "(expires_at IS NULL OR expires_at > clock_timestamp())"
_OPEN = "state IN ('REVIEW', 'QUEUED', 'RUNNING')"
_ENDED = """
SELECT EXISTS (SELECT FROM record r WHERE r.record_id = ANY($1::uuid[]) AND r.recorded_from > $3
                 AND (r.status <> 'VALID' OR r.display_ended_on IS NOT NULL))
    OR EXISTS (SELECT FROM relation r WHERE r.relation_id = ANY($1) AND r.recorded_from > $3
                 AND r.status <> 'VALID')
    OR EXISTS (SELECT FROM restriction x JOIN subject s USING (subject_id)
                WHERE s.audit_ref = ANY($2::bytea[]) AND x.decided_at > $3)
"""
_COMMITTING = timedelta(seconds=10)  # what was decided then may have become visible afterwards
_HELD = "job_id = $1 AND holder = $2 AND state = 'RUNNING'"


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands; `content` is what it was asked, encrypted."""

    id: UUID
    caller: str
    kind: str
    content: bytes
    shape: bytes | None
    state: str
    stage: str
    done: int
    total: int | None
    rows: int
    code: str | None
    message: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None
    cancel_asked: bool = False
    size: int = 0
    purpose: str | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A job in the hands of one attempt, which has so many parts already."""

    job: Job
    holder: UUID
    parts: int


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a result, encrypted, and what it discloses."""

    content: bytes
    rows: int
    subjects: bytes = b""
    records: bytes = b""
    coordinates: tuple[str, ...] = ()
    masked: tuple[str, ...] = ()


def _job(row: asyncpg.Record) -> Job:
    return Job(*[row[name.strip()] for name in _COLUMNS.split(",")])


async def enqueue(
    connection: Connection,
    job_id: UUID,
    caller: str,
    kind: str,
    content: bytes,
    *,
    limit: int,
    state: str = "QUEUED",
    size: int = 0,
    purpose: str | None = None,
    likeness: bytes | None = None,
) -> Job | None:
    """Enter a job; None when the caller has `limit` jobs open already.

    `likeness` lets `alike` find it again.
    """
    # Two requests of one caller at once must not both be the last that fits.
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 24))", caller)
    row = await connection.fetchrow(
        "INSERT INTO job (job_id, caller, kind, content, state, size, purpose,"
        " likeness) SELECT $1, $2, $3, $4, $6, $7, $8, $9"
        f" WHERE (SELECT count(*) FROM job WHERE caller = $2 AND {_OPEN}) < $5"
        f" RETURNING {_COLUMNS}",
        job_id,
        caller,
        kind,
        content,
        limit,
        state,
        size,
        purpose,
        likeness,
    )
    await connection.execute("SELECT pg_notify($1, '')", CHANNEL)
    return None if row is None else _job(row)


async def job_of(connection: Queried, caller: str, job_id: UUID) -> Job | None:
    """A job of this caller; None for what is nobody's or another's, or past its time."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM job WHERE job_id = $1 AND caller = $2 AND {_THERE}",
        job_id,
        caller,
    )
    return None if row is None else _job(row)


async def alike(connection: Connection, caller: str, likeness: bytes) -> Job | None:
    """The caller's newest job of this likeness that answers or will, None when there is none.

    Who asks next waits for this transaction, so that two at once do not both enter one.
    """
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 24))", caller)
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM job WHERE caller = $1 AND likeness = $2 AND NOT cancel_asked"
        f" AND state IN ('QUEUED', 'RUNNING', 'DONE') AND {_THERE}"
        " ORDER BY created_at DESC LIMIT 1",
        caller,
        likeness,
    )
    return None if row is None else _job(row)


async def jobs_of(connection: Queried, caller: str, first: int) -> list[Job]:
    """The caller's jobs, newest first."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM job WHERE caller = $1 AND {_THERE}"
        " ORDER BY created_at DESC, job_id LIMIT $2",
        caller,
        first,
    )
    return [_job(row) for row in rows]


async def review(connection: Connection, job_id: UUID, by: str, state: str) -> Job | None:
    """Let a job of somebody else that waits for it begin (QUEUED), or end it (FAILED)."""
    row = await connection.fetchrow(
        "UPDATE job SET state = $3, reviewed_by = $2,"
        " code = CASE WHEN $3 = 'FAILED' THEN 'JOB_NOT_APPROVED' END,"
        " message = CASE WHEN $3 = 'FAILED' THEN 'a supervisor did not approve it' END,"
        " finished_at = CASE WHEN $3 = 'FAILED' THEN clock_timestamp() END,"
        " expires_at = CASE WHEN $3 = 'FAILED' THEN clock_timestamp() + interval '1 day' END"
        f" WHERE job_id = $1 AND state = 'REVIEW' AND caller <> $2 RETURNING {_COLUMNS}",
        job_id,
        by,
        state,
    )
    if row is None:
        return None
    await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, str(job_id))
    return _job(row)


async def waiting_for_review(connection: Queried, first: int) -> list[Job]:
    """The jobs that wait for a supervisor, oldest first."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM job WHERE state = 'REVIEW' ORDER BY created_at, job_id LIMIT $1",
        first,
    )
    return [_job(row) for row in rows]


async def take(connection: Queried, *, lease: float, per_caller: int) -> Held | None:
    """Take up the oldest job that nobody works on, of a caller with fewer than so many at work."""
    holder = uuid4()
    row = await connection.fetchrow(
        f"""
        UPDATE job SET state = 'RUNNING', holder = $1, attempts = attempts + 1,
            lease_until = clock_timestamp() + make_interval(secs => $2::float8),
            started_at = coalesce(started_at, clock_timestamp())
        WHERE job_id = (
            SELECT j.job_id FROM job j
            WHERE (j.state = 'QUEUED'
                   OR (j.state = 'RUNNING' AND j.lease_until < clock_timestamp()))
              AND j.attempts < {ATTEMPTS}
              AND (SELECT count(*) FROM job o WHERE o.caller = j.caller AND o.state = 'RUNNING'
                   AND o.lease_until >= clock_timestamp()) < $3
            ORDER BY j.created_at LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING {_COLUMNS}, (SELECT count(*) FROM job_part p WHERE p.job_id = job.job_id) AS parts
        """,
        holder,
        lease,
        per_caller,
    )
    return None if row is None else Held(_job(row), holder, row["parts"])


async def abandon_failed(connection: Queried) -> None:
    """End the jobs that no attempt has brought to an end."""
    await connection.execute(
        "UPDATE job SET state = 'FAILED', code = 'JOB_ABANDONED', finished_at = clock_timestamp(),"
        " message = 'the node ended several times while it worked on it: ask its operator',"
        " holder = NULL, expires_at = clock_timestamp() + interval '1 day'"
        f" WHERE state = 'RUNNING' AND lease_until < clock_timestamp() AND attempts >= {ATTEMPTS}"
    )
    await connection.execute(
        "UPDATE job SET state = 'FAILED', code = 'JOB_NOT_APPROVED', finished_at ="
        " clock_timestamp(), message = 'no supervisor approved it within a week',"
        " expires_at = clock_timestamp() + interval '1 day'"
        " WHERE state = 'REVIEW' AND created_at < clock_timestamp() - interval '7 days'"
    )


async def renew(connection: Queried, held: Held, lease: float) -> bool | None:
    """Keep the lease: whether the caller wants the job to end, None when it is lost."""
    asked: bool | None = await connection.fetchval(
        "UPDATE job SET lease_until = clock_timestamp() + make_interval(secs => $3::float8)"
        f" WHERE {_HELD} RETURNING cancel_asked",
        held.job.id,
        held.holder,
        lease,
    )
    return asked


async def tell(connection: Queried, held: Held, done: int, total: int | None, stage: str) -> None:
    """Enter how far the job is."""
    told = await connection.fetchval(
        f"UPDATE job SET done = $3, total = $4, stage = $5 WHERE {_HELD} RETURNING true",
        held.job.id,
        held.holder,
        done,
        total,
        stage,
    )
    if told:
        await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, str(held.job.id))


async def keep_part(
    connection: Connection, held: Held, number: int, part: Part, shape: bytes
) -> bool:
    """Store a part of the result for readers of this scope; False when the lease is lost."""
    async with connection.transaction():
        holds = await connection.fetchval(
            f"UPDATE job SET shape = $3, rows = rows + $4 WHERE {_HELD} RETURNING true",
            held.job.id,
            held.holder,
            shape,
            part.rows,
        )
        if not holds:
            return False
        await connection.execute(
            "INSERT INTO job_part (job_id, part, content, rows, subjects, records, coordinates,"
            " masked) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            held.job.id,
            number,
            part.content,
            part.rows,
            part.subjects,
            part.records,
            list(part.coordinates),
            list(part.masked),
        )
    return True


async def begin_anew(connection: Connection, held: Held) -> None:
    """Forget the parts of an earlier attempt, which were made for another scope or state."""
    async with connection.transaction():
        holds = await connection.fetchval(
            f"UPDATE job SET shape = NULL, rows = 0 WHERE {_HELD} RETURNING true",
            held.job.id,
            held.holder,
        )
        if holds:
            await connection.execute("DELETE FROM job_part WHERE job_id = $1", held.job.id)


async def end(
    connection: Connection,
    held: Held,
    state: str,
    *,
    hours: float,
    code: str | None = None,
    message: str | None = None,
) -> bool:
    """End a job as DONE, FAILED or CANCELLED; its result is kept so many hours."""
    async with connection.transaction():
        ended = await connection.fetchval(
            "UPDATE job SET state = $3, code = $4, message = $5, holder = NULL, lease_until = NULL,"
            " finished_at = clock_timestamp(),"
            " expires_at = clock_timestamp() + make_interval(secs => $6::float8)"
            f" WHERE {_HELD} RETURNING true",
            held.job.id,
            held.holder,
            state,
            code,
            message,
            hours * 3600,
        )
        if ended and state != "DONE":
            await connection.execute("DELETE FROM job_part WHERE job_id = $1", held.job.id)
        await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, str(held.job.id))
    return bool(ended)


async def give_back(connection: Queried, held: Held) -> None:
    """Let somebody else go on at once, as when the node ends."""
    await connection.execute(
        f"UPDATE job SET state = 'QUEUED', holder = NULL, lease_until = NULL,"
        f" attempts = attempts - 1 WHERE {_HELD}",
        held.job.id,
        held.holder,
    )


async def cancel(connection: Connection, caller: str, job_id: UUID) -> Job | None:
    """Ask a job of the caller to end; at once when nobody works on it. None when there is none."""
    row = await connection.fetchrow(
        "UPDATE job SET cancel_asked = true,"
        " state = CASE WHEN state <> 'RUNNING' THEN 'CANCELLED' ELSE state END,"
        " finished_at = CASE WHEN state <> 'RUNNING' THEN clock_timestamp() END,"
        " expires_at = CASE WHEN state <> 'RUNNING' THEN clock_timestamp() + interval '1 day' END"
        f" WHERE job_id = $1 AND caller = $2 AND {_OPEN} RETURNING {_COLUMNS}",
        job_id,
        caller,
    )
    if row is None:
        return await job_of(connection, caller, job_id)
    await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, str(job_id))
    return _job(row)


async def parts(connection: Queried, job_id: UUID, first: int, last: int) -> list[Part]:
    """The parts of a result with these numbers, both included."""
    rows = await connection.fetch(
        "SELECT content, rows, subjects, records, coordinates, masked FROM job_part"
        " WHERE job_id = $1 AND part BETWEEN $2 AND $3 ORDER BY part",
        job_id,
        first,
        last,
    )
    return [
        Part(
            row["content"],
            row["rows"],
            row["subjects"],
            row["records"],
            tuple(row["coordinates"]),
            tuple(row["masked"]),
        )
        for row in rows
    ]


async def shows_ended(connection: Queried, job: Job, shown: Sequence[Part]) -> bool:
    """Whether a record or relation that these parts show has ended, or a subject of theirs was
    restricted, since the job was entered."""
    records = b"".join(part.records for part in shown)
    subjects = b"".join(part.subjects for part in shown)
    ended: bool = await connection.fetchval(
        _ENDED,
        [UUID(bytes=records[at : at + 16]) for at in range(0, len(records), 16)],
        [subjects[at : at + 16] for at in range(0, len(subjects), 16)],
        job.created_at - _COMMITTING,
    )
    return ended


async def part_count(connection: Queried, job_id: UUID) -> int:
    """How many parts a result has."""
    count: int = await connection.fetchval(
        "SELECT count(*) FROM job_part WHERE job_id = $1", job_id
    )
    return count


async def length(connection: Queried, job_id: UUID) -> int:
    """How many bytes a result has, encrypted."""
    found: int = await connection.fetchval(
        "SELECT coalesce(sum(octet_length(content)), 0)::bigint FROM job_part WHERE job_id = $1",
        job_id,
    )
    return found


async def expire(connection: Connection) -> int:
    """Delete what is past its time; how many jobs, at most 100 at a time."""
    async with connection.transaction():
        gone = await connection.fetch(
            "DELETE FROM job WHERE job_id IN (SELECT job_id FROM job"
            " WHERE expires_at < clock_timestamp() ORDER BY expires_at LIMIT 100) RETURNING job_id"
        )
        await connection.execute(
            "DELETE FROM job_part WHERE job_id = ANY ($1)", [row["job_id"] for row in gone]
        )
    return len(gone)
