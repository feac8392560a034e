"""Trusted documents 受信文档: what a caller registered beforehand, by the SHA-256 of its text.

A system that may ask nothing else cannot be made to ask more by whoever gets hold of its key. Each
change is an event of the access log, in the transaction that makes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Protocol, TypeAlias

import asyncpg
import asyncpg.pool
from asyncpg import Record

from security.errors import SecurityError
from security.event import append_event

MOST = 1_000
"""Documents of one caller."""
KIND = "TRUSTED_DOCUMENT"

Connection: TypeAlias = "asyncpg.Connection[Any] | asyncpg.pool.PoolConnectionProxy[Any]"


class Queried(Protocol):
    """What reading needs of an asyncpg connection or pool."""

    async def fetch(self, query: str, *args: object) -> list[Record]: ...


@dataclass(frozen=True, slots=True)
class TrustedDocuments:
    """The documents of all callers, as they were when the directory had this version."""

    version: int = 0
    texts: Mapping[tuple[str, bytes], str] = field(default_factory=dict)  # by caller and digest
    known: frozenset[tuple[str, str]] = frozenset()  # callers with their texts

    def text(self, caller: str, digest: bytes) -> str | None:
        """The document that the caller registered under a digest."""
        return self.texts.get((caller, digest))

    def holds(self, caller: str, document: str) -> bool:
        """Whether the caller registered this very text."""
        return (caller, document) in self.known


async def load_trusted(
    connection: Queried, current: TrustedDocuments, version: int
) -> TrustedDocuments:
    """Read the documents again when the directory has another version; texts are read once."""
    if current.version == version:
        return current
    rows = await connection.fetch("SELECT caller_id, digest FROM trusted_document")
    named = [(row["caller_id"], row["digest"]) for row in rows]
    kept = {one: current.texts[one] for one in named if one in current.texts}
    missing = [one for one in named if one not in kept]
    found = await connection.fetch(
        "SELECT t.caller_id, t.digest, t.document FROM trusted_document t"
        " JOIN unnest($1::text[], $2::bytea[]) AS x(c, d) ON t.caller_id = x.c AND t.digest = x.d",
        [caller for caller, _ in missing],
        [digest for _, digest in missing],
    )
    texts = {**kept, **{(row[0], row[1]): row[2] for row in found}}
    whole = frozenset((caller, text) for (caller, _), text in texts.items())
    return TrustedDocuments(version, texts, whole)


@dataclass(frozen=True, slots=True)
class TrustedDesk:
    """Changes the documents of one node; `log` is the origin of its access log, `by` who acts."""

    connection: Connection
    log: str
    node: str
    by: str

    async def add(self, caller: str, document: str, name: str = "") -> bytes:
        """Register a document of an enrolled caller and give its digest; a known one stays.

        Raises SecurityError CALLER_UNKNOWN, TRUSTED_LIMIT.
        """
        digest = sha256(document.encode()).digest()
        async with self.connection.transaction():
            # Locked, so that two who add at once are counted one after the other.
            enrolled = await self.connection.fetchval(
                "SELECT 1 FROM caller WHERE id = $1 FOR UPDATE", caller
            )
            if enrolled is None:
                raise SecurityError("CALLER_UNKNOWN", "Name a caller that is enrolled here.")
            count = await self.connection.fetchval(
                "SELECT count(*) FROM trusted_document WHERE caller_id = $1", caller
            )
            done = await self.connection.execute(
                "INSERT INTO trusted_document (caller_id, digest, document, name, added_by)"
                " SELECT $1, $2, $3, $4, $5 ON CONFLICT DO NOTHING",
                caller,
                digest,
                document,
                name,
                self.by,
            )
            if done == "INSERT 0 1":
                if count >= MOST:
                    raise SecurityError(
                        "TRUSTED_LIMIT", f"A caller has at most {MOST} documents: remove some."
                    )
                await self._tell("ADDED", caller, digest)
        return digest

    async def remove(self, caller: str, digest: bytes) -> bool:
        """Take a document back from now on, and tell whether it was registered."""
        async with self.connection.transaction():
            done = await self.connection.execute(
                "DELETE FROM trusted_document WHERE caller_id = $1 AND digest = $2", caller, digest
            )
            if done == "DELETE 0":
                return False
            await self._tell("REMOVED", caller, digest)
        return True

    async def _tell(self, act: str, caller: str, digest: bytes) -> None:
        detail = {"act": act, "by": self.by, "caller": caller, "document": digest.hex()}
        await append_event(self.connection, self.log, self.node, KIND, detail)


async def listed_documents(connection: Queried, caller: str | None = None) -> list[Record]:
    """The documents, of one caller or of all, without their texts."""
    return await connection.fetch(
        "SELECT caller_id, digest, name, added_by, added_at, length(document) AS characters"
        " FROM trusted_document WHERE $1::text IS NULL OR caller_id = $1"
        " ORDER BY caller_id, added_at, digest",
        caller,
    )
