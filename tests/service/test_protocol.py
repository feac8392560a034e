"""HTTP as a node takes it: what is soon whole is answered directly, the rest by ASGI, alike."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.body import read_body
from service.passage import Incoming, Outgoing
from service.protocol import Answer, NodeProtocol

Message = MutableMapping[str, Any]
LONG = 2_000
CHUNKED = (
    b"POST /direct HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
)


class Told:
    """An application that tells by which way and with which body it was asked."""

    def __init__(self) -> None:
        self.direct_ones = 0
        self.go = asyncio.Event()
        self.go.set()
        self.begun = asyncio.Event()
        self.fields: list[bytes] = []
        self.left = asyncio.Event()

    def direct(self, path: str) -> Answer | None:
        return self._answer if path == "/direct" else None

    def takes(self, asked: Incoming) -> bool:
        return len(asked.body) < LONG

    async def _answer(self, asked: Incoming) -> Outgoing:
        self.direct_ones += 1
        self.fields = [name for name, _ in asked.headers]
        self.begun.set()
        await self.go.wait()
        if asked.body == b"fail":
            raise RuntimeError("told to")
        value = b"two\r\nx-more: lines" if asked.body == b"split" else b"direct"
        body = b"%s %s %s %s" % (
            asked.method.encode(), asked.target.encode(), asked.query, asked.body
        )  # fmt: skip
        return Outgoing(
            200, [(b"x-way", value), (b"content-length", str(len(body)).encode())], body
        )

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        body, _ = await read_body(receive, 1_000_000)
        if scope["path"] == "/stream":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            self.begun.set()
            while (await receive())["type"] != "http.disconnect":
                pass
            self.left.set()
        if scope["path"] == "/long":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": bytes(8_000_000), "more_body": True})
            await send({"type": "http.response.body", "body": b"end"})
            self.left.set()
        self.begun.set()
        await self.go.wait()
        self.fields = [name for name, _ in scope["headers"]]
        query = scope["query_string"]
        target = scope["path"].encode() + (b"?" + query if query else b"")
        short = body if len(body) < LONG else b"long"
        told = b"%s %s %s %s" % (scope["method"].encode(), target, query, short)
        headers = [(b"x-way", b"asgi"), (b"content-length", str(len(told)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": told})


@asynccontextmanager
async def served(
    http: type[HttpToolsProtocol] = NodeProtocol,
) -> AsyncIterator[tuple[Told, int]]:
    told = Told()
    config = uvicorn.Config(
        told, port=0, http=http, ws="none", lifespan="off", log_level="critical",
        proxy_headers=False, access_log=False, timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        yield told, server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await serving


def post(body: bytes, path: str = "/direct", *fields: str) -> bytes:
    head = "".join(f"{one}\r\n" for one in fields)
    return (
        f"POST {path} HTTP/1.1\r\nHost: a\r\ncontent-length: {len(body)}\r\n{head}\r\n".encode()
        + body
    )


async def answers(port: int, *parts: bytes, count: int = 1) -> list[tuple[int, str, bytes]]:
    """Status, way and body of so many answers to what is sent in parts."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.02)
        found = []
        for _ in range(count):
            head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)).decode()
            fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:-2])
            body = await reader.readexactly(int(fields["content-length"]))
            found.append((int(head.split()[1]), fields.get("x-way", ""), body))
        return found
    finally:
        writer.close()


def run(case: Callable[[Told, int], Awaitable[None]]) -> None:
    async def inside() -> None:
        async with served() as (told, port):
            await case(told, port)

    uvloop.run(inside())


