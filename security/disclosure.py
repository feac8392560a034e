"""The auditor's questions to the access log: what was disclosed, to whom, on what evidence."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import UUID

import orjson
from asyncpg import Record

from security.errors import SecurityError
from security.evidence import Evidence, EvidenceKeys
from security.tlog.reader import TileReader


class Connection(Protocol):
    """What the questions need of an asyncpg connection or pool."""

    async def fetch(self, query: str, *args: object) -> list[Record]: ...

    async def fetchrow(self, query: str, *args: object) -> Record | None: ...


@dataclass(frozen=True, slots=True)
class Sealed:
    """Where an entry is in its log."""

    leaf: bytes
    index: int


async def disclosures_of_subject(
    connection: Connection, origin: str, audit_refs: Sequence[bytes], limit: int = 1000
) -> list[Sealed]:
    """List the sealed entries that disclosed a subject by any of its references, newest first."""
    rows = await connection.fetch(
        """
        SELECT DISTINCT s.leaf, s.index FROM access_subject a JOIN access_sealed s USING (leaf)
         WHERE a.audit_ref = ANY ($1::bytea[]) AND s.log = $2 ORDER BY s.index DESC LIMIT $3
        """,
        list(audit_refs),
        origin,
        limit,
    )
    return [Sealed(row["leaf"], row["index"]) for row in rows]


async def disclosures_of_record(
    connection: Connection, origin: str, record_id: UUID, limit: int = 1000
) -> list[Sealed]:
    """List the sealed entries that disclosed a record, newest first."""
    rows = await connection.fetch(
        """
        SELECT s.leaf, s.index FROM access_record a JOIN access_sealed s USING (leaf)
         WHERE a.record_id = $1 AND s.log = $2 ORDER BY s.index DESC LIMIT $3
        """,
        record_id,
        origin,
        limit,
    )
    return [Sealed(row["leaf"], row["index"]) for row in rows]


async def disclosures_of_field(
    connection: Connection, origin: str, coordinate: str, limit: int = 1000
) -> list[Sealed]:
    """List the sealed entries that showed a field (`Type.field`), or masked it (`~Type.field`)."""
    rows = await connection.fetch(
        """
        SELECT s.leaf, s.index
          FROM coordinate_set c JOIN access_sealed s ON s.coordinates = c.digest
         WHERE c.coordinates @> ARRAY[$1::text] AND s.log = $2 ORDER BY s.index DESC LIMIT $3
        """,
        coordinate,
        origin,
        limit,
    )
    return [Sealed(row["leaf"], row["index"]) for row in rows]


def entry_at(directory: Path, index: int, size: int) -> dict[str, object]:
    """Read an entry of the log of `size` from its files; ValueError outside the log."""
    entry: dict[str, object] = orjson.loads(TileReader(directory).entry(index, size))
    return entry


async def evidence_of(connection: Connection, keys: EvidenceKeys, leaf: bytes) -> Evidence:
    """Decrypt the evidence of an entry.

    Raises SecurityError `ERASED` after erasure, `EVIDENCE_MISSING` when there never was any or
    a restore lost it, `EVIDENCE_UNREADABLE` when it was changed.
    """
    row = await connection.fetchrow(
        "SELECT month, wrapped_key, ciphertext, erased_at FROM evidence WHERE leaf = $1", leaf
    )
    if row is None:
        raise SecurityError("EVIDENCE_MISSING", "Look for the evidence in a backup.")
    if row["erased_at"] is not None or row["wrapped_key"] is None:
        raise SecurityError("ERASED", "The evidence was erased; the entry still verifies.")
    return keys.open(leaf, row["month"], row["wrapped_key"], row["ciphertext"])


async def erase_evidence(connection: Connection, leaf: bytes) -> bool:
    """Destroy the entry's key, its evidence and its place in the indexes; True if there was any.

    Whoever decides on it (end of retention, or two persons) decides before. Only sealed entries
    can be erased: what is pending still carries its lists.
    """
    row = await connection.fetchrow(
        """
        WITH erased AS (
            UPDATE evidence e SET wrapped_key = NULL, ciphertext = NULL, erased_at = now()
             WHERE leaf = $1 AND erased_at IS NULL
               AND EXISTS (SELECT FROM access_sealed s WHERE s.leaf = e.leaf)
            RETURNING leaf
        ), subjects AS (
            DELETE FROM access_subject WHERE leaf IN (SELECT leaf FROM erased)
        ), records AS (
            DELETE FROM access_record WHERE leaf IN (SELECT leaf FROM erased)
        )
        SELECT count(*) AS number FROM erased
        """,
        leaf,
    )
    return row is not None and row["number"] > 0
