"""Subscriptions over WebSocket: graphql-transport-ws, as the graphql-ws package speaks it.

Source: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md. Each `subscribe` carries
its own signature (docs/formats.md, "Subscriptions").
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

import orjson

from security.errors import SignatureError
from security.subscription import read_subscription
from service.passage import Incoming
from service.subscribed import Places, Subscriptions, failure

SUBPROTOCOL = "graphql-transport-ws"
PATH = "/graphql"
INIT_SECONDS = 10.0
"""Time for the first `connection_init`."""

_BAD_REQUEST, _UNAUTHORIZED, _WRONG_SUBPROTOCOL = 4400, 4401, 4406
_INIT_TIMEOUT, _DUPLICATE, _TOO_MANY_INITS = 4408, 4409, 4429
_TRY_LATER = 1013
_ID = 128  # characters


class _CloseError(Exception):
    """The connection is to be closed with a code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Sockets:
    """The WebSockets of one process."""

    def __init__(self, subscriptions: Subscriptions) -> None:
        self._subscriptions = subscriptions
        self._places = Places()

    async def __call__(self, scope: Mapping[str, Any], receive: Any, send: Any) -> None:
        """Serve one connection from its handshake to its end."""
        await receive()  # websocket.connect
        if scope["path"] != PATH:
            await send({"type": "websocket.close", "code": 1000})  # before accept: HTTP 403
            return
        subprotocol = SUBPROTOCOL if SUBPROTOCOL in scope["subprotocols"] else None
        await send({"type": "websocket.accept", "subprotocol": subprotocol})
        peer = scope["client"][0] if scope.get("client") else ""
        most = self._subscriptions.node.settings.sockets_per_address
        with self._places.taken(peer, most) as free:
            connection = _Connection(self._subscriptions, peer, receive, send)
            try:
                if subprotocol is None:
                    raise _CloseError(_WRONG_SUBPROTOCOL, "Subprotocol not acceptable")
                if not free:
                    raise _CloseError(_TRY_LATER, f"Use one of your {most} connections")
                await connection.serve()
            except _CloseError as close:
                with contextlib.suppress(Exception):  # it may be gone
                    await send(
                        {"type": "websocket.close", "code": close.code, "reason": close.reason}
                    )


