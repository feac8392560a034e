"""Several ordered lists read as one."""

from __future__ import annotations

import heapq
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from resolvers.executor.paging import Order, Rank
from resolvers.executor.rows import Fields

_CHUNK = 100


@dataclass(slots=True)
class _Head:
    """The next row of one list."""

    rank: Rank
    backward: bool
    rows: list[Fields]  # that were read, last first
    source: AsyncIterator[Any]

    def __lt__(self, other: _Head) -> bool:
        return other.rank < self.rank if self.backward else self.rank < other.rank


async def merged(
    sources: Sequence[AsyncIterator[Sequence[Fields]]], order: Order, *, backward: bool
) -> AsyncIterator[list[Fields]]:
    """The rows of all lists in the order that each has, in chunks."""
    heads: list[_Head] = []
    for source in sources:
        waiting = await _next(source)
        if waiting:
            heads.append(_Head(order.rank(waiting[-1]), backward, waiting, source))
    heapq.heapify(heads)
    chunk: list[Fields] = []
    while heads:
        head = heads[0]
        chunk.append(head.rows.pop())
        if not head.rows:
            head.rows = await _next(head.source)
        if head.rows:
            head.rank = order.rank(head.rows[-1])
            heapq.heapreplace(heads, head)
        else:
            heapq.heappop(heads)
        if len(chunk) >= _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


async def _next(source: AsyncIterator[Sequence[Fields]]) -> list[Fields]:
    """The next rows of a list, last first; none at its end."""
    async for rows in source:
        return list(reversed(rows))
    return []
