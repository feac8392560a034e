"""The connection pool that answers are read through."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Mapping, Sequence
from time import monotonic
from types import MappingProxyType
from typing import Any

import asyncpg

from store.wall import DAY_SETTING, Wall

POOL = 8
"""Connections of one pool at most."""
_STATEMENTS = 512  # that one connection of a pool keeps prepared
_KEPT = 500_000
"""Characters of SQL that a connection for reads keeps prepared: what PostgreSQL keeps of a
statement takes 50 to 100 times as many bytes, on each connection that was asked it."""
_LONGEST = _KEPT // 8  # characters of a statement that is kept: longer ones would drive out many
_OUTDATED = (
    asyncpg.InvalidCachedStatementError,
    asyncpg.exceptions.OutdatedSchemaCacheError,
)


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
    max_size: int = POOL,
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
        statement_cache_size=_STATEMENTS,
        max_cached_statement_lifetime=0,
        max_cacheable_statement_size=0,
        server_settings=settings,
    )
    assert pool is not None
    return pool


class _Reader:
    """A connection with the statements that it has prepared: asyncpg's own way to them costs a
    tenth of a small answer."""

    __slots__ = ("_left", "connection", "statements")

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.statements: OrderedDict[str, Any] = OrderedDict()  # the one used last is last
        self._left = _KEPT  # characters

    @property
    def is_closed(self) -> bool:
        """Whether it cannot be used again."""
        try:
            return bool(self.connection.is_closed())
        except asyncpg.InterfaceError:  # the pool has taken it back
            return True

    async def run(self, how: str, sql: str, values: Sequence[Any]) -> Any:
        """What the statement's method of that name gives."""
        statement = self.statements.get(sql)
        if statement is None:
            statement = await self._prepare(sql)
        else:
            self.statements.move_to_end(sql)
        try:
            return await getattr(statement, how)(*values)
        except _OUTDATED:
            # The schema has changed since: asyncpg looks at it again, and at every statement.
            self.statements.clear()
            self._left = _KEPT
            return await getattr(self.connection, how)(sql, *values)

    async def _prepare(self, sql: str) -> Any:
        """Prepare a statement; it is kept, in the place of those that were not used for longest.

        asyncpg ends at the server what nobody holds, when it prepares the next.
        """
        if len(sql) > _LONGEST:
            return await self.connection.prepare(sql)
        while self._left < len(sql):
            self._left += len(self.statements.popitem(last=False)[0])
        statement = self.statements[sql] = await self.connection.prepare(sql)
        self._left -= len(sql)
        return statement


class Readers:
    """Connections for single reads, kept between them and handed on to who waits.

    A pool spends a task and a reset on each return, more than a small answer costs; what only
    reads leaves nothing to reset. A connection whose read failed goes back to the pool, which
    knows how to end a cancelled query and when to connect anew.

    One asker has half of the connections at most, and of those who wait the one who has fewest is
    next: dozens of long questions that one asks at once leave others their answer.
    """

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self._pool = pool
        self._idle: list[_Reader] = []
        self._free = pool.get_max_size()  # connections that may still be taken from the pool
        self._share = max(self._free // 2, 1)
        self._held: Counter[str] = Counter()  # connections by asker
        # Who waits gets a connection, or None: the place of one.
        self._waiting: dict[str, deque[asyncio.Future[_Reader | None]]] = {}
        self._closed = False

    async def fetch(self, sql: str, *values: Any) -> list[asyncpg.Record]:
        """All rows of a statement that changes nothing."""
        rows: list[asyncpg.Record] = await self.read("fetch", sql, values)
        return rows

    async def fetchrow(self, sql: str, *values: Any) -> asyncpg.Record | None:
        """The first row of a statement that changes nothing."""
        row: asyncpg.Record | None = await self.read("fetchrow", sql, values)
        return row

    async def read(
        self, how: str, sql: str, values: Sequence[Any], clock: Clock | None = None
    ) -> Any:
        """What the method of that name gives; the clock runs while a connection is at work."""
        asker = "" if clock is None else clock.asker
        reader = await self._take(asker)
        began = monotonic()
        try:
            found = await reader.run(how, sql, values)
        except BaseException:
            await self._drop(reader, asker)
            raise
        finally:
            if clock is not None:
                clock.seconds += monotonic() - began
        await self._give(reader, asker)
        return found

    async def close(self) -> None:
        """Close the connections; reads under way are waited for."""
        self._closed = True
        while self._idle:
            await self._drop(self._idle.pop())
        await self._pool.close()

    async def _take(self, asker: str) -> _Reader:
        if self._may_have(asker):
            while self._idle:
                reader = self._idle.pop()
                if not reader.is_closed:
                    self._held[asker] += 1
                    return reader
                await self._drop(reader)
            if self._free:
                self._free -= 1
                self._held[asker] += 1
                return await self._connect(asker)
        waiting: asyncio.Future[_Reader | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(asker, deque()).append(waiting)
        try:
            handed = await waiting
        except asyncio.CancelledError:
            if not waiting.cancelled():
                self._hand_on(waiting.result(), asker)
            raise
        return handed or await self._connect(asker)

    def _may_have(self, asker: str) -> bool:
        return not asker or self._held[asker] < self._share

    async def _connect(self, asker: str) -> _Reader:
        try:
            return _Reader(await self._pool.acquire())
        except BaseException:
            self._hand_on(None, asker)
            raise

    async def _give(self, reader: _Reader, asker: str) -> None:
        if self._closed:
            await self._drop(reader, asker)
        else:
            self._hand_on(reader, asker)

    async def _drop(self, reader: _Reader, asker: str | None = None) -> None:
        try:
            await self._pool.release(reader.connection)
        except asyncpg.InterfaceError:  # it broke, and the pool has taken it back
            if not reader.is_closed:
                raise
        finally:
            self._hand_on(None, asker)

    def _hand_on(self, reader: _Reader | None, asker: str | None = None) -> None:
        """Give what `asker` had, None being nobody, to who is next."""
        if asker is not None:
            self._held[asker] -= 1
            if not self._held[asker]:
                del self._held[asker]
        while waiting := [one for one in self._waiting if self._may_have(one)]:
            next_ = min(waiting, key=self._held.__getitem__)
            first = self._waiting[next_].popleft()
            if not self._waiting[next_]:
                del self._waiting[next_]
            if not first.done():
                self._held[next_] += 1
                first.set_result(reader)
                return
        if reader is None:
            self._free += 1
        else:
            self._idle.append(reader)


class Clock:
    """Reads for one question of an asker (empty: the node itself); `seconds` is how long
    connections were at work on them, and not how long the question waited for one."""

    __slots__ = ("_readers", "asker", "seconds")

    def __init__(self, readers: Readers, asker: str = "") -> None:
        self._readers = readers
        self.asker = asker
        self.seconds = 0.0

    async def fetch(self, sql: str, /, *values: Any) -> list[asyncpg.Record]:
        """As `Readers.fetch`."""
        rows: list[asyncpg.Record] = await self._readers.read("fetch", sql, values, self)
        return rows

    async def fetchrow(self, sql: str, /, *values: Any) -> asyncpg.Record | None:
        """As `Readers.fetchrow`."""
        row: asyncpg.Record | None = await self._readers.read("fetchrow", sql, values, self)
        return row


async def open_readers(
    dsn: str,
    *,
    min_size: int = 0,
    max_size: int = POOL,
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
