"""HTTP as a node takes it: uvicorn's protocol, with a limit on what comes before a body, and a
short way for requests that are soon whole.

A parser that gathers a header section of any length is memory for anybody; bodies have their
own limit in `service.app`. A short question is awaited for a moment, as most clients send its
header section and its body apart, and answered without ASGI's messages, which cost more than the
rest of HTTP does; everything else goes uvicorn's way.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol, runtime_checkable

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from service.pipeline import Incoming, Outgoing, error_body, unlogged

MAX_HEAD = 64 * 1024
"""Bytes of request line and header fields that arrive before they are complete."""
MAX_HELD = 64 * 1024
"""Bytes of a body that is awaited by its header section."""
PATIENCE = 0.05
"""Seconds that a header section is held at most until the rest of its request is here."""

_METHODS = {b"GET": "GET", b"POST": "POST"}
_log = logging.getLogger("uvicorn.error")

Answer = Callable[[Incoming], Awaitable[Outgoing]]


@runtime_checkable
class Direct(Protocol):
    """An application that answers some requests without ASGI's messages."""

    def direct(self, path: str) -> Answer | None:
        """What answers whole requests at a path, None where only ASGI does."""
        ...

    def takes(self, asked: Incoming) -> bool:
        """Whether this one is answered so, by what stands in its header fields and its length."""
        ...


class NodeProtocol(HttpToolsProtocol):
    """Ends a connection whose request line and header fields become too long, and answers what
    is whole soon itself."""

    _head = 0  # bytes of an incomplete header section; 0: none has begun
    _held: bytearray | None = None  # the body so far of a request whose rest is awaited
    _patience: asyncio.TimerHandle | None = None  # the end of its awaiting
    _direct: Direct | None = None
    _peer = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Learn who is at the other end."""
        super().connection_made(transport)
        self._peer = self.client[0] if self.client else ""
        self._direct = self.app if isinstance(self.app, Direct) else None

    def on_message_begin(self) -> None:
        """A request begins, somewhere in what has just arrived."""
        super().on_message_begin()
        self._head = 1

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header field has arrived. What follows a body is none (RFC 9110, section 6.5.1)."""
        if self._head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Its header section is over: hold it for its body, if it may be answered directly."""
        self._head = 0
        if self._may_be_whole():
            self._held = bytearray()
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body has arrived."""
        if self._held is None:
            super().on_body(body)
        else:
            self._held += body

    def on_message_complete(self) -> None:
        """The request is over."""
        if self._held is None:
            super().on_message_complete()
        elif not self._answered(bytes(self._held)):
            self._release()
            super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is there any more to be answered."""
        self._forget()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Answer what has begun, then end."""
        self._release()
        super().shutdown()

    def data_received(self, data: bytes) -> None:
        """Parse what arrived, then look whether a header section is still open, or a body is."""
        if self._head:
            self._head += len(data)
        super().data_received(data)
        if self._held is not None:
            if self.transport.is_closing():
                self._forget()
            elif len(self._held) > MAX_HELD:
                self._release()
            elif self._patience is None:
                self._patience = self.loop.call_later(PATIENCE, self._release)
        if self._head == 1:
            self._head += len(data)
        if self._head > MAX_HEAD and not self.transport.is_closing():
            self._refuse()

    def _may_be_whole(self) -> bool:
        cycle = self.cycle
        return (
            self._direct is not None
            and (cycle is None or cycle.response_complete)
            and self.limit_concurrency is None
            and not self.expect_100_continue
            and not self.parser.should_upgrade()
            and self.parser.get_method() in _METHODS
            and self.url.isascii()
            and b"#" not in self.url
        )

    def _answered(self, body: bytes) -> bool:
        """Have a whole request answered, if it is one of those that are answered directly."""
        assert self._direct is not None
        target = self.url.decode("ascii")
        path, _, query = target.partition("?")
        answer = self._direct.direct(path)
        if answer is None:
            return False
        method = _METHODS[self.parser.get_method()]
        asked = Incoming(method, target, query.encode(), self.headers, body, self._peer)
        if not self._direct.takes(asked):
            return False
        self._forget()
        version = self.parser.get_http_version()
        whole = _Whole(self, version != "1.0" and self.parser.should_keep_alive())
        self.cycle = whole  # type: ignore[assignment]
        whole.task = task = self.loop.create_task(whole.run(answer, asked))
        self.tasks.add(task)
        return True

    def _release(self) -> None:
        """Let a request that is held go uvicorn's way."""
        if (body := self._held) is None:
            return
        self._forget()
        super().on_headers_complete()
        if body:
            super().on_body(bytes(body))

    def _forget(self) -> None:
        """Hold nothing."""
        self._held = None
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _refuse(self) -> None:
        body = error_body("HEADERS_TOO_LARGE", "send shorter header fields or a shorter address")
        self.transport.write(
            b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n"
            b"content-type: application/json; charset=utf-8\r\n"
            b"content-length: %d\r\n\r\n%b" % (len(body), body)
        )
        self.transport.close()


class _Whole:
    """A request that arrived whole, and its answer: what uvicorn's protocol asks of a cycle."""

    __slots__ = ("_http", "disconnected", "keep_alive", "response_complete", "task")

    def __init__(self, http: NodeProtocol, keep_alive: bool) -> None:
        self._http = http
        self.keep_alive = keep_alive
        self.disconnected = False
        self.response_complete = False
        self.task: asyncio.Task[None] | None = None

    @property
    def message_event(self) -> _Whole:
        """Nobody waits for more of it."""
        return self

    def set(self) -> None:
        """Tell whoever waits."""

    async def run(self, answer: Answer, asked: Incoming) -> None:
        """Answer it and write the answer."""
        http = self._http
        try:
            try:
                written = self._written(await answer(asked))
            except Exception:
                _log.exception("a request failed")
                message = "the node failed: ask again, and tell its operator when it stays"
                written = self._written(unlogged(500, "INTERNAL", message))
            if http.flow.write_paused:
                await http.flow.drain()
            if not self.disconnected:
                http.transport.write(written)
                if not self.keep_alive:
                    http.transport.close()
        finally:
            http.tasks.discard(self.task)
            self.response_complete = True
            if not self.disconnected:
                http.on_response_complete()

    def _written(self, outgoing: Outgoing) -> bytes:
        """The bytes of an answer. Raises ValueError for a header field of several lines."""
        parts = [STATUS_LINE[outgoing.status]]
        fields = self._http.server_state.default_headers + outgoing.headers
        if not self.keep_alive:
            fields.append((b"connection", b"close"))
        for name, value in fields:
            parts += (name, b": ", value, b"\r\n")
        parts.append(b"\r\n")
        head = b"".join(parts)
        if head.count(b"\n") != len(fields) + 2 or head.count(b"\r") != len(fields) + 2:
            raise ValueError("a header field has more than one line")
        return head + outgoing.body
