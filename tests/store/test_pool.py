"""Connections kept for reads: none is lost, none is kept broken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from service.postgres import PostgresServer
from store.pool import Readers, open_readers


@pytest.fixture
async def readers(postgres_server: PostgresServer) -> AsyncIterator[Readers]:
    made = await open_readers(postgres_server.dsn, max_size=2)
    yield made
    await made.close()


async def _pid(readers: Readers) -> int:
    row = await readers.fetchrow("SELECT pg_backend_pid()")
    assert row is not None
    return int(row[0])


async def test_a_connection_is_kept_between_reads(readers: Readers) -> None:
    assert await _pid(readers) == await _pid(readers)


async def test_more_readers_than_connections_wait_for_their_turn(readers: Readers) -> None:
    told = await asyncio.gather(
        *(readers.fetchrow("SELECT pg_sleep(0.01), pg_backend_pid()") for _ in range(20))
    )
    assert len({row[1] for row in told if row is not None}) == 2


async def test_a_failed_read_and_a_cancelled_one_leave_their_connection_usable(
    readers: Readers,
) -> None:
    for _ in range(3):
        with pytest.raises(asyncpg.DivisionByZeroError):
            await readers.fetch("SELECT 1 / 0")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(readers.fetch("SELECT pg_sleep(30)"), 0.05)
    assert [row[0] for row in await readers.fetch("SELECT 1")] == [1]


async def test_a_connection_that_the_server_ended_is_replaced(
    readers: Readers, postgres_server: PostgresServer
) -> None:
    ended = await _pid(readers)
    admin = await asyncpg.connect(postgres_server.dsn)
    await admin.execute("SELECT pg_terminate_backend($1)", ended)
    await admin.close()
    await asyncio.sleep(0.1)
    assert await _pid(readers) != ended
