"""Accesses that are durable and wait for their seal: a batch, packed as one row.

`leaves` are the leaf hashes, 32 bytes each. `payload` holds for each leaf, in the same order,
a head of seven big-endian lengths (`>HHHIIII`) and then the parts they are of: entry, month,
wrapped key, subjects, records, coordinates, ciphertext. Month, wrapped key and ciphertext are
empty when an entry has no evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from struct import Struct
from typing import NamedTuple, Protocol

import asyncpg

from client.merkle import leaf_hash

LEAF = 32
"""Bytes of a leaf hash."""
_HEAD = Struct(">HHHIIII")
_STORE = "INSERT INTO access_batch (log, leaves, payload) VALUES ($1, $2, $3)"


class Pending(NamedTuple):
    """One access as it waits; `leaf` is what the asker's receipt promises."""

    leaf: bytes
    entry: bytes
    month: str = ""
    wrapped_key: bytes = b""
    subjects: bytes = b""
    records: bytes = b""
    coordinates: bytes = b""
    ciphertext: bytes = b""

    @property
    def size(self) -> int:
        """About the bytes that it takes."""
        return len(self.entry) + len(self.ciphertext) + len(self.subjects) + len(self.records)


@dataclass(frozen=True, slots=True)
class Batch:
    """One committed batch; `whole` is what of it may be sealed, `changed` how many may not."""

    id: int
    whole: tuple[Pending, ...]
    changed: int

    @classmethod
    def of(cls, row: asyncpg.Record) -> Batch:
        """Read a row of `access_batch`; of a payload that cannot be read nothing is whole."""
        leaves = row["leaves"]
        try:
            entries = tuple(unpack(leaves, row["payload"]))
        except ValueError:
            return cls(row["id"], (), max(1, len(leaves) // LEAF))
        whole = tuple([entry for entry in entries if leaf_hash(entry.entry) == entry.leaf])
        return cls(row["id"], whole, len(entries) - len(whole))


def pack(entries: Iterable[Pending]) -> tuple[bytes, bytes]:
    """Give leaves and payload."""
    leaves: list[bytes] = []
    parts: list[bytes] = []
    for one in entries:
        leaves.append(one.leaf)
        month = one.month.encode()
        parts += (
            _HEAD.pack(
                len(one.entry),
                len(month),
                len(one.wrapped_key),
                len(one.subjects),
                len(one.records),
                len(one.coordinates),
                len(one.ciphertext),
            ),
            one.entry,
            month,
            one.wrapped_key,
            one.subjects,
            one.records,
            one.coordinates,
            one.ciphertext,
        )
    return b"".join(leaves), b"".join(parts)


def unpack(leaves: bytes, payload: bytes) -> Iterator[Pending]:
    """Read what `pack` gave; ValueError when it is anything else."""
    at, end = 0, len(payload)
    for start in range(0, len(leaves), LEAF):
        if at + _HEAD.size > end:
            raise ValueError("the payload ends before its last entry")
        entry, month, key, subjects, records, fields, cipher = _HEAD.unpack_from(payload, at)
        at += _HEAD.size
        a = at + entry
        b = a + month
        c = b + key
        d = c + subjects
        e = d + records
        f = e + fields
        g = f + cipher
        if g > end or len(leaves) % LEAF:
            raise ValueError("a length of the payload leads beyond its end")
        yield Pending(
            leaves[start : start + LEAF],
            payload[at:a],
            payload[a:b].decode("ascii"),
            payload[b:c],
            payload[c:d],
            payload[d:e],
            payload[e:f],
            payload[f:g],
        )
        at = g
    if at != end:
        raise ValueError("the payload goes on after its last entry")


class Connection(Protocol):
    """What storing needs of an asyncpg connection or pool."""

    async def execute(self, query: str, *args: object) -> object: ...


async def store(connection: Connection, log: str, entries: Iterable[Pending]) -> None:
    """Queue entries for the log of this origin, durable with the caller's transaction."""
    await connection.execute(_STORE, log, *pack(entries))
