"""A node's workers: processes that answer on one socket while the node's own process seals,
projects, feeds and mirrors.

The node's process starts them (`Workers`), and starts one again that ended by itself; the socket
is the node's, so no connection that waits there is lost with a worker.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import sys
from dataclasses import asdict
from types import TracebackType

from service.answering import Ending
from service.home import NodeHome, home
from service.neo4j import Neo4jAddress
from service.node import open_node
from service.rate import RateTable
from service.settings import Settings, load_settings
from service.supervisor import end_with_parent
from service.work import looking_on

_log = logging.getLogger("xinqiao.worker")

_PAUSE = 0.5


def listen(settings: Settings) -> socket.socket:
    """The socket that all workers of a node accept from."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((settings.host, settings.port))
    listening.listen(2048)
    listening.setblocking(False)
    return listening


class Workers:
    """The worker processes of one node, for the time of an `async with` block."""

    def __init__(self, settings: Settings, dsn: str, graph: Neo4jAddress) -> None:
        self._settings = settings
        self._order = json.dumps({"dsn": dsn, "graph": asdict(graph)}).encode()
        self._listening = listen(settings)
        self._rates = RateTable()
        self._keepers: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Workers:
        self._keepers = [asyncio.create_task(self._keep()) for _ in range(self._settings.workers)]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        self._listening.close()

    async def _keep(self) -> None:
        """Have one worker running until cancelled."""
        while True:
            process = await self._start()
            try:
                status = await process.wait()
            except asyncio.CancelledError:
                with contextlib.suppress(ProcessLookupError):
                    process.terminate()
                try:
                    await asyncio.wait_for(process.wait(), 15)
                except TimeoutError:
                    process.kill()
                raise
            _log.error("a worker ended by itself (status %s): starting another", status)
            await asyncio.sleep(_PAUSE)

    async def _start(self) -> asyncio.subprocess.Process:
        inherited = [self._listening.fileno(), self._rates.descriptor]
        # Addresses hold passwords: they go through a pipe, not through arguments or environment.
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "service.start",
            "worker",
            self._settings.node,
            str(os.getpid()),
            *map(str, inherited),
            stdin=asyncio.subprocess.PIPE,
            pass_fds=inherited,
        )
        assert process.stdin is not None
        with contextlib.suppress(ConnectionError):
            process.stdin.write(self._order)
            await process.stdin.drain()
            process.stdin.close()
        return process


async def _answer(
    settings: Settings, listening: socket.socket, rates: RateTable, order: dict[str, object]
) -> None:
    ending = Ending().on_signals()
    dsn, graph = str(order["dsn"]), order["graph"]
    assert isinstance(graph, dict)
    address = Neo4jAddress(**graph)
    async with (
        open_node(settings, home(), dsn, address, rates) as node,
        looking_on(node, dsn) as work,
    ):
        await ending.answer(node, work, listening)


def main(arguments: list[str]) -> int:
    """Answer for a node; `arguments` are its name, the parent's pid, socket and rate table."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("neo4j").setLevel(logging.ERROR)
    name, parent, number, rates = arguments
    # Until it can answer, a worker that is told to end just ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A node without its own process neither seals nor refreshes: its workers go with it at once,
    # and leave the port. Whatever they answered is committed.
    end_with_parent(int(parent), signal.SIGKILL)
    order = json.loads(sys.stdin.buffer.read())
    settings = load_settings(NodeHome(home(), name))
    listening = socket.socket(fileno=int(number))
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_answer(settings, listening, RateTable(int(rates)), order))
    return 0
