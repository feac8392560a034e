"""What waits for its seal: packed and unpacked, and the digests that an entry is made of."""

import hashlib
import hmac

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from security.entry import Entry, Lists, encode, timestamp
from security.keyed import Keyed
from security.pending import LEAF, Pending, pack, unpack

ENTRIES = st.builds(
    Pending,
    st.binary(min_size=LEAF, max_size=LEAF),
    st.binary(min_size=1, max_size=4096),
    st.sampled_from(["", "2026-11"]),
    *(st.binary(max_size=80) for _ in range(5)),
)


@given(st.lists(ENTRIES, max_size=5))
def test_packed_entries_come_back(entries: list[Pending]) -> None:
    assert list(unpack(*pack(entries))) == entries


@given(st.lists(ENTRIES, min_size=1, max_size=3), st.data())
def test_a_payload_that_was_cut_or_grew_is_refused(
    entries: list[Pending], data: st.DataObject
) -> None:
    leaves, payload = pack(entries)
    cut = data.draw(st.integers(0, len(payload) - 1))
    for changed in ((leaves, payload[:cut]), (leaves, payload + b"x"), (leaves[:-1], payload)):
        with pytest.raises(ValueError, match="payload"):
            list(unpack(*changed))


@given(st.binary(max_size=64), st.binary(max_size=300))
def test_keyed_digest_is_the_hmac_of_rfc_2104(key: bytes, message: bytes) -> None:
    assert Keyed(key).digest(message) == hmac.digest(key, message, "sha256")


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(TEXT, TEXT, st.none() | TEXT, st.lists(TEXT, max_size=3))
def test_entry_is_canonical_json(
    caller: str, case: str, actor: str | None, disclosed: list[str]
) -> None:
    digest = hashlib.sha256(b"").digest()
    entry = Entry("QUERY", caller, "PUB", "ALLOWED", 200, "1", "2", digest, digest, case=case)
    data = encode(
        entry,
        Lists(disclosed=tuple(disclosed)),
        node="benxi",
        time=timestamp(1_780_000_000.25),
        salt=bytes(16),
        digest_key=bytes(32),
        evidence=digest,
    )
    # The members' names are ASCII, so RFC 8785's order is that of their bytes.
    assert orjson.dumps(orjson.loads(data), option=orjson.OPT_SORT_KEYS) == data
    assert orjson.loads(data)["time"] == "2026-05-28T20:26:40.250Z"
