"""A pool as a node has it: each reader behind the wall of its role."""

from __future__ import annotations

import datetime as dt
from typing import Any

import asyncpg

from resolvers.wall import wall_of
from security.policy import Role
from store.wall import DAY_SETTING


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
