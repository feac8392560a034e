"""Databases of the session's PostgreSQL."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg

from service.postgres import PostgresServer
from store.migrations import migrate

_TEMPLATE = "migrated"


@dataclass
class Databases:
    """Makes migrated databases as copies of one: to migrate each takes twenty times as long."""

    server: PostgresServer
    _admin: asyncpg.Connection[Any] | None = None

    async def prepare(self) -> None:
        await self._execute(f"CREATE DATABASE {_TEMPLATE}")
        await migrate(self.server.dsn_of(_TEMPLATE))

    @asynccontextmanager
    async def fresh(self) -> AsyncIterator[str]:
        """The address of an empty one for the time of the block."""
        name = f"t_{secrets.token_hex(6)}"
        await self._execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE} STRATEGY file_copy")
        yield self.server.dsn_of(name)
        await self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    async def close(self) -> None:
        if self._admin is not None:
            await self._admin.close()

    async def _execute(self, command: str) -> None:
        if self._admin is None or self._admin.is_closed():  # tests end connections
            self._admin = await asyncpg.connect(self.server.dsn)
        await self._admin.execute(command)
