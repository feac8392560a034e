"""The database compared with the log: every row that tells of an entry must follow from it.

The log's files are the truth here; verify them first. Rows are read in one snapshot, in the
order of the log and in chunks, so that memory does not grow with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import asyncpg
import orjson
from cryptography.exceptions import InvalidTag

from client.errors import ClientError
from client.merkle import leaf_hash
from security.errors import LogError, SecurityError
from security.pending import Batch
from security.recomputation import Erasures, commits, disagreements
from security.tlog.checkpoint import open_own
from security.tlog.note import NoteSigner
from security.tlog.reader import TileReader
from security.tlog.tile import WIDTH
from security.tlog.verdict import Finding

Opener = Callable[[bytes, str, bytes, bytes], tuple[bytes, bytes]]
"""Opens evidence: leaf, month, wrapped key and ciphertext to the entry's key and the plain text."""

_BUNDLES = 4
_MAX_FINDINGS = 100
_STATE = "SELECT size, root, checkpoint FROM log_state WHERE log = $1"
_ROWS = """
SELECT s.index, s.leaf, s.coordinates, e.log, e.month, e.wrapped_key, e.ciphertext
  FROM access_sealed s LEFT JOIN evidence e ON e.leaf = s.leaf
 WHERE s.log = $1 AND s.index >= $2 AND s.index < $3
"""
_SUBJECTS = "SELECT leaf, audit_refs FROM access_subject WHERE leaf = ANY ($1::bytea[])"
_RECORDS = "SELECT leaf, record_ids FROM access_record WHERE leaf = ANY ($1::bytea[])"
_FIELD_SETS = "SELECT digest, coordinates FROM coordinate_set"
_STRAY = {
    "access_sealed": """
        SELECT count(*) FROM access_sealed s
         WHERE NOT EXISTS (SELECT FROM log_state l
                            WHERE l.log = s.log AND s.index >= 0 AND s.index < l.size)
    """,
    "evidence": """
        SELECT count(*) FROM evidence e
         WHERE NOT EXISTS (SELECT FROM access_sealed s WHERE s.leaf = e.leaf AND s.log = e.log)
    """,
    "access_subject": """
        SELECT count(*) FROM access_subject a
         WHERE NOT EXISTS (SELECT FROM access_sealed s WHERE s.leaf = a.leaf)
    """,
    "access_record": """
        SELECT count(*) FROM access_record a
         WHERE NOT EXISTS (SELECT FROM access_sealed s WHERE s.leaf = a.leaf)
    """,
    "access_batch": """
        SELECT count(*) FROM access_batch b
         WHERE NOT EXISTS (SELECT FROM log_state l WHERE l.log = b.log)
    """,
}
_PENDING = "SELECT id, leaves, payload FROM access_batch WHERE log = $1"


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What was compared and what does not hold; a finding's path is `rows/<table>`."""

    entries: int
    evidence: int
    erased: int
    findings: tuple[Finding, ...]


