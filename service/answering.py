"""Answering over HTTP until told to end: by the node's own process, or by each of its workers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn

from service.app import App
from service.collecting import ANSWERING, seldom_collected
from service.frames import NodeFrames
from service.node import Node
from service.process import endings
from service.protocol import NodeProtocol
from service.work import Work

MAX_MESSAGE = 256 * 1024
"""Longest message of a WebSocket, in bytes: a document with its variables and signature, twice."""


class _Server(uvicorn.Server):
    """Leaves signals alone: uvicorn raises a caught one again when it has ended, which would kill
    this process before the node's databases are stopped."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Ending:
    """The end of a process: what is starting is awaited, then all is stopped."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self._server: uvicorn.Server | None = None

    def on_signals(self) -> Ending:
        """End when asked to."""
        for one in endings():
            asyncio.get_running_loop().add_signal_handler(one, self.end)
        return self

    @property
    def started(self) -> bool:
        """Whether questions are taken."""
        return self._server is not None and self._server.started

    def end(self) -> None:
        """Take no more questions, answer those that came, and end."""
        self.asked.set()
        if self._server is not None:
            self._server.should_exit = True

    async def answer(self, node: Node, work: Work, listening: socket.socket | None = None) -> None:
        """Answer until asked to end, on the node's own port or on a socket that listens."""
        config = uvicorn.Config(
            App(node, work, self.asked),
            host=node.settings.host,
            port=node.settings.port,
            loop="uvloop",
            http=NodeProtocol,
            ws=NodeFrames,
            ws_max_size=MAX_MESSAGE,
            ws_per_message_deflate=False,
            lifespan="off",
            access_log=False,
            log_level="warning",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=5,
        )
        self._server = server = _Server(config)
        if not self.asked.is_set():
            with seldom_collected(ANSWERING):
                await server.serve(None if listening is None else [listening])
