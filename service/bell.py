"""What PostgreSQL announces, heard once per process: new rows of the outbox, changes of jobs.

A notification only wakes: whoever waits looks for itself, and looks now and then unasked.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

_log = logging.getLogger("xinqiao.bell")

_PAUSE = 1.0
CHANNELS = ("outbox", "job")


class Bell:
    """Wakes those who wait for a channel; `payload`s are not kept."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = {name: set() for name in CHANNELS}

    def ring(self, channel: str) -> None:
        """Wake everybody who waits for the channel."""
        for one in self._waiting[channel]:
            one.set()

    async def wait(self, stop: asyncio.Event, seconds: float, *channels: str) -> None:
        """Wait until one of the channels rings, at most so long, or until stopped."""
        rung = asyncio.Event()
        for channel in channels:
            self._waiting[channel].add(rung)
        waiting = [asyncio.ensure_future(one.wait()) for one in (rung, stop)]
        try:
            await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for channel in channels:
                self._waiting[channel].discard(rung)
            for one in waiting:
                one.cancel()

    async def listen(
        self, connect: Callable[[], Awaitable[asyncpg.Connection[Any]]], stop: asyncio.Event
    ) -> None:
        """Listen until stopped; a connection that ends is made anew."""
        while not stop.is_set():
            try:
                await self._listen(await connect(), stop)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                _log.debug("the listener ended: %r", error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _PAUSE)

    async def _listen(self, connection: asyncpg.Connection[Any], stop: asyncio.Event) -> None:
        ended = asyncio.Event()
        connection.add_termination_listener(lambda _: ended.set())
        try:
            for channel in CHANNELS:
                await connection.add_listener(channel, lambda *told: self.ring(told[2]))
                self.ring(channel)
            waiting = [asyncio.ensure_future(one.wait()) for one in (ended, stop)]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for one in waiting:
                one.cancel()
        finally:
            await connection.close(timeout=5)
