"""What the database knows of sealed entries: place, evidence, and what they disclosed.

Everything is written in the transaction that takes the entries out of what is pending.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import asyncpg

from security.pending import Batch, Pending, pack

# A list is references of 16 bytes each, audit references or record ids: PostgreSQL takes it apart,
# as an answer may disclose a thousand and the node's process has others to answer meanwhile.
_LISTED = """
INSERT INTO {table} (leaf, {column})
SELECT given.leaf, ARRAY(SELECT {reference}
                           FROM generate_series(1, octet_length(given.listed), 16) AS place)
  FROM unnest($1::bytea[], $2::bytea[]) AS given (leaf, listed)
"""
_ONE = "substr(given.listed, place, 16)"
_NAME_SUBJECTS = _LISTED.format(table="access_subject", column="audit_refs", reference=_ONE)
_NAME_RECORDS = _LISTED.format(
    table="access_record", column="record_ids", reference=f"encode({_ONE}, 'hex')::uuid"
)
_NAME_FIELDS = """
INSERT INTO coordinate_set (digest, coordinates)
SELECT digest, string_to_array(named, E'\\n')
  FROM unnest($1::bytea[], $2::text[]) AS named_set (digest, named)
ON CONFLICT DO NOTHING
"""
_DONE = "DELETE FROM access_batch WHERE id = $1"
_CHANGED = "UPDATE access_batch SET changed_at = now() WHERE id = $1"
_KEEP_REST = "UPDATE access_batch SET leaves = $2, payload = $3 WHERE id = $1"
_AFTER = """
SELECT id, leaves, payload FROM access_batch
 WHERE log = $1 AND id > $2 AND changed_at IS NULL ORDER BY id LIMIT 16
"""
_FOUND = """
UPDATE access_sealed SET coordinates = named.digest
  FROM unnest($1::bytea[], $2::bytea[]) AS named (leaf, digest)
 WHERE access_sealed.leaf = named.leaf AND access_sealed.log = $3
RETURNING access_sealed.leaf
"""


async def place(
    connection: asyncpg.Connection[Any], log: str, first: int, entries: Sequence[Pending]
) -> None:
    """Give entries their indexes in the log of this origin, from `first` on, and `keep` theirs."""
    await connection.copy_records_to_table(
        "access_sealed",
        columns=("leaf", "log", "index", "coordinates"),
        records=[
            (one.leaf, log, index, fields_digest(one.coordinates))
            for index, one in enumerate(entries, first)
        ],
    )
    await keep(connection, log, entries)


async def keep(connection: asyncpg.Connection[Any], log: str, entries: Sequence[Pending]) -> None:
    """Store the evidence of entries that have their index, and what they disclosed."""
    evidence = [
        (one.leaf, log, one.month, one.wrapped_key, one.ciphertext)
        for one in entries
        if one.ciphertext
    ]
    if evidence:
        await connection.copy_records_to_table(
            "evidence",
            columns=("leaf", "log", "month", "wrapped_key", "ciphertext"),
            records=evidence,
        )
    fields = {one.coordinates for one in entries if one.coordinates}
    if fields:
        await connection.execute(
            _NAME_FIELDS,
            [sha256(named).digest() for named in sorted(fields)],
            [named.decode() for named in sorted(fields)],
        )
    subjects = [(one.leaf, one.subjects) for one in entries if one.subjects]
    if subjects:
        await connection.execute(_NAME_SUBJECTS, *map(list, zip(*subjects, strict=True)))
    records = [(one.leaf, one.records) for one in entries if one.records]
    if records:
        await connection.execute(_NAME_RECORDS, *map(list, zip(*records, strict=True)))


async def repeated(connection: asyncpg.Connection[Any], batches: Sequence[Batch]) -> list[int]:
    """Give the ids of batches with an entry that is sealed already or waits in an earlier one."""
    leaves = [one.leaf for batch in batches for one in batch.whole]
    rows = await connection.fetch("SELECT leaf FROM access_sealed WHERE leaf = ANY ($1)", leaves)
    known = {row["leaf"] for row in rows}
    found = []
    for batch in batches:
        own = {one.leaf for one in batch.whole}
        if own & known or len(own) < len(batch.whole):
            found.append(batch.id)
        known |= own
    return found


async def take_back(connection: asyncpg.Connection[Any], log: str) -> None:
    """Store the evidence of what is pending here and sealed in the files: it waits no more."""
    last = 0
    while rows := await connection.fetch(_AFTER, log, last):
        last = rows[-1]["id"]
        for batch in map(Batch.of, rows):
            leaves = [one.leaf for one in batch.whole]
            digests = [fields_digest(one.coordinates) for one in batch.whole]
            found = {row["leaf"] for row in await connection.fetch(_FOUND, leaves, digests, log)}
            if not found:
                continue
            await keep(connection, log, [one for one in batch.whole if one.leaf in found])
            if batch.changed:
                await connection.execute(_CHANGED, batch.id)
            elif len(found) == len(batch.whole):
                await connection.execute(_DONE, batch.id)
            else:
                rest = [one for one in batch.whole if one.leaf not in found]
                await connection.execute(_KEEP_REST, batch.id, *pack(rest))


def fields_digest(coordinates: bytes) -> bytes | None:
    """Give the digest by which `coordinate_set` knows a set of fields; None when it is empty."""
    return sha256(coordinates).digest() if coordinates else None
