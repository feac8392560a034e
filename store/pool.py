"""The connection pool that answers are read through."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import asyncpg

from store.wall import DAY_SETTING, Wall


async def _prepare(connection: asyncpg.Connection[Any]) -> None:
    """JSON that PostgreSQL has made leaves as it is: bytes in, bytes out."""
    await connection.set_type_codec(
        "json",
        schema="pg_catalog",
        encoder=_as_bytes,
        decoder=bytes,
        format="binary",
    )


def _as_bytes(value: bytes | str) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


async def _keep(connection: Any) -> None:
    """Nothing to reset: no statement of this application changes session state (RESET would cost
    100 µs per answer)."""


async def open_pool(
    dsn: str,
    *,
    min_size: int = 1,
    max_size: int = 8,
    answering: bool = False,
    session: Mapping[str, str] = MappingProxyType({}),
) -> asyncpg.Pool[Any]:
    """A pool whose `json` values are bytes and whose statements stay prepared.

    `answering` is for pools that only answer questions with the compiler's statements: PostgreSQL
    plans each statement once per connection (planning costs more than a small answer does) and
    ends what takes longer than 10 s. `session` are further settings of every connection.
    """
    settings = {"jit": "off", "application_name": "xinqiao", **session}
    if answering:
        settings |= {"plan_cache_mode": "force_generic_plan", "statement_timeout": "10s"}
    pool = await asyncpg.create_pool(
        dsn,
        min_size=min_size,
        max_size=max_size,
        init=_prepare,
        reset=_keep,
        statement_cache_size=512,
        max_cached_statement_lifetime=0,
        max_cacheable_statement_size=0,
        server_settings=settings,
    )
    assert pool is not None
    return pool


class Readers:
    """Connections for single reads, kept between them.

    A pool spends a task and a reset on each return, more than a small answer costs; what only
    reads leaves nothing to reset. A connection whose read failed goes back to the pool, which
    knows how to end a cancelled query and when to connect anew.
    """

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self._pool = pool
        self._idle: list[Any] = []
        self._waiting = 0

    async def fetch(self, sql: str, *values: Any) -> list[asyncpg.Record]:
        """All rows of a statement that changes nothing."""
        connection = await self._take()
        try:
            rows: list[asyncpg.Record] = await connection.fetch(sql, *values)
        except BaseException:
            await self._pool.release(connection)
            raise
        await self._give(connection)
        return rows

    async def fetchrow(self, sql: str, *values: Any) -> asyncpg.Record | None:
        """The first row of a statement that changes nothing."""
        connection = await self._take()
        try:
            row: asyncpg.Record | None = await connection.fetchrow(sql, *values)
        except BaseException:
            await self._pool.release(connection)
            raise
        await self._give(connection)
        return row

    async def close(self) -> None:
        """Close the connections; reads under way are waited for."""
        self._waiting += 1  # what is given back from now on goes to the pool
        while self._idle:
            await self._pool.release(self._idle.pop())
        await self._pool.close()

    async def _take(self) -> Any:
        while self._idle:
            connection = self._idle.pop()
            try:
                if not connection.is_closed():
                    return connection
                await self._pool.release(connection)
            except asyncpg.InterfaceError:  # it broke, and the pool has taken it back
                continue
        self._waiting += 1
        try:
            return await self._pool.acquire()
        finally:
            self._waiting -= 1

    async def _give(self, connection: Any) -> None:
        if self._waiting:
            await self._pool.release(connection)
        else:
            self._idle.append(connection)


async def open_readers(
    dsn: str,
    *,
    min_size: int = 0,
    max_size: int = 8,
    wall: Wall | None = None,
    day: str | None = None,
) -> Readers:
    """Connections that only answer questions; see `open_pool` for `answering`.

    `wall` is the database role they take; `day` the date that its rows are judged by, ISO 8601,
    None for the day in Shanghai.
    """
    session = {} if wall is None else {"role": str(wall)}
    if day is not None:
        session[DAY_SETTING] = day
    return Readers(
        await open_pool(dsn, min_size=min_size, max_size=max_size, answering=True, session=session)
    )
