"""Reading the access log as an auditor does: entries found through the index, shown as sealed.

The index finds, the bundle tells: each entry shown is read from the sealed bundles and must have
the leaf that the index names, so that what an auditor sees is what the checkpoint covers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from client.note import VerifierKey
from security.access_search import REACHES, Reach, Wanted, exposure_sql, search_sql
from security.errors import LogError
from security.review_queue import WantedFindings, findings
from security.sealed_entry import LogFiles

TIMEOUT = 10.0
"""Seconds that one reading of the index may take."""
EXPOSED = 10_000
"""Most rows of one exposure report; more is said, not cut silently."""

_EVIDENCE = """
SELECT leaf, ciphertext IS NOT NULL AND wrapped_key IS NOT NULL AS kept FROM evidence
 WHERE leaf = ANY ($1::bytea[])
"""
_OF_LEAF = "SELECT log, index FROM access_sealed WHERE leaf = $2 AND log = ANY ($1::text[])"
_KNOWN = """
SELECT id FROM unnest($1::uuid[]) AS id
 WHERE EXISTS (SELECT FROM record WHERE record_id = id)
    OR EXISTS (SELECT FROM access_record WHERE record_ids @> ARRAY[id])
"""
_STATE = """
SELECT COALESCE((SELECT size FROM indexed_log WHERE origin = $1), 0) AS indexed,
       COALESCE((SELECT size FROM log_state WHERE log = $1), 0) AS sealed
"""
_COUNTED = """
SELECT role, purpose, decision, count(DISTINCT caller) AS callers, sum(entries)::bigint AS entries,
       sum(subjects)::bigint AS subjects, sum(persons)::bigint AS persons,
       sum(records)::bigint AS records
  FROM access_hour
 WHERE log_id = ANY (ARRAY(SELECT log_id FROM indexed_log WHERE origin = ANY ($1::text[])))
   AND hour >= $2 AND hour < $3
 GROUP BY role, purpose, decision ORDER BY role, purpose, decision
"""
_REVIEWED = """
SELECT rule, state, count(*) AS findings,
       count(*) FILTER (WHERE closed_at IS NULL AND deadline < $3) AS overdue
  FROM access_finding WHERE first_time >= $1 AND first_time < $2
 GROUP BY rule, state ORDER BY rule, state
