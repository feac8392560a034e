"""A node made of the node's own parts, without servers: what the tests of the client ask."""

from __future__ import annotations

import hashlib
from pathlib import Path

import httpx
import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

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
        self.at = 1
        self.lose = False
        self.status = 200
        self.refusal: str | None = None

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
        if self.refusal is not None:
            error = {"message": "x", "extensions": {"code": self.refusal}}
            # Fields that failed are null, and what was refused before it ran has no data.
            data = {"caller": None} if self.status == 200 else None
            body = orjson.dumps({"data": data, "errors": [error]})
        self.entry = hashlib.sha256(body).digest()
        receipt = Receipt(leaf_hash(self.entry), int(NOW), 2, SIGNER.name, received.body_digest)
        headers = sign_response(
            received,
            NODE,
            status=self.status,
            content_type="application/json",
            body=body,
            receipt=receipt,
            now=NOW,
        )
        return httpx.Response(self.status, headers=headers, content=body + self.tamper)

    def receipt(self, leaf: bytes) -> httpx.Response:
        self.asked += 1
        status = ReceiptStatus(ReceiptState.PENDING, leaf)
        if self.asked > 1 and not self.lose:
            if self.asked == 2:
                self.log.append([b"other", self.entry, b"another"])
            size = self.log.size
            note = (self.log.reader.checkpoint() or b"").decode()
            proof = self.log.reader.inclusion(self.at, size)
            status = ReceiptStatus(ReceiptState.SEALED, leaf, self.at, proof, note)
        return httpx.Response(200, json=status.to_json())

    def rewrite(self, folder: Path) -> None:
        """Tell another past: the same entry at another place of a longer log."""
        self.log = TileLog.open(folder, SIGNER)
        self.log.append([b"other", b"forged", self.entry, b"another"])
        self.asked, self.at = 2, 2
