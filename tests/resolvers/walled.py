"""Databases and pools as a node has them: each reader behind the wall of its role."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from resolvers.wall import wall_of
from schema.records import kinds
from security.policy import Role
from store.hot import ensure_hot_columns
from store.pool import open_pool
from store.wall import DAY_SETTING, raise_walls
from tests.databases import Databases


@asynccontextmanager
async def walled_database(
    databases: Databases, connections: int
) -> AsyncIterator[asyncpg.Pool[Any]]:
    """A pool on an empty database with the columns and walls of all kinds."""
    async with databases.fresh() as dsn:
        pool = await open_pool(dsn, max_size=connections, answering=True)
        async with pool.acquire() as connection:
            await ensure_hot_columns(connection, kinds())
            await raise_walls(connection, kinds())
        yield pool
        await pool.close()


class Walled:
    """Reads of one role on one day, through a pool that has no wall itself."""

    def __init__(self, pool: asyncpg.Pool[Any], role: Role, day: dt.date) -> None:
        self._pool = pool
        self._wall = wall_of(role)
        self._day = day.isoformat()

    async def fetch(self, sql: str, /, *values: Any) -> list[asyncpg.Record]:
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "SELECT set_config('role', $1, true), set_config($2, $3, true)",
                self._wall, DAY_SETTING, self._day,
            )  # fmt: skip
            return await connection.fetch(sql, *values)

    async def fetchrow(self, sql: str, /, *values: Any) -> asyncpg.Record | None:
        rows = await self.fetch(sql, *values)
        return rows[0] if rows else None
