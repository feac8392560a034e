"""What callers upload: bodies too long for a question, kept encrypted for a day.

They are encrypted and decrypted beside the event loop, which a long one would hold up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from store.errors import StoreError

if TYPE_CHECKING:
    from store.connection import Connection, Queried

HOURS = 24
_MOST = 20  # uploads of one caller that are kept at once


def place(caller: str, name: str) -> bytes:
    """To which place the ciphertext of an upload is tied."""
    return f"upload\n{caller}\n{name}".encode()


async def store(
    connection: Connection, caller: str, name: str, sha256: bytes, size: int, content: bytes
) -> None:
    """Keep an upload; one of the same name is replaced. Raises StoreError `UPLOAD_LIMIT`."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 25))", caller)
        kept = await connection.fetchval(
            "SELECT count(*) FROM upload WHERE caller = $1 AND name <> $2 AND name NOT LIKE '.%'",
            caller,
            name,
        )
        if kept >= _MOST:
            raise StoreError("UPLOAD_LIMIT", f"Use or replace one of your {_MOST} uploads first.")
        await connection.execute(
            "INSERT INTO upload (caller, name, sha256, size, content) VALUES ($1, $2, $3, $4, $5)"
            " ON CONFLICT (caller, name) DO UPDATE SET (sha256, size, content, stored_at)"
            " = (excluded.sha256, excluded.size, excluded.content, now())",
            caller,
            name,
            sha256,
            size,
            content,
        )


async def uploaded(
    connection: Connection, caller: str, name: str, opened: Callable[[bytes, bytes], bytes]
) -> bytes:
    """Take an upload: its content, and it is gone with the transaction.

    Raises StoreError `UPLOAD_UNKNOWN`.
    """
    content = await connection.fetchval(
        "DELETE FROM upload WHERE caller = $1 AND name = $2 RETURNING content", caller, name
    )
    if content is None:
        raise StoreError("UPLOAD_UNKNOWN", "Upload the content under this name first.")
    return await asyncio.to_thread(opened, content, place(caller, name))


async def keep(
    connection: Connection,
    caller: str,
    name: str,
    content: bytes,
    seal: Callable[[bytes, bytes], bytes],
) -> None:
    """Keep what a job will read, under a name that no caller can give."""
    sealed = await asyncio.to_thread(seal, content, place(caller, name))
    await connection.execute(
        "INSERT INTO upload (caller, name, sha256, size, content) VALUES ($1, $2, sha256($3),"
        " length($3), $4)",
        caller,
        name,
        content,
        sealed,
    )


async def kept(
    connection: Queried, caller: str, name: str, opened: Callable[[bytes, bytes], bytes]
) -> bytes:
    """What `keep` kept. Raises StoreError `UPLOAD_UNKNOWN`."""
    content = await connection.fetchval(
        "SELECT content FROM upload WHERE caller = $1 AND name = $2", caller, name
    )
    if content is None:
        raise StoreError("UPLOAD_UNKNOWN", "Submit the file again: it was not read in time.")
    return await asyncio.to_thread(opened, content, place(caller, name))


async def drop(connection: Queried, caller: str, name: str) -> None:
    """Delete what `keep` kept."""
    await connection.execute("DELETE FROM upload WHERE caller = $1 AND name = $2", caller, name)


async def forget(connection: Queried) -> None:
    """Delete what was not used in time."""
    await connection.execute(
        "DELETE FROM upload WHERE stored_at < now() - make_interval(hours => $1)", HOURS
    )
