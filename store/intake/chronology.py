"""Days of a row beside each other: order, future, day and month exchanged."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from store.intake.finding import finding
from store.intake.party import Named
from store.intake.value import EARLIEST


def exchanged(day: date) -> date | None:
    """The day with day and month exchanged; None when that is no other day."""
    if day.day > 12 or day.day == day.month:
        return None
    return date(day.year, day.day, day.month)


def check_decision(row: Named, name: str, decided: date, *, today: date, received: date) -> None:
    """A decision is not of the future; where exchanging day and month mends that, say so.

    A decision after the day it was received, and not after today, is told only with a way to
    mend it: the file may bear an earlier day than its lines. Nothing is corrected.
    """
    if decided > today:
        row.note(name, "DATE_FUTURE")
    elif decided < EARLIEST:
        row.note(name, "DATE_RANGE")
    if decided > min(today, received):
        meant = exchanged(decided)
        deadline = row.values.get("pub_deadline")
        if meant is not None and EARLIEST <= meant <= min(today, received):
            suggest(row, name, str(meant))
        elif isinstance(deadline, date) and EARLIEST <= deadline <= min(today, received):
            suggest(row, name, f"{deadline} – {decided}")


def check_order(row: Named, pairs: Iterable[tuple[str, str]]) -> None:
    """The first day of each pair is not after the second; how it may have been meant."""
    for start, end in pairs:
        first, last = row.values.get(start), row.values.get(end)
        if not isinstance(first, date) or not isinstance(last, date) or first <= last:
            continue
        row.note(end, "DATE_ORDER")
        earlier, later = exchanged(first), exchanged(last)
        if earlier is not None and earlier <= last:
            suggest(row, start, str(earlier))
        elif later is not None and first <= later:
            suggest(row, end, str(later))
        else:
            suggest(row, end, f"{last} – {first}")


def check_against_deadline(
    row: Named, name: str, decided: date, deadline: date, ends: tuple[date, date | None]
) -> None:
    """The deadline is the lawful end for the day with day and month exchanged, not for this one.

    `ends` are the lawful ends of display for the day as it is and as it may have been meant.
    """
    meant = exchanged(decided)
    if meant is not None and deadline != ends[0] and deadline == ends[1]:
        suggest(row, name, str(meant))


def suggest(row: Named, name: str, meant: str) -> None:
    """Say how a day may have been meant."""
    row.findings.append(finding(row.header(name), "DATE_SWAPPED", detail=f"（{meant}）"))
