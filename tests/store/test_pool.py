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


async def test_who_stops_waiting_leaves_the_turn_to_others(readers: Readers) -> None:
    reads = [
        asyncio.create_task(readers.fetchrow("SELECT pg_sleep(0.02), pg_backend_pid()"))
        for _ in range(20)
    ]
    await asyncio.sleep(0.01)
    for one in reads[::3]:
        one.cancel()
    told = await asyncio.wait_for(asyncio.gather(*reads, return_exceptions=True), 10)
    assert [isinstance(row, asyncpg.Record) for row in told] == [n % 3 > 0 for n in range(20)]
    both = await asyncio.gather(
        *(readers.fetchrow("SELECT pg_sleep(0.02), pg_backend_pid()") for _ in range(2))
    )
    assert len({row[1] for row in both if row is not None}) == 2


async def test_a_statement_whose_table_has_changed_is_prepared_anew(
    readers: Readers, postgres_server: PostgresServer
) -> None:
    admin = await asyncpg.connect(postgres_server.dsn)
    try:
        await admin.execute("CREATE TABLE changing AS SELECT 1 AS one")
        assert await readers.fetchrow("SELECT * FROM changing") == (1,)
        await admin.execute("ALTER TABLE changing ALTER one TYPE text, ADD two integer")
        for _ in range(2):
            assert await readers.fetchrow("SELECT * FROM changing") == ("1", None)
    finally:
        await admin.execute("DROP TABLE changing")
        await admin.close()


async def test_what_a_connection_keeps_prepared_is_bounded_in_its_length(
    postgres_server: PostgresServer,
) -> None:
    readers = await open_readers(postgres_server.dsn, max_size=1)
    try:
        for number in range(40):
            assert await readers.fetchrow(f"SELECT {number} /* {'x' * 40_000} */") == (number,)
            assert await readers.fetchrow("SELECT 7") == (7,)
        assert await readers.fetchrow(f"SELECT 1 /* {'x' * 100_000} */") == (1,)
        assert await readers.fetchrow("SELECT 2") == (2,)  # who prepares ends what is not kept
        kept = await readers.fetch(
            "SELECT length(statement) FROM pg_prepared_statements ORDER BY prepare_time"
        )
    finally:
        await readers.close()
    lengths = [row[0] for row in kept]
    assert 400_000 < sum(lengths) < 500_000
    assert max(lengths) < 100_000
    assert lengths[0] == len("SELECT 7")  # in use, it was never prepared again
