"""The entry is RFC 8785 JSON of one fixed form."""

import orjson
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from security.entry import MAX_SIZE, Entry, Lists, encode
from security.errors import LogError

MEMBERS = (  # noqa: SIM905 - one word list reads better
    "actor caller case correlation dataVersion decision disclosed evidence keyId kind legalBasis"
    " masked missing node nonce operation policyVersion purpose reason records requestBody"
    " requestSignature responseBody role rows salt status subjects time v"
).split()


def entry(**changes: object) -> Entry:
    values: dict[str, object] = {
        "kind": "QUERY",
        "caller": "shenyang",
        "role": "PCITY",
        "decision": "ALLOWED",
        "status": 200,
        "policy_version": "2026-1",
        "data_version": "7",
        "request_body": bytes(32),
        "response_body": bytes(32),
        **changes,
    }
    return Entry(**values)  # type: ignore[arg-type]


def written(value: Entry, lists: Lists | None = None) -> bytes:
    return encode(
        value,
        lists or Lists(),
        node="benxi",
        time=1_780_000_000.1239,
        salt=bytes(16),
        digest_key=bytes(32),
        evidence=bytes(32),
    )


def test_members_are_those_of_the_final_format() -> None:
    content = orjson.loads(written(entry()))
    assert list(content) == MEMBERS
    assert content["v"] == 1
    assert content["time"] == "2026-05-28T20:26:40.123Z"


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@given(TEXT, TEXT, st.integers(0, 2**53 - 1), st.lists(TEXT, max_size=4).map(tuple))
def test_entry_is_canonical_json(case: str, actor: str, rows: int, names: tuple[str, ...]) -> None:
    data = written(entry(case=case, actor=actor, rows=rows, missing=names), Lists(disclosed=names))
    assert rfc8785.dumps(orjson.loads(data)) == data


def test_longest_header_texts_still_fit() -> None:
    # 256 characters of three bytes each are the most that a signed header may hold.
    most = entry(case="案" * 256, actor="人" * 256, correlation="c" * 256, nonce="n" * 128)
    assert len(written(most)) <= MAX_SIZE
    with pytest.raises(LogError, match="ENTRY_TOO_LONG"):
        written(entry(case="\x01" * 1000))
