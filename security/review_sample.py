"""The weekly sample: which entries of a week are reviewed, drawn so that nobody can choose.

The seed is SHA-256 of `xinqiao weekly sample v1`, the log's origin, the ISO week, the size and the
root of the log when the week had ended, each line ended by 0A. Each entry of the week draws
SHA-256(seed ‖ its place as 8 bytes big-endian); the smallest are the sample. Whoever has the log
draws it again. Source: access rules §5.3 (5 % per week).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from hashlib import sha256
from heapq import nsmallest
from math import ceil
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg

from security.errors import LogError
from security.event import append_event
from security.finding import Rule, Rules
from security.review_queue import Deadline, NewFinding, record_finding
from security.sealed_entry import LogFiles
from security.tlog.reader import TileReader


def seed_of(origin: str, week: str, size: int, root: bytes) -> bytes:
    """The seed of a week's sample; `root` is the log's at `size`."""
    text = f"xinqiao weekly sample v1\n{origin}\n{week}\n{size}\n{root.hex()}\n"
    return sha256(text.encode()).digest()


def draw(seed: bytes, places: Iterable[int], population: int, share: float) -> list[int]:
    """The sample of the places, ascending: `share` of the `population` of them, rounded up."""
    return sorted(
        nsmallest(
            ceil(share * population),
            places,
            key=lambda place: sha256(seed + place.to_bytes(8, "big")).digest(),
        )
    )


def week_of(day: date) -> str:
    """The ISO 8601 week of a day, as `2026-W27`."""
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02}"


def bounds(week: str, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """When a week begins and ends, Monday 0:00 in the zone."""
    year, _, number = week.partition("-W")
    monday = date.fromisocalendar(int(year), int(number), 1)
    begin, end = monday, monday + timedelta(days=7)
    return (
        datetime.combine(begin, time(), tzinfo=zone),
        datetime.combine(end, time(), tzinfo=zone),
    )


_LAST = """
SELECT max(index) FROM access_index i WHERE i.log_id = $1 AND i.time < $2
   AND i.index < (SELECT (max(span) + 1) * 4096 FROM access_span
                   WHERE log_id = $1 AND earliest < $2)
   AND i.index >= (SELECT min(span) * 4096 FROM access_span WHERE log_id = $1 AND latest >= $3)
"""
_BEGUN = "SELECT min(time) FROM access_index WHERE log_id = $1 AND index = 0"
_PLACES = """
SELECT index FROM access_index
 WHERE log_id = $1 AND index >= $2 AND index < $3 AND caller <> '' AND role <> ALL ($4::text[])
"""
_DRAWN = """
INSERT INTO access_sample (log_id, week, first, size, root, seed, population, chosen)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING true
"""
_CHOSEN = "SELECT * FROM access_index WHERE log_id = $1 AND index = ANY ($2::bigint[])"


@dataclass(frozen=True, slots=True)
class WeeklySample:
    """Draws the sample of each week of a log, once."""

    pool: asyncpg.Pool[Any]
    log: LogFiles
    audit: str  # the log that says what was drawn
    node: str
    rules: Rules
    deadline: Deadline

    async def draw(self, now: datetime) -> str | None:
        """Draw the earliest week that has ended and was not drawn; gives its name.

        A week is drawn when the index holds an entry of a later week, so that the log's root at
        its end is known to be final; the last week of an ended log when it is over. Of a log whose
        files are lost nothing is drawn.
        """
        log = await self.pool.fetchrow(
            "SELECT log_id, size FROM indexed_log WHERE origin = $1", self.log.origin
        )
        if log is None or not log["size"]:
            return None
        zone, log_id = self.rules.zone, log["log_id"]
        last = await self.pool.fetchrow(
            "SELECT week, size FROM access_sample WHERE log_id = $1 ORDER BY size DESC, week DESC"
            " LIMIT 1",
            log_id,
        )
        if last is None:
            begun = await self.pool.fetchval(_BEGUN, log_id)
            week, first = week_of(begun.astimezone(zone).date()), 0
        else:
            begin, end = bounds(last["week"], zone)
            week, first = week_of(end.date()), last["size"]
        begin, end = bounds(week, zone)
        later = await self.pool.fetchval(
            "SELECT EXISTS (SELECT FROM access_span WHERE log_id = $1 AND latest >= $2)",
            log_id,
            end,
        )
        if now < end or not (later or (self.log.ended and first < log["size"])):
            return None
        highest = await self.pool.fetchval(_LAST, log_id, end, begin)
        size = max(first, 0 if highest is None else highest + 1)
        try:
            root = await asyncio.to_thread(TileReader(self.log.directory).root, size)
        except LogError:
            if self.log.ended:
                return None
            raise
        await self._draw(log_id, week, (first, size, root), end)
        return week

    async def _draw(
        self, log_id: int, week: str, part: tuple[int, int, bytes], end: datetime
    ) -> None:
        first, size, root = part
        seed = seed_of(self.log.origin, week, size, root)
        rows = await self.pool.fetch(
            _PLACES, log_id, first, size, sorted(self.rules.sample_excepted)
        )
        places = [row["index"] for row in rows]
        chosen = await asyncio.to_thread(draw, seed, places, len(places), self.rules.sample_share)
        async with self.pool.acquire() as connection, connection.transaction():
            if not await connection.fetchval(
                _DRAWN, log_id, week, first, size, root, seed, len(places), len(chosen)
            ):
                return
            for row in await connection.fetch(_CHOSEN, log_id, chosen):
                await record_finding(
                    connection,
                    NewFinding(
                        rule=Rule.SAMPLE,
                        version=self.rules.version,
                        key=f"{self.log.origin}|{row['index']}",
                        caller=row["caller"],
                        actor=row["actor"],
                        unit=row["unit"],
                        log_id=log_id,
                        indexes=(row["index"],),
                        detail={"week": week},
                        first_time=row["time"],
                        last_time=row["time"],
                        deadline=self.deadline(end.date()),
                    ),
                )
            await append_event(
                connection,
                self.audit,
                self.node,
                "REVIEW_SAMPLE",
                {
                    "log": self.log.origin,
                    "week": week,
                    "first": first,
                    "size": size,
                    "root": root.hex(),
                    "seed": seed.hex(),
                    "population": len(places),
                    "chosen": len(chosen),
                    "rules": self.rules.version,
                },
            )
