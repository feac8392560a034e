"""Subscriptions as server-sent events: distinct connections mode of graphql-sse.

Source: https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md, WHATWG HTML §9.2. The
question is a signed POST like any other; each event carries its own signature.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from service.passage import Incoming, Outgoing
from service.pipeline import Opened
from service.subscribed import Subscriptions

PATH = "/graphql/stream"
_MEDIA = b"text/event-stream"
_ALIVE = 12.0  # seconds between two comments while nothing happens


def wants_events(incoming: Incoming) -> bool:
    """Whether the asker accepts a stream of events, and names it before anything else."""
    accepted = incoming.header(b"accept").split(b",")[0].split(b";")[0].strip().lower()
    return accepted == _MEDIA


class EventStreams:
    """The event streams of one process; they end when `stop` is set."""

    def __init__(self, subscriptions: Subscriptions, stop: asyncio.Event) -> None:
        self._subscriptions = subscriptions
        self._stop = stop

    async def serve(self, incoming: Incoming, receive: Any, send: Any) -> Outgoing | None:
        """Stream until the subscription, the connection or the node ends; what was refused before
        it began is given back to be sent."""
        outgoing, opened = await self._subscriptions.pipeline.subscribe(
            incoming, self._subscriptions.changes
        )
        if opened is None:
            return outgoing
        headers = [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        writing = asyncio.ensure_future(self._write(opened, send))
        ends = {
            writing,
            asyncio.ensure_future(_gone(receive)),
            asyncio.ensure_future(self._stop.wait()),
        }
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in ends:
                one.cancel()
            await asyncio.gather(*ends, return_exceptions=True)
        await send({"type": "http.response.body", "body": b""})
        return None

    async def _write(self, opened: Opened, send: Callable[[Any], Awaitable[None]]) -> None:
        seconds = self._subscriptions.node.settings.subscription_seconds

        async def written(chunk: bytes) -> None:
            async with asyncio.timeout(seconds):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})

        # Where it begins, to go on from there when the connection ends before the first event.
        first = opened.first
        await written(b":\n\n" if first.events else b"id: %b\n\n" % first.position.encode())
        events = self._subscriptions.events(opened)
        coming: asyncio.Future[Any] | None = None
        try:
            while True:
                coming = coming or asyncio.ensure_future(events.__anext__())
                done, _ = await asyncio.wait({coming}, timeout=_ALIVE)
                if not done:
                    await written(b":\n\n")
                    continue
                try:
                    told = coming.result()
                except StopAsyncIteration:
                    break
                coming = None
                payload = b'{"errors":%b}' % told.payload if told.failed else told.payload
                # Lists that PostgreSQL has made hold line feeds, which would end the line.
                await written(b"event: next\ndata: %b\n\n" % payload.replace(b"\n", b""))
                if told.failed:
                    break
        finally:
            if coming is not None:
                coming.cancel()
                await asyncio.gather(coming, return_exceptions=True)
            await events.aclose()
        await written(b"event: complete\ndata: \n\n")


async def _gone(receive: Any) -> None:
    """Wait until the asker has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
