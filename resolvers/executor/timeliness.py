"""Timeliness of one record: working days from the decision to its receipt."""

from __future__ import annotations

import datetime as dt
from typing import Any

from resolvers.executor.place import Asked, Item

_SHANGHAI = dt.timezone(dt.timedelta(hours=8))


def timeliness(asked: Asked) -> Item:
    """The object of a record: what its parts cost is read when they are asked for."""
    return Item("Timeliness", asked.item.row, asked.item.mentions, asked.item.grounds)


async def _spent(asked: Asked) -> int | None:
    """Null for who does not see when the record was received, and outside the calendar."""
    row, grounds, rows = asked.item.row, asked.item.grounds, asked.question.rows
    assert grounds is not None
    if not grounds.whole:
        return None
    received = row["received_at"].astimezone(_SHANGHAI).date()
    started = await rows.working_day(row["decision_date"])
    ended = await rows.working_day(received)
    if started is None or ended is None:
        return None
    return max(int(ended["ordinal"]) - int(started["ordinal"]), 0)


def _limit(asked: Asked) -> int | None:
    return asked.question.kinds.by_name[asked.item.row["kind"]].report_within


async def _on_time(asked: Asked) -> bool | None:
    limit, spent = _limit(asked), await _spent(asked)
    return None if limit is None or spent is None else spent <= limit


async def _due_on(asked: Asked) -> Any:
    limit, rows = _limit(asked), asked.question.rows
    started = await rows.working_day(asked.item.row["decision_date"])
    if limit is None or started is None:
        return None
    ended = await rows.working_ordinal(started["ordinal"] + limit)
    return min((row["day"] for row in ended), default=None)


RESOLVERS = {
    "Timeliness.workingDays": _spent,
    "Timeliness.limit": _limit,
    "Timeliness.onTime": _on_time,
    "Timeliness.dueOn": _due_on,
}
