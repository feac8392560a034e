"""Retention 留存: how long what was asked can be shown again, and its dated, logged purge.

Rules are data with their source (table `retention_rule`). A purge walks each log in its order,
keeps how far it came, and erases in transactions that each hold their own log entry of kind
RETENTION_PURGE; entries, tiles and checkpoints stay. When nothing is left that a month's key
opens, the key is destroyed as well, so that no backup of the database alone opens it again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import orjson

from client.merkle import leaf_hash
from security.errors import SecurityError
from security.event import append_event
from security.evidence_store import erase_all
from security.keys import KeyFolder
from security.registry import PUBLIC
from security.tlog.reader import TileReader
from security.tlog.tile import WIDTH

CHUNK = 16
"""Entry bundles whose evidence one transaction erases (4,096 entries)."""
_PROVISION = frozenset({"SHARE_OUT", "SHARE_IN", "EXPORT"})
_LOCK = "SELECT pg_try_advisory_lock(hashtextextended('xinqiao purge', 0))"
_UNLOCK = "SELECT pg_advisory_unlock(hashtextextended('xinqiao purge', 0))"

Connection: TypeAlias = "asyncpg.Connection[Any]"


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """How many months the evidence of a class of entries is kept; `least` is the source's."""

    kind: str
    valid_from: date
    months: int
    least: int
    source: str

    def cutoff(self, today: date) -> datetime:
        """Give the time before which evidence of this class is past retention on a day."""
        return datetime.combine(months_before(today, self.months), datetime.min.time(), UTC)


@dataclass(frozen=True, slots=True)
class Purged:
    """What a run erased, or would: by log and class, up to which day."""

    log: str
    kind: str
    before: date
    judged: int
    erased: int


def retention_class(log: str, entry: Mapping[str, Any]) -> str | None:
    """Give the class of an entry in the log of this origin; None for what has no evidence.

    `AUDIT` auditors' reads, `PROVISION` what was handed to another city or exported, `NETWORK`
    refusals of unknown callers, `QUERY` every other access.
    """
    if "evidence" not in entry:
        return None
    if log.endswith("/audit"):
        return "AUDIT"
    if entry["kind"] in _PROVISION:
        return "PROVISION"
    if entry["decision"] == "DENIED" and entry["caller"] == PUBLIC.id:
        return "NETWORK"
    return "QUERY"


def months_before(day: date, months: int) -> date:
    """Give the day so many calendar months earlier; the month's last where it has no such day."""
    number = day.year * 12 + day.month - 1 - months
    year, month = divmod(number, 12)
    for last in range(day.day, 27, -1):
        try:
            return date(year, month + 1, last)
        except ValueError:
            continue
    return date(year, month + 1, day.day)


async def retention_rules(connection: Connection, today: date) -> list[RetentionRule]:
    """Read the rules in force on a day."""
    rows = await connection.fetch(
        "SELECT DISTINCT ON (class) * FROM retention_rule WHERE valid_from <= $1"
        " ORDER BY class, valid_from DESC",
        today,
    )
    return [
        RetentionRule(r["class"], r["valid_from"], r["months"], r["least"], r["source"])
        for r in rows
    ]


async def change_rule(
    connection: Connection, log: str, node: str, rule: RetentionRule, by: str
) -> None:
    """Let a rule hold from its day on, and say so in the log.

    Raises SecurityError `RETENTION_TOO_SHORT` below what its source demands.
    """
    if rule.months < rule.least:
        raise SecurityError(
            "RETENTION_TOO_SHORT", f"Keep this class at least {rule.least} months: {rule.source}"
        )
    async with connection.transaction():
        await connection.execute(
            "INSERT INTO retention_rule (class, valid_from, months, least, source)"
            " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (class, valid_from) DO UPDATE SET"
            " months = excluded.months, source = excluded.source",
            rule.kind,
            rule.valid_from,
            rule.months,
            rule.least,
            rule.source,
        )
        detail = {
            "class": rule.kind,
            "from": rule.valid_from.isoformat(),
            "months": rule.months,
            "source": rule.source,
            "by": by,
        }
        await append_event(connection, log, node, "RETENTION_RULE", detail)