class _Connection:
    def __init__(self, subscriptions: Subscriptions, peer: str, receive: Any, send: Any) -> None:
        self._subscriptions = subscriptions
        self._peer = peer
        self._receive = receive
        self._send_raw = send
        self._sending = asyncio.Lock()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._acknowledged = False

    async def serve(self) -> None:
        """Read messages until the connection ends; raises _CloseError when it is to be closed."""
        reading = asyncio.ensure_future(self._read())
        try:
            await asyncio.wait({reading, self._failed}, return_when=asyncio.FIRST_COMPLETED)
            if self._failed.done():
                self._failed.result()
            await reading
        finally:
            reading.cancel()
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(reading, *self._running.values(), return_exceptions=True)
            if self._failed.done():
                self._failed.exception()

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(INIT_SECONDS):
                message = await self._message()
                if message is None:
                    return
                await self._before(message)
                while not self._acknowledged:
                    message = await self._message()
                    if message is None:
                        return
                    await self._before(message)
        except TimeoutError:
            raise _CloseError(_INIT_TIMEOUT, "Connection initialisation timeout") from None
        while (message := await self._message()) is not None:
            await self._handle(message)

    async def _message(self) -> Mapping[str, Any] | None:
        received = await self._receive()
        if received["type"] != "websocket.receive":
            return None
        try:
            message = orjson.loads(received.get("text") or received.get("bytes") or b"")
        except orjson.JSONDecodeError:
            message = None
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise _CloseError(_BAD_REQUEST, "Invalid message received")
        return message

    async def _before(self, message: Mapping[str, Any]) -> None:
        match message["type"]:
            case "connection_init":
                self._acknowledged = True
                await self._send({"type": "connection_ack"})
            case "subscribe":
                raise _CloseError(_UNAUTHORIZED, "Unauthorized")
            case _:
                await self._always(message)

    async def _handle(self, message: Mapping[str, Any]) -> None:
        match message["type"]:
            case "connection_init":
                raise _CloseError(_TOO_MANY_INITS, "Too many initialisation requests")
            case "subscribe":
                self._subscribe(message)
            case "complete":
                id_ = message.get("id")
                task = self._running.pop(id_, None) if isinstance(id_, str) else None
                if task is not None:
                    task.cancel()
            case _:
                await self._always(message)

    async def _always(self, message: Mapping[str, Any]) -> None:
        payload = message.get("payload")
        if payload is not None and not isinstance(payload, dict):
            raise _CloseError(_BAD_REQUEST, "Invalid message received")
        match message["type"]:
            case "ping":
                answer = {"type": "pong"}
                await self._send(answer if payload is None else {**answer, "payload": payload})
            case "pong":
                pass
            case _:
                raise _CloseError(_BAD_REQUEST, "Invalid message received")

    def _subscribe(self, message: Mapping[str, Any]) -> None:
        id_, payload = message.get("id"), message.get("payload")
        if (
            not isinstance(id_, str)
            or not 1 <= len(id_) <= _ID
            or not isinstance(payload, dict)
            or not isinstance(payload.get("query"), str)
        ):
            raise _CloseError(_BAD_REQUEST, "Invalid message received")
        if id_ in self._running:
            raise _CloseError(_DUPLICATE, f"Subscriber for {id_} already exists")
        most = self._subscriptions.node.settings.subscriptions_per_caller
        if len(self._running) >= most:
            raise _CloseError(_TRY_LATER, f"Keep to {most} subscriptions")
        task = asyncio.create_task(self._run(id_, payload))
        self._running[id_] = task

    async def _run(self, id_: str, payload: Mapping[str, Any]) -> None:
        try:
            await self._follow(id_, payload)
        except _CloseError as close:
            if not self._failed.done():
                self._failed.set_exception(close)
        finally:
            if self._running.get(id_) is asyncio.current_task():
                del self._running[id_]

    async def _follow(self, id_: str, payload: Mapping[str, Any]) -> None:
        quoted, pipeline = orjson.dumps(id_), self._subscriptions.pipeline
        target = self._subscriptions.node.settings.url + PATH
        try:
            asked = read_subscription(target, payload)
        except SignatureError as error:
            shown = [{"message": error.message, "extensions": {"code": error.code}}]
            await self._raw(b"error", quoted, orjson.dumps(shown))
            return
        incoming = Incoming("SUBSCRIBE", PATH, b"", (), asked.body, self._peer)
        outgoing, opened = await pipeline.subscribe(
            incoming, self._subscriptions.changes, asked.received
        )
        if opened is None:
            await self._raw(b"error", quoted, failure(outgoing))
            return
        async with contextlib.aclosing(self._subscriptions.events(opened)) as events:
            async for told in events:
                await self._raw(b"error" if told.failed else b"next", quoted, told.payload)
                if told.failed:
                    return
        await self._send({"type": "complete", "id": id_})

    async def _raw(self, type_: bytes, quoted: bytes, payload: bytes) -> None:
        await self._text(b'{"type":"%b","id":%b,"payload":%b}' % (type_, quoted, payload))

    async def _send(self, message: Mapping[str, Any]) -> None:
        await self._text(orjson.dumps(message))

    async def _text(self, text: bytes) -> None:
        """Send one message; who does not take it in time is cut."""
        seconds = self._subscriptions.node.settings.subscription_seconds
        try:
            async with asyncio.timeout(seconds), self._sending:
                await self._send_raw({"type": "websocket.send", "text": text.decode()})
        except TimeoutError:
            raise _CloseError(
                _TRY_LATER, "Receive events faster, then go on from the last"
            ) from None