@pytest.mark.parametrize(
    ("parts", "way", "body"),
    [
        ([post(b"whole")], "direct", b"POST /direct  whole"),
        ([post(b"", "/direct?a=%20b&c")], "direct", b"POST /direct?a=%20b&c a=%20b&c "),
        ([b"GET /direct?q=1 HTTP/1.1\r\nHost: a\r\n\r\n"], "direct", b"GET /direct?q=1 q=1 "),
        ([post(b"other", "/asgi")], "asgi", b"POST /asgi  other"),
        ([post(b"whole")[:30], post(b"whole")[30:]], "direct", b"POST /direct  whole"),
        ([post(b"in two parts")[:-4], post(b"in two parts")[-4:]], "direct",
         b"POST /direct  in two parts"),
        ([post(b"head first")[:-10], b"head first"], "direct", b"POST /direct  head first"),
        ([post(b"head first", "/asgi")[:-10], b"head first"], "asgi", b"POST /asgi  head first"),
        ([CHUNKED], "direct", b"POST /direct  abcde"),
        ([CHUNKED[:-20], CHUNKED[-20:-9], CHUNKED[-9:]], "direct", b"POST /direct  abcde"),
        ([post(b"x" * 70_000)[:-9], b"x" * 9], "asgi", b"POST /direct  long"),
        ([post(b"x" * LONG)], "asgi", b"POST /direct  long"),
        ([b"PUT /direct HTTP/1.1\r\nHost: a\r\ncontent-length: 1\r\n\r\nx"], "asgi",
         b"PUT /direct  x"),
        ([b"GET /%64irect HTTP/1.1\r\nHost: a\r\n\r\n"], "asgi", b"GET /direct  "),
        ([b"GET http://a/direct HTTP/1.1\r\nHost: a\r\n\r\n"], "asgi", b"GET /direct  "),
    ],
)  # fmt: skip
def test_a_request_is_answered_alike_however_it_arrives(
    parts: list[bytes], way: str, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.protocol.PATIENCE", 10.0)

    async def case(_: Told, port: int) -> None:
        assert await answers(port, *parts) == [(200, way, body)]

    run(case)


@pytest.mark.parametrize("later", [b"awaited", b"wait"])
def test_what_does_not_come_soon_is_awaited_by_asgi(
    later: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.protocol.PATIENCE", 0.001)

    async def case(_: Told, port: int) -> None:
        whole = post(b"awaited")
        for _again in range(2):
            parts = whole[: -len(later)], whole[-len(later) :]
            assert await answers(port, *parts) == [(200, "asgi", b"POST /direct  awaited")]

    run(case)


def test_who_leaves_before_the_body_is_not_answered_and_who_sends_while_it_ends_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("service.protocol.PATIENCE", 10.0)
    head, body = post(b"late")[:-4], b"late"

    async def left(told: Told, port: int) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head)
        await asyncio.sleep(0.02)
        writer.close()
        assert await answers(port, head, body) == [(200, "direct", b"POST /direct  late")]
        assert told.direct_ones == 1

    run(left)

    async def ends() -> bytes:
        async with served() as (_, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(head)
            await asyncio.sleep(0.05)

            async def send() -> None:
                await asyncio.sleep(0.2)
                writer.write(body)

            sending = asyncio.create_task(send())
        await sending
        answered = await asyncio.wait_for(reader.read(), 30)
        writer.close()
        return answered

    assert uvloop.run(ends()).endswith(b"POST /direct  late")


def test_requests_that_come_together_are_answered_in_their_order() -> None:
    async def case(told: Told, port: int) -> None:
        sent = [post(b"1"), post(b"2", "/asgi"), post(b"3"), post(b"4")]
        found = await answers(port, b"".join(sent), count=4)
        assert [body[-1:] for _, _, body in found] == [b"1", b"2", b"3", b"4"]
        assert found[0][1] == "direct"
        assert told.direct_ones == 1

    run(case)


def test_a_connection_goes_on_and_ends_as_the_asker_says() -> None:
    async def case(_: Told, port: int) -> None:
        one, two = await answers(port, post(b"a"), post(b"b"), count=2)
        assert (one[1], two[1]) == ("direct", "direct")
        for last in (
            post(b"a", "/direct", "connection: close"),
            b"GET /direct HTTP/1.0\r\nHost: a\r\n\r\n",
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(last)
            whole = await asyncio.wait_for(reader.read(), 30)
            assert b"\r\nconnection: close\r\n" in whole
            assert whole.startswith(b"HTTP/1.1 200 ")
            writer.close()

    run(case)


def test_an_asker_that_asks_before_it_sends_is_told_to_go_on() -> None:
    async def case(_: Told, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(post(b"body", "/direct", "expect: 100-continue")[:-4])
        assert b"100 Continue" in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
        writer.write(b"body")
        assert b" 200 " in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
        writer.close()

    run(case)


@pytest.mark.parametrize("path", ["/direct", "/asgi"])
def test_what_follows_a_body_is_no_header_field(path: str) -> None:
    async def case(told: Told, port: int) -> None:
        sent = CHUNKED.replace(b"/direct", path.encode())[:-2] + b"credit-case: late\r\n\r\n"
        [(status, way, _)] = await answers(port, sent)
        assert (status, way) == (200, path[1:])
        assert b"transfer-encoding" in told.fields
        assert b"credit-case" not in told.fields

    run(case)


def test_who_has_left_is_not_answered_and_others_are() -> None:
    async def case(told: Told, port: int) -> None:
        told.go.clear()
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(post(b"left"))
        await told.begun.wait()
        writer.transport.abort()
        await asyncio.sleep(0.05)
        told.go.set()
        assert await answers(port, post(b"here")) == [(200, "direct", b"POST /direct  here")]

    run(case)


@pytest.mark.parametrize("body", [b"fail", b"split"])
def test_a_failure_says_no_more_than_that(body: bytes) -> None:
    """Among them a header field that would become two."""

    async def case(_: Told, port: int) -> None:
        [(status, _, told)] = await answers(port, post(body))
        assert status == 500
        assert b"INTERNAL" in told
        assert b"x-more" not in told
        assert await answers(port, post(b"on")) == [(200, "direct", b"POST /direct  on")]

    run(case)


async def everything(port: int, *parts: bytes, pause: float = 0.0) -> bytes:
    """All that is answered until the server ends the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await asyncio.sleep(pause)
        return await asyncio.wait_for(reader.read(), 30)
    finally:
        writer.close()


GARBAGE = b"no request\r\n\r\n"
OPEN_HEAD = b"GET /direct HTTP/1.1\r\nlong: " + b"x" * 300_000


def test_an_address_that_cannot_be_read_is_refused_before_its_body_comes() -> None:
    async def case(_: Told, port: int) -> None:
        asked = b"POST http://host HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"
        assert (await everything(port, asked)).startswith(b"HTTP/1.1 400 ")

    run(case)


@pytest.mark.parametrize("hosts", [b"", b"Host: a\r\nhost: b\r\n"])
def test_a_request_names_one_host(hosts: bytes) -> None:
    async def case(told: Told, port: int) -> None:
        asked = b"POST /direct HTTP/1.1\r\n%bContent-Length: 1\r\n\r\nx" % hosts
        answered = await everything(port, post(b"1") + asked + post(b"2"))
        assert answered.count(b"HTTP/1.1 200 ") == 1
        assert answered.endswith(b" 1")
        assert (await everything(port, asked)).startswith(b"HTTP/1.1 400 ")
        if not hosts:  # which HTTP/1.0 allows
            older = asked.replace(b"HTTP/1.1", b"HTTP/1.0")
            assert (await everything(port, older)).startswith(b"HTTP/1.1 200 ")

    run(case)


@pytest.mark.parametrize("path", ["/direct", "/asgi"])
def test_what_cannot_be_read_takes_no_answer_from_what_came_before(path: str) -> None:
    async def case(told: Told, port: int) -> None:
        for last in (GARBAGE, OPEN_HEAD, CHUNKED[:-12] + b"no length"):
            told.go.clear()
            told.begun.clear()
            asking = asyncio.create_task(everything(port, post(b"1", path), last, pause=0.02))
            await told.begun.wait()
            await asyncio.sleep(0.1)
            told.go.set()
            answered = await asking
            assert answered.startswith(b"HTTP/1.1 200 ")
            assert b"\r\nconnection: close\r\n" in answered
            assert answered.endswith(b" 1")

    run(case)


@pytest.mark.parametrize("path", ["/direct", "/asgi"])
def test_who_offers_http_2_is_answered_whole_in_http_1(path: str) -> None:
    offer = (
        "Connection: Upgrade, HTTP2-Settings",
        "Upgrade: h2c",
        "HTTP2-Settings: AAMAAABkAAQAAP__",
    )
    asked = post(b"1", path) + post(b"body", path, *offer) + post(b"3", path, *offer)

    async def case(_: Told, port: int) -> None:
        for parts in ([asked], [asked[:30], asked[30:]], [asked[:-1], asked[-1:]]):
            found = await answers(port, *parts, post(b"4", path), count=4)
            assert [body.split()[-1] for _, _, body in found] == [b"1", b"body", b"3", b"4"]

    run(case)


def test_what_never_ends_is_not_gathered() -> None:
    async def case(_: Told, port: int) -> None:
        for sent in (
            OPEN_HEAD,
            CHUNKED[:-2] + b"trailer: " + b"x" * 300_000,
            CHUNKED[:-5] + b"1;" + b"x" * 300_000,
            b"\r\n" * 150_000,
        ):
            answered = await everything(port, sent.replace(b"/direct", b"/asgi"))
            assert answered.startswith(b"HTTP/1.1 431 ")
            assert b"HEADERS_TOO_LARGE" in answered

    run(case)


def test_so_many_wait_behind_a_request_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.protocol.MAX_PIPELINED", 10)

    async def case(_: Told, port: int) -> None:
        answered = await everything(port, b"GET /asgi HTTP/1.1\r\nHost: a\r\n\r\n" * 30)
        assert answered.count(b"HTTP/1.1 200 ") == 11
        assert answered.count(b"connection: close") == 1

    run(case)


def test_much_that_comes_at_once_is_no_long_header_section() -> None:
    async def case(_: Told, port: int) -> None:
        many = post(b"x" * 1_900) * 60
        found = await answers(
            port, many + b"GET /direct HTTP/1.1\r\nHost: a\r\n", b"\r\n", count=61
        )
        assert {status for status, _, _ in found} == {200}
        assert found[-1][2] == b"GET /direct  "

    run(case)


def test_who_asks_nothing_is_not_awaited_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.protocol.HEAD_SECONDS", 0.1)

    async def case(_: Told, port: int) -> None:
        silent: list[list[bytes]] = [[], [b"P", b"O", b"S"], [b"\r\n"] * 3, [post(b"a"), b"P"]]
        await asyncio.gather(*[everything(port, *parts, pause=0.02) for parts in silent])

    run(case)


def test_who_waits_for_an_answer_is_not_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.protocol.HEAD_SECONDS", 0.01)

    async def case(told: Told, port: int) -> None:
        told.go.clear()
        asking = asyncio.create_task(answers(port, post(b"a"), post(b"b", "/asgi"), count=2))
        await told.begun.wait()
        await asyncio.sleep(0.1)
        told.go.set()
        assert [way for _, way, _ in await asking] == ["direct", "asgi"]

    run(case)


@pytest.mark.parametrize("leave", ["abort", "write_eof"])
def test_a_stream_learns_that_its_reader_left_whatever_was_asked_behind_it(leave: str) -> None:
    async def case(told: Told, port: int) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(post(b"", "/stream") + post(b"behind"))
        await told.begun.wait()
        getattr(writer.transport, leave)()
        await asyncio.wait_for(told.left.wait(), 30)
        writer.close()

    run(case)


def test_who_sends_no_more_is_answered() -> None:
    async def case(told: Told, port: int) -> None:
        for sent, ends in (
            (post(b"a"), [b" a"]),
            (post(b"a", "/asgi"), [b" a"]),
            (post(b"a") + post(b"b", "/asgi") + post(b"c"), [b" a", b" b", b" c"]),
            (post(b"a") + post(b"b")[:-1], [b" a"]),
            (post(b"a")[:-1], []),
            (b"", []),
        ):
            told.go.clear()
            told.begun.clear()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            writer.write_eof()
            if ends:
                await told.begun.wait()
            await asyncio.sleep(0.02)
            told.go.set()
            whole = await asyncio.wait_for(reader.read(), 30)
            answered = whole.split(b"HTTP/1.1 200 OK\r\n")[1:]
            assert [one[-2:] for one in answered] == ends
            writer.close()

    run(case)


def test_who_reads_nothing_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.protocol.UNREAD_SECONDS", 0.3)

    async def case(told: Told, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(b"GET /long HTTP/1.1\r\nHost: a\r\n\r\n")
        await asyncio.wait_for(told.left.wait(), 30)
        writer.transport.abort()
        del reader

    run(case)


def test_an_answer_that_an_end_cuts_off_is_not_taken_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("service.protocol.PATIENCE", 10.0)

    async def cut_off() -> bytes:
        async with served() as (told, port):
            told.go.clear()
            asking = asyncio.create_task(everything(port, post(b"1") + post(b"2", "/asgi")))
            held = asyncio.create_task(everything(port, post(b"held")[:-4]))
            await told.begun.wait()
        await asyncio.wait_for(held, 30)
        return await asking

    assert uvloop.run(cut_off()) == b""
