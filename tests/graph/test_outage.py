"""Neo4j that stops, hangs or restarts: said at once, and left behind by itself when it is back."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import os
import random
import sys
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from graph.connection import GraphConnection
from graph.errors import GraphUnavailable
from graph.layout import EdgeKind
from graph.neighbourhood import Neighbourhood
from graph.projection import Projection
from graph.reader import GraphReader
from graph.verification import verify
from service.neo4j import Neo4jAddress
from tests.graph.town import Town

_KILLS = int(os.environ.get("XINQIAO_KILLS", "3"))


class Cable:
    """A way to Neo4j that can be cut, held up and mended."""

    def __init__(self, host: str, port: int) -> None:
        self._far = (host, port)
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.flowing = asyncio.Event()
        self.flowing.set()

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._join, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def drop(self) -> None:
        """Break what is connected; what connects anew is let through."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def cut(self) -> None:
        assert self._server is not None
        self._server.close()
        await self.drop()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if self._server is None or not self._server.is_serving():
            writer.close()  # accepted, but the cable was cut before this began
            return
        self._tasks.add(task)
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._far)
            try:
                await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))
            finally:
                far_writer.close()
                with contextlib.suppress(OSError):
                    await far_writer.wait_closed()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await self.flowing.wait()
            writer.write(data)
            await writer.drain()
        writer.close()


@pytest.fixture
async def cable(neo4j_server: Neo4jAddress) -> AsyncIterator[Cable]:
    address = urlsplit(neo4j_server.uri)
    made = Cable(address.hostname or "", address.port or 0)
    await made.mend()
    yield made
    with contextlib.suppress(Exception):
        await made.cut()


@pytest.fixture
async def far(cable: Cable, neo4j_server: Neo4jAddress) -> AsyncIterator[GraphConnection]:
    """The session's Neo4j at the end of the cable."""
    async with GraphConnection(
        f"bolt://127.0.0.1:{cable.port}", neo4j_server.user, neo4j_server.password
    ) as connection:
        yield connection


async def ask(graph: GraphConnection, subject: UUID, seconds: float = 5) -> Neighbourhood:
    return await GraphReader(graph, seconds).neighbourhood(
        [subject],
        hops=1,
        kinds=None,
        as_of=dt.date(2026, 6, 30),
        max_nodes=10,
        max_fan=10,
        allowed_kinds=frozenset(EdgeKind),
        allowed_classes=frozenset("O"),
    )


async def test_stopped_neo4j_is_unavailable_at_once_and_comes_back(
    town: Town, projection: Projection, graph: GraphConnection, far: GraphConnection, cable: Cable
) -> None:
    firm = await town.company("XD0000011")
    await projection.catch_up(30)
    assert (await ask(far, firm)).nodes

    await cable.drop()  # a restart: pooled connections are dead, new ones work
    assert (await ask(far, firm)).nodes

    await cable.cut()
    for _ in range(3):
        async with asyncio.timeout(10):  # the driver by itself would try for half a minute
            with pytest.raises(GraphUnavailable) as caught:
                await ask(far, firm)
        assert caught.value.code == "GRAPH_UNAVAILABLE"
    await cable.mend()
    assert (await ask(far, firm)).nodes

    cable.flowing.clear()  # it hangs
    async with asyncio.timeout(20):
        with pytest.raises(GraphUnavailable):
            await ask(far, firm, seconds=1)
    cable.flowing.set()
    assert (await ask(far, firm)).nodes


async def test_projection_goes_on_by_itself_after_an_outage(
    town: Town,
    connect: Callable[[], Any],
    graph: GraphConnection,
    far: GraphConnection,
    cable: Cable,
) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(Projection(connect, far, batch=10).run(stop, 0.05))
    for number in range(6):
        if number % 2:
            await cable.cut()
        async with town.transaction():
            for one in range(20):
                await town.company(f"XD{number:03d}{one:04d}")
        await asyncio.sleep(0.3)
        if number % 2:
            await cable.mend()
    await Projection(connect, graph).catch_up(60)
    stop.set()
    await asyncio.wait_for(running, 10)
    report = await verify(connect, graph)
    assert report.ok
    assert report.nodes.neo4j == 120


_CHILD = """
import asyncio, sys
from functools import partial
import asyncpg
from graph.connection import GraphConnection
from graph.projection import Projection

async def main() -> None:
    dsn, uri, user, password = sys.argv[1:5]
    async with GraphConnection(uri, user, password) as graph:
        projection = Projection(partial(asyncpg.connect, dsn), graph, batch=7)
        print("up", flush=True)
        if sys.argv[5] == "rebuild":
            await projection.rebuild()
        await projection.run(asyncio.Event(), 0.01)

asyncio.run(main())
"""


async def test_projector_killed_at_any_moment_leaves_nothing_wrong(
    town: Town,
    database: str,
    connect: Callable[[], Any],
    graph: GraphConnection,
    neo4j_server: Neo4jAddress,
) -> None:
    chance = random.Random(20201022)
    firms = []
    for kill in range(_KILLS):
        async with town.transaction():
            fresh = [await town.company(f"XD{kill:03d}{n:04d}") for n in range(60)]
            firms += fresh
            for near, other in pairwise(fresh):
                await town.holds(near, other, "0.5")
            for _ in range(10 if kill else 0):
                await town.withdraw(await town.holds(chance.choice(firms), fresh[0], "0.2"))
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _CHILD, database, neo4j_server.uri, neo4j_server.user,
            neo4j_server.password, "rebuild" if kill % 3 == 1 else "follow",
            cwd=Path(__file__).parents[2],
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert child.stdout is not None
        await child.stdout.readline()
        await asyncio.sleep(chance.uniform(0.0, 0.8))
        child.kill()
        await child.wait()
    report = await verify(connect, graph)
    assert report.ok, report.differing
    assert report.in_flight == 0
    assert report.nodes.neo4j == 60 * _KILLS
    assert report.relationships.neo4j == 59 * _KILLS
