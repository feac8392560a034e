"""Declarations of catalogue items 目录项 that a city defines while its node runs, as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from store.connection import Connection


class Reader(Protocol):
    """A connection, or a pool."""

    async def fetch(self, query: str, /) -> Sequence[Any]: ...


_LOCK = 0x58_49_4E_51_4B_49_4E  # one declaration at a time


async def declarations(connection: Reader) -> dict[str, str]:
    """The declaration in force of each item, by name."""
    rows = await connection.fetch(
        "SELECT DISTINCT ON (name) name, declaration FROM catalogue_kind"
        " ORDER BY name, version DESC"
    )
    return {row["name"]: row["declaration"] for row in rows}


async def lock_declarations(connection: Connection) -> None:
    """Let the caller's transaction be the only one that declares until it ends."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)


async def record_declaration(connection: Connection, name: str, declaration: str) -> int:
    """Keep a declaration as the item's next version and return that version's number."""
    version: int = await connection.fetchval(
        "INSERT INTO catalogue_kind (name, version, declaration)"
        " SELECT $1, coalesce(max(version), 0) + 1, $2 FROM catalogue_kind WHERE name = $1"
        " RETURNING version",
        name,
        declaration,
    )
    return version
