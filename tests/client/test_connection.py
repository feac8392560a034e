"""The client against a node made of the node's own parts."""

import itertools
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from client.connection import Client
from client.errors import ClientError
from client.exchange import Answer, Conversation, Wait
from client.job import job_lines
from client.keys import NodeKeys, SigningKey
from client.receipt import Receipt
from client.retry import Retry
from tests.client.fake_node import KEY, NODE_KEYS, NOW, SIGNER, URL, FakeNode


@pytest.fixture
def node(tmp_path: Path) -> FakeNode:
    return FakeNode(tmp_path)


def client(node: Any, key: SigningKey | None = KEY) -> Client:
    ticks = iter(range(10_000))
    http = httpx.Client(transport=httpx.MockTransport(node))
    return Client(URL, key, NODE_KEYS, http=http, clock=lambda: NOW + next(ticks) * 0.1)


def test_signed_question_gets_a_verified_answer_and_a_kept_receipt(node: FakeNode) -> None:
    with client(node) as asking:
        answer = asking.query("{ me }", {"a": 1}, purpose="P1", case="沈〔2026〕1").require()
        assert answer.verified
        assert answer.data == {"caller": "shenyang", "case": "沈〔2026〕1"}
        assert answer.receipt is not None
        inclusion = asking.check_receipt(answer.receipt)
        assert (inclusion.index, inclusion.checkpoint.size) == (1, 3)


def test_public_readers_answer_is_verified_too(node: FakeNode) -> None:
    answer = client(node, None).query("{ me }")
    assert answer.verified
    assert answer.data["caller"] == "public"


def test_changed_answer_is_not_verified(node: FakeNode) -> None:
    node.tamper = b" "
    answer = client(node).query("{ me }", purpose="P1")
    assert not answer.verified
    assert answer.receipt is None
    with pytest.raises(ClientError, match="ANSWER_DIGEST_MISMATCH"):
        answer.require()


def test_receipt_that_is_not_honoured_is_proof_against_the_node(node: FakeNode) -> None:
    asking = client(node)
    answer = asking.query("{ me }", purpose="P1")
    assert answer.receipt is not None
    node.lose = True
    with pytest.raises(ClientError, match="RECEIPT_BROKEN"):
        asking.check_receipt(answer.receipt, patience=0.5)


def test_proof_of_another_entry_is_refused(node: FakeNode) -> None:
    asking = client(node)
    answer = asking.query("{ me }", purpose="P1")
    assert answer.receipt is not None
    node.entry = b"something else"
    with pytest.raises(ClientError, match="PROOF_INVALID"):
        asking.check_receipt(answer.receipt)


def test_keys_are_kept_in_files(tmp_path: Path) -> None:
    KEY.save(tmp_path / "key.pem")
    assert SigningKey.load(tmp_path / "key.pem", KEY.key_id).public == KEY.public
    assert NodeKeys.from_json(NODE_KEYS.to_json()) == NODE_KEYS
    for wrong in ("", "{}", '{"answers": {}, "log": "x"}', "[" * 100_000):
        with pytest.raises(ClientError):
            NodeKeys.from_json(wrong)


@pytest.mark.parametrize(
    "body",
    [
        {"errors": 1},
        {"errors": "bad gateway"},
        {"errors": {"code": "BUSY"}},
        {"errors": [{"message": "x", "extensions": None}]},
        {"errors": [{"message": "x", "extensions": "x"}]},
        {"errors": ["x", None]},
        [],
        None,
    ],
)
def test_what_stands_before_a_node_may_answer_anything(body: Any) -> None:
    http = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(502, json=body)))
    retry = Retry(base=0)
    with Client(URL, KEY, NODE_KEYS, http=http, retry=retry, sleep=lambda _: None) as client:
        answer = client.query("{ me }")
    assert answer.problem is not None
    assert answer.problem.code == "ANSWER_UNSIGNED"
    assert (answer.attempts, set(answer.codes)) == (4, {""} if answer.codes else set())


def test_an_answer_without_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("client.connection.MOST", 1_000)
    endless = (b"x" * 100 for _ in itertools.count())
    with (
        client(lambda _: httpx.Response(200, content=endless)) as asking,
        pytest.raises(ClientError, match="ANSWER_MALFORMED"),
    ):
        asking.query("{ me }", purpose="P1")


def test_a_node_that_tells_nothing_has_broken_no_promise(node: FakeNode) -> None:
    receipt = Receipt(bytes(32), int(NOW), 2, SIGNER.name, bytes(32))
    for status in (429, 500, 502, 503):
        asking = client(lambda _, status=status: httpx.Response(status))
        with pytest.raises(ClientError, match="NODE_UNREACHABLE"):
            asking.check_receipt(receipt, patience=0.5)


@pytest.mark.parametrize(("at", "delay"), [(NOW + 9e6, 2), (NOW - 9e6, 2), (NOW, 999_999)])
def test_a_receipt_that_promises_for_another_day_is_none(
    node: FakeNode, monkeypatch: pytest.MonkeyPatch, at: float, delay: int
) -> None:
    made = lambda leaf, _, __, *rest: Receipt(leaf, int(at), delay, *rest)  # noqa: E731
    monkeypatch.setattr("tests.client.fake_node.Receipt", made)
    with pytest.raises(ClientError, match="RECEIPT_MALFORMED"):
        client(node).query("{ me }", purpose="P1").require()


@pytest.mark.parametrize(
    "url",
    ["", "benxi", "ftp://n", "http://", "http://[::1", "http://n:x", "http://..", "http://本溪"],
)
def test_what_names_no_node_is_said_at_the_start(url: str) -> None:
    with pytest.raises(ClientError, match="NODE_URL"):
        Client(url, KEY, NODE_KEYS)


@pytest.mark.parametrize("value", [{1, 2}, b"x", 1 << 70, "\ud800", {1: 2}, Decimal(1)])
def test_what_is_no_json_is_no_question(node: FakeNode, value: Any) -> None:
    with pytest.raises(ClientError, match="QUESTION_MALFORMED"):
        client(node).query("{ me }", {"a": value}, purpose="P1")


@pytest.mark.parametrize("gone", ["job", "part"])
def test_a_result_that_has_gone_is_not_an_empty_one(gone: str) -> None:
    done = {"id": "1", "kind": "LOOKUP", "state": "DONE", "rows": 9, "error": None,
            "progress": {"done": 9, "total": 9, "stage": ""}, "expiresAt": None}  # fmt: skip

    class Told:
        def asking(self, document: str, _: Any) -> Conversation[Answer[Any]]:
            told = {"jobResult": None} if "jobResult" in document else {"job": done}
            if gone == "job":
                told = {"job": None}
            yield Wait(0)
            return Answer(200, told, (), None, None, True)

    with pytest.raises(ClientError, match="JOB_UNKNOWN"):
        list(job_lines(Told(), "1", 3, 1.0))  # type: ignore[arg-type]


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"1", b"\xff", b'{"state": 5}'])
def test_what_is_no_proof_is_no_end_of_a_check(body: bytes) -> None:
    http = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, content=body)))
    receipt = Receipt(bytes(32), int(NOW), 2, SIGNER.name, bytes(32))
    with (
        Client(URL, KEY, NODE_KEYS, http=http, sleep=lambda _: None) as client,
        pytest.raises(ClientError, match="RECEIPT_BROKEN"),
    ):
        client.check_receipt(receipt, patience=0)
