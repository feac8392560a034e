"""Working days follow the State Council's notices, and nothing else (X26, W23)."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.errors import StoreError
from store.reference import load_reference
from store.working_day import (
    Notice,
    add_working_days,
    add_working_days_sql,
    calendar_of,
    load_calendar,
    load_notices,
    working_days,
    working_days_sql,
)

CALENDAR = load_calendar()
DAYS = st.dates(CALENDAR.first, CALENDAR.last)
DECIDED = date(2025, 9, 30)


def naive(start: date, count: int) -> date:
    """The end of a term by the week alone, as software without the calendar has it."""
    day = start
    while count:
        day += timedelta(days=1)
        count -= day.weekday() < 5
    return day


def test_x26_received_after_the_national_day_holiday_is_the_sixth_working_day() -> None:
    assert working_days(DECIDED, date(2025, 10, 15), CALENDAR) == 6
    assert add_working_days(DECIDED, 7, CALENDAR) == date(2025, 10, 16)
    assert naive(DECIDED, 7) == date(2025, 10, 9)


# The notice of 4 November 2025 for 2026, 国办发明电〔2025〕7号, day by day.
@pytest.mark.parametrize(
    ("first", "last"),
    [
        (date(2026, 1, 1), date(2026, 1, 3)),
        (date(2026, 2, 15), date(2026, 2, 23)),
        (date(2026, 4, 4), date(2026, 4, 6)),
        (date(2026, 5, 1), date(2026, 5, 5)),
        (date(2026, 6, 19), date(2026, 6, 21)),
        (date(2026, 9, 25), date(2026, 9, 27)),
        (date(2026, 10, 1), date(2026, 10, 7)),
    ],
)
def test_the_holidays_of_2026_are_those_of_the_notice(first: date, last: date) -> None:
    assert working_days(first - timedelta(days=1), last, CALENDAR) == 0


@pytest.mark.parametrize("day", ["01-04", "02-14", "02-28", "05-09", "09-20", "10-10"])
def test_the_weekend_days_worked_in_2026_are_those_of_the_notice(day: str) -> None:
    assert CALENDAR.is_working(date.fromisoformat(f"2026-{day}"))


def test_notices_that_changed_a_year_later_are_followed() -> None:
    assert not CALENDAR.is_working(date(2018, 12, 31))  # by the notice for 2019
    assert CALENDAR.is_working(date(2018, 12, 29))
    assert not CALENDAR.is_working(date(2019, 5, 3))  # by 国办发明电〔2019〕3号
    assert not CALENDAR.is_working(date(2020, 1, 31))  # by 国办发明电〔2020〕1号
    assert CALENDAR.is_working(date(2020, 2, 3))


def test_every_year_of_the_release_has_its_notice() -> None:
    assert [notice.year for notice in load_notices()] == list(range(2018, 2027))
    counted = Counter(day.year for day in CALENDAR.days)
    # By hand: the year's weekdays, less those of rest, plus the weekend days worked. For 2025:
    # 261 - 1 - 6 - 1 - 3 - 1 - 6 + 5.
    assert counted == {
        2018: 250, 2019: 250, 2020: 249, 2021: 250, 2022: 249,
        2023: 249, 2024: 251, 2025: 248, 2026: 248,
    }  # fmt: skip


@pytest.mark.parametrize("day", [date(2017, 12, 31), date(2027, 1, 1)])
def test_an_unknown_year_is_refused_not_guessed(day: date) -> None:
    known = date(2026, 6, 30) if day.year > 2026 else date(2018, 6, 30)
    for ask in (
        lambda: working_days(known, day, CALENDAR),
        lambda: working_days(day, known, CALENDAR),
        lambda: add_working_days(day, 7, CALENDAR),
        lambda: CALENDAR.is_working(day),
    ):
        with pytest.raises(StoreError) as refused:
            ask()
        assert refused.value.code == "CALENDAR_UNKNOWN"


def test_a_term_that_ends_beyond_the_calendar_is_refused() -> None:
    assert add_working_days(date(2026, 12, 28), 3, CALENDAR) == date(2026, 12, 31)
    with pytest.raises(StoreError, match="2026-12-31"):
        add_working_days(date(2026, 12, 28), 4, CALENDAR)


def test_a_missing_year_between_notices_is_an_error() -> None:
    with pytest.raises(ValueError, match="consecutive"):
        calendar_of([Notice(2018, "a", (), ()), Notice(2020, "b", (), ())])


@given(DAYS, DAYS)
def test_days_between_are_those_that_are_worked(start: date, end: date) -> None:
    later = [start + timedelta(days=i + 1) for i in range((end - start).days)]
    expected = sum(CALENDAR.is_working(day) for day in later)
    assert working_days(start, end, CALENDAR) == expected


@given(DAYS, DAYS, DAYS)
def test_spans_add_up(one: date, two: date, three: date) -> None:
    first, middle, last = sorted((one, two, three))
    whole = working_days(first, last, CALENDAR)
    parts = working_days(first, middle, CALENDAR) + working_days(middle, last, CALENDAR)
    assert whole == parts


@given(st.dates(CALENDAR.first, date(2026, 6, 30)), st.integers(1, 60))
def test_a_term_ends_on_the_working_day_that_it_counts(start: date, count: int) -> None:
    end = add_working_days(start, count, CALENDAR)
    assert CALENDAR.is_working(end)
    assert working_days(start, end, CALENDAR) == count
    assert working_days(start, end - timedelta(days=1), CALENDAR) == count - 1


async def test_the_database_counts_as_the_core_does(database: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        await load_reference(connection, demo=False)
        await load_reference(connection, demo=False)  # every start loads it
        spans = [
            (date(2025, 9, 30) + timedelta(days=i), date(2025, 9, 25) + timedelta(days=3 * i))
            for i in range(30)
        ]
        rows = await connection.fetch(
            f"SELECT {working_days_sql('s', 'e')} AS days, {add_working_days_sql('s', '7')} AS due"
            " FROM unnest($1::date[], $2::date[]) AS span (s, e)",
            [start for start, _ in spans],
            [end for _, end in spans],
        )
        assert [tuple(row) for row in rows] == [
            (working_days(start, end, CALENDAR), add_working_days(start, 7, CALENDAR))
            for start, end in spans
        ]
        unknown = await connection.fetchrow(
            f"SELECT {working_days_sql('s', 'e')}, {working_days_sql('e', 's')},"
            f" {add_working_days_sql('e', '7')}, {add_working_days_sql('s', '7')}"
            " FROM (SELECT date '2026-12-30' AS s, date '2027-01-04' AS e) span"
        )
        assert unknown is not None
        assert tuple(unknown) == (None, None, None, None)
    finally:
        await connection.close()
