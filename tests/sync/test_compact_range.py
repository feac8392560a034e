"""The right edge of a tree is enough to go on with it."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from security.tlog.merkle import leaf_hash, root_hash
from sync.compact_range import CompactRange

# Roots of the eight-leaf tree of the test suite of certificate-transparency-go (testonly).
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def test_roots_are_those_of_certificate_transparency() -> None:
    tree = CompactRange()
    for leaf, root in zip(LEAVES, ROOTS, strict=True):
        tree = tree.extended([leaf_hash(leaf)])
        assert tree.root.hex() == root


@given(st.integers(0, 300), st.lists(st.integers(0, 40), max_size=8))
def test_any_way_of_cutting_the_stream_gives_the_tree(count: int, cuts: list[int]) -> None:
    leaves = [sha256(bytes([at & 255, at >> 8])).digest() for at in range(count)]
    tree, at = CompactRange(), 0
    for cut in [*cuts, count]:
        tree = tree.extended(leaves[at : at + cut])
        at = min(at + cut, count)
        assert tree.size == at
        assert tree.root == root_hash(leaves[:at])
        tree = CompactRange.parse(tree.size, tree.packed())


@pytest.mark.parametrize(("size", "data"), [(1, b""), (2, b"\0" * 64), (3, b"\0" * 63)])
def test_a_range_that_does_not_fit_its_size_is_refused(size: int, data: bytes) -> None:
    with pytest.raises(ValueError):
        CompactRange.parse(size, data)
