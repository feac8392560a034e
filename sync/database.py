"""What this room's functions take for a database when a pool is enough."""

from __future__ import annotations

from typing import Any, TypeAlias

import asyncpg

from store.connection import Connection

Reader: TypeAlias = "Connection | asyncpg.Pool[Any]"
"""Anything that runs a statement; nothing is kept between two of them."""
