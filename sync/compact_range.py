"""The right edge of a Merkle tree: enough to go on hashing and to give the root at any size."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from security.tlog.merkle import EMPTY_ROOT, node_hash

_HASH_SIZE = 32


@dataclass(frozen=True, slots=True)
class CompactRange:
    """The first `size` leaves of a tree as the roots of its complete subtrees, largest first.

    There is one hash for each bit that is set in `size` (RFC 6962 §2.1), so it is at most
    64 hashes and is kept in the cursor of a mirror.
    """

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.size.bit_count() != len(self.hashes):
            raise ValueError("the range has one hash for each bit of its size")

    def extended(self, leaves: Iterable[bytes]) -> CompactRange:
        """Append leaf hashes in order; O(1) hashes per leaf on average."""
        size, hashes = self.size, list(self.hashes)
        for leaf in leaves:
            hashes.append(leaf)
            carry = size
            while carry & 1:
                right = hashes.pop()
                hashes.append(node_hash(hashes.pop(), right))
                carry >>= 1
            size += 1
        return CompactRange(size, tuple(hashes))

    @property
    def root(self) -> bytes:
        """The root of the tree of `size` leaves."""
        if not self.hashes:
            return EMPTY_ROOT
        *rest, current = self.hashes
        for left in reversed(rest):
            current = node_hash(left, current)
        return current

    def packed(self) -> bytes:
        """The hashes one after the other."""
        return b"".join(self.hashes)

    @classmethod
    def parse(cls, size: int, data: bytes) -> CompactRange:
        """Read what `packed` wrote; ValueError when it does not fit the size."""
        if len(data) % _HASH_SIZE:
            raise ValueError("a range is a sequence of 32-byte hashes")
        return cls(
            size,
            tuple(data[at : at + _HASH_SIZE] for at in range(0, len(data), _HASH_SIZE)),
        )
