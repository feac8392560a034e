"""The feed of this node, kept up with the store: leaves first, then files and the signed head."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import asyncpg

from security.sealer import StopSignal
from security.tlog.note import NoteSigner
from store.connection import Connection
from store.kind import Kinds
from sync.errors import FeedError
from sync.feed import advance, standing
from sync.feed_log import FeedLog

_BUSY_WAIT = 2.0


class Publisher:
    """The one process of a node that makes its feed; others wait until it is gone."""

    def __init__(
        self,
        pool: asyncpg.Pool[Any],
        directory: Path,
        signer: NoteSigner,
        *,
        region: str,
        kinds: Kinds,
        today: Callable[[], date],
    ) -> None:
        """`directory` takes the public files; `signer` is named after the feed's origin line."""
        self._pool = pool
        self._directory = directory
        self._signer = signer
        self._region = region
        self._kinds = kinds
        self._today = today

    async def run(self, interval: float, stop: StopSignal) -> None:
        """Publish every `interval` seconds until stopped.

        Raises FeedError other than `FEED_BUSY`: files and table need the operator then.
        """
        log: FeedLog | None = None
        done: object = None
        try:
            while not stop.is_set():
                wait = interval
                try:
                    async with self._pool.acquire() as connection:
                        if log is None:
                            log = await FeedLog.open(connection, self._directory, self._signer)
                        stands = await standing(connection, self._region), self._today()
                        if stands[0] is None or stands != done:
                            await self._catch_up(log, connection)
                        done = stands
                except FeedError as error:
                    if error.code != "FEED_BUSY":
                        raise
                    wait = _BUSY_WAIT
                except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                    logging.getLogger(__name__).warning("the feed waits: %s", error)
                    wait = _BUSY_WAIT
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), wait)
        finally:
            if log is not None:
                log.close()

    async def _catch_up(self, log: FeedLog, connection: Connection) -> None:
        while True:
            step = await advance(
                connection, kinds=self._kinds, region=self._region, today=self._today()
            )
            await log.publish(connection)
            if not step.more:
                return
