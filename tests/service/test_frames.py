"""WebSocket frames as a node takes them: in turns, and so many that are no message, no more."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from service.frames import MOST_FRAMES, NodeFrames
from service.protocol import NodeProtocol

Message = MutableMapping[str, Any]
_MASKED = bytes(4)  # a mask that changes nothing


class Echo:
    """An application that sends back what it receives, and counts it."""

    def __init__(self) -> None:
        self.received = 0
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(
        self,
        _: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            self.received += 1
            await self.go.wait()
            await send({"type": "websocket.send", "text": str(len(message["text"]))})


@asynccontextmanager
async def served() -> AsyncIterator[tuple[Echo, str]]:
    echo = Echo()
    config = uvicorn.Config(
        echo, port=0, http=NodeProtocol, ws=NodeFrames, lifespan="off", log_level="critical",
        ws_max_size=256 * 1024, ws_per_message_deflate=False, timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        yield echo, f"ws://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    finally:
        server.should_exit = True
        await serving


def run(case: Callable[[Echo, ClientConnection, str], Awaitable[None]]) -> None:
    async def inside() -> None:
        async with served() as (echo, url), connect(url, proxy=None) as client:
            await case(echo, client, url)

    uvloop.run(inside())


def frame(opcode: int, payload: bytes = b"", *, last: bool = True) -> bytes:
    """A frame of at most 125 bytes, as a client sends it."""
    return bytes([opcode | (0x80 if last else 0), 0x80 | len(payload)]) + _MASKED + payload


async def _ended(client: ClientConnection) -> int | None:
    await asyncio.wait_for(client.wait_closed(), 30)
    return client.close_code


@pytest.mark.parametrize(
    "flood",
    [frame(9), frame(9, b"x" * 20), frame(10), frame(0, last=False)],
    ids=["pings", "long pings", "pongs", "pieces"],
)
def test_who_sends_frames_without_end_is_not_served(flood: bytes) -> None:
    async def case(_: Echo, client: ClientConnection, __: str) -> None:
        if flood[0] & 0x0F == 0:
            client.transport.write(frame(1, b"begun", last=False))
        client.transport.write(flood * (MOST_FRAMES + 1))
        assert await _ended(client) == 1008

    run(case)


def test_frames_that_arrive_together_leave_others_their_turn() -> None:
    async def case(echo: Echo, client: ClientConnection, url: str) -> None:
        async with connect(url, proxy=None) as other:
            client.transport.write(frame(1, b"one of many") * 3_000)
            await other.send("first")
            assert await asyncio.wait_for(other.recv(), 30) == "5"
            assert echo.received < 3_000
        for _ in range(3_000):
            assert await client.recv() == "11"

    run(case)


def test_what_arrives_while_a_message_waits_is_read_behind_it() -> None:
    async def case(echo: Echo, client: ClientConnection, _: str) -> None:
        echo.go.clear()
        long = json.dumps([os.urandom(100).hex()] * 1_000)
        await client.send("first")
        await client.send(long)
        await client.send([long[:-1], long[-1:]])
        await client.send("last")
        pong = await client.ping()
        await asyncio.sleep(0.05)
        assert echo.received == 1
        echo.go.set()
        found = [await asyncio.wait_for(client.recv(), 30) for _ in range(4)]
        assert found == ["5", str(len(long)), str(len(long)), "4"]
        await asyncio.wait_for(pong, 30)

    run(case)


def test_a_message_that_is_too_long_is_refused_before_it_is_whole() -> None:
    async def case(echo: Echo, client: ClientConnection, _: str) -> None:
        await client.send("x" * (256 * 1024))
        assert await client.recv() == str(256 * 1024)
        with contextlib.suppress(ConnectionClosed):  # it may be closed before all is sent
            await client.send("x" * (256 * 1024 + 1))
        await _ended(client)
        assert echo.received == 1

    run(case)
