"""A node changes its keys: both keys sign it, partners and clients follow, logs go on."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from client.algorithm import Algorithm
from client.checkpoint import Checkpoint
from client.errors import ClientError
from client.key_change import KeyChange, NamedKey, changes_of, follow
from client.keys import NodeKeys, SigningKey
from client.note import Note
from client.receipt import Receipt
from security.key_event import KeyHistory, answer_key, log_key, state_change
from security.keys import KeyFolder
from security.signature import read_request, sign_response
from security.tlog.log import TileLog
from security.tlog.note import NoteSigner
from service.doctor.node import _same_keys
from service.enrolment import own_keys
from service.home import NodeHome
from sync.errors import SyncError
from sync.transport import SignedTransport

KEYS = [
    SigningKey.generate("benxi-1"),
    SigningKey.generate("benxi-2", Algorithm.ECDSA_P256_SHA256),
    SigningKey.generate("benxi-3"),
]
LOG = [NoteSigner("xinqiao.benxi/access", Ed25519PrivateKey.generate()) for _ in range(2)]
KNOWN = NodeKeys({"benxi-1": KEYS[0].public_key}, {LOG[0].name: LOG[0].verifier})


def _answer(old: int, new: int, **told: Any) -> KeyChange:
    keys = [answer_key(one.key_id, one.public_key, one.sign) for one in (KEYS[old], KEYS[new])]
    return state_change("benxi", "answer", *keys, **{"since": 1000.0, "overlap": 100.0, **told})


def test_a_client_follows_changes_that_both_keys_signed() -> None:
    chain = [_answer(0, 1), _answer(1, 2, since=2000.0)]
    log = state_change("benxi", "access", *map(log_key, LOG), since=1000, overlap=100)
    told = [*chain, log]
    found = follow(KNOWN, told, 1050)
    assert set(found.answers) == {"benxi-1", "benxi-2", "benxi-3"}
    assert found.logs == {LOG[1].name: LOG[1].verifier}
    # After the overlaps only the newest key is good.
    assert set(follow(KNOWN, told, 2100).answers) == {"benxi-3"}
    assert found.verify("benxi-2", KEYS[1].sign(b"x"), b"x")
    # Once more changes nothing, and another node's changes are nothing to us.
    assert follow(found, told, 1050) == found
    assert follow(KNOWN, [_answer(1, 2)], 1050) == KNOWN
    others = replace(_answer(0, 1), node="shenyang")
    assert follow(KNOWN, [others], 5000) == KNOWN


def test_a_change_of_a_compromised_key_is_not_followed() -> None:
    stolen = _answer(0, 1, compromised=500.0)
    assert stolen.holds()
    assert stolen.until == stolen.since
    with pytest.raises(ClientError, match="KEY_COMPROMISED"):
        follow(KNOWN, [stolen], 1050)
    # Whoever got the new key from the operator goes on.
    fresh = NodeKeys({"benxi-2": KEYS[1].public_key}, KNOWN.logs)
    assert follow(fresh, [stolen], 1050) == fresh


_MEMBERS = st.sampled_from(["since", "until", "node", "new", "oldSignature", "newSignature"])


@given(_MEMBERS, st.integers(0, 10_000), st.integers(1, 255))
def test_a_forged_change_is_refused(member: str, at: int, flip: int) -> None:
    document = _answer(0, 1).to_json()
    assert KeyChange.from_json(document).holds()
    match member:
        case "new":
            thief = SigningKey.generate("benxi-9")
            document["new"] = {"keyId": "benxi-9", "public": thief.public_key.text}
        case "oldSignature" | "newSignature":
            change = KeyChange.from_json(document)
            name = "old_signature" if member == "oldSignature" else "new_signature"
            raw = bytearray(getattr(change, name))
            raw[at % len(raw)] ^= flip
            document = replace(change, **{name: bytes(raw)}).to_json()
        case "node":
            document["node"] = "benxi "
        case _:
            document[member] = f"20{flip % 90 + 10}-01-01T00:00:00Z"
    change = KeyChange.from_json(document)
    assert not change.holds()
    if member != "node":
        with pytest.raises(ClientError, match="KEY_CHANGE_INVALID"):
            follow(KNOWN, [change], 1050)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"changes": [{}]}', '{"changes": 1}', "[" * 100_000], ids=len
)
def test_malformed_changes_are_refused(text: str) -> None:
    with pytest.raises(ClientError, match="KEY_CHANGE_MALFORMED"):
        changes_of(text)


def test_a_name_that_is_no_text_is_malformed() -> None:
    change = _answer(0, 1).to_json()
    changes_of(json.dumps({"changes": [change]}))
    with pytest.raises(ClientError, match="KEY_CHANGE_MALFORMED"):
        changes_of(json.dumps({"changes": [{**change, "node": "\ud800"}]}))


def test_a_log_keeps_its_origin_and_is_signed_by_both_keys_in_the_overlap(tmp_path: Path) -> None:
    home = NodeHome(tmp_path, "benxi").create()
    before = own_keys(home).access
    with TileLog.open(home.log / "access", before) as log:
        log.commit(log.stage([b"one"]))
    folder = KeyFolder(home.keys)
    new = folder.note_signer(before.name, "access-note-2")
    change = state_change("benxi", "access", log_key(before), log_key(new), since=1e9, overlap=4e9)
    KeyHistory().extended(change, "access-note-2").write(home.keys)
    after = own_keys(home).access
    assert after.verifier == new.verifier
    assert after.verifiers == (new.verifier, before.verifier)
    # A log whose head on disk only the old key signed goes on, and is signed anew at once.
    with TileLog.open(home.log / "access", after) as log:
        assert log.size == 1
        head = log.reader.checkpoint() or b""
        assert [one.id for one in Note.parse(head).signatures] == [
            new.verifier.id,
            before.verifier.id,
        ]
        log.commit(log.stage([b"two"]))
        for key in (new.verifier, before.verifier):
            assert Checkpoint.open(log.reader.checkpoint() or b"", key).size == 2
    # After the overlap the old key signs no more.
    over = replace(change, until="2001-09-09T01:46:41Z")
    KeyHistory().extended(over, "access-note-2").write(home.keys)
    with TileLog.open(home.log / "access", own_keys(home).access) as log:
        log.commit(log.stage([b"three"]))
        note = log.reader.checkpoint() or b""
    assert Checkpoint.open(note, new.verifier).size == 3
    with pytest.raises(ClientError, match="NOTE_SIGNATURE_INVALID"):
        Checkpoint.open(note, before.verifier)


async def test_a_partner_follows_the_key_that_signs_answers_now() -> None:
    asking = SigningKey.generate("shenyang-1")
    changes = [_answer(0, 2, since=time.time() - 10, overlap=3600.0)]

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/keys":
            told = [one.to_json() for one in changes]
            return httpx.Response(200, json={"changes": told})
        received = read_request(request.method, str(request.url), request.headers.raw, b"")
        now = time.time()
        receipt = Receipt(bytes(32), int(now), 2, LOG[0].name, received.body_digest)
        headers = sign_response(
            received,
            KEYS[2],
            status=200,
            content_type="application/json",
            body=b"{}",
            receipt=receipt,
            now=now,
        )
        return httpx.Response(200, headers=headers, content=b"{}")

    def transport() -> SignedTransport:
        http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
        return SignedTransport("http://benxi.example", asking, KNOWN, http=http)

    assert await transport().get("/sync/feed") == b"{}"
    changes[0] = replace(changes[0], new=NamedKey("benxi-3", KEYS[1].public_key))
    with pytest.raises(SyncError, match="KEY_CHANGE_INVALID"):
        await transport().get("/sync/feed")
    changes.clear()
    with pytest.raises(SyncError, match="ANSWER_KEY_UNKNOWN"):
        await transport().get("/sync/feed")


def test_a_partner_shows_the_keys_of_its_papers_or_what_follows_from_them() -> None:
    papers = KNOWN.to_json()
    change = _answer(0, 2, since=time.time(), overlap=3600.0)
    shown = json.loads(papers)
    shown["answers"]["benxi-3"] = KEYS[2].public_key.text
    assert _same_keys(papers, papers)
    assert not _same_keys(papers, json.dumps(shown))
    shown["changes"] = [change.to_json()]
    assert _same_keys(papers, json.dumps(shown))
