"""The after-review at work: the rules look at the index as it grows, each entry once.

What is found stands in `access_finding`; a second sign of the same matter adds to the finding.
Position, counts and findings change in one transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import asyncpg

from security.access_index import LATER
from security.finding import Access, Rule, Rules, Watch, signs, too_many, too_much
from security.review_queue import KEPT_INDEXES, Deadline, NewFinding, record_finding

BATCH = 512
_BREATH = 64  # entries that are looked at in one go: half a millisecond
_BASELINE = timedelta(days=28)
_SEEN_DAYS = 40

_BEGIN = """
INSERT INTO review_position (log_id, version)
SELECT log_id, $2 FROM indexed_log WHERE origin = $1 ON CONFLICT DO NOTHING
"""
_POSITION = """
SELECT p.log_id, p.size, l.size AS indexed
  FROM review_position p JOIN indexed_log l USING (log_id) WHERE l.origin = $1 AND p.version = $2
"""
_ADVANCE = """
UPDATE review_position SET size = $4 WHERE log_id = $1 AND version = $2 AND size = $3 RETURNING true
"""
_ENTRIES = """
SELECT index, leaf, time, kind, caller, role, unit, actor, purpose, case_number, decision, subjects,
       persons, records, missing
  FROM access_index WHERE log_id = $1 AND index >= $2 AND index < $3 ORDER BY index
"""
_WATCHED = """
SELECT s.audit_ref, NULL AS caller, NULL AS subject_id
  FROM vip_subject v JOIN subject o USING (subject_id)
  JOIN subject s ON s.subject_id IN (o.subject_id, o.merged_into)
UNION ALL
SELECT s.audit_ref, b.caller_id, s.subject_id
  FROM caller_barred b JOIN subject o USING (subject_id)
  JOIN subject s ON s.subject_id IN (o.subject_id, o.merged_into)
UNION ALL
SELECT s.audit_ref, c.id, NULL FROM caller c
  JOIN identifier i ON i.value = c.unit_uscc AND i.scheme = 'uscc'
  JOIN subject s ON s.subject_id = i.subject_id
"""
_CODES = "SELECT value, scheme FROM identifier WHERE subject_id = $1 AND is_open"
_TOUCHED = """
SELECT DISTINCT leaf, audit_ref FROM access_subject, unnest(audit_refs) AS audit_ref
 WHERE leaf = ANY ($1::bytea[]) AND audit_ref = ANY ($2::bytea[])
"""
_PEOPLE = """
SELECT DISTINCT a.leaf, ref AS audit_ref, p.name
  FROM access_subject a, unnest(a.audit_refs) AS ref
  JOIN subject s ON s.audit_ref = ref AND s.category = 'NATURAL_PERSON'
  LEFT JOIN person p USING (subject_id)
 WHERE a.leaf = ANY ($1::bytea[])
"""
_SEE = """
WITH given AS (
    SELECT DISTINCT * FROM unnest($1::date[], $2::text[], $3::text[], $4::bytea[])
        AS g (day, rule, who, value)
), added AS (
    INSERT INTO access_seen (day, rule, who, value) SELECT * FROM given
    ON CONFLICT DO NOTHING RETURNING day, rule, who
)
SELECT DISTINCT day, rule, who FROM added
"""
_SEEN = "SELECT count(*) FROM access_seen WHERE day = $1 AND rule = $2 AND who = $3"
_HOUR = """
SELECT sum(subjects)::bigint FROM access_hour
 WHERE log_id = $1 AND caller = $2 AND hour = $3 AND decision = 'ALLOWED'
"""
_MEAN = """
SELECT avg(subjects)::float8
  FROM (SELECT sum(subjects) AS subjects FROM access_hour
         WHERE log_id = $1 AND caller = $2 AND hour < $3 AND hour >= $4 AND decision = 'ALLOWED'
         GROUP BY hour) hours
