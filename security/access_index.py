"""The searchable index of sealed entries: made from the bundles, restartable at any entry.

It holds nothing that the log does not say, but for the caller's unit, and can be made again: an
auditor's answer shows entries as the bundles hold them, found through this index.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import orjson

from client.merkle import leaf_hash
from client.note import Note
from security.errors import LogError
from security.tlog.checkpoint import Checkpoint
from security.tlog.reader import TileReader
from security.tlog.tile import WIDTH

SPAN = 4096
"""Entries of which `access_span` keeps the earliest and the latest time."""

LATER = "SET LOCAL synchronous_commit TO off"
"""Have a transaction's commit not wait for the disk, which questions wait for: what a crash takes
of index and findings is made again."""
_AT_ONCE = 64  # entries that are indexed in one go unless many wait: questions share its time
_BREATH = 32  # entries that are read in one go: a quarter of a millisecond

_KNOWN = "INSERT INTO indexed_log (origin) VALUES ($1) ON CONFLICT DO NOTHING"
_POSITION = "SELECT log_id, size FROM indexed_log WHERE origin = $1"
_ADVANCE = "UPDATE indexed_log SET size = $3 WHERE origin = $1 AND size = $2 RETURNING log_id"
_SHAPES = """
INSERT INTO access_shape (digest, types)
SELECT c.digest, ARRAY(SELECT DISTINCT split_part(one, '.', 1) FROM unnest(c.coordinates) AS one
                        WHERE one NOT LIKE '~%')
  FROM coordinate_set c
 WHERE c.digest IN (SELECT coordinates FROM access_sealed
                     WHERE log = $1 AND index >= $2 AND index < $3)
   AND NOT EXISTS (SELECT FROM access_shape known WHERE known.digest = c.digest)
ON CONFLICT DO NOTHING
"""
_INSERT = """
WITH given AS MATERIALIZED (
    SELECT * FROM unnest($3::bigint[], $4::bytea[], $5::timestamptz[], $6::text[], $7::text[],
                         $8::text[], $9::text[], $10::text[], $11::text[], $12::text[],
                         $13::text[], $14::text[], $15::int[], $16::int[], $17::int[],
                         $18::int[], $19::text[])
        AS g (index, leaf, time, kind, caller, role, actor, purpose, case_number, correlation,
              decision, reason, status, rows, subjects, records, missing)
), people AS MATERIALIZED (
    SELECT a.leaf, count(DISTINCT ref) AS persons
      FROM access_subject a, unnest(a.audit_refs) AS ref
      JOIN subject s ON s.audit_ref = ref AND s.category = 'NATURAL_PERSON'
     WHERE a.leaf IN (SELECT leaf FROM given WHERE subjects > 0)
     GROUP BY a.leaf
), added AS (
    INSERT INTO access_index (log_id, index, leaf, time, shape_id, rows, subjects, persons, records,
                              status, kind, caller, role, decision, reason, unit, actor, purpose,
                              case_number, correlation, missing)
    SELECT $1, g.index, g.leaf, g.time, shape.shape_id, g.rows, g.subjects,
           COALESCE(people.persons, 0), g.records, g.status, g.kind, g.caller, g.role, g.decision,
           g.reason, c.unit_uscc, g.actor, g.purpose, g.case_number, g.correlation,
           string_to_array(g.missing, ' ')
      FROM given g
      LEFT JOIN people ON people.leaf = g.leaf
      LEFT JOIN caller c ON c.id = g.caller
      LEFT JOIN access_sealed s ON s.log = $2 AND s.index = g.index
      LEFT JOIN access_shape shape ON shape.digest = s.coordinates
    RETURNING index, time, caller, role, COALESCE(purpose, '') AS purpose, decision,
              subjects, persons, records
), spans AS (
    INSERT INTO access_span AS known (log_id, span, earliest, latest)
    SELECT $1, index / $20, min(time), max(time) FROM added GROUP BY 2
    ON CONFLICT (log_id, span) DO UPDATE
       SET earliest = LEAST(known.earliest, EXCLUDED.earliest),
           latest = GREATEST(known.latest, EXCLUDED.latest)
)
INSERT INTO access_hour AS known (log_id, hour, caller, role, purpose, decision,
                                  entries, subjects, persons, records)
SELECT $1, date_trunc('hour', time), caller, role, purpose, decision,
       count(*), sum(subjects), sum(persons), sum(records)
  FROM added GROUP BY 2, 3, 4, 5, 6
