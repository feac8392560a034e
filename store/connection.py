"""A connection as functions take it: alone, or lent by a pool."""

from __future__ import annotations

from typing import Any, TypeAlias

import asyncpg
import asyncpg.pool

Connection: TypeAlias = "asyncpg.Connection[Any] | asyncpg.pool.PoolConnectionProxy[Any]"
Queried: TypeAlias = "Connection | asyncpg.Pool[Any]"
