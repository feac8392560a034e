"""Keeping the snapshot: made from PostgreSQL, then kept true by the outbox, in files for all.

One process does it (`Keeper`); every process reads (`SnapshotReader`). Neo4j has no part in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import numpy as np

from graph import source
from graph.checkpoint import Position
from graph.layout import EdgeKind
from graph.snapshot import building, reading
from graph.snapshot.circle import find_circles
from graph.snapshot.column import EDGE
from graph.snapshot.folder import Base, Delta, Folder, Opened, State, assembled
from graph.snapshot.view import Snapshot, places, split
from graph.waking import first_of, listen

_log = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 10.0
_MOST_CHANGES = 100_000  # rows of the outbox at once: beyond, a new base costs less
_DELTA_SHARE = 0.05  # of the base's relations: beyond, the changes are merged into a new base
_DELTA_LEAST = 20_000
_REST = 0.1


class SnapshotReader:
    """The current snapshot for one process; opened again when another has become current."""

    def __init__(self, path: Path) -> None:
        self._folder = Folder(path)
        self._stamp: tuple[int, int] | None = None
        self._found: Snapshot | None = None
        self._opened: Opened | None = None

    def current(self) -> Snapshot:
        """The snapshot to answer from. Raises GraphUnavailable while there is none."""
        stamp = self._folder.stamp()
        if self._found is None or stamp != self._stamp:
            self._opened = self._folder.open(self._opened)
            self._found, self._stamp = self._opened.snapshot, stamp
        return self._found


class Keeper:
    """Writes the snapshots of one node; `connect` opens a connection to PostgreSQL of its own."""

    def __init__(self, connect: Callable[[], Awaitable[Any]], path: Path) -> None:
        self._connect = connect
        self.folder = Folder(path)
        self._state: State | None = None
        self._base: Base | None = None
        self._delta: Delta | None = None

    async def run(self, stop: asyncio.Event, interval: float = 1.0) -> None:
        """Keep the snapshot true until `stop` is set: when the store notifies, and every
        `interval` seconds."""
        pause, complaint = _FIRST_PAUSE, ""
        while not stop.is_set():
            try:
                async with self._store() as connection:
                    woken = await listen(connection)
                    while not stop.is_set():
                        woken.clear()
                        moved = await self.step(connection)
                        pause, complaint = _FIRST_PAUSE, ""
                        # Many small commits are taken in together.
                        await first_of(*((_REST, stop) if moved else (interval, stop, woken)))
            except Exception as error:
                if repr(error) != complaint:
                    expected = isinstance(error, asyncpg.PostgresError | OSError)
                    _log.warning("the snapshot is not kept: %r", error, exc_info=not expected)
                complaint = repr(error)
                await first_of(pause, stop)
                pause = min(pause * 2, _LONGEST_PAUSE)

    async def catch_up(self) -> Position:
        """Bring the snapshot to what is committed and settled by now."""
        async with self._store() as connection:
            while await self.step(connection):
                pass
        assert self._state is not None
        return self._state.position

    async def step(self, connection: asyncpg.Connection[Any]) -> bool:
        """Take in what has changed, or make the snapshot anew; False when there was nothing."""
        name = await source.source_name(connection)
        state = self._opened(name)
        if state is not None and await source.is_future(connection, state.position):
            state = None  # a restored backup has not come to it yet
        async with connection.transaction(isolation="repeatable_read"):
            end = await source.last_position(connection)
            if state is not None:
                if end == state.position:
                    return False
                found = await reading.touched(connection, state.position, _MOST_CHANGES)
                if found is not None:
                    return await self._take_in(connection, state, end, *found)
            read = await self._read_all(connection)
        await asyncio.to_thread(self._write_base, name, end, *read)
        return True

    def _opened(self, name: str) -> State | None:
        """The state to go on from: of this database, with files that can be read."""
        if self._state is None:
            state = self.folder.state()
            if state is not None:
                with contextlib.suppress(OSError, ValueError):
                    self._base = self.folder.open_base(state.base)
                    self._delta = self.folder.open_delta(state)
                    self._state = state
        if self._state is not None and self._state.source != name:
            self._state = None
        return self._state

    async def _read_all(
        self, connection: asyncpg.Connection[Any]
    ) -> tuple[dict[str, list[str]], building.Read, dict[EdgeKind, building.Read]]:
        texts = await reading.read_texts(connection)
        nodes = building.nodes_of(await reading.read_nodes(connection, texts))

        def find(high: Any, low: Any) -> Any:
            return places(nodes["id_hi"], nodes["id_lo"], high, low)

        edges: dict[EdgeKind, building.Read] = {}
        for kind in EDGE:
            rows = await reading.read_edges(connection, kind, texts)
            edges[kind] = await asyncio.to_thread(building.edges_of, kind, rows, find)
        return texts, nodes, edges

    def _write_base(
        self,
        name: str,
        end: Position,
        texts: dict[str, list[str]],
        nodes: building.Read,
        edges: dict[EdgeKind, building.Read],
    ) -> None:
        before = self.folder.state()
        number = 1 + (before.base if before else 0)
        generation = before.generation if before else secrets.token_hex(4)
        state = State(generation, name, number, 0, end, texts)
        self.folder.write_base(number, building.base_of(nodes, edges))
        self._publish(state, self.folder.open_base(number), building.no_changes())

    async def _take_in(
        self,
        connection: asyncpg.Connection[Any],
        state: State,
        end: Position,
        subjects: set[UUID],
        relations: set[UUID],
    ) -> bool:
        assert self._base is not None
        assert self._delta is not None
        if not subjects and not relations:  # records alone: the graph is as it was
            self._state = replace(state, position=end)
            self.folder.make_current(self._state)
            return True
        size = sum(len(one["source"]) for one in self._base.edges.values())
        if self._delta.edges + len(relations) > max(_DELTA_LEAST, size * _DELTA_SHARE):
            read = await self._read_all(connection)
            await asyncio.to_thread(self._write_base, state.source, end, *read)
            return True
        base, delta = self._base, self._delta
        named = sorted(relations)
        texts = await reading.read_texts(connection, state.texts, named, sorted(subjects))
        ends = await _ends(connection, named)
        nodes = await reading.read_nodes(connection, texts, subjects | ends)
        delta, moved = building.with_nodes(base, delta, nodes)
        whole = assembled(state, base, delta).nodes
        read_edges = {}
        for kind in EDGE:
            rows = await reading.read_edges(connection, kind, texts, named)
            read_edges[kind] = building.edges_of(kind, rows, whole.places)
        delta = building.with_edges(base, delta, moved, split(named), read_edges)
        state = replace(state, delta=state.delta + 1, position=end, texts=texts)
        await asyncio.to_thread(self._publish, state, base, delta)
        return True

    def _publish(self, state: State, base: Base, delta: Delta) -> None:
        """Find the circles where holdings have changed, write the changes, make them current."""
        if delta.circles is None or _holdings_differ(self._delta, delta):
            delta = replace(delta, circles=find_circles(assembled(state, base, delta)))
        self.folder.write_delta(state, delta)
        self.folder.make_current(state)
        self._state, self._base, self._delta = state, base, delta

    @asynccontextmanager
    async def _store(self) -> AsyncIterator[asyncpg.Connection[Any]]:
        connection = await self._connect()
        try:
            yield connection
        finally:
            with contextlib.suppress(Exception):
                await connection.close(timeout=2)


def _holdings_differ(before: Delta | None, now: Delta) -> bool:
    """Whether holdings were added, changed or taken away between two states of one base."""
    if before is None or len(before.added_nodes["id_hi"]) != len(now.added_nodes["id_hi"]):
        return True
    kind = EdgeKind.HOLDS
    same = np.array_equal(before.dead[kind], now.dead[kind]) and all(
        np.array_equal(before.added[kind][name], now.added[kind][name])
        for name in ("source", "target")
    )
    return not same


async def _ends(connection: asyncpg.Connection[Any], relations: Iterable[UUID]) -> set[UUID]:
    """The subjects at the ends of relations, and their loans."""
    rows = await connection.fetch(
        "SELECT subject_id, other_id, loan_id FROM relation"
        " WHERE relation_id = ANY($1::uuid[]) AND direction = 'OUT'",
        list(relations),
    )
    return {row[n] for row in rows for n in range(3) if row[n] is not None}
