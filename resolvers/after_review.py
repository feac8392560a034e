"""Findings of the after-review and half-year statistics: for auditors and supervisors."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any
from zoneinfo import ZoneInfo

from resolvers.answer import Disclosure
from resolvers.connection import connection, cursor_invalid
from resolvers.context import Call
from resolvers.errors import QuestionError
from resolvers.log_page import (
    asked_of,
    cursor,
    in_china,
    page_size,
    page_start,
    reader,
    told,
)
from resolvers.projection import shaper
from resolvers.statement import Selected, Statement
from security.review import Place
from security.review_queue import State, WantedFindings

_SHANGHAI = ZoneInfo("Asia/Shanghai")
_LIST = "finding"
"""What cursors of this list name in place of a log."""


async def findings(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """One page of findings, newest first.

    Raises QuestionError FORBIDDEN, LOG_UNAVAILABLE, LIST_LIMIT, BAD_SIZE, CURSOR_INVALID.
    """
    log = reader(statement, call)
    asked = asked_of(selected, call)
    state = asked.get("state")
    wanted = WantedFindings(
        (State(state),) if state else None,
        asked.get("rule"),
        asked.get("caller"),
        bool(asked.get("overdue")),
    )
    start = page_start(selected, call)
    if start is not None and start.log != _LIST:
        raise cursor_invalid()
    rows, more = await told(
        log.findings(
            wanted,
            first=page_size(statement, selected, call),
            after=None if start is None else start.index,
            today=dt.datetime.now(_SHANGHAI).date(),
        )
    )
    places = [Place(_LIST, row["number"]) for row in rows]
    nodes = [in_china(row) for row in rows]
    edges = list(zip(map(cursor, places), nodes, strict=True))
    value = connection(edges, more=more, starts_after=start is not None)
    coordinates = ("ReviewFinding.rule",) if rows else ()
    shown = shaper(statement, selected)(value)
    return shown, Disclosure(coordinates=coordinates, rows=len(rows))


async def statistics(
    statement: Statement, selected: Selected, call: Call
) -> tuple[Any, Disclosure]:
    """Accesses and reviews of half a year, counted.

    Raises QuestionError FORBIDDEN, LOG_UNAVAILABLE, and HALF_YEAR_INVALID unless the half is
    written as 2026H1.
    """
    log = reader(statement, call)
    half = selected.given("half")
    assert half is not None
    since, until = half_year(half.read(call))
    counted = await told(log.statistics(since, until, dt.datetime.now(_SHANGHAI).date()))
    value = {**in_china(counted), "samples": await told(log.samples())}
    shown = shaper(statement, selected)(value)
    return shown, Disclosure(coordinates=("AccessStatistics.entries",), rows=1)


def half_year(text: str) -> tuple[dt.datetime, dt.datetime]:
    """When half a year begins and ends in China; raises QuestionError HALF_YEAR_INVALID."""
    match = re.fullmatch(r"(20[0-9]{2})H([12])", text)
    if match is None:
        raise QuestionError("HALF_YEAR_INVALID", "write the half year as 2026H1 or 2026H2")
    year, half = int(match[1]), int(match[2])
    begin = dt.datetime(year, 1 if half == 1 else 7, 1, tzinfo=_SHANGHAI)
    end = dt.datetime(year + half - 1, 7 if half == 1 else 1, 1, tzinfo=_SHANGHAI)
    return begin, end
