"""HTTP as a node takes it: uvicorn's protocol with a limit on what comes before a body.

A parser that gathers a header section of any length is memory for anybody; bodies have their
own limit in `service.app`.
"""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.pipeline import error_body

MAX_HEAD = 64 * 1024
"""Bytes of request line and header fields that arrive before they are complete."""


class BoundedProtocol(HttpToolsProtocol):
    """Ends a connection whose request line and header fields become too long."""

    _head = 0  # bytes of an incomplete header section; 0: none has begun

    def on_message_begin(self) -> None:
        """A request begins, somewhere in what has just arrived."""
        super().on_message_begin()
        self._head = 1

    def on_headers_complete(self) -> None:
        """Its header section is over."""
        self._head = 0
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Parse what arrived, then look whether a header section is still open."""
        if self._head:
            self._head += len(data)
        super().data_received(data)
        if self._head == 1:
            self._head += len(data)
        if self._head > MAX_HEAD and not self.transport.is_closing():
            self._refuse()

    def _refuse(self) -> None:
        body = error_body("HEADERS_TOO_LARGE", "send shorter header fields or a shorter address")
        self.transport.write(
            b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n"
            b"content-type: application/json; charset=utf-8\r\n"
            b"content-length: %d\r\n\r\n%b" % (len(body), body)
        )
        self.transport.close()
