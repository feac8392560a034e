"""Where evidence is kept: found by its entry, decrypted, erased.

Whoever opens or erases decides before: `security.erasure`, `security.retention`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from asyncpg import Record

from client.merkle import leaf_hash
from security.errors import LogError, SecurityError
from security.evidence import Evidence, EvidenceKeys
from security.tlog.checkpoint import Checkpoint
from security.tlog.note import Note
from security.tlog.reader import TileReader

_KEPT = "SELECT month, wrapped_key, ciphertext, erased_at FROM evidence WHERE leaf = $1"
_PLACE = "SELECT leaf, index FROM access_sealed WHERE log = $1 AND (leaf = $2 OR index = $3)"
_ERASE = """
WITH erased AS (
    UPDATE evidence e SET wrapped_key = NULL, ciphertext = NULL, erased_at = now()
     WHERE leaf = ANY ($1::bytea[]) AND erased_at IS NULL
       AND EXISTS (SELECT FROM access_sealed s WHERE s.leaf = e.leaf)
    RETURNING leaf
), subjects AS (
    DELETE FROM access_subject WHERE leaf IN (SELECT leaf FROM erased)
), records AS (
    DELETE FROM access_record WHERE leaf IN (SELECT leaf FROM erased)
), coordinates AS (
    UPDATE access_sealed SET coordinates = NULL
     WHERE leaf IN (SELECT leaf FROM erased) AND coordinates IS NOT NULL
)
SELECT count(*) AS number FROM erased
"""


class Connection(Protocol):
    """What the store needs of an asyncpg connection or pool."""

    async def fetchrow(self, query: str, *args: object) -> Record | None: ...


@dataclass(frozen=True, slots=True)
class Place:
    """An entry in its log: its bytes, leaf hash and index, and the signed head that holds it."""

    log: str
    leaf: bytes
    index: int
    entry: bytes
    checkpoint: bytes
    size: int


@dataclass(frozen=True, slots=True)
class Kept:
    """Evidence as it is kept: opened, with the entry's key and the ciphertext."""

    evidence: Evidence
    key: bytes
    ciphertext: bytes


async def find_entry(
    connection: Connection, directory: Path, log: str, leaf: bytes | None, index: int | None
) -> Place:
    """Find a sealed entry of the log of this origin by leaf hash or index.

    `directory` holds the log's files. Raises SecurityError `ENTRY_UNKNOWN`, LogError
    `LOG_DIVERGED` when files and database contradict each other.
    """
    row = await connection.fetchrow(_PLACE, log, leaf, index)
    reader = TileReader(directory)
    note = reader.checkpoint()
    size = 0 if note is None else Checkpoint.parse(Note.parse(note).text).size
    if row is None or note is None or row["index"] >= size:
        raise SecurityError(
            "ENTRY_UNKNOWN", "Name an entry by index, by leaf hash or by its receipt; see --log."
        )
    entry = reader.entry(row["index"], size)
    if leaf_hash(entry) != row["leaf"]:
        raise LogError("LOG_DIVERGED", "Restore the log's files and database from one backup.")
    return Place(log, row["leaf"], row["index"], entry, note, size)


async def kept_evidence(connection: Connection, keys: EvidenceKeys, leaf: bytes) -> Kept:
    """Decrypt the evidence of an entry.

    Raises SecurityError `ERASED` after erasure, `EVIDENCE_MISSING` when there never was any or
    a restore lost it, `EVIDENCE_UNREADABLE` when it was changed.
    """
    row = await connection.fetchrow(_KEPT, leaf)
    if row is None:
        raise SecurityError("EVIDENCE_MISSING", "Look for the evidence in a backup.")
    if row["erased_at"] is not None or row["wrapped_key"] is None:
        raise SecurityError("ERASED", "The evidence was erased; the entry still verifies.")
    wrapped = (leaf, row["month"], row["wrapped_key"])
    evidence = keys.open(*wrapped, row["ciphertext"])
    return Kept(evidence, keys.entry_key(*wrapped), row["ciphertext"])


async def evidence_of(connection: Connection, keys: EvidenceKeys, leaf: bytes) -> Evidence:
    """Decrypt the evidence of an entry; raises as `kept_evidence`."""
    return (await kept_evidence(connection, keys, leaf)).evidence


async def erase_evidence(connection: Connection, leaf: bytes) -> bool:
    """Destroy an entry's key, its evidence and its place in the indexes; True if there was any.

    Only sealed entries can be erased: what is pending still carries its lists.
    """
    return await erase_all(connection, [leaf]) > 0


async def erase_all(connection: Connection, leaves: Sequence[bytes]) -> int:
    """Destroy keys, evidence and places in the indexes of these entries; how many had any."""
    row = await connection.fetchrow(_ERASE, list(leaves))
    return 0 if row is None else int(row["number"])
