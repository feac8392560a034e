"""Dates of the world: its present, steps in months and weekdays."""

from calendar import monthrange
from datetime import date, timedelta

WORLD_NOW = date(2026, 6, 30)  # Asia/Shanghai
OLD_CODES_UNTIL = date(2015, 10, 1)  # the unified code replaced the three older ones
LONG_TERM = "2099-12-31"


def months_after(day: date, months: int) -> date:
    """Return the same day of a later month; a day the month lacks becomes its last one."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def weekdays_before(day: date, count: int) -> date:
    """Return the day `count` weekdays earlier (weekends only, no holidays)."""
    while count > 0:
        day -= timedelta(days=1)
        if day.weekday() < 5:
            count -= 1
    return day
