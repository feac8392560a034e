"""The closure as it was known at a past time 知悉时点: from the versions that the store keeps.

Of each relation the greatest statement recorded by then counts; shares are derived from amounts
with the registered capital that was known then, as intake derives them. What is withdrawn since
is not shown: a reader sees today what may be shown today.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from fractions import Fraction
from typing import Any, Protocol
from uuid import UUID

from graph.closure import (
    MAX_NODES,
    Agreement,
    Closure,
    Office,
    concerts_among,
    with_concerts,
)
from graph.control import Spread
from graph.holding import Basis, Company, Statement, together
from graph.layout import EdgeKind
from graph.snapshot.column import FIRMS, HOME, IS_PARTNERSHIP, PARTNERSHIP, STATE_ORGAN
from graph.snapshot.mask import shows_all_holders
from graph.walk import Limit, Truncation

# As `store.relation.derive_shares`: rounded to 12 places, within 0.05 % of a stated share.
_SHARE = """
CASE WHEN a.share_stated IS NULL OR abs(a.derived - a.share_stated) <= 0.0005
     THEN coalesce(a.derived, a.share_stated) ELSE a.share_stated END
"""
_STATEMENTS = f"""
WITH told AS (
    SELECT DISTINCT ON (v.relation_id) v.relation_id, v.subject_id, v.status, v.content
      FROM relation_version v
     WHERE v.subject_id = ANY($1::uuid[]) AND v.direction = '{{direction}}'
       AND v.recorded_from <= $2 AND v.content ->> 'kind' = ANY($4::text[])
     ORDER BY v.relation_id, v.stamp DESC, v.batch_sha DESC, v.line_no DESC
), stated AS (
    SELECT t.relation_id, r.subject_id, r.other_id, r.kind, r.origin_region, r.class,
           (t.content ->> 'share_stated')::numeric AS share_stated,
           coalesce((t.content ->> 'share_min')::numeric, 0) AS share_min,
           coalesce((t.content ->> 'share_max')::numeric, 1) AS share_max,
           (t.content ->> 'subscribed')::numeric AS subscribed,
           (t.content ->> 'paid')::numeric AS paid, t.content ->> 'share_class' AS share_class,
           t.content ->> 'position' AS position,
           CASE WHEN (t.content ->> 'subscribed')::numeric > 0
                 AND c.capital >= (t.content ->> 'subscribed')::numeric
                 AND coalesce(t.content ->> 'currency', 'CNY') = coalesce(c.currency, 'CNY')
                THEN trim_scale(round((t.content ->> 'subscribed')::numeric / c.capital, 12))
           END AS derived
      FROM told t
      JOIN relation r USING (relation_id, subject_id)
      LEFT JOIN LATERAL (
        SELECT o.capital, o.currency
          FROM stated_capital o
         WHERE o.subject_id = CASE r.direction WHEN 'IN' THEN r.subject_id ELSE r.other_id END
           AND o.recorded_from <= $2
         ORDER BY o.stamp DESC, o.batch_sha DESC, o.line_no DESC LIMIT 1
      ) c ON r.kind = 'HOLDS'
     WHERE t.status = 'VALID' AND r.direction = '{{direction}}' AND r.status = 'VALID'
       AND coalesce((t.content ->> 'valid_from')::date <= $3, true)
       AND coalesce($3 < (t.content ->> 'valid_to')::date, true)
       AND r.class = ANY($5::text[])
       AND ($6::text[] IS NULL OR r.class = 'O' OR EXISTS (SELECT FROM organisation d
            WHERE d.subject_id IN (r.subject_id, r.other_id) AND d.region_id = ANY($6)))
)
SELECT a.relation_id, a.subject_id, a.other_id, a.kind, a.origin_region, {_SHARE} AS share,
       a.share_min, a.share_max, a.subscribed, a.paid, a.share_class, a.position
  FROM stated a
"""
_SUBJECTS = f"""
SELECT s.subject_id, s.category, coalesce({HOME}, '') AS home,
       left(o.uscc, 2) = '11' OR o.entity_type = '机关' AS state,
       {IS_PARTNERSHIP} AS partnership
  FROM subject s LEFT JOIN organisation o USING (subject_id)
 WHERE s.subject_id = ANY($1::uuid[])
