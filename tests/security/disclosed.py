"""What the tables beside the access log say: which entries disclosed a subject, record, field."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import UUID

import orjson
from asyncpg import Record

from security.tlog.reader import TileReader


class Connection(Protocol):
    """What the questions need of an asyncpg connection or pool."""

    async def fetch(self, query: str, *args: object) -> list[Record]: ...


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
        SELECT s.leaf, s.index FROM access_subject a JOIN access_sealed s USING (leaf)
         WHERE a.audit_refs && $1::bytea[] AND s.log = $2 ORDER BY s.index DESC LIMIT $3
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
         WHERE a.record_ids @> ARRAY[$1::uuid] AND s.log = $2 ORDER BY s.index DESC LIMIT $3
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
