"""The outbox as the subscriptions of one process follow it: read once, for all of them.

The newest rows are kept in memory; who goes on from an older place reads them from PostgreSQL.
Nothing is read while nobody follows.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

import asyncpg

from service.bell import Bell
from store.outbox import Place, Row, is_behind, newest, rows_after

KEPT = 20_000
_BATCH = 2_000
_IDLE = 2.0  # seconds between two looks without a bell
_BEHIND = 0.1  # and while rows wait for an older transaction to end


class Changes:
    """Rows of the outbox for the followers of this process."""

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self.pool = pool
        self._rows: list[Row] = []
        self._start: Place | None = None  # the place before the first row kept
        self._head = Place()
        self._waiting: dict[asyncio.Event, frozenset[str]] = {}
        self.followers = 0
        self._followed = asyncio.Event()

    async def run(self, bell: Bell, stop: asyncio.Event) -> None:
        """Read on until stopped, while anybody follows."""
        while not stop.is_set():
            if not self.followers:
                self._start = None
                self._followed.clear()
                waiting = [asyncio.ensure_future(e.wait()) for e in (self._followed, stop)]
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for one in waiting:
                    one.cancel()
                continue
            behind = await self._read()
            await bell.wait(stop, _BEHIND if behind else _IDLE, "outbox")

    async def _read(self) -> bool:
        """Take what is new and wake who waits for it; whether more is on its way."""
        if self._start is None:
            self._head = self._start = await newest(self.pool)
            self._rows.clear()
            return False
        rows = await rows_after(self.pool, self._head, _BATCH)
        if not rows:
            return await is_behind(self.pool, self._head)
        self._rows.extend(rows)
        if len(self._rows) > 2 * KEPT:
            self._start = self._rows[-KEPT - 1].place
            del self._rows[:-KEPT]
        self._head = rows[-1].place
        touched = {row.entity for row in rows}
        for event, entities in self._waiting.items():
            if entities & touched:
                event.set()
        return True

    async def now(self) -> Place:
        """Where a subscription that begins now begins."""
        return await newest(self.pool)

    async def after(
        self, place: Place, entities: frozenset[str], limit: int
    ) -> tuple[Sequence[Row], Place, bool]:
        """Rows of these entities after a place, at most `limit` rows looked at.

        Gives them, the place where the next call goes on, and whether more wait there.
        """
        if self._start is not None and self._start <= place:
            at = self._index(place)
            looked = self._rows[at : at + limit]
            more = at + limit < len(self._rows)
        else:
            looked = await rows_after(self.pool, place, limit)
            more = len(looked) == limit
        if not looked:
            return (), place, False
        return [row for row in looked if row.entity in entities], looked[-1].place, more

    @property
    def followed(self) -> bool:
        """Whether the outbox is being read for somebody."""
        return self.followers > 0 and self._start is not None

    def follow(self) -> None:
        """Somebody follows from now on; `leave` says that it ends."""
        self.followers += 1
        self._followed.set()

    def leave(self) -> None:
        self.followers -= 1

    def _index(self, place: Place) -> int:
        return bisect_right(self._rows, place, key=lambda row: row.place)

    async def wait(self, entities: frozenset[str], place: Place, seconds: float) -> None:
        """Wait until something of these entities has changed after a place, at most so long."""
        if self._start is None or place < self._start:
            await asyncio.sleep(_BEHIND)
            return
        if any(row.entity in entities for row in self._rows[self._index(place) :]):
            return
        event = asyncio.Event()
        self._waiting[event] = entities
        try:
            await asyncio.wait_for(event.wait(), seconds)
        except TimeoutError:
            pass
        finally:
            del self._waiting[event]