"""


class Fetch(Protocol):
    """Reads rows of the store."""

    def __call__(self, sql: str, values: Sequence[Any], /) -> Awaitable[Sequence[Any]]: ...


class KnownClosure:
    """Gathers a closure as known at `at`, of relations in force on `day`.

    `classes` and `categories` are those of the caller's scope, `barred` subjects are not there;
    of what is not open, what touches the `regions` of its district is, None for all.
    """

    def __init__(
        self,
        fetch: Fetch,
        at: dt.datetime,
        day: dt.date,
        classes: Collection[str],
        kinds: Collection[str],
        categories: Collection[str] | None,
        barred: Collection[UUID],
        agreements: Collection[Agreement] = (),
        regions: Collection[str] | None = None,
    ) -> None:
        self._fetch = fetch
        self._at, self._day = at, day
        self._classes, self._kinds = sorted(classes), frozenset(kinds)
        self._categories, self._barred = categories, frozenset(barred)
        self._agreements = agreements
        self._regions = None if regions is None else sorted(regions)
        self._whole = shows_all_holders(classes, categories, regions, barred)
        self._numbers: dict[UUID, int] = {}
        self._about: list[tuple[str, int, str]] = []
        self._statements: dict[UUID, Statement] = {}
        self._offices: dict[UUID, Office] = {}
        self._truncated: set[Truncation] = set()

    async def owners(self, start: UUID, levels: int | None) -> Closure:
        """Whoever holds a firm, whoever holds those, …"""
        await self._meet([start])
        frontier, level = [start], 0
        while frontier:
            if levels is not None and level == levels:
                if any(self._about[self._numbers[id_]][0] in FIRMS for id_ in frontier):
                    self._truncated.add(Truncation(level + 1, Limit.LEVELS))
                break
            rows = await self._read("IN", frontier, EdgeKind.HOLDS)
            frontier = await self._meet([row["other_id"] for row in rows])
            self._state(rows)
            level += 1
            if len(self._numbers) > MAX_NODES:
                self._truncated.add(Truncation(level, Limit.NODES))
                break
        await self._represent(self._numbers)
        return self._closure()

    async def controlled(
        self, start: UUID, levels: int | None, closed: Callable[[str], Limit | None]
    ) -> Closure:
        """What a subject controls or might, with all holdings in what it touches."""
        await self._meet([start])
        spread = Spread([0])
        frontier, walked, met, level = [start], {start}, set[UUID](), 0
        while frontier:
            if levels is not None and level == levels:
                self._truncated.add(Truncation(level + 1, Limit.LEVELS))
                break
            reasons = {closed(self._about[self._numbers[id_]][0]) for id_ in frontier} - {None}
            if level and reasons:
                self._truncated.update(Truncation(level + 1, r) for r in reasons if r)
                break
            companies = sorted(await self._companies(frontier) - met)
            met.update(companies)
            await self._meet(companies)
            rows = await self._read("IN", companies, EdgeKind.HOLDS)
            await self._meet([row["other_id"] for row in rows])
            self._state(rows)
            await self._represent(companies)
            level += 1
            if len(self._numbers) > MAX_NODES:
                self._truncated.add(Truncation(level, Limit.NODES))
                break
            ids = list(self._numbers)
            stated = [self._statements[row["relation_id"]] for row in rows]
            votes = together(stated, self._firms(companies), Basis.VOTES)
            under = spread.learn(
                votes, concerts_among(self._agreements, ids) if self._agreements else ()
            )
            frontier = sorted({ids[number] for number in under} - walked)
            walked.update(frontier)
        return self._closure()

    async def offices(self, firms: Sequence[UUID]) -> Closure:
        """What was gathered, with those who represent and manage these firms."""
        for kind in (EdgeKind.LEGAL_REP_OF, EdgeKind.OFFICER_OF):
            rows = await self._read("IN", firms, kind)
            await self._meet([row["other_id"] for row in rows])
            self._hold_office(rows)
        return self._closure()

    async def _companies(self, holders: Sequence[UUID]) -> set[UUID]:
        """The firms in which these hold something, and the partnerships that they represent."""
        found = {row["other_id"] for row in await self._read("OUT", holders, EdgeKind.HOLDS)}
        led = await self._read("OUT", holders, EdgeKind.LEGAL_REP_OF)
        firms = sorted({row["other_id"] for row in led} - found)
        about = await self._fetch(_SUBJECTS, [firms]) if firms else ()
        return found | {row["subject_id"] for row in about if row["partnership"]}

    def _firms(self, ids: Collection[UUID]) -> dict[int, Company]:
        """What decides how votes in these firms count."""
        numbers = {self._numbers[id_] for id_ in ids}
        managers: dict[int, list[int]] = {}
        for one in self._offices.values():
            if one.kind is EdgeKind.LEGAL_REP_OF and one.firm in numbers:
                managers.setdefault(one.firm, []).append(one.person)
        found = {}
        for number in numbers:
            _, traits, home = self._about[number]
            led = tuple(managers.get(number, ()))
            found[number] = Company(home, bool(traits & PARTNERSHIP), led, self._whole)
        return found

    async def _represent(self, ids: Iterable[UUID]) -> None:
        firms = [id_ for id_ in ids if self._about[self._numbers[id_]][1] & PARTNERSHIP]
        if firms:
            rows = await self._read("IN", firms, EdgeKind.LEGAL_REP_OF)
            await self._meet([row["other_id"] for row in rows])
            self._hold_office(rows)

    async def _read(self, direction: str, ids: Sequence[UUID], kind: EdgeKind) -> list[Any]:
        if not ids or kind not in self._kinds:
            return []
        sql = _STATEMENTS.format(direction=direction)
        asked = [list(ids), self._at, self._day, [str(kind)], self._classes, self._regions]
        rows = await self._fetch(sql, asked)
        seen = [
            row
            for row in rows
            if row["subject_id"] not in self._barred and row["other_id"] not in self._barred
        ]
        if self._categories is None:
            return seen
        about = await self._fetch(_SUBJECTS, [[row["other_id"] for row in seen]])
        open_ = {row["subject_id"] for row in about if row["category"] in self._categories}
        return [row for row in seen if row["other_id"] in open_]

    async def _meet(self, ids: Sequence[UUID]) -> list[UUID]:
        new = sorted(set(ids) - self._numbers.keys())
        if new:
            about = {row["subject_id"]: row for row in await self._fetch(_SUBJECTS, [new])}
            for id_ in new:
                row = about.get(id_)
                traits = 0
                if row is not None:
                    traits = STATE_ORGAN * bool(row["state"]) | PARTNERSHIP * bool(
                        row["partnership"]
                    )
                self._numbers[id_] = len(self._numbers)
                self._about.append(
                    (row["category"] if row else "LEGAL_ENTITY", traits, row["home"] if row else "")
                )
        return new

    def _state(self, rows: Sequence[Any]) -> None:
        for row in rows:
            share = row["share"]
            self._statements[row["relation_id"]] = Statement(
                row["relation_id"],
                self._numbers[row["other_id"]],
                self._numbers[row["subject_id"]],
                row["origin_region"],
                Fraction(row["share_min"] if share is None else share),
                Fraction(row["share_max"] if share is None else share),
                row["share_class"] or "",
                None if row["subscribed"] is None else Fraction(row["subscribed"]),
                None if row["paid"] is None else Fraction(row["paid"]),
            )

    def _hold_office(self, rows: Sequence[Any]) -> None:
        for row in rows:
            self._offices[row["relation_id"]] = Office(
                row["relation_id"],
                EdgeKind(row["kind"]),
                self._numbers[row["other_id"]],
                self._numbers[row["subject_id"]],
                row["position"] or "",
            )

    def _closure(self) -> Closure:
        statements = sorted(
            self._statements.values(), key=lambda one: (one.company, one.holder, one.origin, one.id)
        )
        found = Closure(
            position="",
            snapshot="",
            ids=tuple(self._numbers),
            categories=tuple(category for category, _, _ in self._about),
            traits=tuple(traits for _, traits, _ in self._about),
            homes=tuple(home for _, _, home in self._about),
            statements=tuple(statements),
            offices=tuple(sorted(self._offices.values(), key=lambda one: one.id)),
            truncated=tuple(sorted(self._truncated)),
            whole=self._whole,
        )
        return with_concerts(found, self._agreements)
