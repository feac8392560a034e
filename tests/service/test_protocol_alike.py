"""The node's protocol and uvicorn's own, given the same bytes in the same pieces, answer alike."""

import asyncio
import random
import re
from itertools import pairwise

import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tests.service.test_protocol import everything, served

CASES = 150
LAST = b"GET /direct?last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
METHODS = [b"POST"] * 4 + [b"GET", b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE"]
TARGETS = [b"/direct"] * 5 + [
    b"/asgi", b"/direct?a=b", b"/direct??c", b"/direct#d", b"/direct?e#f", b"//direct",
    b"/%64irect", b"http://h/direct", b"/direct;g", b"/direct/", b"/direct?%00%ff",
    b'/direct?[]{}|^`"<>\\',
]  # fmt: skip
FIELDS = [
    b"x-empty:", b"x-spaces: \t v \t", b"X-Letters: \xff\xfe", b"x_under: 1", b"accept: a,\tb",
    b"expect: 100-continue", b"keep-alive: 1", b"Connection: keep-alive",
    b"content-type: text/plain", b"x-long: " + b"v" * 3_000, b"te: trailers",
]  # fmt: skip
ALONE = [
    b"POST /direct HTTP/1.1\r\nHost: a\r\nContent-Length: %b\r\n\r\nabc" % length
    for length in (b"-1", b"+3", b"3, 3", b"0x3", b"9" * 30, b"", b"3\r\nContent-Length: 4",
                   b"3\r\nTransfer-Encoding: chunked")
] + [
    b"GET /direct HTTP/1.1\r\nHost: a\r\n%b\r\n\r\n" % field
    for field in (b" a: b", b"a b: c", b"a : b", b"a: b\r\n c", b"a: \0", b"a: b\rc", b": a", b"a")
] + [
    b"%b\r\nHost: a\r\n\r\n" % line
    for line in (b"get /direct HTTP/1.1", b"GET /direct HTTP/2.0", b"GET /direct http/1.1", b"GET",
                 b"GET  HTTP/1.1", b"GET /a b HTTP/1.1", b"GET direct HTTP/1.1",
                 b"GET http://h HTTP/1.1", b"GET http://h:99999/direct HTTP/1.1",
                 b"GET /direct?\x01 HTTP/1.1", b"CONNECT h:80 HTTP/1.1", b"NONE / HTTP/1.1",
                 b"GET /direct HTTP/1.0", b"GET /direct HTTP/1.0\r\nConnection: keep-alive")
] + [
    b"POST /direct HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: %b\r\n\r\n" % coded
    for coded in (b"chunked\r\n\r\nx\r\n", b"chunked\r\n\r\n-1\r\n",
                  b"chunked\r\n\r\n3\r\nabcd\r\n", b"chunked\r\n\r\n" + b"f" * 20 + b"\r\n",
                  b"gzip", b"chunked, gzip")
]  # fmt: skip


def chunked(one: random.Random, body: bytes) -> bytes:
    sent = b""
    while body:
        size = one.randint(1, len(body))
        extension = one.choice([b"", b"", b";e", b';e="a b"'])
        sent += b"%x%b\r\n%b\r\n" % (size, extension, body[:size])
        body = body[size:]
    return sent + b"0\r\n" + one.choice([b"", b"", b"x-trailer: 1\r\n"]) + b"\r\n"


def request(one: random.Random) -> bytes:
    body = one.choice([b"", b"abc", LAST, b"x" * one.randint(1, 2_500), b"x" * 70_000])
    fields = one.sample(FIELDS, one.choice([0, 0, 1, 3]))
    if one.random() < 0.3:
        fields.append(b"Transfer-Encoding: chunked")
        body = chunked(one, body[:2_500])
    elif body or one.random() < 0.5:
        fields.append(b"Content-Length: %d" % len(body))
    one.shuffle(fields)
    line = b"%b %b HTTP/1.1" % (one.choice(METHODS), one.choice(TARGETS))
    start = one.choice([b""] * 9 + [b"\r\n"])
    return start + b"\r\n".join([line, b"host: a", *fields, b"", body])


def pieces(one: random.Random) -> list[bytes]:
    """Requests, the last of which ends the connection, one by one or cut anywhere."""
    requests = [request(one) for _ in range(one.choice([0, 1, 2, 4]))] + [LAST]
    if one.random() < 0.5:
        return requests
    sent = b"".join(requests)
    places = one.sample(range(len(sent)), one.choice([0, 1, 1, 3]))
    if one.random() < 0.5:
        places.append(sent.index(b"\r\n\r\n") + 4)
    return [sent[begin:end] for begin, end in pairwise([0, *sorted(places), len(sent)])]


def seen(answered: bytes) -> bytes:
    """Answers without what tells one server, or one moment, from another."""
    return re.sub(rb"(date|x-way): [^\r]*\r\n|HTTP/1.1 100 Continue\r\n\r\n", b"", answered)


def test_the_node_answers_what_uvicorn_answers() -> None:
    one = random.Random(20_261_129)
    asked = [([sent], 0.0) for sent in ALONE]
    asked += [(pieces(one), one.choice([0.0, 0.003, 0.003, 0.06])) for _ in range(CASES)]

    async def compare() -> int:
        async with (
            served() as (told, port),
            served(HttpToolsProtocol) as (_, other),
        ):
            for begin in range(0, len(asked), 20):
                now = asked[begin : begin + 20]
                ours, theirs = [
                    await asyncio.gather(*[everything(to, *sent, pause=p) for sent, p in now])
                    for to in (port, other)
                ]
                for (sent, _pause), mine, its in zip(now, ours, theirs, strict=True):
                    assert seen(mine) == seen(its), sent
                    assert its
            return told.direct_ones

    assert uvloop.run(compare()) > CASES / 2
