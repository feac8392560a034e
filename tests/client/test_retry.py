"""The client asks again where that is safe, and never where it might do something twice."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.async_connection import AsyncClient
from client.connection import Client
from client.errors import ClientError, UnansweredChangeError
from client.retry import CODES, Retry
from tests.client.fake_node import KEY, NODE_KEYS, NOW, URL, FakeNode

MUTATION = "mutation($clientKey: String!) { markObjection(clientKey: $clientKey) { changed } }"


class Unsteady:
    """A node behind a line that fails: each of `failures` in turn, then the node itself."""

    def __init__(self, node: FakeNode, *failures: Any) -> None:
        self.node, self.failures = node, list(failures)
        self.nonces: list[str] = []
        self.bodies: list[bytes] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return self.node(request)
        found = re.search(r'nonce="([^"]+)"', request.headers["signature-input"])
        assert found is not None
        self.nonces.append(found[1])
        self.bodies.append(request.content)
        if not self.failures:
            return self.node(request)
        failure = self.failures.pop(0)
        if isinstance(failure, Exception):
            raise failure
        if isinstance(failure, httpx.Response):
            return failure
        status, code = failure
        self.node.status, self.node.refusal = status, code
        try:
            return self.node(request)
        finally:
            self.node.status, self.node.refusal = 200, None


def busy(after: str | None = "1") -> httpx.Response:
    headers = {} if after is None else {"retry-after": after}
    return httpx.Response(
        503, headers=headers, json={"errors": [{"message": "x", "extensions": {"code": "BUSY"}}]}
    )


@pytest.fixture
def asking(tmp_path: Path) -> Callable[..., tuple[Client, Unsteady, list[float]]]:
    folders = itertools.count()

    def made(*failures: Any, **policy: Any) -> tuple[Client, Unsteady, list[float]]:
        folder = tmp_path / str(next(folders))
        line, slept = Unsteady(FakeNode(folder), *failures), []
        retry = Retry(jitter=lambda low, high: high, **policy)
        http = httpx.Client(transport=httpx.MockTransport(line))
        client = Client(
            URL, KEY, NODE_KEYS, http=http, retry=retry, clock=lambda: NOW, sleep=slept.append
        )
        return client, line, slept

    return made


def test_a_question_is_asked_again_with_a_fresh_nonce(asking: Any) -> None:
    client, line, slept = asking(httpx.ConnectError("x"), busy("3"), (429, "RATE_LIMITED"))
    answer = client.query("{ me }", purpose="P1").require()
    assert (answer.data["caller"], answer.attempts) == ("shenyang", 4)
    assert len(set(line.nonces)) == 4
    assert slept == [0.5, 3.25, 2.0]  # jitter at its greatest; Retry-After and a little more


def test_it_gives_up_and_gives_back_what_it_heard(asking: Any) -> None:
    client, line, _ = asking(*[busy()] * 9, attempts=3)
    answer = client.query("{ me }", purpose="P1")
    assert (answer.codes, answer.attempts, len(line.nonces)) == (("BUSY",), 3, 3)
    assert not answer.verified
    client, line, slept = asking(busy("3600"))
    assert client.query("{ me }").codes == ("BUSY",)
    assert slept == []
    client, _, _ = asking(*[httpx.ReadTimeout("x")] * 9, attempts=2)
    with pytest.raises(ClientError, match="NODE_UNREACHABLE"):
        client.query("{ me }")


@pytest.mark.parametrize(
    ("status", "code"), [(401, "REPLAYED"), (403, "CASE_REQUIRED"), (400, "BAD_VARIABLE")]
)
def test_what_would_be_refused_again_is_not_asked_again(
    asking: Any, status: int, code: str
) -> None:
    client, line, _ = asking((status, code))
    answer = client.query("{ me }", purpose="P1").require()
    assert (answer.codes, len(line.nonces)) == ((code,), 1)


def test_a_change_is_sent_again_only_under_its_client_key(asking: Any) -> None:
    client, line, _ = asking(httpx.ReadTimeout("x"))
    with pytest.raises(ClientError, match="NODE_UNREACHABLE"):
        client.query(MUTATION, {"clientKey": "one-change"})
    assert len(line.nonces) == 1
    client, line, _ = asking(httpx.ReadTimeout("x"), (200, "MUTATION_RUNNING"))
    assert client.mutate(MUTATION, client_key="one-change").require().data
    keys = {orjson.loads(body)["variables"]["clientKey"] for body in line.bodies}
    assert keys == {"one-change"}
    assert len(set(line.nonces)) == 3
    with pytest.raises(ClientError, match="QUESTION_MALFORMED"):
        client.mutate("mutation { markObjection { changed } }")


def test_a_change_that_nobody_answered_can_be_asked_for_again(asking: Any) -> None:
    client, line, _ = asking(*[httpx.ReadTimeout("x")] * 4)
    with pytest.raises(UnansweredChangeError, match="NODE_UNREACHABLE") as lost:
        client.mutate(MUTATION)
    assert client.mutate(MUTATION, client_key=lost.value.client_key).require().data
    assert len({orjson.loads(body)["variables"]["clientKey"] for body in line.bodies}) == 1


def test_without_a_policy_nothing_is_asked_twice(tmp_path: Path) -> None:
    line = Unsteady(FakeNode(tmp_path), busy())
    http = httpx.Client(transport=httpx.MockTransport(line))
    assert Client(URL, KEY, NODE_KEYS, http=http).query("{ me }").codes == ("BUSY",)
    assert len(line.nonces) == 1


async def test_the_client_for_asyncio_does_the_same(tmp_path: Path) -> None:
    line = Unsteady(FakeNode(tmp_path), httpx.ConnectError("x"), busy("0"))
    http = httpx.AsyncClient(transport=httpx.MockTransport(line))
    retry = Retry(base=0.001)
    async with AsyncClient(
        URL, KEY, NODE_KEYS, http=http, retry=retry, clock=lambda: NOW
    ) as client:
        answer = (await client.query("{ me }", purpose="P1")).require()
        assert (answer.data["caller"], answer.attempts) == ("shenyang", 3)
        assert answer.receipt is not None
        assert (await client.check_receipt(answer.receipt)).index == 1


@given(
    attempt=st.integers(1, 40) | st.integers(1, 10**6),
    status=st.sampled_from([0, 200, 400, 401, 403, 429, 500, 502, 503]),
    codes=st.lists(st.sampled_from([*sorted(CODES), "REPLAYED", "FORBIDDEN"]), max_size=2),
    after=st.none() | st.text(max_size=6) | st.integers(0, 10**9).map(str),
    share=st.floats(0, 1),
)
def test_waits_are_bounded(
    attempt: int, status: int, codes: list[str], after: str | None, share: float
) -> None:
    retry = Retry(attempts=10**6, jitter=lambda low, high: low + share * (high - low))
    wait = retry.wait(attempt, status, codes, after)
    if wait is not None:
        assert attempt < retry.attempts
        assert 0 <= wait <= retry.patience + retry.base
        assert status in (0, 429, 502, 503) or set(codes) & CODES
