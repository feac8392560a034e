"""The after-review of a running node: index, rules, weekly sample, PostgreSQL's own log."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

from security.access_index import AccessIndex
from security.after_review import BATCH, AfterReview
from security.direct_access import DirectAccess
from security.errors import LogError
from security.finding import Rules, load_rules
from security.review_queue import Deadline
from security.review_sample import WeeklySample
from security.sealed_entry import LogFiles
from service.node import Node
from service.pipeline import missing_under
from service.postgres import sessions_log
from store.errors import StoreError
from store.working_day import add_working_days, load_calendar

_INTERVAL = 0.3
_BREATH = 0.005
"""Pause between two batches while the index catches up, so that questions come first."""
_LOOK_INTERVAL = 2.0
"""Seconds after which the index looks for work though no new head was published: a rebuild."""
_DIRECT_INTERVAL = 1.0
_SLOW_INTERVAL = 3600.0


async def reviewing(node: Node, stop: asyncio.Event) -> None:
    """Keep index and findings of the access log up to date until stopped."""
    rules = load_rules()
    deadline = deadline_of(rules)
    pool = node.work_pool

    def reviewed(log: LogFiles) -> tuple[AccessIndex, AfterReview, WeeklySample]:
        missing = partial(missing_reference, node)
        audit = node.keys.audit.name
        return (
            AccessIndex(pool, log.directory, log.origin),
            AfterReview(pool, log.origin, rules, missing, deadline),
            WeeklySample(pool, log, audit, node.settings.node, rules, deadline),
        )

    former = [reviewed(log) for log in node.review.former]
    index, review, sample = reviewed(LogFiles(node.keys.access.name, node.home.log / "access"))
    direct = DirectAccess(pool, _postgres_log(node), rules, deadline)
    samples = [one for _, _, one in former] + [sample]
    due: dict[Callable[[], Awaitable[None]], tuple[float, float]] = {
        partial(_exhaust, direct.advance): (0.0, _DIRECT_INTERVAL),
        partial(_slowly, samples, review, direct, rules): (0.0, _SLOW_INTERVAL),
    }
    for ended, its_review, _ in former:
        await _finish(ended, its_review, stop)
    published, look, unseen = 0, 0.0, 0
    while not stop.is_set():
        moved, now = 0, time.monotonic()
        if (newest := await asyncio.to_thread(_published, index)) != published or now >= look:
            moved = await index.advance()
            unseen += moved
            if not moved or unseen >= BATCH:
                unseen = 0
                moved += await review.advance()
            published, look = (0 if moved else newest), now + _LOOK_INTERVAL
        for work, (at, interval) in due.items():
            if time.monotonic() >= at:
                await work()
                due[work] = (time.monotonic() + interval, interval)
        await _pause(stop, _BREATH if moved else _INTERVAL)


def _published(index: AccessIndex) -> int:
    """When the log's head was published, in nanoseconds; 0 before there is one."""
    try:
        return (index.directory / "checkpoint").stat().st_mtime_ns
    except FileNotFoundError:
        return 0


async def _finish(index: AccessIndex, review: AfterReview, stop: asyncio.Event) -> None:
    """Index and review what an ended log still has; what of its files is lost stays out."""
    review_begun = False
    while not stop.is_set():
        try:
            indexed = await index.advance()
        except (LogError, OSError, ValueError):
            indexed = 0
        if not indexed + await review.advance() and review_begun:
            return
        review_begun = True  # the first look only notes where to begin
        await _pause(stop, _BREATH)


async def _exhaust(advance: Callable[[], Awaitable[int]]) -> None:
    while await advance():
        pass


async def _slowly(
    samples: Sequence[WeeklySample], review: AfterReview, direct: DirectAccess, rules: Rules
) -> None:
    for sample in samples:
        while await sample.draw(datetime.now(rules.zone)):
            pass
    await review.tidy()
    await direct.tidy()


def deadline_of(rules: Rules) -> Deadline:
    """Until when a finding of a day is to be closed: so many working days, or where the calendar
    of this release ends, so many weekdays."""
    calendar = load_calendar()

    def deadline(day: date) -> date:
        try:
            return add_working_days(day, rules.review_working_days, calendar)
        except StoreError:
            return day + timedelta(days=round(rules.review_working_days * 1.4))

    return deadline


def missing_reference(node: Node, code: str) -> str:
    """How an entry names a code that was asked for and not found."""
    return missing_under(node.missing_key, code)


def _postgres_log(node: Node) -> Path:
    if node.settings.postgres_url is None:
        return sessions_log(node.home)
    return Path(node.settings.postgres_log or node.home.path / "no-postgres-log")


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
