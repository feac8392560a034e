"""The client against a node made of the node's own parts."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from client.connection import Client
from client.errors import ClientError
from client.keys import NodeKeys, SigningKey
from tests.client.fake_node import KEY, NODE_KEYS, NOW, URL, FakeNode


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
    for wrong in ("", "{}", '{"answers": {}, "log": "x"}'):
        with pytest.raises(ClientError):
            NodeKeys.from_json(wrong)
