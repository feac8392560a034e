"""The after-review of a running node: index, rules, weekly sample, PostgreSQL's own log."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import time
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

from security.access_index import AccessIndex
from security.after_review import AfterReview
from security.direct_access import DirectAccess
from security.finding import Rules, load_rules
from security.review_queue import Deadline
from security.review_sample import WeeklySample
from service.node import Node
from service.postgres import sessions_log
from store.errors import StoreError
from store.working_day import add_working_days, load_calendar

_INTERVAL = 0.3
_BREATH = 0.005
"""Pause between two batches while the index catches up, so that questions come first."""
_DIRECT_INTERVAL = 1.0
_SLOW_INTERVAL = 3600.0


async def reviewing(node: Node, stop: asyncio.Event) -> None:
    """Keep index and findings of the access log up to date until stopped."""
    rules = load_rules()
    deadline = deadline_of(rules)
    pool, origin = node.work_pool, node.keys.access.name
    folder = node.home.log / "access"
    index = AccessIndex(pool, folder, origin)
    review = AfterReview(pool, origin, rules, partial(missing_reference, node), deadline)
    sample = WeeklySample(
        pool, folder, origin, node.keys.audit.name, node.settings.node, rules, deadline
    )
    direct = DirectAccess(pool, _postgres_log(node), rules, deadline)
    due: dict[Callable[[], Awaitable[None]], tuple[float, float]] = {
        partial(_exhaust, direct.advance): (0.0, _DIRECT_INTERVAL),
        partial(_slowly, sample, review, direct, rules): (0.0, _SLOW_INTERVAL),
    }
    while not stop.is_set():
        moved = await index.advance() + await review.advance()
        for work, (at, interval) in due.items():
            if time.monotonic() >= at:
                await work()
                due[work] = (time.monotonic() + interval, interval)
        await _pause(stop, _BREATH if moved else _INTERVAL)


async def _exhaust(advance: Callable[[], Awaitable[int]]) -> None:
    while await advance():
        pass


async def _slowly(
    sample: WeeklySample, review: AfterReview, direct: DirectAccess, rules: Rules
) -> None:
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
    """How an entry names a code that was asked for and not found: an HMAC under the epoch key."""
    epoch, key = node.missing_key
    return f"{epoch}:{hmac.digest(key, code.encode(), 'sha256').hex()[:32]}"


def _postgres_log(node: Node) -> Path:
    if node.settings.postgres_url is None:
        return sessions_log(node.home)
    return Path(node.settings.postgres_log or node.home.path / "no-postgres-log")


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
