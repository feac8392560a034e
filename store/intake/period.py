"""Periods 所属期 for which something is owed: a month, or the first and the last one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

from store.intake.value import half_width

_MONTH = r"(\d{4})(?:-|年|\.|/)?(0[1-9]|1[0-2]|[1-9])月?"
_PERIOD = re.compile(rf"{_MONTH}(?:(?:/|至|到|~|—|--|-|,){_MONTH})?")
_DAY = r"(?:-|年|月|\.|/)?(\d{1,2})日?"
_DAYS = re.compile(rf"{_MONTH}{_DAY}(?:至|到|~|—|--|-){_MONTH}{_DAY}")


@dataclass(frozen=True, slots=True)
class Period:
    """From the first day of the first month to the last day of the last one."""

    first: date
    last: date

    def __str__(self) -> str:
        """YYYY-MM, or YYYY-MM/YYYY-MM."""
        first, last = f"{self.first:%Y-%m}", f"{self.last:%Y-%m}"
        return first if first == last else f"{first}/{last}"


def read_period(text: str) -> Period | None:
    """2025-03, 202503, 2025年3月, or two of them joined by / 至 ~; None for anything else.

    Whole months may be told by their first and last day: 2025-01-01至2025-03-31.
    """
    flat = "".join(half_width(text).split())
    match = _PERIOD.fullmatch(flat)
    if match is None:
        return _by_days(_DAYS.fullmatch(flat))
    first = date(int(match[1]), int(match[2]), 1)
    if not match[3]:
        return Period(first, _last_day(first))
    last = _last_day(date(int(match[3]), int(match[4]), 1))
    return Period(first, last) if first <= last else None


def _by_days(match: re.Match[str] | None) -> Period | None:
    if match is None:
        return None
    first = date(int(match[1]), int(match[2]), 1)
    last = _last_day(date(int(match[4]), int(match[5]), 1))
    whole = (int(match[3]), int(match[6])) == (1, last.day)
    return Period(first, last) if whole and first <= last else None


def _last_day(first: date) -> date:
    return (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
