"""Whose changes are at work: one of a caller at a time, and a few of all.

A change holds one of the connections that the node's own work needs as well; hundreds that one
caller sends at once must not keep it, nor the changes of others, from theirs.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary

from resolvers.errors import QuestionError

AT_ONCE = 4
"""Changes of all callers that are at work at once, in one process."""
MOST_WAITING = 50
"""Changes of one caller that are at work or wait, in one process."""


class Turns:
    """The turns of one process's changes."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(AT_ONCE)
        self._one: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._here: Counter[str] = Counter()

    @asynccontextmanager
    async def taken(self, caller: str, seconds: float) -> AsyncIterator[None]:
        """The caller's turn for the time of the block, awaited for at most so long.

        Raises QuestionError MUTATION_RUNNING.
        """
        running = QuestionError(
            "MUTATION_RUNNING", "changes of yours are still at work: send it again in a moment"
        )
        if self._here[caller] >= MOST_WAITING:
            raise running
        self._here[caller] += 1
        one = self._one.setdefault(caller, asyncio.Lock())
        try:
            async with AsyncExitStack() as held:
                try:
                    async with asyncio.timeout(seconds):
                        await held.enter_async_context(one)
                        await held.enter_async_context(self._free)
                except TimeoutError:
                    raise running from None
                yield
        finally:
            self._here[caller] -= 1
            if not self._here[caller]:
                del self._here[caller]
