"""Reads from the store, and what their failures mean to the one who asked."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Protocol

import asyncpg

from resolvers.errors import FailedReadError, QuestionError
from store import outage

_log = logging.getLogger("xinqiao.reading")

STORE_AWAY = "the store does not answer: try later"


def refusal_of(error: Exception) -> QuestionError:
    """The error that a reader sees: no SQL and no data in it."""
    match error:
        case TimeoutError() | asyncpg.QueryCanceledError():
            return QuestionError("TIMEOUT", "the question took too long: ask for less")
        case asyncpg.DataError() | UnicodeEncodeError() | OverflowError():
            return FailedReadError("BAD_VALUE", "a value of the question cannot be stored")
        case _ if outage.is_outage(error):
            return QuestionError("STORE_UNAVAILABLE", STORE_AWAY)
    # Its text may hold data, so no more than its kind is told.
    _log.error("a read failed: %s", type(error).__name__)
    lasting = isinstance(error, asyncpg.ProgramLimitExceededError | asyncpg.SyntaxOrAccessError)
    return FailedReadError("INTERNAL", "the question could not be answered", lasting=lasting)


FAILURES = (*outage.FAILURES, OverflowError, UnicodeEncodeError)


class Store(Protocol):
    """Where stored data is read: `store.pool.Readers`, or a pool."""

    async def fetch(self, sql: str, /, *values: Any) -> list[asyncpg.Record]: ...

    async def fetchrow(self, sql: str, /, *values: Any) -> asyncpg.Record | None: ...


async def fetch(pool: Store, sql: str, values: Sequence[Any]) -> list[asyncpg.Record]:
    """All rows; raises QuestionError TIMEOUT, BAD_VALUE, STORE_UNAVAILABLE or INTERNAL."""
    try:
        return await pool.fetch(sql, *values)
    except FAILURES as error:
        raise refusal_of(error) from error


async def fetch_one(pool: Store, sql: str, values: Sequence[Any]) -> asyncpg.Record:
    """The one row of a statement that always has one; raises as `fetch`."""
    try:
        row = await pool.fetchrow(sql, *values)
    except FAILURES as error:
        raise refusal_of(error) from error
    assert row is not None
    return row
