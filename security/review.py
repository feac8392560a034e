"""Reading the access log as an auditor does: entries found through the index, shown as sealed.

The index finds, the bundle tells: each entry shown is read from the sealed bundles and must have
the leaf that the index names, so that what an auditor sees is what the checkpoint covers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import asyncpg
import orjson

from client.merkle import leaf_hash
from client.note import Note, VerifierKey, cosigned_at
from security.access_search import Wanted, exposure_sql, search_sql
from security.errors import LogError
from security.receipt import ReceiptState, ReceiptStatus
from security.review_queue import WantedFindings, findings
from security.tlog.checkpoint import Checkpoint
from security.tlog.cosigned import cosigned_checkpoint, served_checkpoint
from security.tlog.reader import TileReader
from security.tlog.tile import WIDTH

TIMEOUT = 10.0
"""Seconds that one reading of the index may take."""
EXPOSED = 10_000
"""Most rows of one exposure report; more is said, not cut silently."""

_EVIDENCE = """
SELECT leaf, ciphertext IS NOT NULL AND wrapped_key IS NOT NULL AS kept FROM evidence
 WHERE leaf = ANY ($1::bytea[])
"""
_OF_LEAF = "SELECT index FROM access_sealed WHERE log = $1 AND leaf = $2"
_STATE = """
SELECT COALESCE((SELECT size FROM indexed_log WHERE origin = $1), 0) AS indexed,
       COALESCE((SELECT size FROM log_state WHERE log = $1), 0) AS sealed
"""
_COUNTED = """
SELECT role, purpose, decision, count(DISTINCT caller) AS callers, sum(entries)::bigint AS entries,
       sum(subjects)::bigint AS subjects, sum(persons)::bigint AS persons,
       sum(records)::bigint AS records
  FROM access_hour
 WHERE log_id = (SELECT log_id FROM indexed_log WHERE origin = $1) AND hour >= $2 AND hour < $3
 GROUP BY role, purpose, decision ORDER BY role, purpose, decision
"""
_REVIEWED = """
SELECT rule, state, count(*) AS findings,
       count(*) FILTER (WHERE closed_at IS NULL AND deadline < $3) AS overdue
  FROM access_finding WHERE first_time >= $1 AND first_time < $2
 GROUP BY rule, state ORDER BY rule, state
"""
_SAMPLES = """
SELECT week, first, size, root, seed, population, chosen FROM access_sample
 WHERE log_id = (SELECT log_id FROM indexed_log WHERE origin = $1) ORDER BY size DESC LIMIT 60
