"""What another node answers is read within a length and a time, whatever it sends."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from client.keys import NodeKeys, SigningKey
from sync.errors import PartnerUnavailableError
from sync.line import Heard, LineError, TooLongError, hear
from sync.transport import SignedTransport

_HEAD = b"HTTP/1.1 200 OK\r\n%sTransfer-Encoding: chunked\r\n\r\n"

Sending = Callable[[asyncio.StreamWriter], Awaitable[None]]


async def _drips(writer: asyncio.StreamWriter) -> None:
    writer.write(_HEAD % b"")
    while True:
        writer.write(b"1\r\nx\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)


async def _floods(writer: asyncio.StreamWriter) -> None:
    writer.write(_HEAD % b"")
    piece = b"x" * 65536
    while True:
        writer.write(b"10000\r\n" + piece + b"\r\n")
        await writer.drain()


async def _is_silent(_: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def _unpacks(writer: asyncio.StreamWriter) -> None:
    bomb = gzip.compress(bytes(1_000_000))
    writer.write(_HEAD % b"Content-Encoding: gzip\r\n")
    writer.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(bomb), bomb))


async def _is_no_http(writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x00\xff garbage\r\n\r\n")


async def _redirects(writer: asyncio.StreamWriter) -> None:
    writer.write(
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"
    )


@asynccontextmanager
async def _node(send: Sending) -> AsyncIterator[str]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await send(writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def _heard(send: Sending) -> Heard:
    async with _node(send) as url, httpx.AsyncClient(trust_env=False) as http:
        return await hear(http, "GET", url, most=200_000, seconds=0.5)


@pytest.mark.parametrize("send", [_drips, _is_silent, _unpacks, _is_no_http])
async def test_what_is_no_answer_is_given_up(send: Sending) -> None:
    async with asyncio.timeout(20):
        with pytest.raises(LineError):
            await _heard(send)


async def test_an_answer_without_end_is_too_long() -> None:
    with pytest.raises(TooLongError):
        await _heard(_floods)


async def test_a_redirect_is_an_answer_and_leads_nowhere() -> None:
    assert (await _heard(_redirects)).status == 302


async def test_a_partner_that_answers_without_end_is_unavailable() -> None:
    key, keys = SigningKey.generate("x"), NodeKeys({}, {})
    async with _node(_floods) as url:
        transport = SignedTransport(url, key, keys)
        try:
            with pytest.raises(PartnerUnavailableError):
                await transport.look("/keys")
        finally:
            await transport.close()
