"""Salted digests: a leaf commits to every field, and shows none."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any

import orjson
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from sync.canonical import canonical
from sync.disclosure import Disclosure, disclosed, fields_root, salted, split

_text = st.text(st.characters(exclude_categories=("C", "Z"), include_characters=" "), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | _text,
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)
fields = st.dictionaries(st.from_regex(r"[a-z][a-zA-Z.]{0,10}", fullmatch=True), values, max_size=8)


@given(st.dictionaries(st.from_regex(r"[ -~]{1,8}", fullmatch=True), values, max_size=5))
def test_canonical_form_is_rfc_8785(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


DEEP = orjson.loads(b"[" * 1000 + b"]" * 1000)


@pytest.mark.parametrize("value", [0.5, 2**53, {"名": 1}, b"x", {1: 2}, "\ud800", DEEP, DEEP[0][0]])
def test_what_other_readers_would_read_differently_does_not_travel(value: Any) -> None:
    with pytest.raises(ValueError):
        canonical([value])


def test_digest_and_root_of_a_worked_example() -> None:
    """Numbers made with coreutils alone:

    printf '["AAAAAAAAAAAAAAAAAAAAAA","recordId","x"]' | sha256sum, the same for the second; then
    leaf = SHA-256(00‖digest), root = SHA-256(01‖smaller digest's leaf‖larger digest's leaf).
    """
    one = Disclosure("A" * 22, "recordId", "x")
    two = Disclosure("A" * 21 + "Q", "fineAmount", None)
    text = b'["AAAAAAAAAAAAAAAAAAAAAQ","fineAmount",null]'
    assert two.digest == sha256(text).digest()
    low, high = sorted([one.digest, two.digest])
    leaves = [sha256(b"\x00" + digest).digest() for digest in (low, high)]
    expected = sha256(b"\x01" + leaves[0] + leaves[1]).digest()
    assert fields_root([one.digest, two.digest]) == expected
    assert fields_root([two.digest, one.digest]) == expected


@given(fields, st.sets(st.sampled_from("abcdef")))
def test_shown_fields_verify_beside_the_digests_of_hidden_ones(
    content: dict[str, Any], initials: set[str]
) -> None:
    all_of_it = salted(content)
    root = fields_root(disclosure.digest for disclosure in all_of_it)
    names = {name for name in content if name[0] in initials}
    shown, hidden = split(all_of_it, names)
    assert disclosed(shown, hidden, root) == {name: content[name] for name in names}
    assert len(shown) + len(hidden) == len(content)


@given(fields.filter(bool), st.data())
def test_a_changed_dropped_or_added_field_does_not_verify(
    content: dict[str, Any], data: st.DataObject
) -> None:
    shown = list(salted(content))
    root = fields_root(disclosure.digest for disclosure in shown)
    at = data.draw(st.integers(0, len(shown) - 1))
    changed = replace(shown[at], value=[shown[at].value])
    assert disclosed([*shown[:at], changed, *shown[at + 1 :]], [], root) is None
    assert disclosed([*shown[:at], *shown[at + 1 :]], [], root) is None
    assert disclosed([*shown, Disclosure("A" * 22, "zz.extra", 1)], [], root) is None
    assert disclosed([*shown, shown[at]], [], root) is None
    assert disclosed(shown, [shown[at].digest], root) is None


@given(fields)
def test_equal_content_gives_another_root_each_time(content: dict[str, Any]) -> None:
    roots = {fields_root(d.digest for d in salted(content)) for _ in range(2)}
    assert len(roots) == (2 if content else 1)