"""
_COSIGNATURE = 8 + 64
"""Bytes of a C2SP cosignature: time and Ed25519 signature."""


@dataclass(frozen=True, slots=True)
class LogReview:
    """Reads the log in `directory`, whose head `key` signs.

    `pool` reads the index; each statement is planned for its values, for one caller asks for
    half of all entries and another for three.
    """

    pool: asyncpg.Pool[Any]
    directory: Path
    key: VerifierKey

    async def entries(
        self,
        wanted: Wanted,
        /,
        *,
        first: int,
        after: int | None,
        members: Collection[str] = (),
    ) -> tuple[Sequence[Mapping[str, Any]], bool]:
        """Up to `first` entries before index `after`, newest first, and whether more follow.

        `members` names what is wanted of `proof`, `witnesses`, `evidenceState` besides. Raises
        LogError LOG_INDEX_DIVERGED when the index does not say what the log says.
        """
        sql, values = search_sql(self.key.name, wanted, first=first, after=after)
        rows = await self.pool.fetch(sql, *values, timeout=TIMEOUT)
        more, rows = len(rows) > first, rows[:first]
        shown = await asyncio.to_thread(self._shown, rows, frozenset(members))
        if "evidenceState" in members and shown:
            leaves = [row["leaf"] for row in rows]
            kept = {row["leaf"]: row["kept"] for row in await self.pool.fetch(_EVIDENCE, leaves)}
            states = {None: "NONE", True: "KEPT", False: "ERASED"}
            for row, entry in zip(rows, shown, strict=True):
                entry["evidenceState"] = states[kept.get(row["leaf"])]
        return shown, more

    async def index_of(self, leaf: bytes) -> int | None:
        """The place of a leaf in the log, None before it is sealed."""
        found: int | None = await self.pool.fetchval(_OF_LEAF, self.key.name, leaf)
        return found

    async def progress(self) -> Mapping[str, int]:
        """How many entries are sealed, and how many of them the index holds."""
        row = await self.pool.fetchrow(_STATE, self.key.name)
        assert row is not None
        return {"sealed": row["sealed"], "indexed": row["indexed"]}

    async def exposure(self, wanted: Wanted, /) -> tuple[list[dict[str, Any]], bool]:
        """Who saw what `wanted` names: per caller, acting person, purpose and case; and whether
        there are more than 10,000 of these."""
        sql, values = exposure_sql(self.key.name, wanted)
        rows = await self.pool.fetch(sql, *values, timeout=TIMEOUT)
        told = [
            {
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
        counted = await self.pool.fetch(_COUNTED, self.key.name, since, until, timeout=TIMEOUT)
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
        rows = await self.pool.fetch(_SAMPLES, self.key.name)
        return [{**row, "root": row["root"].hex(), "seed": row["seed"].hex()} for row in rows]

    def _shown(
        self, rows: Sequence[Mapping[str, Any]], members: frozenset[str]
    ) -> list[dict[str, Any]]:
        if not rows:
            return []
        reader = TileReader(self.directory)
        head = served_checkpoint(self.directory)
        if head is None:
            raise _diverged()
        size = Checkpoint.parse(Note.parse(head).text).size
        cosigned = cosigned_checkpoint(self.directory, self.key.name)
        cosigned_size = 0 if cosigned is None else Checkpoint.parse(cosigned.text).size
        bundles: dict[int, list[bytes]] = {}
        shown = []
        for row in rows:
            number, at = divmod(row["index"], WIDTH)
            if number not in bundles:
                bundles.clear()  # rows descend, so a bundle is never needed again
                bundles[number] = reader.entries(number, size)
            if at >= len(bundles[number]) or leaf_hash(bundles[number][at]) != row["leaf"]:
                raise _diverged()
            entry = _entry(row, bundles[number][at])
            # The head that witnesses cosigned proves more than a newer one that they did not.
            if cosigned is not None and row["index"] < cosigned_size:
                note, covering = cosigned.bytes(), cosigned_size
            else:
                note, covering = head, size
            if "proof" in members:
                path = reader.inclusion(row["index"], covering)
                entry["proof"] = ReceiptStatus(
                    ReceiptState.SEALED, row["leaf"], row["index"], path, note.decode()
                ).to_tlog_proof()
            if "witnesses" in members:
                entry["witnesses"] = witnessed(note)
            shown.append(entry)
        return shown


def _diverged() -> LogError:
    return LogError(
        "LOG_INDEX_DIVERGED",
        "The index does not say what the log says: make it again with"
        " `xinqiao audit review rebuild`, and tell the auditor.",
    )


_PLAIN = ("kind", "caller", "role", "actor", "keyId", "purpose", "legalBasis", "case")
_COUNTS = ("subjects", "records")


def _entry(row: Mapping[str, Any], data: bytes) -> dict[str, Any]:
    """An entry as it is told: what it says itself, and beside it what the index adds."""
    entry = orjson.loads(data)
    counts = {name: (entry.get(name) or {}).get("count", 0) for name in _COUNTS}
    return {
        "index": row["index"],
        "leaf": row["leaf"].hex(),
        "time": entry["time"],
        **{name: entry.get(name) for name in _PLAIN},
        "caller": entry.get("caller") or "",
        "correlation": entry.get("correlation"),
        "outcome": entry.get("decision") or "ALLOWED",
        "decision": entry.get("reason") or entry.get("decision") or "ALLOWED",
        "status": entry.get("status") or 0,
        "rows": entry.get("rows") or 0,
        **counts,
        "policyVersion": entry.get("policyVersion") or "",
        "callerName": row["caller_name"],
        "unit": row["unit"],
        "persons": row["persons"],
        "types": sorted(row["types"] or ()),
        "entry": data.decode(),
    }


def witnessed(note: bytes) -> list[dict[str, Any]]:
    """Who cosigned a checkpoint, and when: its cosignature lines (C2SP tlog-cosignature), as the
    node verified and kept them; whoever relies on them verifies them with the witnesses' keys."""
    return [
        {"name": line.name, "time": datetime.fromtimestamp(cosigned_at(line.signature), UTC)}
        for line in Note.parse(note).signatures
        if len(line.signature) == _COSIGNATURE
    ]
