"""Finding company groups again whenever the graph has changed, beside the node's other work."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Sequence
from uuid import UUID

from graph.errors import GraphUnavailable
from graph.group import find_groups
from graph.snapshot.view import Snapshot
from service.node import Node
from store.company_group import found_in, keep_groups

_LOOK = 2.0  # seconds between two looks whether the graph has changed


async def grouping(node: Node, stop: asyncio.Event) -> None:
    """Keep the groups true until stopped: found again when the snapshot or the day has changed,
    at most every `group_interval` seconds."""
    while not stop.is_set():
        await _wait(stop, node.settings.group_interval if await find(node) else _LOOK)


async def find(node: Node) -> bool:
    """Find the groups of the current snapshot, unless that was done; whether it was done now."""
    try:
        snapshot = node.snapshots.current()
    except GraphUnavailable:
        return False
    day = node.settings.domain_date()
    async with node.work_pool.acquire() as connection:
        if await found_in(connection) == (snapshot.id, day):
            return False
        members, heads = await asyncio.to_thread(_found, snapshot, day)
        return await keep_groups(connection, members, heads, snapshot=snapshot.id, day=day)


def _found(snapshot: Snapshot, day: dt.date) -> tuple[Sequence[UUID], Sequence[UUID]]:
    groups = find_groups(snapshot, day)
    return snapshot.ids_at(groups.members), snapshot.ids_at(groups.heads)


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
