"""Changes done once per key of a caller: what each was answered, and who does it now.

The row is inserted in the change's own transaction. A second request of the same key waits at it
until the first has committed, and then finds its answer; when the first was killed nothing of it
is left and the second does the change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store.connection import Connection, Queried


@dataclass(frozen=True, slots=True)
class Former:
    """What the key was used for before."""

    field: str
    input: bytes
    outcome: bytes


async def begin(
    connection: Connection, caller: str, key: str, field: str, given: bytes, *, wait: float
) -> Former | None:
    """Take the key for a change inside the present transaction; None when it is fresh.

    Waits up to `wait` seconds for another transaction that has it, then raises
    asyncpg.LockNotAvailableError.
    """
    await connection.execute("SELECT set_config('lock_timeout', $1, true)", f"{int(wait * 1000)}ms")
    fresh = await connection.fetchval(
        "INSERT INTO mutation (caller, client_key, field, input) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT DO NOTHING RETURNING true",
        caller,
        key,
        field,
        given,
    )
    if fresh:
        return None
    row = await connection.fetchrow(
        "SELECT field, input, outcome FROM mutation WHERE caller = $1 AND client_key = $2",
        caller,
        key,
    )
    assert row is not None
    return Former(row["field"], row["input"], row["outcome"])


async def finish(connection: Connection, caller: str, key: str, outcome: bytes) -> None:
    """Keep what the change was answered, still in its transaction."""
    await connection.execute(
        "UPDATE mutation SET outcome = $3 WHERE caller = $1 AND client_key = $2",
        caller,
        key,
        outcome,
    )


async def forget(connection: Queried, hours: float) -> int:
    """Delete the keys of changes that are older than this; how many, at most 10,000 at a time."""
    gone = await connection.fetch(
        "DELETE FROM mutation WHERE (caller, client_key) IN (SELECT caller, client_key"
        " FROM mutation WHERE done_at < now() - make_interval(secs => $1::float8)"
        " ORDER BY done_at LIMIT 10000) RETURNING 1",
        hours * 3600,
    )
    return len(gone)