"""


@dataclass(slots=True)
class Found:
    """A finding as one batch adds to it."""

    rule: Rule
    key: str
    first: Access
    last: Access
    indexes: list[int] = field(default_factory=list)
    signs: int = 0
    detail: dict[str, object] = field(default_factory=dict)

    def add(self, access: Access) -> None:
        self.last = access
        self.signs += 1
        if len(self.indexes) < KEPT_INDEXES:
            self.indexes.append(access.index)


def gather(
    found: dict[tuple[Rule, str], Found], accesses: Iterable[Access], watch: Watch, rules: Rules
) -> None:
    """Add the signs of accesses to findings by rule and key."""
    for access in accesses:
        for sign in signs(access, watch, rules):
            one = found.setdefault(
                (sign.rule, sign.key), Found(sign.rule, sign.key, access, access)
            )
            one.add(access)


@dataclass(frozen=True, slots=True)
class AfterReview:
    """Applies `rules` to the index of the log named `origin`.

    `missing` gives the HMAC under which the node logs a code that it did not show.
    """

    pool: asyncpg.Pool[Any]
    origin: str
    rules: Rules
    missing: Callable[[str], str]
    deadline: Deadline

    async def advance(self) -> int:
        """Look at up to 512 entries that the rules have not seen; gives their number."""
        position = await self.pool.fetchrow(_POSITION, self.origin, self.rules.version)
        if position is None:
            await self.pool.execute(_BEGIN, self.origin, self.rules.version)
            return 0
        log_id, start = position["log_id"], position["size"]
        end = min(start + BATCH, position["indexed"])
        if start >= end:
            return 0
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.execute(LATER)
            if not await connection.fetchval(_ADVANCE, log_id, self.rules.version, start, end):
                return 0
            rows = await connection.fetch(_ENTRIES, log_id, start, end)
            watch = await self._watch(connection)
            accesses = await _accesses(connection, rows, watch, self.rules)
            found: dict[tuple[Rule, str], Found] = {}
            for at in range(0, len(accesses), _BREATH):
                gather(found, accesses[at : at + _BREATH], watch, self.rules)
                await asyncio.sleep(0)  # the process answers meanwhile
            await self._count(connection, log_id, accesses, found)
            for one in found.values():
                await self._keep(connection, log_id, one)
        return int(end - start)

    async def _watch(self, connection: Any) -> Watch:
        vip: set[bytes] = set()
        own: dict[str, set[bytes]] = {}
        hidden: dict[str, set[str]] = {}
        for row in await connection.fetch(_WATCHED):
            if row["caller"] is None:
                vip.add(row["audit_ref"])
                continue
            own.setdefault(row["caller"], set()).add(row["audit_ref"])
            if row["subject_id"] is not None:
                codes = hidden.setdefault(row["caller"], set())
                for code in await connection.fetch(_CODES, row["subject_id"]):
                    codes.add(self.missing(code["value"]))
                    codes.add(self.missing(f"{code['scheme']}:{code['value']}"))
        return Watch(
            frozenset(vip),
            {caller: frozenset(refs) for caller, refs in own.items()},
            {caller: frozenset(codes) for caller, codes in hidden.items()},
        )

    async def _count(
        self,
        connection: Any,
        log_id: int,
        accesses: Sequence[Access],
        found: dict[tuple[Rule, str], Found],
    ) -> None:
        """The counted rules: different persons and probes of a day, subjects of an hour."""
        latest: dict[tuple[str, date, str], Access] = {}
        seen: list[tuple[date, str, str, bytes]] = []
        hours: dict[tuple[str, datetime], Access] = {}
        for access in accesses:
            day = access.time.astimezone(self.rules.zone).date()
            for rule, values in (
                (Rule.PERSONS, access.people),
                (Rule.PROBING, frozenset(one.encode() for one in access.missing)),
            ):
                if values and access.role != "PUB":
                    latest[rule.value, day, access.clerk] = access
                    seen += [(day, rule.value, access.clerk, value) for value in values]
            if access.subjects and access.decision == "ALLOWED" and access.caller:
                hours[access.caller, access.time.replace(minute=0, second=0, microsecond=0)] = (
                    access
                )
        if seen:
            for row in await connection.fetch(_SEE, *map(list, zip(*seen, strict=True))):
                different = await connection.fetchval(_SEEN, row["day"], row["rule"], row["who"])
                access, rule = latest[row["rule"], row["day"], row["who"]], Rule(row["rule"])
                if too_many(rule, different, access.role, self.rules):
                    one = Found(rule, f"{row['day']}|{row['who']}", access, access)
                    one.add(access)
                    one.detail = {"different": different}
                    found[rule, one.key] = one
        for (caller, hour), access in hours.items():
            subjects = await connection.fetchval(_HOUR, log_id, caller, hour) or 0
            if subjects < min(self.rules.own_floor, self.rules.subjects_per_hour):
                continue
            mean = await connection.fetchval(_MEAN, log_id, caller, hour, hour - _BASELINE)
            if too_much(subjects, mean, access.role, self.rules):
                one = Found(Rule.VOLUME, f"{hour.isoformat()}|{caller}", access, access)
                one.add(access)
                one.detail = {"subjects": subjects, "ownMean": round(mean or 0)}
                found[Rule.VOLUME, one.key] = one

    async def _keep(self, connection: Any, log_id: int, one: Found) -> None:
        who = one.first
        await record_finding(
            connection,
            NewFinding(
                rule=one.rule,
                version=self.rules.version,
                key=f"{self.origin}|{one.key}",  # the places of one finding are of one log
                caller=who.caller,
                actor=who.actor,
                unit=who.unit,
                log_id=log_id,
                indexes=tuple(one.indexes),
                signs=one.signs,
                detail=one.detail,
                first_time=one.first.time,
                last_time=one.last.time,
                deadline=self.deadline(datetime.now(self.rules.zone).date()),
            ),
        )

    async def tidy(self) -> None:
        """Forget the counts of days that no entry can reach any more."""
        oldest = datetime.now(self.rules.zone).date() - timedelta(days=_SEEN_DAYS)
        await self.pool.execute("DELETE FROM access_seen WHERE day < $1", oldest)


async def _accesses(
    connection: Any, rows: Sequence[Mapping[str, Any]], watch: Watch, rules: Rules
) -> list[Access]:
    """The entries of a batch with the watched subjects and the persons that they disclosed."""
    leaves = [row["leaf"] for row in rows if row["subjects"]]
    watched = sorted(watch.vip.union(*watch.own.values()))
    touched: dict[bytes, set[bytes]] = {}
    if leaves and watched:
        for row in await connection.fetch(_TOUCHED, leaves, watched):
            touched.setdefault(row["leaf"], set()).add(row["audit_ref"])
    people: dict[bytes, dict[bytes, str]] = {}
    with_persons = [row["leaf"] for row in rows if row["persons"] and row["role"] != "PUB"]
    if with_persons:
        for row in await connection.fetch(_PEOPLE, with_persons):
            people.setdefault(row["leaf"], {})[row["audit_ref"]] = row["name"] or ""
    found = []
    for at, row in enumerate(rows):
        if at % _BREATH == 0:
            await asyncio.sleep(0)
        named = people.get(row["leaf"], {})
        few = len(named) <= rules.surname_persons
        found.append(
            Access(
                index=row["index"],
                time=row["time"],
                caller=row["caller"],
                role=row["role"],
                unit=row["unit"],
                actor=row["actor"],
                purpose=row["purpose"],
                case=row["case_number"],
                decision=row["decision"],
                kind=row["kind"],
                subjects=row["subjects"],
                records=row["records"],
                missing=tuple(row["missing"] or ()),
                watched=frozenset(touched.get(row["leaf"], ())),
                people=frozenset(named),
                surnames=frozenset(n[:1] for n in named.values() if n) if few else frozenset(),
            )
        )
    return found
