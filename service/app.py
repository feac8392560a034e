"""The node's ASGI application: the questions' fast path, and everything else by Starlette."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette

from service.pipeline import Incoming, Outgoing, Pipeline, unlogged
from service.routes import routes
from sync.mirror import ACK_PATH, FEED_PATH

if TYPE_CHECKING:
    from service.node import Node
    from service.work import Work

_UNWITNESSED = "ask again when the node's witnesses answer: its log is unwitnessed for too long"

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class App:
    """Takes signed roads itself, because middleware costs more than the answer does."""

    def __init__(self, node: Node, work: Work) -> None:
        self._node = node
        self._pipeline = Pipeline(node)
        self._rest = Starlette(routes=routes(node, work))
        self._roads = {
            "/graphql": self._pipeline.respond,
            FEED_PATH: self._pipeline.exchange,
            ACK_PATH: self._pipeline.exchange,
        }
        self._working = 0

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        answer = self._roads.get(scope["path"]) if scope["type"] == "http" else None
        if answer is None:
            await self._rest(scope, receive, send)
            return
        if self._working >= self._node.settings.max_waiting:
            await _send(send, unlogged(503, "BUSY", "ask again in a moment"))
            return
        if self._node.unwitnessed:
            await _send(send, unlogged(503, "LOG_UNWITNESSED", _UNWITNESSED))
            return
        self._working += 1
        try:
            body = await read_body(receive, self._node.settings.max_body)
            if body is None:
                outgoing = unlogged(413, "BODY_TOO_LARGE", "send a shorter document or variables")
            else:
                outgoing = await answer(incoming(scope, body))
        finally:
            self._working -= 1
        await _send(send, outgoing)


def incoming(scope: MutableMapping[str, Any], body: bytes) -> Incoming:
    """The parts of a request that the pipeline looks at."""
    query: bytes = scope["query_string"]
    target = (scope.get("raw_path") or scope["path"].encode()).decode("ascii", "replace")
    if query:
        target = f"{target}?{query.decode('ascii', 'replace')}"
    client = scope.get("client")
    return Incoming(
        scope["method"], target, query, scope["headers"], body, client[0] if client else ""
    )


async def read_body(receive: Receive, limit: int) -> bytes | None:
    """The whole body, or None when it is longer than `limit` bytes."""
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        if len(body) > limit:
            return None
        message = await receive()
        body += message.get("body", b"")
    return body if len(body) <= limit else None


async def _send(send: Send, outgoing: Outgoing) -> None:
    await send(
        {"type": "http.response.start", "status": outgoing.status, "headers": outgoing.headers}
    )
    await send({"type": "http.response.body", "body": outgoing.body})
