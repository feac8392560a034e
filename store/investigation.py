"""Saved investigations: kept encrypted for their owner, and for its unit when it says so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from store.errors import StoreError

if TYPE_CHECKING:
    import asyncpg

    from store.connection import Connection, Queried

MOST = 200  # of one owner
_COLUMNS = "investigation_id, owner, unit, content, position, as_of, saved_at"
_OPEN = "(owner = $1 OR unit = $2)"


@dataclass(frozen=True, slots=True)
class Investigation:
    """An investigation as it is kept; `content` is encrypted, `unit` set when it is shared."""

    id: UUID
    owner: str
    unit: str | None
    content: bytes
    position: str
    as_of: date
    saved_at: datetime | None = None  # until it is saved


async def save(connection: Connection, one: Investigation) -> Investigation:
    """Keep a new investigation. Raises StoreError `INVESTIGATION_LIMIT`."""
    held = await connection.fetchval(
        "SELECT count(*) FROM investigation WHERE owner = $1", one.owner
    )
    if held >= MOST:
        raise StoreError(
            "INVESTIGATION_LIMIT", f"delete one first: at most {MOST} investigations are kept"
        )
    row = await connection.fetchrow(
        "INSERT INTO investigation (investigation_id, owner, unit, content, position, as_of)"
        f" VALUES ($1, $2, $3, $4, $5, $6) RETURNING {_COLUMNS}",
        one.id,
        one.owner,
        one.unit,
        one.content,
        one.position,
        one.as_of,
    )
    assert row is not None
    return _read(row)


async def listed(connection: Queried, owner: str, unit: str | None) -> list[Investigation]:
    """The caller's own and those of its unit, newest first, 500 at most."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM investigation WHERE {_OPEN}"
        " ORDER BY saved_at DESC, investigation_id LIMIT 500",
        owner,
        unit,
    )
    return [_read(row) for row in rows]


async def opened(
    connection: Queried, id_: UUID, owner: str, unit: str | None
) -> Investigation | None:
    """One investigation that the caller may open."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM investigation WHERE {_OPEN} AND investigation_id = $3",
        owner,
        unit,
        id_,
    )
    return None if row is None else _read(row)


async def delete(connection: Connection, id_: UUID, owner: str) -> bool:
    """Delete an investigation of one's own; False when there is none."""
    return bool(
        await connection.fetchval(
            "DELETE FROM investigation WHERE investigation_id = $1 AND owner = $2 RETURNING true",
            id_,
            owner,
        )
    )


def _read(row: asyncpg.Record) -> Investigation:
    return Investigation(*[row[name] for name in _COLUMNS.split(", ")])