async def purge(
    connection: Connection,
    logs: Mapping[str, tuple[Path, int]],
    node: str,
    secrets: KeyFolder,
    today: date,
    *,
    dry_run: bool = False,
) -> tuple[list[Purged], list[str]]:
    """Erase what is past retention; what was erased, and the months whose keys were destroyed.

    `logs` gives for each origin the folder of its files and its signed size. A run that is cut
    short goes on where it was. Raises SecurityError `PURGE_RUNNING` while another run works.
    """
    if not await connection.fetchval(_LOCK):
        raise SecurityError("PURGE_RUNNING", "Wait until the purge that runs has ended.")
    try:
        rules = await retention_rules(connection, today)
        done = []
        for origin, (directory, size) in logs.items():
            for rule in rules:
                if (rule.kind == "AUDIT") == origin.endswith("/audit"):
                    run = _Run(connection, origin, directory, size, node, rule, today, dry_run)
                    done.append(await run.purge())
        first = next(iter(logs))
        months = await _destroy_keys(connection, first, node, secrets, rules, today, dry_run)
        return [one for one in done if one.judged], months
    finally:
        await connection.execute(_UNLOCK)


@dataclass(frozen=True, slots=True)
class _Run:
    """Purging one class of one log."""

    connection: Connection
    origin: str
    directory: Path
    size: int
    node: str
    rule: RetentionRule
    today: date
    dry_run: bool

    async def purge(self) -> Purged:
        before = self.rule.cutoff(self.today)
        judged = erased = 0
        async for first, past, leaves in self._chunks(before):
            judged += past - first
            if self.dry_run:
                erased += await self._kept(leaves)
            else:
                erased += await self._erase(first, past, leaves, before)
        return Purged(self.origin, self.rule.kind, before.date(), judged, erased)

    async def _chunks(self, before: datetime) -> AsyncIterator[tuple[int, int, list[bytes]]]:
        """Ranges of entries older than `before`, with the leaves of this class."""
        start = await self.connection.fetchval(
            "SELECT next_index FROM retention_state WHERE log = $1 AND class = $2",
            self.origin,
            self.rule.kind,
        )
        at, reader = int(start or 0), TileReader(self.directory)
        limit = f"{before:%Y-%m-%dT%H:%M:%S}"
        while at < self.size:
            first, leaves, ended = at, [], False
            for bundle in range(at // WIDTH, min(at // WIDTH + CHUNK, -(-self.size // WIDTH))):
                for data in reader.entries(bundle, self.size)[at - bundle * WIDTH :]:
                    entry = orjson.loads(data)
                    if entry["time"] >= limit:
                        ended = True
                        break
                    if retention_class(self.origin, entry) == self.rule.kind:
                        leaves.append(leaf_hash(data))
                    at += 1
                if ended:
                    break
            if at > first:
                yield first, at, leaves
            if ended:
                return

    async def _kept(self, leaves: list[bytes]) -> int:
        return int(
            await self.connection.fetchval(
                "SELECT count(*) FROM evidence WHERE leaf = ANY ($1::bytea[])"
                " AND erased_at IS NULL",
                leaves,
            )
        )

    async def _erase(self, first: int, past: int, leaves: list[bytes], before: datetime) -> int:
        async with self.connection.transaction():
            erased = await erase_all(self.connection, leaves) if leaves else 0
            await self.connection.execute(
                "INSERT INTO retention_state (log, class, next_index) VALUES ($1, $2, $3)"
                " ON CONFLICT (log, class) DO UPDATE SET next_index = excluded.next_index,"
                " purged_at = now()",
                self.origin,
                self.rule.kind,
                past,
            )
            if erased:
                detail = {
                    "class": self.rule.kind,
                    "before": before.date().isoformat(),
                    "months": self.rule.months,
                    "source": self.rule.source,
                    "firstIndex": first,
                    "lastIndex": past - 1,
                    "erased": erased,
                }
                await append_event(
                    self.connection, self.origin, self.node, "RETENTION_PURGE", detail
                )
        return erased


async def _destroy_keys(
    connection: Connection,
    origin: str,
    node: str,
    secrets: KeyFolder,
    rules: list[RetentionRule],
    today: date,
    dry_run: bool,
) -> list[str]:
    """Destroy the keys of months older than every rule of which nothing is kept any more."""
    oldest = min((rule.cutoff(today) for rule in rules), default=None)
    if oldest is None:
        return []
    months = [
        name.removeprefix("evidence-")
        for name in secrets.names("evidence-*")
        if name < f"evidence-{oldest:%Y-%m}"
    ]
    kept = await connection.fetch(
        "SELECT DISTINCT month FROM evidence WHERE month = ANY ($1) AND wrapped_key IS NOT NULL",
        months,
    )
    gone = sorted(set(months) - {row["month"] for row in kept})
    if gone and not dry_run:
        detail = {"before": oldest.date().isoformat(), "monthKeys": gone}
        async with connection.transaction():
            await append_event(connection, origin, node, "RETENTION_PURGE", detail)
        for month in gone:
            secrets.destroy(f"evidence-{month}")
    return gone
