"""What came from whom, and when: of each unit's reports the last, never of a subject.

So that "no record", "not shared" and "source silent" are three answers (records §13).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID
from zoneinfo import ZoneInfo

from store.errors import StoreError
from store.working_day import WorkingCalendar, add_working_days

if TYPE_CHECKING:
    from store.connection import Connection

SHANGHAI = ZoneInfo("Asia/Shanghai")
UNKNOWN_UNIT = ""
"""What stands for the code of a unit that a file does not give (courts send none)."""


class CoverageState(StrEnum):
    """Whether an item is there as it should be."""

    CURRENT = "CURRENT"
    OVERDUE = "OVERDUE"
    NEVER = "NEVER"
    NOT_SHARED = "NOT_SHARED"


@dataclass(frozen=True, slots=True)
class Report:
    """The last report of a unit; `lines` are those that named it and were accepted."""

    sent_at: datetime
    lines: int


async def note_reports(
    connection: Connection, kind: str, stamp: datetime, batch_id: UUID, lines: Mapping[str, int]
) -> None:
    """Count the lines of a chunk for the units that reported them, by USCC."""
    if not lines:
        return
    await connection.execute(
        "INSERT INTO batch_unit AS b (kind, unit_id, stamp, batch_id, lines)"
        " SELECT $1, unit_id, $2, $3, lines FROM unnest($4::text[], $5::integer[])"
        " AS told (unit_id, lines) ORDER BY unit_id"
        " ON CONFLICT (kind, unit_id, stamp, batch_id)"
        " DO UPDATE SET lines = b.lines + EXCLUDED.lines",
        kind,
        stamp,
        batch_id,
        list(lines),
        list(lines.values()),
    )


LAST_REPORTS = """
SELECT asked.kind, asked.unit_id, last.stamp, last.lines
FROM unnest($1::text[], $2::text[]) AS asked (kind, unit_id)
CROSS JOIN LATERAL (
    SELECT stamp, lines FROM batch_unit b
    WHERE b.kind = asked.kind AND b.unit_id = asked.unit_id AND b.stamp < $3
    ORDER BY b.stamp DESC, b.batch_id DESC LIMIT 1) last
"""
"""The last report of each kind and unit before a moment; one step of an index each."""


def after(day: date) -> datetime:
    """The first moment after a day in Shanghai; after the last day of the calendar its last."""
    if day == date.max:
        return datetime.combine(day, time.max, SHANGHAI)
    return datetime.combine(day + timedelta(days=1), time(), SHANGHAI)


def next_due(
    sent_at: datetime, cycle_days: int | None, is_working: bool, calendar: WorkingCalendar
) -> date | None:
    """The last day on which the next report is in time, None without a cycle or where it lies
    beyond the working calendar."""
    if cycle_days is None:
        return None
    sent = sent_at.astimezone(SHANGHAI).date()
    if not is_working:
        return sent + timedelta(days=cycle_days)
    try:
        return add_working_days(sent, cycle_days, calendar)
    except StoreError:
        return None


def state(
    report: Report | None, cycle_days: int | None, due: date | None, on: date
) -> CoverageState:
    """Whether a source is current, overdue on that day, or has never reported.

    Where nobody knows when the next report is due, a cycle of working days has ended after as many
    days of any kind: what may be missing is not taken for clean.
    """
    if report is None:
        return CoverageState.NEVER
    if cycle_days is None:
        return CoverageState.CURRENT
    until = due or report.sent_at.astimezone(SHANGHAI).date() + timedelta(days=cycle_days)
    return CoverageState.OVERDUE if on > until else CoverageState.CURRENT
