"""The connection pool that answers are read through."""

from __future__ import annotations

from typing import Any

import asyncpg


async def _prepare(connection: asyncpg.Connection[Any]) -> None:
    """JSON that PostgreSQL has made leaves as it is: bytes in, bytes out."""
    await connection.set_type_codec(
        "json",
        schema="pg_catalog",
        encoder=_as_bytes,
        decoder=bytes,
        format="binary",
    )


def _as_bytes(value: bytes | str) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


async def _keep(connection: Any) -> None:
    """Nothing to reset: no statement of this application changes session state (RESET would cost
    100 µs per answer)."""


async def open_pool(
    dsn: str, *, min_size: int = 1, max_size: int = 8, answering: bool = False
) -> asyncpg.Pool[Any]:
    """A pool whose `json` values are bytes and whose statements stay prepared.

    `answering` is for pools that only answer questions with the compiler's statements: PostgreSQL
    plans each statement once per connection (planning costs more than a small answer does) and
    ends what takes longer than 10 s.
    """
    settings = {"jit": "off", "application_name": "xinqiao"}
    if answering:
        settings |= {"plan_cache_mode": "force_generic_plan", "statement_timeout": "10s"}
    pool = await asyncpg.create_pool(
        dsn,
        min_size=min_size,
        max_size=max_size,
        init=_prepare,
        reset=_keep,
        statement_cache_size=512,
        max_cached_statement_lifetime=0,
        max_cacheable_statement_size=0,
        server_settings=settings,
    )
    assert pool is not None
    return pool
