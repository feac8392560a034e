"""Rotation of the keys of fields: begun while no file is taken in, carried through chunk by chunk.

A chunk and its progress are one transaction, so that a crash costs a chunk and nothing else.
Intake writes under the new key from the moment it exists (`writing_keys`); what an old key wrote
is read and found until the last chunk is done.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import asyncpg

from store.errors import StoreError
from store.rekeying import STEPS, KeyUse, Rekeyed
from store.staging import lock_writes
from store.subject import CASE, NUMBER, STUB

if TYPE_CHECKING:
    from store.connection import Connection

_INTAKE_LOCK = 0x58_49_4E_51_4B_45_59
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Rotation:
    """How far a rotation is: `changed` values are under the new key, `unreadable` never will."""

    use: KeyUse
    number: int
    step: int
    steps: int
    changed: int
    unreadable: int
    started_by: str
    started_at: datetime
    finished_at: datetime | None


@asynccontextmanager
async def writing_keys(connection: Connection) -> AsyncIterator[None]:
    """Hold that no key is begun while intake writes: what it read and indexed stays valid."""
    await connection.execute("SELECT pg_advisory_lock_shared($1)", _INTAKE_LOCK)
    try:
        yield
    finally:
        await connection.execute("SELECT pg_advisory_unlock_shared($1)", _INTAKE_LOCK)


async def begin_rotation(
    connection: Connection, use: KeyUse, current: int, begin: Callable[[], int], by: str
) -> int:
    """Begin a key in the caller's transaction, by `begin`, and give its number.

    One that was begun before a crash and not entered is taken. Raises StoreError
    `INTAKE_RUNNING` while files are taken in, `ROTATION_RUNNING` before the last is finished.
    """
    await _stop_intake(connection)
    last = await connection.fetchrow(
        "SELECT number, finished_at FROM field_rotation WHERE key_use = $1"
        " ORDER BY number DESC LIMIT 1",
        use,
    )
    if last is not None and last["finished_at"] is None:
        raise StoreError(
            "ROTATION_RUNNING", "Let the last rotation finish first: `xinqiao key fields`."
        )
    entered = last["number"] if last is not None else 1
    number = current if current > entered else begin()
    await connection.execute(
        "INSERT INTO field_rotation (key_use, number, started_by) VALUES ($1, $2, $3)",
        use,
        number,
        by,
    )
    return number


async def end_former(connection: Connection, use: KeyUse) -> None:
    """See in the caller's transaction that the keys before the newest serve nothing any longer.

    Raises StoreError `INTAKE_RUNNING`, and `KEY_STILL_USED` while anything is under them.
    """
    await _stop_intake(connection)
    last = await connection.fetchrow(
        "SELECT number, unreadable, finished_at FROM field_rotation WHERE key_use = $1"
        " ORDER BY number DESC LIMIT 1",
        use,
    )
    used = last is None or last["finished_at"] is None or last["unreadable"] > 0
    if not used and use is KeyUse.BLIND and last is not None:
        used = bool(
            await connection.fetchval(
                "SELECT EXISTS (SELECT FROM identifier i WHERE i.scheme = ANY($1)"
                " AND NOT EXISTS (SELECT FROM identifier n WHERE n.subject_id = i.subject_id"
                " AND n.scheme = i.scheme AND n.value LIKE $2))",
                [NUMBER, STUB, CASE],
                f"k{last['number']}:%",
            )
        )
    if used:
        raise StoreError(
            "KEY_STILL_USED", "Something is under the old keys: see `xinqiao key fields`."
        )


async def rotations(connection: Connection) -> list[Rotation]:
    """Every rotation, newest first."""
    return [
        Rotation(
            use := KeyUse(row["key_use"]),
            row["number"],
            row["step"],
            len(STEPS[use]),
            row["changed"],
            row["unreadable"],
            row["started_by"],
            row["started_at"],
            row["finished_at"],
        )
        for row in await connection.fetch(
            "SELECT * FROM field_rotation ORDER BY started_at DESC, key_use"
        )
    ]


async def rekey_chunk(connection: Connection, cipher: Rekeyed, size: int = _CHUNK) -> bool:
    """Do the next chunk of what was begun; whether there is more to do."""
    async with connection.transaction():
        at = await connection.fetchrow(
            "SELECT key_use, number, step, place FROM field_rotation WHERE finished_at IS NULL"
            " ORDER BY started_at, key_use LIMIT 1 FOR UPDATE"
        )
        if at is None:
            return False
        steps = STEPS[KeyUse(at["key_use"])]
        await lock_writes(connection)
        done = await steps[at["step"]](connection, cipher, at["place"], size)
        over = done.place is None
        await connection.execute(
            "UPDATE field_rotation SET step = $3, place = $4, changed = changed + $5,"
            " unreadable = unreadable + $6, finished_at = CASE WHEN $7 THEN now() END"
            " WHERE key_use = $1 AND number = $2",
            at["key_use"],
            at["number"],
            at["step"] + over,
            done.place or "",
            done.changed,
            done.unreadable,
            over and at["step"] + 1 == len(steps),
        )
    return True


async def _stop_intake(connection: Connection) -> None:
    try:
        await connection.execute("SET LOCAL lock_timeout = '5s'")
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _INTAKE_LOCK)
    except asyncpg.LockNotAvailableError:
        raise StoreError(
            "INTAKE_RUNNING", "Files are being taken in: rotate when that is done."
        ) from None
