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
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Protocol, runtime_checkable

from httptools import HttpParserUpgrade, HttpRequestParser
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from service.open_files import most_connections
from service.passage import Incoming, Outgoing, error_body, unlogged

MAX_HEAD = 64 * 1024
"""Bytes that arrive in a row without completing a header section, a trailer section or a chunk."""
HEAD_SECONDS = 30.0
"""How long a header section may take to arrive, the first one from when the connection is made."""
MAX_PIPELINED = 1_000
"""Requests that wait on a connection for the answers to those before; each takes kilobytes."""
MAX_HELD = 64 * 1024
"""Bytes of a body that is awaited by its header section."""
UNREAD_SECONDS = 30.0
"""How long somebody may take nothing of what is written to them, or not be there to take it."""
PATIENCE = 0.05
"""Seconds that a header section is held at most until the rest of its request is here."""

_LINGER = 5.0  # seconds for who was refused to stop sending

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

    _unfinished = 0  # bytes that have arrived since anything was complete
    _in_head = False  # whether a header section is open
    _held: bytearray | None = None  # the body so far of a request whose rest is awaited
    _answer: Answer | None = None  # what answers the one that is held
    _patience: asyncio.TimerHandle | None = None  # the end of its awaiting
    _overdue: asyncio.TimerHandle | None = None  # the end of awaiting any request
    _running: RequestResponseCycle | _Whole | None = None  # what is answered now
    _deaf = False  # whether what else arrives is no request
    _offered: bytes | None = None  # a header section without the protocol it offers to change to
    _parsed = 0  # bytes of what arrived that ended with it
    _direct: Direct | None = None
    _peer = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Learn who is at the other end, unless there are too many."""
        super().connection_made(transport)
        if len(self.connections) > most_connections():
            transport.abort()
            return
        # The kernel's own: what it still holds keeps a connection that is closed.
        transport.get_extra_info("socket").setsockopt(
            socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(UNREAD_SECONDS * 1000)
        )
        self._peer = self.client[0] if self.client else ""
        self._direct = self.app if isinstance(self.app, Direct) else None
        self._overdue = self.loop.call_later(HEAD_SECONDS, self._end_overdue)

    def handle_websocket_upgrade(self) -> None:
        """Become a WebSocket, unless something is still to be answered here."""
        if self._idle:
            self._deaf = True
            self._wait_no_longer()
            super().handle_websocket_upgrade()
        else:
            self._end_in_turn()

    def on_message_begin(self) -> None:
        """A request begins, somewhere in what has just arrived."""
        super().on_message_begin()
        self._in_head = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header field has arrived. What follows a body is none (RFC 9110, section 6.5.1)."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Its header section is over: hold it for its body, if it may be answered directly."""
        self._in_head = False
        self._unfinished = 0
        hosts = [name for name, _ in self.headers].count(b"host")
        if hosts > 1 or (not hosts and self.parser.get_http_version() != "1.0"):
            raise ValueError("a request names one host (RFC 9112, section 3.2)")  # ends the parsing
        if self.parser.should_upgrade():
            if self._offers_another():
                self._offered = self._head_without_offer()
                return
            self._answer = None
        else:
            self._answer = self._answer_if_whole()
        if self._answer is not None:
            self._held = bytearray()
        elif len(self.pipeline) < MAX_PIPELINED:
            super().on_headers_complete()
        else:
            raise OverflowError("too many requests wait")  # ends the parsing

    def on_body(self, body: bytes) -> None:
        """A part of the body has arrived."""
        self._unfinished = 0
        if self._held is None:
            super().on_body(body)
        else:
            self._held += body

    def on_message_complete(self) -> None:
        """The request is over."""
        self._unfinished = 0
        if self._offered is not None:
            return
        if self._held is None:
            super().on_message_complete()
        elif not self._answered(bytes(self._held)):
            self._release()
            super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is there any more to be answered."""
        self._forget()
        self._wait_no_longer()
        super().connection_lost(exc)
        # uvicorn tells the last request only, which may wait behind the one that is answered.
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Answer what is whole: who sends no more may listen (RFC 9112, section 9.6).

        True keeps the connection for that. A stream ends: its reader has more likely left.
        """
        now = self._running
        streams = now is not None and now.response_started and not now.response_complete
        return not streams and self._end_in_turn()

    def shutdown(self) -> None:
        """Answer what has begun, then end."""
        self._release()
        super().shutdown()

    def data_received(self, data: bytes) -> None:
        """Parse what arrived, then look whether a header section is still open, or a body is."""
        if self._deaf:
            return
        self._unfinished += len(data)
        super().data_received(data)
        while self._offered is not None and not self._deaf:
            data = self._offered + data[self._parsed :]
            self._offered = None
            self.parser = HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
            super().data_received(data)
        if self._held is not None:
            if self.transport.is_closing():
                self._forget()
            elif len(self._held) > MAX_HELD:
                self._release()
            elif self._patience is None:
                self._patience = self.loop.call_later(PATIENCE, self._release)
        elif not self._idle:
            self._wait_no_longer()
        elif self._overdue is None and not self._deaf:
            self._overdue = self.loop.call_later(HEAD_SECONDS, self._end_overdue)
        if self._unfinished > MAX_HEAD and not self.transport.is_closing():
            self._refuse()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, behind the answers to what came before it."""
        if not self._end_in_turn():
            super().send_400_response(msg)

    def _unsupported_upgrade_warning(self) -> None:
        """Learn where the parser stopped; nothing is wrong with an offer."""
        if self._offered is None:
            super()._unsupported_upgrade_warning()
        else:
            stopped = sys.exception()
            assert isinstance(stopped, HttpParserUpgrade)
            self._parsed = stopped.args[0]

    def _offers_another(self) -> bool:
        """Whether it offers another protocol that is not spoken here, as clients of HTTP/2 do.

        It is answered in this one (RFC 9110, section 7.8); the parser would drop its body.
        """
        return not self._should_upgrade() and self.parser.get_method() != b"CONNECT"

    def _head_without_offer(self) -> bytes:
        line = b"%b %b HTTP/%b" % (
            self.parser.get_method(), self.url, self.parser.get_http_version().encode()
        )  # fmt: skip
        fields = [b"%b: %b" % field for field in self.headers if field[0] != b"upgrade"]
        return b"\r\n".join([line, *fields, b"", b""])

    @property
    def _idle(self) -> bool:
        """Whether everything that has been asked is answered."""
        return self.cycle is None or self.cycle.response_complete

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _answer_if_whole(self) -> Answer | None:
        """What may answer the request whose header section has just come, once it is whole."""
        if (
            self._direct is None
            or not self._idle
            or self.limit_concurrency is not None
            or self.expect_100_continue
            or self.parser.get_method() not in _METHODS
            or not self.url.isascii()
            or b"#" in self.url
        ):
            return None
        return self._direct.direct(self.url.partition(b"?")[0].decode("ascii"))

    def _answered(self, body: bytes) -> bool:
        """Have a whole request answered, if it is one of those that are answered directly."""
        assert self._direct is not None
        assert self._answer is not None
        query = self.url.partition(b"?")[2]
        method = _METHODS[self.parser.get_method()]
        asked = Incoming(method, self.url.decode("ascii"), query, self.headers, body, self._peer)
        if not self._direct.takes(asked):
            return False
        self._forget()
        version = self.parser.get_http_version()
        whole = _Whole(self, version != "1.0" and self.parser.should_keep_alive())
        # A _Whole has all that uvicorn's protocol asks of a cycle.
        self.cycle = self._running = whole  # type: ignore[assignment]
        whole.task = task = self.loop.create_task(whole.run(self._answer, asked))
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

    def _wait_no_longer(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None

    def _end_overdue(self) -> None:
        self._overdue = None
        if self._idle and self._held is None:
            self.transport.close()

    def _end_in_turn(self) -> bool:
        """Take nothing more, and have the connection end behind the answers under way. False if
        there are none, so that a refusal can be written."""
        self._deaf = True
        self._forget()
        last = self.cycle
        if self.pipeline and last.more_body:  # it waits, and will never be whole
            self.pipeline.popleft()
            # What runs may be a _Whole, which has all that is asked of a cycle.
            last = self.pipeline[0][0] if self.pipeline else self._running  # type: ignore[assignment]
            self.cycle = last
        if last is None or last.response_complete:
            return False
        if not last.more_body:
            last.keep_alive = False
            return True
        if last.response_started:
            self.transport.close()
        return last.response_started

    def _refuse(self) -> None:
        if self._end_in_turn():
            return
        body = error_body("HEADERS_TOO_LARGE", "send shorter header fields or a shorter address")
        self.transport.write(
            b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n"
            b"content-type: application/json; charset=utf-8\r\n"
            b"content-length: %d\r\n\r\n%b" % (len(body), body)
        )
        # Closed while it still sends, the asker would get a reset and not this.
        self.transport.write_eof()
        self._overdue = self._overdue or self.loop.call_later(_LINGER, self._end_overdue)


class _Whole:
    """A request that arrived whole, and its answer: what uvicorn's protocol asks of a cycle."""

    more_body = False
    response_started = False  # an answer is written at once

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
        except asyncio.CancelledError:
            http.transport.close()  # what is asked behind it must not seem to be its answer
            raise
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