ON CONFLICT (log_id, hour, caller, role, purpose, decision) DO UPDATE
   SET entries = known.entries + EXCLUDED.entries, subjects = known.subjects + EXCLUDED.subjects,
       persons = known.persons + EXCLUDED.persons, records = known.records + EXCLUDED.records
"""


class IndexedEntry(NamedTuple):
    """What the index holds of the entry at a place of the log; `missing` is blank-separated, None
    when nothing was."""

    place: int
    leaf: bytes
    time: datetime
    kind: str
    caller: str
    role: str
    actor: str | None
    purpose: str | None
    case: str | None
    correlation: str | None
    decision: str
    reason: str | None
    status: int
    rows: int
    subjects: int
    records: int
    missing: str | None


def indexed(index: int, data: bytes) -> IndexedEntry:
    """Read an entry for the index: an access, or an event of the node, which has no caller."""
    entry = orjson.loads(data)

    def text(name: str) -> str | None:
        value = entry.get(name)
        # PostgreSQL's text has no NUL; the entry itself keeps it.
        return value.replace("\x00", "\ufffd") or None if isinstance(value, str) else None

    def count(name: str) -> int:
        listed = entry.get(name)
        return int(listed.get("count", 0)) if isinstance(listed, Mapping) else 0

    return IndexedEntry(
        index,
        leaf_hash(data),
        datetime.fromisoformat(entry["time"]),
        text("kind") or "",
        text("caller") or "",
        text("role") or "",
        text("actor"),
        text("purpose"),
        text("case"),
        text("correlation"),
        text("decision") or "ALLOWED",
        text("reason"),
        int(entry.get("status") or 0),
        int(entry.get("rows") or 0),
        count("subjects"),
        count("records"),
        " ".join(entry.get("missing") or ()) or None,
    )


def head_size(directory: Path, origin: str) -> int:
    """The size that the published head of a log states, 0 before there is one.

    The node's own files are read here; who relies on a head verifies its signatures. Raises
    LogError LOG_DIVERGED for the head of another log.
    """
    note = TileReader(directory).checkpoint()
    if note is None:
        return 0
    head = Checkpoint.parse(Note.parse(note).text)
    if head.origin != origin:
        raise LogError("LOG_DIVERGED", "Restore the log's folder: it holds another log.")
    return head.size


@dataclass(frozen=True, slots=True)
class AccessIndex:
    """Keeps the index of the log in `directory`, named `origin`."""

    pool: asyncpg.Pool[Any]
    directory: Path
    origin: str

    async def advance(self) -> int:
        """Index the next entries, at most a bundle's 256, and give their number.

        One transaction: entries, spans, hours and the position stand or fall together, and of
        two that try the same only one succeeds.
        """
        size = head_size(self.directory, self.origin)
        position = await self.pool.fetchrow(_POSITION, self.origin)
        if position is None:
            await self.pool.execute(_KNOWN, self.origin)
            return await self.advance()
        start: int = position["size"]
        if start >= size:
            return 0
        found = await self._read(start, size)
        end = start + len(found)
        columns = [list(column) for column in zip(*found, strict=True)]
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.execute(LATER)
            log_id = await connection.fetchval(_ADVANCE, self.origin, start, end)
            if log_id is None:  # another worker did it
                return 0
            await connection.execute(_SHAPES, self.origin, start, end)
            await connection.execute(_INSERT, log_id, self.origin, *columns, SPAN)
        return len(found)

    async def _read(self, start: int, size: int) -> list[IndexedEntry]:
        number = start // WIDTH
        entries = TileReader(self.directory).entries(number, size)
        first = number * WIDTH
        most = WIDTH if size - start > WIDTH else _AT_ONCE
        found: list[IndexedEntry] = []
        for at in range(start - first, min(len(entries), start - first + most)):
            found.append(indexed(first + at, entries[at]))
            if len(found) % _BREATH == 0:
                await asyncio.sleep(0)  # the process answers meanwhile
        return found


async def forget_index(connection: Any, origin: str) -> None:
    """Empty the index of a log, so that it is made again from the bundles; findings stay."""
    async with connection.transaction():
        log_id = await connection.fetchval(
            "UPDATE indexed_log SET size = 0 WHERE origin = $1 RETURNING log_id", origin
        )
        for table in ("access_index", "access_span", "access_hour"):
            await connection.execute(f"DELETE FROM {table} WHERE log_id = $1", log_id)
