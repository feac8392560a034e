"""The projection: Neo4j follows the store through the outbox and can be refilled at any time.

It is a machine whose whole state is the checkpoint in the graph. A step locks the checkpoint,
reads PostgreSQL, writes Neo4j and moves the checkpoint in one Neo4j transaction, so a step is
done whole or not at all, any process may do the next one, and two that try wait for each other.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
from neo4j import AsyncTransaction

from graph import checkpoint as stored
from graph import mutation, source
from graph.checkpoint import Checkpoint, Position, Stage
from graph.connection import GraphConnection
from graph.errors import GraphBehind, GraphError
from graph.layout import LAYOUT
from graph.waking import first_of, listen
from graph.work import Work, apply_work, read_work

_log = logging.getLogger(__name__)

_CONSUMER = "graph"
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 10.0
_EMPTYING_BATCH = 20_000
_LOOK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Step:
    """What one step did: where the projection stands now, and how many rows it went over.

    `idle` is true when there was nothing to do.
    """

    checkpoint: Checkpoint
    rows: int = 0
    idle: bool = False


@dataclass(frozen=True, slots=True)
class Status:
    """Where the projection stands: outbox rows it has not come to, and its stage."""

    stage: Stage | None
    position: Position
    behind: int


class Projection:
    """Keeps the graph equal to the store.

    `connect` opens a connection to PostgreSQL of the projection's own; `batch` is the largest
    number of outbox rows, nodes or edges in one Neo4j transaction, 1 to 10,000.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Any]],
        graph: GraphConnection,
        *,
        batch: int = 5_000,
    ) -> None:
        if not 1 <= batch <= 10_000:
            raise ValueError("batch must be from 1 to 10,000")
        self._connect = connect
        self._graph = graph
        self._batch = batch
        self._ahead: Work | None = None

    async def run(self, stop: asyncio.Event, interval: float = 1.0) -> None:
        """Follow the store until `stop` is set.

        Looks at the outbox when the store notifies and every `interval` seconds; waits longer and
        longer, up to 10 s, while Neo4j or PostgreSQL is down.
        """
        pause, complaint = _FIRST_PAUSE, ""
        while not stop.is_set():
            try:
                async with self._store() as connection:
                    await self._graph.create_constraints()
                    woken = await listen(connection)
                    while not stop.is_set():
                        woken.clear()
                        step = await self.step(connection)
                        if complaint:
                            _log.info("the graph is followed again")
                        pause, complaint = _FIRST_PAUSE, ""
                        if step.idle:
                            await first_of(interval, stop, woken)
            except Exception as error:
                if repr(error) != complaint:
                    expected = isinstance(error, GraphError | asyncpg.PostgresError | OSError)
                    _log.warning("the graph is not followed: %r", error, exc_info=not expected)
                complaint = repr(error)
                await first_of(pause, stop)
                pause = min(pause * 2, _LONGEST_PAUSE)

    async def catch_up(self, seconds: float) -> Position:
        """Follow until every row of the outbox committed by now is in the graph.

        Raises GraphBehind when that is not reached in time, GraphUnavailable.
        """
        deadline = time.monotonic() + seconds
        async with self._store() as connection:
            await self._graph.create_constraints()
            newest = await connection.fetchrow(
                "SELECT xid, seq FROM outbox ORDER BY xid DESC, seq DESC LIMIT 1"
            )
            target = Position(newest["xid"], newest["seq"]) if newest else Position()
            while True:
                step = await self.step(connection)
                reached = step.checkpoint.position
                if step.checkpoint.stage is Stage.FOLLOWING and reached >= target:
                    return reached
                if time.monotonic() > deadline:
                    raise GraphBehind(
                        "The graph has not caught up with the store: let the import finish, end"
                        " long transactions, or wait longer."
                    )
                if step.idle:
                    await asyncio.sleep(0.05)

    async def rebuild(self, progress: Callable[[Step], None] | None = None) -> Position:
        """Empty the graph and fill it from the store, safely while others write and follow.

        Until it is done questions are answered GRAPH_UNAVAILABLE. Killed at any moment, whoever
        follows next continues it. Returns the position it came to. Raises GraphUnavailable.
        """
        async with self._store() as connection:
            await self._graph.create_constraints()
            name = await source.source_name(connection)
            async with self._graph.transaction() as transaction:
                await _locked(transaction)
                await _write(transaction, Checkpoint.fresh(name))
            while True:
                step = await self.step(connection)
                if progress is not None:
                    progress(step)
                if step.checkpoint.stage is Stage.FOLLOWING:
                    return step.checkpoint.position

    async def status(self) -> Status:
        """Where the projection stands. Raises GraphUnavailable."""
        async with self._store() as connection:
            found = await self._read()
            position = found.position if found else Position()
            return Status(
                found.stage if found else None,
                position,
                await source.backlog(connection, position),
            )

    async def step(self, connection: asyncpg.Connection) -> Step:
        """Do the next thing there is to do, in one Neo4j transaction.

        Raises GraphUnavailable; the step is then done or not, and doing the next one is right
        in both cases.
        """
        name = await source.source_name(connection)
        found = await self._read()
        if (
            found is not None
            and await _continues(connection, found, name)
            and found.stage is Stage.FOLLOWING
        ):
            ahead = await source.changes_after(connection, found.position, 1)
            if not ahead.rows:
                return Step(found, idle=True)
        reading: asyncio.Task[Work] | None = None
        try:
            async with self._graph.transaction() as transaction:
                found = await _locked(transaction)
                if found is None or not await _continues(connection, found, name):
                    step = Step(Checkpoint.fresh(name))
                elif found.stage is Stage.EMPTYING:
                    removed = await mutation.remove_some(transaction, _EMPTYING_BATCH)
                    start = await source.last_position(connection)
                    filling = replace(found, stage=Stage.FILLING_NODES, position=start)
                    step = Step(found if removed else filling, removed)
                else:
                    work = await self._work(connection, found)
                    if work.rows == self._batch:
                        reading = asyncio.create_task(read_work(connection, work.then, self._batch))
                    await apply_work(transaction, work)
                    step = Step(work.then, work.rows)
                await _write(transaction, step.checkpoint)
        finally:
            if reading is not None:
                await asyncio.wait([reading])
        if reading is not None and reading.exception() is None:
            self._ahead = reading.result()
        if step.checkpoint.stage is Stage.FOLLOWING:
            await _note(connection, step.checkpoint.position)
        return step

    async def _work(self, connection: asyncpg.Connection, found: Checkpoint) -> Work:
        """What was read ahead, if nobody else has done a step since, else what is read now."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead.since == found:
            return ahead
        return await read_work(connection, found, self._batch)

    async def _read(self) -> Checkpoint | None:
        rows = await self._graph.read(stored.READ, {}, seconds=_LOOK_SECONDS)
        return _checkpoint(rows[0]["checkpoint"]) if rows else None

    @asynccontextmanager
    async def _store(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await self._connect()
        try:
            yield connection
        finally:
            with contextlib.suppress(Exception):
                await connection.close(timeout=2)


def _checkpoint(properties: dict[str, Any]) -> Checkpoint | None:
    try:
        return Checkpoint.of(properties)
    except (KeyError, ValueError):
        return None


async def _locked(transaction: AsyncTransaction) -> Checkpoint | None:
    result = await transaction.run(stored.LOCK)
    return _checkpoint((await result.single(strict=True))["checkpoint"])


async def _write(transaction: AsyncTransaction, found: Checkpoint) -> None:
    result = await transaction.run(stored.WRITE, checkpoint=found.properties())
    await result.consume()


async def _continues(connection: asyncpg.Connection, found: Checkpoint, name: str) -> bool:
    return (
        found.source == name
        and found.layout == LAYOUT
        and not await source.is_future(connection, found.position)
    )


async def _note(connection: asyncpg.Connection, position: Position) -> None:
    await connection.execute(
        "INSERT INTO outbox_position (consumer, xid, seq) VALUES ($1, $2::xid8, $3)"
        " ON CONFLICT (consumer) DO UPDATE"
        " SET xid = excluded.xid, seq = excluded.seq, updated_at = now()",
        _CONSUMER,
        position.xid,
        position.seq,
    )
