"""Connections kept for reads: none is lost, none is kept broken."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import asyncpg
import pytest

from service.postgres import PostgresServer
from store.pool import Clock, Readers, open_readers


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
    async with asyncio.timeout(30):
        while not readers._idle[0].is_closed:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)
    assert await _pid(readers) != ended


async def test_who_stops_waiting_leaves_the_turn_to_others(
    readers: Readers, postgres_server: PostgresServer
) -> None:
    gate = await asyncpg.connect(postgres_server.dsn)
    try:
        await gate.execute("SELECT pg_advisory_lock(20261130)")
        reads = [
            asyncio.create_task(readers.fetchrow("SELECT pg_advisory_lock_shared(20261130)"))
            for _ in range(20)
        ]
        await asyncio.sleep(0.01)
        for one in reads[::3]:
            one.cancel()
        await gate.execute("SELECT pg_advisory_unlock(20261130)")
    finally:
        await gate.close()
    told = await asyncio.wait_for(asyncio.gather(*reads, return_exceptions=True), 30)
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


async def test_the_clock_of_a_question_runs_while_it_is_read_and_not_while_it_waits(
    readers: Readers,
) -> None:
    clocks = [Clock(readers) for _ in range(8)]
    began = time.monotonic()
    await asyncio.gather(*(clock.fetchrow("SELECT pg_sleep(0.02)") for clock in clocks))
    assert all(clock.seconds > 0.015 for clock in clocks)
    # Two connections; with the time in which they waited it would be five times 0.04 s and more.
    assert sum(clock.seconds for clock in clocks) <= 2 * (time.monotonic() - began)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await (failed := Clock(readers)).fetch("SELECT 1 / 0")
    assert failed.seconds > 0


async def test_dozens_of_long_questions_of_one_asker_leave_others_their_answer(
    postgres_server: PostgresServer,
) -> None:
    readers = await open_readers(postgres_server.dsn, max_size=4)
    gate = await asyncpg.connect(postgres_server.dsn)

    async def ask(asker: str, lock: int = 2) -> None:
        sql = "SELECT pg_advisory_lock_shared(20261129, $1)"
        await readers.read("fetchrow", sql, (lock,), Clock(readers, asker))

    try:
        await gate.execute("SELECT pg_advisory_lock(20261129, n) FROM (VALUES (1), (2)) AS of (n)")
        first = asyncio.create_task(ask("one", 1))
        many = [asyncio.create_task(ask("one")) for _ in range(11)]
        await asyncio.sleep(0)
        assert await Clock(readers, "another").fetchrow("SELECT 1") == (1,)
        many += [asyncio.create_task(ask("another")) for _ in range(12)]
        await asyncio.sleep(0)
        # Each of them has its half, and dozens wait when the third comes.
        third = asyncio.create_task(Clock(readers, "third").fetchrow("SELECT 3"))
        await asyncio.sleep(0)
        (cancelled := many[2]).cancel()  # as it waits
        assert not third.done()
        await gate.execute("SELECT pg_advisory_unlock(20261129, 1)")
        await first
        assert await third == (3,)  # whose connection was next, as all others still wait
        assert not any(question.done() for question in many if question is not cancelled)
        await gate.execute("SELECT pg_advisory_unlock(20261129, 2)")
        outcomes = await asyncio.gather(*many, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes].count(asyncio.CancelledError) == 1
        assert outcomes.count(None) == 22
        assert await Clock(readers, "one").fetchrow("SELECT 2") == (2,)
    finally:
        await gate.close()
        await readers.close()
