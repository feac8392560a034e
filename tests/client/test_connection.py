"""The client against a node made of the node's own parts."""

import hashlib
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from client.connection import Client
from client.errors import ClientError
from client.keys import NodeKeys, SigningKey
from client.merkle import leaf_hash
from client.receipt import Receipt
from security.receipt import ReceiptState, ReceiptStatus
from security.registry import Algorithm, Caller, RegisteredKey, Registry
from security.signature import read_request, sign_response, verify_request
from security.tlog.log import TileLog
from security.tlog.note import NoteSigner

URL = "http://benxi.test:8000"
NOW = 1_780_000_000.0
KEY = SigningKey("shenyang-1", Ed25519PrivateKey.from_private_bytes(bytes(32)))
LOG_KEY = Ed25519PrivateKey.from_private_bytes(bytes([1] * 32))
NODE = SigningKey("benxi-1", LOG_KEY)
SIGNER = NoteSigner("xinqiao.benxi/access", LOG_KEY)
NODE_KEYS = NodeKeys({NODE.key_id: NODE.public_key}, {SIGNER.name: SIGNER.verifier})
REGISTRY = Registry.of(
    [RegisteredKey(KEY.key_id, Caller("shenyang", "沈阳", "PCITY"), Algorithm.ED25519, KEY.public)]
)


class FakeNode:
    """Answers with who asked; seals each entry at the second time it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.log = TileLog.open(folder, SIGNER)
        self.tamper = b""
        self.asked = 0
        self.lose = False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return self.receipt(bytes.fromhex(request.url.path.rpartition("/")[2]))
        received = read_request(
            request.method,
            str(request.url),
            [(k.lower(), v) for k, v in request.headers.raw],
            request.content,
        )
        verified = verify_request(received, REGISTRY, NOW)
        body = orjson.dumps({"data": {"caller": verified.caller.id, "case": verified.case}})
        self.entry = hashlib.sha256(body).digest()
        receipt = Receipt(leaf_hash(self.entry), int(NOW), 2, SIGNER.name, received.body_digest)
        headers = sign_response(
            received,
            NODE,
            status=200,
            content_type="application/json",
            body=body,
            receipt=receipt,
            now=NOW,
        )
        return httpx.Response(200, headers=headers, content=body + self.tamper)

    def receipt(self, leaf: bytes) -> httpx.Response:
        self.asked += 1
        status = ReceiptStatus(ReceiptState.PENDING, leaf)
        if self.asked > 1 and not self.lose:
            if self.asked == 2:
                self.log.append([b"other", self.entry, b"another"])
            size = self.log.size
            note = (self.log.reader.checkpoint() or b"").decode()
            proof = self.log.reader.inclusion(1, size)
            status = ReceiptStatus(ReceiptState.SEALED, leaf, 1, proof, note)
        return httpx.Response(200, json=status.to_json())


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
