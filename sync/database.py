"""What this room's functions take for a database: one connection, or a pool where one is enough."""

from __future__ import annotations

from typing import Any, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

Connection: TypeAlias = "asyncpg.Connection[Any] | PoolConnectionProxy[Any]"
"""A connection, its own or lent by a pool."""
Reader: TypeAlias = "Connection | asyncpg.Pool[Any]"
"""Anything that runs a statement; nothing is kept between two of them."""