async def reconcile(
    connection: asyncpg.Connection[Any], reader: TileReader, signer: NoteSigner, opened: Opener
) -> Reconciliation:
    """Compare the rows of the log that `signer` signs with its files, evidence opened.

    Costs about 50 µs an entry; stops after 100 findings.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        work = _Work(connection, reader, signer, opened)
        await work.run()
    return Reconciliation(work.entries, work.evidence, work.erased, tuple(work.findings))


@dataclass
class _Work:
    connection: asyncpg.Connection[Any]
    reader: TileReader
    signer: NoteSigner
    opened: Opener
    entries: int = 0
    evidence: int = 0
    erased: int = 0
    findings: list[Finding] = field(default_factory=list)
    field_sets: dict[bytes, str] = field(default_factory=dict)
    erasures: Erasures = field(default_factory=Erasures)

    async def run(self) -> None:
        size = await self._state()
        for row in await self.connection.fetch(_FIELD_SETS):
            named = "\n".join(row["coordinates"])
            self.field_sets[row["digest"]] = named
            if sha256(named.encode()).digest() != row["digest"]:
                self._find("coordinate_set", "a set of fields differs from its digest")
        for first in range(0, size, _BUNDLES * WIDTH):
            if len(self.findings) >= _MAX_FINDINGS:
                return
            try:
                await self._chunk(first, size)
            except (LogError, ValueError):
                reason = "cannot be compared: the bundle of its entry cannot be read"
                self._find("access_sealed", reason, first)
        for table, question in _STRAY.items():
            if count := await self.connection.fetchval(question):
                self._find(table, f"{count} rows belong to no entry of a log")
        for row in await self.connection.fetch(_PENDING, self.signer.name):
            self._pending(Batch.of(row))
        for index in self.erasures.untold()[:_MAX_FINDINGS]:
            self._find("evidence", "is erased, and no event of the log says so", index)

    def _pending(self, batch: Batch) -> None:
        """Compare what waits for its seal: it has no index yet."""
        if batch.changed:
            self._find("access_batch", f"{batch.changed} pending entries differ from their leaves")
        for one in batch.whole:
            if not commits(one.entry):
                self.erasures.hear(one.entry)
                if one.month or one.subjects or one.records or one.coordinates:
                    self._find("access_batch", "keeps evidence of an entry that names none")
                continue
            opened = self._opened(one.entry, one.leaf, one.month, one.wrapped_key, one.ciphertext)
            if isinstance(opened, str):
                self._find("access_batch", f"evidence of a pending entry {opened}")
                continue
            said = orjson.loads(opened)
            lists = (one.subjects.hex(), one.records.hex(), one.coordinates.decode())
            if lists != (said["subjects"], said["records"], _fields(said)):
                self._find("access_batch", "lists of a pending entry are not those of its evidence")

    def _opened(
        self, entry: bytes, leaf: bytes, month: str, wrapped: bytes, ciphertext: bytes
    ) -> bytes | str:
        """The opened evidence when it gives the entry, else what is wrong with it."""
        try:
            key, plain = self.opened(leaf, month, wrapped, ciphertext)
        except (InvalidTag, SecurityError, TypeError, ValueError):
            return "cannot be opened"
        wrong = disagreements(entry, key, plain)
        return f"does not give {', '.join(wrong)}" if wrong else plain

    def _find(self, table: str, reason: str, index: int | None = None) -> None:
        self.findings.append(Finding(f"rows/{table}", reason, index))

    async def _state(self) -> int:
        """Compare the durable head with the files and give its size."""
        row = await self.connection.fetchrow(_STATE, self.signer.name)
        if row is None:
            self._find("log_state", "has no row of this log")
            return 0
        size = int(row["size"])
        try:
            if self.reader.root(size) != row["root"]:
                self._find("log_state", "its root is not that of the files")
            if row["checkpoint"]:
                head = open_own(row["checkpoint"].encode(), self.signer)
                if head.size > size or self.reader.root(head.size) != head.root:
                    self._find("log_state", "its checkpoint is not one of this log")
        except (ClientError, LogError):
            self._find("log_state", "its size or its checkpoint contradicts the files")
            note = self.reader.checkpoint()
            return 0 if note is None else open_own(note, self.signer).size
        return size

    async def _chunk(self, first: int, size: int) -> None:
        end = min(first + _BUNDLES * WIDTH, size)
        entries: list[bytes] = []
        for number in range(first // WIDTH, -(-end // WIDTH)):
            entries += self.reader.entries(number, size)
        leaves = [leaf_hash(entry) for entry in entries]
        found = await self.connection.fetch(_ROWS, self.signer.name, first, end)
        rows = {row["index"]: row for row in found}
        subjects = await self._lists(_SUBJECTS, leaves)
        records = await self._lists(_RECORDS, leaves)
        for index, entry in enumerate(entries, first):
            leaf = leaves[index - first]
            self.entries += 1
            row = rows.get(index)
            if row is None or row["leaf"] != leaf:
                self._find("access_sealed", "is not the row of this entry", index)
                continue
            listed = (subjects.get(leaf, set()), records.get(leaf, set()))
            for table, reason in self._entry(entry, leaf, row, listed):
                self._find(table, reason, index)

    async def _lists(self, question: str, leaves: Sequence[bytes]) -> dict[bytes, set[bytes]]:
        return {
            leaf: {one if isinstance(one, bytes) else one.bytes for one in references}
            for leaf, references in await self.connection.fetch(question, leaves)
        }

    def _entry(
        self,
        entry: bytes,
        leaf: bytes,
        row: Mapping[str, Any],
        listed: tuple[set[bytes], set[bytes]],
    ) -> Iterator[tuple[str, str]]:
        fields, named = row["coordinates"], None
        if fields is not None:
            named = self.field_sets.get(fields)
            if named is None:
                yield "access_sealed", "names a set of fields that is not there"
        if not commits(entry):
            self.erasures.hear(entry)
            if row["month"] is not None or fields is not None or any(listed):
                yield "evidence", "is kept for an entry that names none"
            return
        if row["month"] is None:
            yield "evidence", "is missing"
            return
        if row["log"] != self.signer.name:
            yield "evidence", "is kept under another log"
        if row["wrapped_key"] is None and row["ciphertext"] is None:
            self.erased += 1
            self.erasures.gone(row["index"], leaf)
            if any(listed) or fields is not None:
                yield "access_subject", "is kept although the evidence is erased"
            return
        self.evidence += 1
        found = self._opened(entry, leaf, row["month"], row["wrapped_key"], row["ciphertext"])
        if isinstance(found, str):
            yield "evidence", found
            return
        yield from _compared(orjson.loads(found), named, fields, listed)


def _compared(
    said: Mapping[str, Any],
    named: str | None,
    fields: bytes | None,
    listed: tuple[set[bytes], set[bytes]],
) -> Iterator[tuple[str, str]]:
    for table, name, rows in (
        ("access_subject", "subjects", listed[0]),
        ("access_record", "records", listed[1]),
    ):
        content = bytes.fromhex(said[name])
        if {content[at : at + 16] for at in range(0, len(content), 16)} != rows:
            yield table, f"are not the {name} of this entry"
    wanted = _fields(said)
    if wanted != (named or "") or (fields is not None and not wanted):
        yield "access_sealed", "names other fields than the entry disclosed"


def _fields(said: Mapping[str, Any]) -> str:
    return "\n".join([*said["disclosed"], *(f"~{one}" for one in said["masked"])])
