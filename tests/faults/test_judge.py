"""The judge of the fault trials finds every kind of harm, and none where there is none."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from client.merkle import leaf_hash, root_hash
from client.receipt import Receipt
from security.tlog.checkpoint import sign_checkpoint
from security.tlog.note import NoteSigner
from tests.faults.judge import Reply, Sighting, Verdict, judge, prefix_roots

SIGNER = NoteSigner("xinqiao.faults/access", Ed25519PrivateKey.generate())
ENTRIES = [f"entry {number}".encode() for number in range(7)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]


def _seen(size: int, leaves: list[bytes] = LEAVES) -> Sighting:
    return Sighting(11.0, sign_checkpoint(size, root_hash(leaves[:size]), SIGNER))


def _reply(entry: bytes, **other: object) -> Reply:
    receipt = Receipt(leaf_hash(entry), 10, 2, SIGNER.name, bytes(32))
    return replace(Reply(10.0, 10.1, 200, True, True, receipt=receipt), **other)  # type: ignore[arg-type]


def _judged(**changed: object) -> Verdict:
    told: dict[str, object] = {
        "replies": [_reply(entry) for entry in ENTRIES],
        "sightings": [_seen(3), _seen(7)],
        "entries": ENTRIES,
        "places": [(leaf, at) for at, leaf in enumerate(LEAVES)],
    }
    told |= changed
    places = told.pop("places")
    return judge(
        told["replies"],  # type: ignore[arg-type]
        told["sightings"],  # type: ignore[arg-type]
        told["entries"],  # type: ignore[arg-type]
        SIGNER.verifier,
        places=places,  # type: ignore[arg-type]
    )


def test_a_whole_log_is_sound() -> None:
    verdict = _judged()
    assert verdict.sound
    assert (verdict.answered, verdict.heads, verdict.size) == (7, 2, 7)
    assert verdict.slowest_seal == 1.0


def test_an_answer_without_its_entry_is_lost() -> None:
    verdict = _judged(replies=[_reply(b"never logged")])
    assert [one.leaf for one in verdict.lost] == [leaf_hash(b"never logged")]


@pytest.mark.parametrize(
    ("fault", "changed"),
    [
        ("data without a receipt", {"replies": [Reply(1.0, 2.0, 200, data=True)]}),
        ("503 without Retry-After", {"replies": [Reply(1.0, 2.0, 503)]}),
        ("duplicates", {"entries": [*ENTRIES, ENTRIES[0]]}),
        ("index gaps", {"places": [(leaf, at) for at, leaf in enumerate(LEAVES) if at != 3]}),
        ("misplaced", {"places": [(leaf, at) for at, leaf in enumerate(reversed(LEAVES))]}),
        ("inconsistent heads", {"sightings": [_seen(4, [*LEAVES[:3], LEAVES[5]])]}),
        ("inconsistent heads", {"entries": ENTRIES[:6], "places": None}),
        ("unsigned heads", {"sightings": [Sighting(1.0, b"xinqiao.faults/access\n1\n")]}),
    ],
)
def test_every_harm_is_found(fault: str, changed: dict[str, object]) -> None:
    assert _judged(**changed).faults[fault]


@given(st.integers(0, 70))
def test_the_judges_tree_is_that_of_rfc_6962(size: int) -> None:
    leaves = [leaf_hash(bytes([number])) for number in range(size)]
    assert prefix_roots(leaves, {size, size // 2}) == {
        size: root_hash(leaves),
        size // 2: root_hash(leaves[: size // 2]),
    }