"""
_SAMPLES = """
SELECT l.origin AS log, s.week, s.first, s.size, s.root, s.seed, s.population, s.chosen
  FROM access_sample s JOIN indexed_log l USING (log_id) WHERE l.origin = ANY ($1::text[])
 ORDER BY s.week DESC, s.log_id DESC LIMIT 60
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an entry stands: the origin of its log, and its index there."""

    log: str
    index: int


@dataclass(frozen=True, slots=True)
class LogReview:
    """Reads the log in `directory`, whose head `key` signs, and before it the `former` logs of the
    node, oldest first, which were ended and succeeded.

    `pool` reads the index; each statement is planned for its values, for one caller asks for
    half of all entries and another for three.
    """

    pool: asyncpg.Pool[Any]
    directory: Path
    key: VerifierKey
    former: Sequence[LogFiles] = ()

    @property
    def logs(self) -> dict[str, LogFiles]:
        """The logs by origin, newest first."""
        present = LogFiles(self.key.name, self.directory)
        return {one.origin: one for one in (present, *reversed(self.former))}

    async def entries(
        self,
        wanted: Wanted,
        /,
        *,
        first: int,
        after: Place | None,
        members: Collection[str] = (),
    ) -> tuple[Sequence[Mapping[str, Any]], bool]:
        """Up to `first` entries before a place, newest first, and whether more follow.

        `members` names what is wanted of `proof`, `witnesses`, `evidenceState` besides. Raises
        LogError LOG_INDEX_DIVERGED when the index does not say what the log says, LOG_UNKNOWN for
        a place in no log of this node.
        """
        rows = await self._found(wanted, first, after)
        more, rows = len(rows) > first, rows[:first]
        shown = await asyncio.to_thread(self._told, rows, frozenset(members))
        if "evidenceState" in members and shown:
            leaves = [row["leaf"] for row in rows]
            kept = {row["leaf"]: row["kept"] for row in await self.pool.fetch(_EVIDENCE, leaves)}
            states = {None: "NONE", True: "KEPT", False: "ERASED"}
            for row, entry in zip(rows, shown, strict=True):
                entry["evidenceState"] = states[kept.get(row["leaf"])]
        return shown, more

    async def _found(self, wanted: Wanted, first: int, after: Place | None) -> list[dict[str, Any]]:
        """Rows of the index, one more than `first` where there are more."""
        origins = list(self.logs)
        if after is not None and after.log not in origins:
            raise LogError("LOG_UNKNOWN", "Name a log of this node, or none.")
        rows: list[dict[str, Any]] = []
        reaches = await self._reaches(wanted)
        for origin in origins if after is None else origins[origins.index(after.log) :]:
            if (reach := reaches.get(origin)) is not None and len(rows) <= first:
                before = after.index if after is not None and after.log == origin else None
                sql, values = search_sql(reach, wanted, first=first - len(rows), after=before)
                rows += [{"log": origin, **row} for row in await self._planned(sql, values)]
        return rows

    async def _reaches(self, wanted: Wanted) -> dict[str, Reach]:
        asked = (list(self.logs), wanted.since, wanted.until, list(wanted.types or ()))
        rows = await self.pool.fetch(REACHES, *asked, timeout=TIMEOUT)
        return {row["origin"]: Reach.of(row) for row in rows}

    async def _planned(self, sql: str, values: Sequence[Any]) -> Sequence[Mapping[str, Any]]:
        # PostgreSQL plans the first five uses of a statement for their values, then maybe for any.
        async with self.pool.acquire() as connection:
            statement = await connection.prepare(sql, timeout=TIMEOUT)
            rows: Sequence[Mapping[str, Any]] = await statement.fetch(*values, timeout=TIMEOUT)
        return rows

    def _told(
        self, rows: Sequence[Mapping[str, Any]], members: frozenset[str]
    ) -> list[dict[str, Any]]:
        logs, told = self.logs, []
        for origin, some in groupby(rows, lambda row: str(row["log"])):
            told += logs[origin].told(list(some), members)
        return told

    async def place_of(self, leaf: bytes) -> Place | None:
        """Where a leaf stands, None before it is sealed."""
        row = await self.pool.fetchrow(_OF_LEAF, list(self.logs), leaf)
        return None if row is None else Place(row["log"], row["index"])

    async def known_records(self, records: Sequence[UUID]) -> set[UUID]:
        """Which of these records there are, or were when somebody read them."""
        return {row["id"] for row in await self.pool.fetch(_KNOWN, list(records), timeout=TIMEOUT)}

    async def progress(self) -> Mapping[str, int]:
        """How many entries the present log has, and how many of them the index holds."""
        row = await self.pool.fetchrow(_STATE, self.key.name)
        assert row is not None
        return {"sealed": row["sealed"], "indexed": row["indexed"]}

    async def exposure(self, wanted: Wanted, /) -> tuple[list[dict[str, Any]], bool]:
        """Who saw what `wanted` names: per log, caller, acting person, purpose and case; and
        whether there are more than 10,000 of these."""
        reaches = await self._reaches(wanted)
        rows: list[dict[str, Any]] = []
        for origin in reversed(self.logs):
            if (reach := reaches.get(origin)) is not None:
                sql, values = exposure_sql(reach, wanted)
                rows += [{"log": origin, **row} for row in await self._planned(sql, values)]
        told = [
            {
                "log": row["log"],
                "caller": row["caller"],
                "callerName": row["name"],
                "role": row["role"],
                "unit": row["unit"],
                "actor": row["actor"],
                "purpose": row["purpose"],
                "case": row["case_number"],
                "entries": row["entries"],
                "firstTime": row["first_time"],
                "lastTime": row["last_time"],
                "indexes": list(row["indexes"]),
            }
            for row in rows[:EXPOSED]
        ]
        return told, len(rows) > EXPOSED

    async def findings(
        self, wanted: WantedFindings, /, *, first: int, after: int | None, today: date
    ) -> tuple[list[dict[str, Any]], bool]:
        """Findings of the after-review, newest first."""
        return await findings(self.pool, wanted, first=first, after=after, today=today)

    async def statistics(self, since: datetime, until: datetime, today: date) -> dict[str, Any]:
        """Accesses and findings of a period, counted; hours are counted whole."""
        counted = await self.pool.fetch(_COUNTED, list(self.logs), since, until, timeout=TIMEOUT)
        reviewed = await self.pool.fetch(_REVIEWED, since, until, today)
        return {
            "since": since,
            "until": until,
            "entries": sum(row["entries"] for row in counted),
            "denied": sum(row["entries"] for row in counted if row["decision"] == "DENIED"),
            "findings": sum(row["findings"] for row in reviewed),
            "overdue": sum(row["overdue"] for row in reviewed),
            "accesses": [
                {**row, "purpose": row["purpose"] or None, "role": row["role"] or None}
                for row in map(dict, counted)
            ],
            "reviews": [dict(row) for row in reviewed],
        }

    async def samples(self) -> list[dict[str, Any]]:
        """The weekly samples that were drawn, newest first, with what draws them again."""
        rows = await self.pool.fetch(_SAMPLES, list(self.logs))
        return [{**row, "root": row["root"].hex(), "seed": row["seed"].hex()} for row in rows]
