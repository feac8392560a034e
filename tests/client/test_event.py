"""The lines of a stream of events, however they arrive."""

from __future__ import annotations

from itertools import chain
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.async_connection import AsyncClient
from client.errors import ClientError
from client.event import EventLines
from client.retry import Retry
from tests.client.fake_node import KEY, NODE_KEYS, URL

DOCUMENT = "subscription($after: String) { recordChanged(after: $after) { change } }"
# What str.splitlines takes for the end of a line, and JSON does not.
_TEXTS = st.text(st.sampled_from("信\u2028\u2029\x85\x7fa\U0002a6a5"), max_size=9)


@given(
    texts=st.lists(_TEXTS, max_size=4),
    end=st.sampled_from([b"\n", b"\r\n", b"\r"]),
    data=st.data(),
)
def test_events_are_the_same_in_whatever_pieces_they_arrive(
    texts: list[str], end: bytes, data: st.DataObject
) -> None:
    lines = [b"id: o1", b"", b":", b""]
    for text in texts:
        lines += [b"event: next", b"data: " + orjson.dumps({"data": text}), b""]
    sent = end.join([*lines, b"event: complete", b"data:", b"", b":"])
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=5)))
    stream = EventLines()
    found: list[Any] = []
    for start, stop in zip([0, *cuts], [*cuts, len(sent)], strict=True):
        found += stream.take(sent[start:stop])
    assert found == [*(("next", {"data": text}) for text in texts), ("complete", {})]
    assert stream.place == "o1"


@pytest.mark.parametrize("chunk", [b"x" * 100, b"data: " + b"x" * 100 + b"\n"])
def test_an_event_without_end_is_left(monkeypatch: pytest.MonkeyPatch, chunk: bytes) -> None:
    monkeypatch.setattr("client.event.MOST", 1_000)
    stream = EventLines()
    with pytest.raises(ClientError, match="ANSWER_MALFORMED"):
        list(chain.from_iterable(stream.take(chunk) for _ in range(11)))


class Broken:
    """A line to a node that ends each stream behind what it has sent, or fails otherwise."""

    def __init__(self, *sent: Any) -> None:
        self.sent = list(sent)
        self.asked: list[Any] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(orjson.loads(request.content)["variables"])
        content = self.sent.pop(0) if self.sent else b"event: complete\ndata:\n\n"
        if isinstance(content, Exception):
            raise content
        if isinstance(content, httpx.Response):
            return content
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=content)


async def _followed(line: Broken) -> None:
    http = httpx.AsyncClient(transport=httpx.MockTransport(line))
    async with AsyncClient(URL, KEY, NODE_KEYS, http=http, retry=Retry(base=0)) as client:
        async for _ in client.subscribe(DOCUMENT):
            raise AssertionError("nothing has happened")


async def test_a_stream_that_ends_before_its_first_event_goes_on_where_it_began() -> None:
    line = Broken(b"id: o1\n\n:\n\n", b":\n\n")
    await _followed(line)
    assert line.asked == [{}, {"after": "o1"}, {"after": "o1"}]


async def test_a_stream_that_lasted_is_not_counted_with_those_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(ClientError, match="NODE_UNREACHABLE"):
        await _followed(Broken(*[b":\n\n"] * 4))
    monkeypatch.setattr("client.async_connection._LASTING", -1.0)
    await _followed(Broken(*[b":\n\n"] * 9))


def _refusal(status: int, code: str | None) -> httpx.Response:
    if code is None:
        return httpx.Response(status, html="<html>")
    return httpx.Response(status, json={"errors": [{"message": "x", "extensions": {"code": code}}]})


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (_refusal(502, None), "NODE_UNREACHABLE"),
        (_refusal(503, "BUSY"), "BUSY"),
        (_refusal(429, "COST_BUDGET"), "NODE_UNREACHABLE"),
        (httpx.ConnectError("x"), "NODE_UNREACHABLE"),
        ("LOG_UNAVAILABLE", "LOG_UNAVAILABLE"),
        ("SUBSCRIPTION_LIMIT", "SUBSCRIPTION_LIMIT"),
    ],
)
async def test_what_may_pass_ends_no_subscription(sent: Any, code: str) -> None:
    if isinstance(sent, str):  # begun and refused inside the stream: neither logged nor signed
        error = {"message": "x", "extensions": {"code": sent}}
        sent = b"event: next\ndata: " + orjson.dumps({"errors": [error]}) + b"\n\n"
    await _followed(Broken(b"id: o1\n\n", *[sent] * 2))
    with pytest.raises(ClientError) as refused:
        await _followed(Broken(*[sent] * 4))
    assert refused.value.code == code


@pytest.mark.parametrize(
    "sent",
    [
        _refusal(403, "FORBIDDEN"),
        b'event: next\ndata: {"errors":[{"extensions":{"code":"X"}}]}\n\n',
    ],
)
async def test_another_refusal_is_believed_only_when_it_is_signed(sent: Any) -> None:
    line = Broken(sent)
    with pytest.raises(ClientError, match="ANSWER_UNSIGNED"):
        await _followed(line)
    assert len(line.asked) == 1


async def test_it_begins_behind_a_place_only_where_the_document_says_so() -> None:
    async with AsyncClient(URL, KEY, NODE_KEYS) as client:
        with pytest.raises(ClientError, match="QUESTION_MALFORMED"):
            await anext(client.subscribe("subscription { recordChanged { change } }", after="o1"))
