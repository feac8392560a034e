"""The feed's leaf has one form, and it is final."""

from __future__ import annotations

import pytest

from sync.leaf import Leaf, Operation, item_tag

LEAF = b'{"item":"penalty.legal_entity","op":"UPSERT","root":"%s=","v":1}' % (b"A" * 43)


def test_the_form_is_final() -> None:
    leaf = Leaf("penalty.legal_entity", Operation.UPSERT, bytes(32))
    assert leaf.entry() == LEAF
    assert Leaf.parse(LEAF) == leaf
    assert item_tag("penalty", "LEGAL_ENTITY") == "penalty.legal_entity"


@pytest.mark.parametrize(
    "entry",
    [
        LEAF.replace(b'"v":1', b'"v":2'),
        LEAF.replace(b'"v":1', b'"v":1.0'),
        LEAF.replace(b"UPSERT", b"MARK"),
        LEAF.replace(b"penalty.", b"Penalty."),
        LEAF.replace(b"A=", b"B="),
        LEAF.replace(b":1}", b": 1}"),
        LEAF[:-1] + b',"x":1}',
        b"[]",
        b"{",
        b"",
    ],
)
def test_any_other_form_is_refused(entry: bytes) -> None:
    with pytest.raises(ValueError):
        Leaf.parse(entry)
