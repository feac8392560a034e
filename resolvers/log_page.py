"""What the lists that are read of the access log share: who may read, pages, failures."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import asyncpg

from resolvers.argument import Given
from resolvers.connection import cursor_invalid, size_of
from resolvers.context import Call
from resolvers.errors import QuestionError
from resolvers.reading import refusal_of
from resolvers.statement import Selected, Statement
from security.errors import SecurityError
from security.review import LogReview, Place

_SHANGHAI = ZoneInfo("Asia/Shanghai")
Found = TypeVar("Found")


async def told(reading: Awaitable[Found]) -> Found:
    """What a reading of the log gives; its failures as the reader sees them."""
    try:
        return await reading
    except SecurityError as error:
        raise QuestionError(error.code, error.message) from error
    except (OSError, OverflowError, UnicodeEncodeError) as error:
        raise refusal_of(error) from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise refusal_of(error) from error


def forbidden() -> QuestionError:
    """Made for each: one that is raised again keeps the frames of all who were refused."""
    return QuestionError(
        "FORBIDDEN", "the access log is read by auditors, supervisors and the subject itself only"
    )


def reader(statement: Statement, call: Call, *, own: bool = False) -> LogReview:
    """The log's reader, for whom may read all of it, or with `own` what is about itself.

    Raises QuestionError FORBIDDEN, LOG_UNAVAILABLE.
    """
    log = statement.scope.row.log
    if log == "NONE" or (log == "OWN" and not own):
        raise forbidden()
    if call.context.access is None:
        raise QuestionError("LOG_UNAVAILABLE", "this node has no access log to read")
    return call.context.access


def page_size(statement: Statement, selected: Selected, call: Call) -> int:
    """`first`, or the default; raises QuestionError BAD_SIZE, LIST_LIMIT."""
    first = selected.given("first")
    return size_of(statement, {"first": first.read(call)} if first else {})


def page_start(selected: Selected, call: Call) -> Place | None:
    """The place in `after`, None without; raises QuestionError CURSOR_INVALID."""
    after = selected.given("after")
    if after is None:
        return None
    try:
        log, _, index = (
            base64.b64decode(after.read(call), validate=True).decode("ascii").rpartition(":")
        )
        if 0 <= int(index) < 1 << 62:
            return Place(log, int(index))
    except (binascii.Error, ValueError):
        pass
    raise cursor_invalid()


def cursor(place: Place) -> str:
    return base64.b64encode(f"{place.log}:{place.index}".encode()).decode()


def asked_of(selected: Selected, call: Call) -> dict[str, Any]:
    """The conditions of the argument `filter` that are given."""
    members = selected.members("filter").items()
    return {name: value.read(call) for name, value in members if isinstance(value, Given)}


def in_china(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with its moments as the API writes them: whole seconds, +08:00."""
    return {
        name: value.astimezone(_SHANGHAI).replace(microsecond=0)
        if isinstance(value, dt.datetime)
        else value
        for name, value in row.items()
    }
