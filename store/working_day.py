"""Working days 工作日 by the State Council's calendar: counted exactly, or refused."""

from __future__ import annotations

import tomllib
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from store.errors import StoreError

if TYPE_CHECKING:
    from store.connection import Connection

_DAY = timedelta(days=1)
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Notice:
    """One yearly notice: spans of rest 放假 (first and last day), weekend days that are worked."""

    year: int
    number: str
    rest: tuple[tuple[date, date], ...]
    work: tuple[date, ...]


@dataclass(frozen=True, slots=True)
class WorkingCalendar:
    """The working days of the years from `first` to `last`, both whole; ascending."""

    first: date
    last: date
    days: tuple[date, ...]

    def ordinal(self, day: date) -> int:
        """How many working days there are from `first` up to and including `day`.

        Raises StoreError CALENDAR_UNKNOWN for a day outside the calendar: the notice of a year
        decides, and no rule of the week replaces it.
        """
        if not self.first <= day <= self.last:
            raise self.unknown()
        return bisect_right(self.days, day)

    def unknown(self) -> StoreError:
        """The refusal of what lies outside the calendar."""
        return StoreError(
            "CALENDAR_UNKNOWN",
            f"working days are known from {self.first} to {self.last}: update the node to a"
            " release that holds the State Council's notice for that year",
        )

    def is_working(self, day: date) -> bool:
        """Whether the day is worked; raises StoreError CALENDAR_UNKNOWN."""
        count = self.ordinal(day)
        return count > 0 and self.days[count - 1] == day


def calendar_of(notices: Iterable[Notice]) -> WorkingCalendar:
    """The calendar of consecutive years; raises ValueError when a year between is missing."""
    told = sorted(notices, key=lambda notice: notice.year)
    years = [notice.year for notice in told]
    if not years or years != list(range(years[0], years[-1] + 1)):
        raise ValueError("the notices must be of consecutive years")
    rest = {day for notice in told for span in notice.rest for day in _span(*span)}
    work = {day for notice in told for day in notice.work}
    first, last = date(years[0], 1, 1), date(years[-1], 12, 31)
    return WorkingCalendar(
        first,
        last,
        tuple(
            day
            for day in _span(first, last)
            if day in work or (day not in rest and day.weekday() < _SATURDAY)
        ),
    )


def working_days(start: date, end: date, calendar: WorkingCalendar) -> int:
    """The working days after `start` up to and including `end`; 0 when `end` is not later.

    Raises StoreError CALENDAR_UNKNOWN. Source: 本政发〔2020〕9号, task 7: counted
    from the decision, whose own day is not.
    """
    return max(calendar.ordinal(end) - calendar.ordinal(start), 0)


def add_working_days(start: date, count: int, calendar: WorkingCalendar) -> date:
    """The last day of a term of `count` ≥ 1 working days that begins after `start`.

    Raises StoreError CALENDAR_UNKNOWN when it lies beyond the calendar, ValueError below 1.
    """
    if count < 1:
        raise ValueError("a term has at least one working day")
    index = calendar.ordinal(start) + count - 1
    if index >= len(calendar.days):
        raise calendar.unknown()
    return calendar.days[index]


def working_days_sql(start: str, end: str) -> str:
    """SQL of `working_days`: null where either day is null or outside the calendar."""
    return (
        "(SELECT greatest(ended.ordinal - started.ordinal, 0)"
        " FROM working_day started, working_day ended"
        f" WHERE started.day = {start} AND ended.day = {end})"
    )


def add_working_days_sql(start: str, count: str) -> str:
    """SQL of `add_working_days`: null where the term begins or ends outside the calendar."""
    return (
        "(SELECT min(ended.day) FROM working_day started JOIN working_day ended"
        f" ON ended.ordinal = started.ordinal + {count} WHERE started.day = {start})"
    )


@cache
def load_notices() -> tuple[Notice, ...]:
    """The notices that are shipped (store/data/working_calendar.toml), by year."""
    text = resources.files("store").joinpath("data/working_calendar.toml").read_text("utf-8")
    return tuple(
        Notice(
            notice["year"],
            notice["number"],
            tuple((first, last) for first, last in notice["rest"]),
            tuple(notice["work"]),
        )
        for notice in tomllib.loads(text)["notice"]
    )


@cache
def load_calendar() -> WorkingCalendar:
    """The calendar of the shipped notices."""
    return calendar_of(load_notices())


async def load_working_days(connection: Connection) -> None:
    """Bring the table `working_day` up to the shipped calendar: every day with its ordinal."""
    calendar = load_calendar()
    days = list(_span(calendar.first, calendar.last))
    await connection.execute(
        "INSERT INTO working_day AS w (day, ordinal)"
        " SELECT * FROM unnest($1::date[], $2::integer[])"
        " ON CONFLICT (day) DO UPDATE SET ordinal = EXCLUDED.ordinal"
        " WHERE w.ordinal <> EXCLUDED.ordinal",
        days,
        [calendar.ordinal(day) for day in days],
    )


def _span(first: date, last: date) -> Iterator[date]:
    day = first
    while day <= last:
        yield day
        day += _DAY
