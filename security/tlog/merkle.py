"""Making Merkle proofs (RFC 6962 §2.1); hashing and verifying them is `client.merkle`."""

from collections.abc import Callable

from client.merkle import (
    EMPTY_ROOT,
    leaf_hash,
    node_hash,
    root_hash,
    verify_consistency,
    verify_inclusion,
)

__all__ = [
    "EMPTY_ROOT",
    "HashReader",
    "consistency_proof",
    "inclusion_proof",
    "leaf_hash",
    "node_hash",
    "root_hash",
    "subtree_root",
    "verify_consistency",
    "verify_inclusion",
]

HashReader = Callable[[int, int], bytes]
"""Gives the hash of the complete subtree number `index` at a `level`, level 0 being leaves."""


def _split(size: int) -> int:
    return 1 << ((size - 1).bit_length() - 1)


def subtree_root(start: int, end: int, read: HashReader) -> bytes:
    """Give the hash over leaves `start` to `end` (exclusive), a node of the tree or its root."""
    if end <= start:
        return EMPTY_ROOT
    size = end - start
    if size & (size - 1) == 0 and start % size == 0:
        level = size.bit_length() - 1
        return read(level, start >> level)
    middle = start + _split(size)
    return node_hash(subtree_root(start, middle, read), subtree_root(middle, end, read))


def inclusion_proof(index: int, size: int, read: HashReader) -> tuple[bytes, ...]:
    """Make the audit path of a leaf in the tree of `size` (RFC 6962 §2.1.1).

    Raises ValueError when the index is outside the tree.
    """
    if not 0 <= index < size:
        raise ValueError("the index is outside the tree")
    proof: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(subtree_root(middle, end, read))
            end = middle
        else:
            proof.append(subtree_root(start, middle, read))
            start = middle
    return tuple(reversed(proof))


def consistency_proof(old_size: int, size: int, read: HashReader) -> tuple[bytes, ...]:
    """Make the proof that the tree of `size` extends that of `old_size` (RFC 6962 §2.1.2).

    Empty for equal sizes and for an empty old tree; ValueError when the sizes do not fit.
    """
    if not 0 <= old_size <= size:
        raise ValueError("the old tree is larger than the new one")
    if old_size in (0, size):
        return ()
    proof: list[bytes] = []
    start, end, whole = 0, size, True
    while old_size != end:
        middle = start + _split(end - start)
        if old_size <= middle:
            proof.append(subtree_root(middle, end, read))
            end = middle
        else:
            proof.append(subtree_root(start, middle, read))
            start, whole = middle, False
    if not whole:
        proof.append(subtree_root(start, end, read))
    return tuple(reversed(proof))
