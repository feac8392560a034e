"""A database that is away is told from a mistake in what it was asked."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable
from pathlib import Path

import asyncpg
import pytest

from store.outage import is_outage

_ROLE = "narrow"  # with no connection left


async def _failure(asked: Awaitable[object]) -> BaseException:
    with pytest.raises(Exception) as failed:
        await asked
    return failed.value


async def test_an_outage_is_told_from_a_mistake(database: str, tmp_path: Path) -> None:
    assert is_outage(await _failure(asyncpg.connect(host=str(tmp_path))))
    assert is_outage(await _failure(asyncpg.connect("postgresql://x@127.0.0.1:9/x")))
    connection, other = await asyncpg.connect(database), await asyncpg.connect(database)
    try:
        sleeping = asyncio.ensure_future(other.execute("SELECT pg_sleep(60)"))
        assert not is_outage(await _failure(connection.fetch("SELECT 1", 2)))
        assert not is_outage(await _failure(connection.fetch("SELECT $1::int", "x")))
        assert not is_outage(await _failure(connection.fetch("SELECT 1 / 0")))
        await connection.execute("SET statement_timeout = 1")
        assert not is_outage(await _failure(connection.execute("SELECT pg_sleep(9)")))
        await connection.execute("SET statement_timeout = 0")
        await connection.execute(f"CREATE ROLE {_ROLE} LOGIN PASSWORD 'x' CONNECTION LIMIT 0")
        try:
            full = asyncpg.connect(database, user=_ROLE, password="x")
            assert is_outage(await _failure(full))
        finally:
            await connection.execute(f"DROP ROLE {_ROLE}")
        await connection.execute("SELECT pg_terminate_backend($1)", other.get_server_pid())
        assert is_outage(await _failure(sleeping))
        assert is_outage(await _failure(other.fetch("SELECT 1")))
    finally:
        await connection.close()
        await other.close()


def test_a_file_or_a_full_disk_here_is_none() -> None:
    assert not is_outage(FileNotFoundError(errno.ENOENT, "none", "here.csv"))
    assert not is_outage(OSError(errno.ENOSPC, "full"))
    assert not is_outage(ValueError())
