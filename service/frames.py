"""WebSocket frames as a node takes them: uvicorn's protocol, with a limit on frames that are no
message, and in turns.

What has arrived at once may be tens of thousands of frames, and to read them all takes as long as
to answer hundreds of questions; so a connection reads a little and lets others have their turn.
"""

from __future__ import annotations

import asyncio

from uvicorn._types import ASGIReceiveEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

PIECE = 2_048
"""Bytes that a connection reads in one turn."""
MOST_FRAMES = 1_000
"""Frames within `FRAME_SECONDS` that are no beginning of a message: pings, pongs, later pieces."""
FRAME_SECONDS = 10.0

_POLICY_VIOLATION = 1008  # RFC 6455, section 7.4.1


class NodeFrames(WebSocketsSansIOProtocol):
    """Ends a connection that sends too many frames, and takes what arrives piece by piece."""

    _turn: asyncio.Handle | None = None
    _counted = 0
    _since = float("-inf")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin with nothing that waits."""
        self._arrived = bytearray()
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is there any more."""
        self._arrived.clear()
        if self._turn is not None:
            self._turn.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what arrived, at once as far as it is this connection's turn."""
        self._arrived += data
        if self._turn is None and not self.read_paused:
            self._take()

    async def receive(self) -> ASGIReceiveEvent:
        """The next message; behind the last that has been read, reading goes on."""
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            self._go_on()
        return message

    def handle_cont(self, event: Frame) -> None:
        """A later piece of a message."""
        if self._admitted():
            super().handle_cont(event)

    def handle_ping(self) -> None:
        """A ping, whose answer is ready to be sent."""
        if self._admitted():
            super().handle_ping()

    def handle_pong(self, event: Frame) -> None:
        """A pong."""
        if self._admitted():
            super().handle_pong(event)

    def _take(self) -> None:
        self._turn = None
        piece = bytes(self._arrived[:PIECE])
        del self._arrived[:PIECE]
        super().data_received(piece)
        self._go_on()

    def _go_on(self) -> None:
        """Read what waits in the next turn, or let more arrive, unless messages wait."""
        if self.transport.is_closing():
            self._arrived.clear()
        elif not self._arrived:
            if not self.read_paused:
                self.transport.resume_reading()
        else:
            self.transport.pause_reading()
            if self._turn is None and not self.read_paused:
                self._turn = self.loop.call_soon(self._take)

    def _admitted(self) -> bool:
        """Whether one more frame is taken; ends the connection when it is not."""
        if self.close_sent or self.transport.is_closing():
            return False
        now = self.loop.time()
        if now - self._since > FRAME_SECONDS:
            self._since, self._counted = now, 0
        self._counted += 1
        if self._counted <= MOST_FRAMES:
            return True
        self.conn.fail(_POLICY_VIOLATION, "Send fewer frames")
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.transport.close()
        return False
