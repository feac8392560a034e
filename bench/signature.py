"""Cost of signing, verifying and recording one question: `python -m bench.signature`.

Prints microseconds of CPU on one core, and what a log of tiles takes in a second.
"""

import hashlib
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from bench.table import Cell, Table
from client.keys import SigningKey
from client.question import sign_request
from client.receipt import Receipt
from security.entry import Entry, Lists
from security.evidence import Evidence, EvidenceKeys
from security.field_encryption import FieldCipher
from security.keys import KeyFolder
from security.registry import Algorithm, Caller, RegisteredKey, Registry
from security.signature import read_request, sign_response, verify_request
from security.tlog.log import TileLog
from security.tlog.verify import export_log, verify_export

URI = "http://127.0.0.1:8000/graphql"
BODY = b'{"query":"query($c:String!){organisation(code:$c){name uscc}}","variables":{"c":"x"}}'


def _microseconds(action: Callable[[], object], number: int) -> float:
    best = float("inf")
    for _ in range(5):
        start = time.process_time()
        for _ in range(number):
            action()
        best = min(best, time.process_time() - start)
    return best / number * 1e6


def cost(folder: Path, number: int = 3_000) -> Table:
    """Microseconds of CPU of each step, the best of five rounds; keys are made in `folder`."""
    now = time.time()
    key = SigningKey("shenyang-1", Ed25519PrivateKey.generate())
    node = SigningKey("benxi-1", Ed25519PrivateKey.generate())
    known = RegisteredKey(
        key.key_id, Caller("shenyang", "沈阳", "PCITY"), Algorithm.ED25519, key.public
    )
    registry = Registry.of([known])
    question = sign_request(key, "POST", URI, BODY, now=now, purpose="P1", case="沈〔2026〕1号")
    headers = [(name.encode(), value.encode()) for name, value in question.headers]
    received = read_request("POST", URI, headers, BODY)
    verified = verify_request(received, registry, now)
    receipt = Receipt(bytes(32), int(now), 2, "xinqiao.benxi/access", received.body_digest)
    answer = b"x" * 400

    def respond() -> object:
        return sign_response(
            received,
            node,
            status=200,
            content_type="application/json",
            body=answer,
            receipt=receipt,
            now=now,
        )

    keys = EvidenceKeys(KeyFolder(folder / "keys"))
    entry, evidence = access(verified.signature_base)
    cipher = FieldCipher(KeyFolder(folder / "keys"))
    plain = "21059019640101001X"
    data = cipher.encrypt(plain, b"person.number")
    signature = verified.signature
    openssl = Ed25519PublicKey.from_public_bytes(key.public)
    rows: list[tuple[str, Callable[[], object]]] = [
        ("Ed25519 verify alone", lambda: registry.verify(known, signature, received_base)),
        ("the same by OpenSSL", lambda: openssl.verify(signature, received_base)),
        ("Ed25519 sign alone", lambda: node.sign(received_base)),
        (
            "read and verify a question",
            lambda: verify_request(read_request("POST", URI, headers, BODY), registry, now),
        ),
        ("sign an answer", respond),
        (
            "sign a question",
            lambda: sign_request(
                key, "POST", URI, BODY, now=now, purpose="P1", case="沈〔2026〕1号"
            ),
        ),
        (
            "entry, leaf and encrypted evidence",
            lambda: keys.record(entry, evidence, node="benxi", time=now),
        ),
        ("encrypt a field", lambda: cipher.encrypt(plain, b"person.number")),
        ("decrypt a field", lambda: cipher.decrypt(data, b"person.number")),
        ("blind index", lambda: cipher.blind_index("id_number", plain)),
    ]
    received_base = verified.signature_base
    return Table(
        "Signing and recording one question",
        ("step", "CPU µs"),
        [(name, _microseconds(action, number)) for name, action in rows],
    )


def access(base: bytes) -> tuple[Entry, Evidence]:
    """An entry and its evidence as a signed question makes them."""
    digest = hashlib.sha256(b"x").digest()
    entry = Entry(
        "QUERY",
        "shenyang",
        "PCITY",
        "ALLOWED",
        200,
        "2026-1",
        "42",
        digest,
        digest,
        key_id="shenyang-1",
        nonce="n" * 24,
        operation=digest,
        request_signature=bytes(64),
        purpose="P1",
        case="沈〔2026〕1号",
    )
    lists = Lists(os.urandom(16), b"", ("Organisation.name", "Organisation.uscc"))
    return entry, Evidence(base, bytes(64), BODY.decode(), b'{"c":"x"}', lists)


def log_rates(folder: Path, count: int = 200_000) -> list[tuple[Cell, ...]]:
    """Entries a second of CPU: appended to a log below `folder`, and verified in its export."""
    origin = KeyFolder(folder / "keys").note_signer("xinqiao.benxi/bench", "bench-log")
    batch = 2_000
    start = time.process_time()
    with TileLog.open(folder / "log", origin) as log:
        for first in range(0, count, batch):
            log.append([b"%01200d" % i for i in range(first, first + batch)])
    appended = count / (time.process_time() - start)
    export_log(folder / "log", folder / "export", [origin.verifier.text])
    start = time.process_time()
    assert verify_export(folder / "export").exit_status == 0
    verified = count / (time.process_time() - start)
    return [
        ("tile log: append entries of 1.2 kB", appended, 1e6 / appended),
        ("tile log: verify an export", verified, 1e6 / verified),
    ]


def table(rows: list[tuple[Cell, ...]]) -> Table:
    """Rates as a table."""
    return Table("Logs", ("what", "entries/s", "CPU µs each"), rows)


def main() -> None:
    """Run all measurements."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(cost(folder).markdown())
        rows = log_rates(folder)
        print(table(rows).markdown())


if __name__ == "__main__":
    main()
