"""The node's ASGI application: the questions' fast path, and everything else by Starlette."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from resolvers.reading import STORE_AWAY
from service.body import BodyTimeoutError, read_body
from service.bulk_routes import response_of
from service.event_stream import PATH as STREAM_PATH
from service.event_stream import EventStreams, wants_events
from service.passage import Incoming, Outgoing, unlogged
from service.pipeline import Pipeline
from service.protocol import Answer
from service.routes import routes
from service.subscribed import Subscriptions
from service.websocket import Sockets
from store.outage import FAILURES, is_outage
from sync.mirror import ACK_PATH, FEED_PATH

if TYPE_CHECKING:
    from service.node import Node
    from service.work import Work

MOST_HELD = 64_000_000
"""Bytes of the bodies of all requests at work, each of which is many times that when it is read."""
MOST_ARRIVING = 256_000_000
"""Bytes of all bodies that have not come whole: anybody may send them."""
MOST_OF_ADDRESS = 64_000_000
"""Of these those from one address, so that it takes no other's place."""
_STREAMED = frozenset({"/graphql", STREAM_PATH})

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class _FullError(Exception):
    """More is awaited than the node holds."""


class App:
    """Takes signed roads itself, because middleware costs more than the answer does."""

    def __init__(self, node: Node, work: Work, stop: asyncio.Event | None = None) -> None:
        self._node = node
        self._pipeline = Pipeline(node)
        subscriptions = Subscriptions(node, self._pipeline, work.changes, work.bell)
        self._sockets = Sockets(subscriptions)
        self._streams = EventStreams(subscriptions, stop or asyncio.Event())
        self._rest = Starlette(
            routes=routes(node, work),
            exception_handlers=dict.fromkeys(FAILURES, _store_away),
        )
        self._roads = {
            "/graphql": self._pipeline.respond,
            STREAM_PATH: self._pipeline.respond,
            FEED_PATH: self._pipeline.exchange,
            ACK_PATH: self._pipeline.exchange,
        }
        self._working = 0
        self._reading = 0
        self._held = 0  # bytes of the bodies of what is at work
        self._arriving = 0  # and of what is still awaited
        self._arriving_from: Counter[str] = Counter()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._sockets(scope, receive, send)
            return
        answer = self._roads.get(scope["path"]) if scope["type"] == "http" else None
        if answer is None:
            await self._rest(scope, receive, send)
            return
        try:
            asked = await self._read(scope, receive)
        except ClientDisconnect:
            return
        except BodyTimeoutError:
            late = unlogged(408, "BODY_TIMEOUT", "send the whole body within 30 seconds")
            await _send(send, late)
            return
        if asked is None:
            await _send(send, _refused_busy())
        elif scope["path"] in _STREAMED and asked.cut is None and wants_events(asked):
            await self._stream(asked, receive, send)
        else:
            await _send(send, await self._answered(answer, asked))

    def direct(self, path: str) -> Answer | None:
        """What answers requests at a path that have come whole; None where Starlette does."""
        return self._answer if path in self._roads else None

    def takes(self, asked: Incoming) -> bool:
        """Whether a whole request is answered at once: not what becomes a stream, nor what is too
        long, whose digest is taken as it comes."""
        return len(asked.body) <= self._node.settings.max_body and not wants_events(asked)

    async def _read(self, scope: MutableMapping[str, Any], receive: Receive) -> Incoming | None:
        """A request with its body; None when too many bodies are awaited, or too much of them.

        Who sends slowly keeps others from sending slowly, never what is whole from its answer.
        """
        if self._reading >= self._node.settings.max_waiting:
            return None
        arrived, peer = 0, scope["client"][0] if scope.get("client") else ""

        async def more() -> MutableMapping[str, Any]:
            nonlocal arrived
            message = await receive()
            length = len(message.get("body", b""))
            arrived += length
            self._arriving += length
            self._arriving_from[peer] += length
            if self._arriving > MOST_ARRIVING or self._arriving_from[peer] > MOST_OF_ADDRESS:
                raise _FullError
            return message

        self._reading += 1
        try:
            body, cut = await read_body(more, self._node.settings.max_body)
        except _FullError:
            return None
        finally:
            self._reading -= 1
            self._arriving -= arrived
            self._arriving_from[peer] -= arrived
            if not self._arriving_from[peer]:
                del self._arriving_from[peer]
        return incoming(scope, body, cut)

    async def _answer(self, asked: Incoming) -> Outgoing:
        return await self._answered(self._roads[asked.target.partition("?")[0]], asked)

    async def _answered(self, answer: Answer, asked: Incoming) -> Outgoing:
        length = len(asked.body)
        if self._busy or (self._held and self._held + length > MOST_HELD):
            return _refused_busy()
        self._working += 1
        self._held += length
        try:
            return await answer(asked)
        finally:
            self._working -= 1
            self._held -= length

    @property
    def _busy(self) -> bool:
        return self._working >= self._node.settings.max_waiting

    async def _stream(self, asked: Incoming, receive: Receive, send: Send) -> None:
        # A stream waits, and is counted by its own limit.
        refused = _refused_busy() if self._busy else await self._streams.serve(asked, receive, send)
        if refused is not None:
            await _send(send, refused)


def incoming(scope: MutableMapping[str, Any], body: bytes, cut: bytes | None = None) -> Incoming:
    """The parts of a request that the pipeline looks at."""
    query: bytes = scope["query_string"]
    target = (scope.get("raw_path") or scope["path"].encode()).decode("ascii", "replace")
    if query:
        target = f"{target}?{query.decode('ascii', 'replace')}"
    client = scope.get("client")
    return Incoming(
        scope["method"], target, query, scope["headers"], body, client[0] if client else "", cut
    )


async def _store_away(_: Request, error: Exception) -> Response:
    """A database that is away is no failure of the node, and tells nothing in its log."""
    if not is_outage(error):
        raise error
    return response_of(unlogged(503, "STORE_UNAVAILABLE", STORE_AWAY))


def _refused_busy() -> Outgoing:
    return unlogged(503, "BUSY", "ask again in a moment")


async def _send(send: Send, outgoing: Outgoing) -> None:
    await send(
        {"type": "http.response.start", "status": outgoing.status, "headers": outgoing.headers}
    )
    await send({"type": "http.response.body", "body": outgoing.body})
