"""A question about a subject's owners or what it controls: gathered, rechecked, told.

Every relation that enters a figure is one that the store shows the caller now; what is hidden
joins the unknown remainder, and nothing tells that it is there (access rules §7, X29).
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import Any, Protocol
from uuid import UUID

from graph.closure import (
    Agreement,
    Closure,
    control_closure,
    merged,
    owners_closure,
    with_concerts,
    with_offices,
)
from graph.errors import GraphTooLarge, GraphUnavailable
from graph.holding import Finding, Holding, Holdings, Statement
from graph.known import KnownClosure
from graph.snapshot.mask import Mask, View
from graph.snapshot.view import Snapshot
from graph.walk import Truncation
from resolvers.answer import Disclosure, distinct
from resolvers.concert import agreements_seen
from resolvers.context import Call
from resolvers.errors import QuestionError
from resolvers.graph_answer import Parties, truncated_value
from resolvers.graph_scope import (
    barred_now,
    categories,
    classes,
    closed,
    demand_search,
    district_now,
    given_to,
    subject_asked,
)
from resolvers.reading import fetch
from resolvers.statement import Selected
from resolvers.statement import Statement as Sql
from resolvers.visibility import relation_visible

FULL_HOPS = 4  # a role that searches this far asks for owners and controllers without limit
MAX_ROWS = 1_000
_PLACES = Decimal(1).scaleb(-18)
_WIDE = Context(prec=60, rounding=ROUND_HALF_EVEN)
_KINDS = ("HOLDS", "LEGAL_REP_OF", "OFFICER_OF")

Number = Fraction | float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the store shows of a relation now."""

    valid_from: dt.date | None
    valid_to: dt.date | None
    low: Fraction | None
    high: Fraction | None


class Gathered(Protocol):
    """What was gathered to answer: subjects by number, at a position."""

    @property
    def ids(self) -> Sequence[UUID] | Mapping[int, UUID]: ...
    @property
    def position(self) -> str: ...
    @property
    def snapshot(self) -> str: ...
    @property
    def truncated(self) -> tuple[Truncation, ...]: ...


@dataclass(slots=True)
class Question:
    """A question about one subject, at a day and perhaps as known at a time."""

    statement: Sql
    selected: Selected
    call: Call
    given: Mapping[str, Any]
    start: UUID
    day: dt.date
    known_at: dt.datetime | None
    barred: frozenset[UUID]  # whom the caller may not meet
    regions: frozenset[str] | None  # of the caller's district
    evidence: dict[UUID, Evidence] = field(default_factory=dict)
    agreements: tuple[Agreement, ...] = ()
    _view: View | None = None

    @property
    def levels(self) -> int | None:
        """How many steps the role follows, None for all."""
        hops = self.statement.scope.row.hops
        return None if hops >= FULL_HOPS else hops

    def first(self) -> int:
        """How many rows are asked for. Raises QuestionError BUDGET_LIMIT."""
        first: int = self.given["first"]
        if not 1 <= first <= MAX_ROWS:
            raise QuestionError("BUDGET_LIMIT", f"first is 1 to {MAX_ROWS}")
        return first

    async def owners(self, offices_of: Iterable[int] = ()) -> Closure:
        """The subject and whoever holds it, through others too; with officers of some firms."""
        if self.known_at is not None:
            known = self._known(self.known_at)
            closure = await known.owners(self.start, self.levels)
            if offices_of:
                closure = await known.offices([closure.ids[n] for n in offices_of])
            return await self.seen(closure)
        view, place = self.view()
        closure = await asyncio.to_thread(owners_closure, view, place, levels=self.levels)
        if offices_of:
            closure = with_offices(view, closure, offices_of)
        return await self.seen(closure)

    async def controlled(self, start: UUID | None = None) -> Closure:
        """A subject and what it may control, with whoever else holds that."""
        from_ = start or self.start
        if self.known_at is not None:
            limits = closed(self.statement, self.call)
            known = self._known(self.known_at)
            return await self.seen(await known.controlled(from_, self.levels, limits.get))
        view, place = self.view(from_)
        closure = await asyncio.to_thread(
            control_closure, view, [place], levels=self.levels, agreements=self.agreements
        )
        return await self.seen(closure)

    async def with_controlled(self, closure: Closure, starts: Sequence[UUID]) -> Closure:
        """The closure with what each of these subjects may control, checked in the store at once.

        As things are known now.
        """
        view = self.scoped()
        places = places_of(view, starts)

        def gathered() -> Closure:
            below = control_closure(view, places, levels=self.levels, agreements=self.agreements)
            return merged([closure, below])

        return await self.seen(await asyncio.to_thread(gathered))

    def view(self, start: UUID | None = None) -> tuple[View, int]:
        """The snapshot in the caller's scope, and the place of the subject in it.

        Raises QuestionError GRAPH_UNAVAILABLE.
        """
        view = self.scoped()
        return view, places_of(view, [start or self.start])[0]

    def scoped(self) -> View:
        """The snapshot in the caller's scope, one for the whole question whatever comes meanwhile.

        Raises QuestionError GRAPH_UNAVAILABLE.
        """
        if self._view is not None:
            return self._view
        statement, call = self.statement, self.call
        snapshot = current_snapshot(call)
        row = statement.scope.row
        barred = snapshot.places_of(sorted(self.barred))
        mask = Mask(
            day=self.day,
            kinds=row.relations,
            classes=classes(row),
            categories=categories(statement),
            closed=closed(statement, call),
            barred=tuple(barred[barred >= 0].tolist()),
            regions=self.regions,
        )
        self._view = View(snapshot, mask)
        return self._view

    def _known(self, at: dt.datetime) -> KnownClosure:
        statement, pool = self.statement, self.call.context.pool
        row = statement.scope.row

        async def read(sql: str, values: Sequence[Any]) -> Sequence[Any]:
            return await fetch(pool, sql, values)

        return KnownClosure(
            read,
            at,
            self.day,
            classes(row),
            row.relations,
            categories(statement),
            self.barred,
            self.agreements,
            self.regions,
        )

    async def seen(self, closure: Closure) -> Closure:
        """The closure without what the store does not show the caller."""
        seen = await self._shown(closure.relation_ids)
        self.evidence.update(seen)
        exact = {
            id_: (seen[id_].low or Fraction(0), seen[id_].high or Fraction(1))
            for id_ in closure.inexact
            if id_ in seen
        }
        return self.concerted(closure.only(seen.keys(), exact))

    def concerted(self, closure: Closure) -> Closure:
        """The closure with the agreements to act in concert that the caller may see."""
        return with_concerts(closure, self.agreements)

    async def _shown(self, ids: Sequence[UUID]) -> dict[UUID, Evidence]:
        rows = await self.rows_seen(
            ids, _KINDS, "e.relation_id, e.valid_from, e.valid_to, e.share_min, e.share_max"
        )
        return {
            row[0]: Evidence(row[1], row[2], _fraction(row[3]), _fraction(row[4])) for row in rows
        }

    async def rows_seen(self, ids: Sequence[UUID], kinds: Sequence[str], columns: str) -> list[Any]:
        """Columns of the relations `e` among these that the store shows the caller."""
        if not ids:
            return []
        check = self.statement.anew(self.call.context.scope)
        bound = check.bind(lambda _: list(ids), "uuid[]")
        allowed = tuple(kind for kind in kinds if kind in self.statement.scope.row.relations)
        visible = relation_visible(check, "e", allowed, walked=True)
        sql, binds = check.finished(
            f"SELECT {columns} FROM relation e WHERE e.relation_id = ANY({bound})"
            f" AND e.direction = 'IN' AND {visible}"
        )
        return await fetch(self.call.context.pool, sql, [bind(self.call) for bind in binds])

    def frame(self, closure: Gathered) -> dict[str, Any]:
        """What every answer says of itself."""
        return {
            "asOf": self.day,
            "knownAt": self.known_at,
            "position": closure.position,
            "snapshot": closure.snapshot or None,
            "truncated": truncated_value(closure.truncated),
        }

    def step(self, keys: Mapping[int, str], one: Holding) -> dict[str, Any]:
        """A holding with the statements behind it."""
        return {
            "holder": keys[one.holder],
            "company": keys[one.company],
            "share": share_range(one.low, one.high),
            "statements": [self._statement(said) for said in (*one.shown, *one.others)],
        }

    def _statement(self, said: Statement) -> dict[str, Any]:
        shown = self.evidence[said.id]
        return {
            "relationId": str(said.id),
            "originRegion": said.origin,
            "shareMin": decimal(said.low),
            "shareMax": decimal(said.high),
            "validFrom": shown.valid_from,
            "validTo": shown.valid_to,
        }

    def wants(self, *names: str) -> bool:
        """Whether the answer's selection goes down these fields."""
        return _selects(self.statement.anew(self.call.context.scope), self.selected, names)


async def asked(
    statement: Sql, selected: Selected, call: Call, *, kind: str = "HOLDS"
) -> Question | str:
    """The question, or what was asked for when there is no such subject to see.

    `kind` is the relation that it cannot do without.

    Raises QuestionError FORBIDDEN, CASE_REQUIRED.
    """
    fresh, given = _given(statement, selected, call, kind)
    subject: str = given["subject"]
    start = await subject_asked(fresh, subject, call)
    if start is None:
        return subject
    question = await _question(fresh, selected, call, given, start)
    if kind == "HOLDS":
        question.agreements = await agreements_seen(
            fresh, call, question.day, question.known_at, question.regions
        )
    return question


async def asked_of(
    statement: Sql, selected: Selected, call: Call, name: str, most: int
) -> tuple[Question, list[UUID], list[str]]:
    """A question about several subjects, those that are to be seen, and what was asked for else.

    `name` is the argument that names them, `most` how many it may name. Raises QuestionError
    BUDGET_LIMIT, FORBIDDEN, CASE_REQUIRED.
    """
    fresh, given = _given(statement, selected, call, "HOLDS")
    asked_for = list(dict.fromkeys(given[name]))
    if not 1 <= len(asked_for) <= most:
        raise QuestionError("BUDGET_LIMIT", f"name 1 to {most} {name}")
    found, missing = dict[UUID, None](), []
    for subject in asked_for:
        start = await subject_asked(fresh, subject, call)
        if start is None:
            missing.append(subject)
        else:
            found[start] = None
    first = next(iter(found), UUID(int=0))
    return await _question(fresh, selected, call, given, first), list(found), missing


def current_snapshot(call: Call) -> Snapshot:
    """The node's newest snapshot of the graph. Raises QuestionError GRAPH_UNAVAILABLE."""
    if call.context.snapshots is None:
        raise QuestionError("GRAPH_UNAVAILABLE", "this node has no graph")
    try:
        return call.context.snapshots.current()
    except GraphUnavailable as error:
        raise QuestionError("GRAPH_UNAVAILABLE", "the graph is being made: try later") from error


def places_of(view: View, ids: Sequence[UUID]) -> list[int]:
    """The places of subjects. Raises QuestionError GRAPH_UNAVAILABLE."""
    places: list[int] = view.snapshot.places_of(ids).tolist()
    if -1 in places:
        raise QuestionError("GRAPH_UNAVAILABLE", "the graph has not come to it: try later")
    return places


def _given(
    statement: Sql, selected: Selected, call: Call, kind: str
) -> tuple[Sql, Mapping[str, Any]]:
    fresh = statement.anew(call.context.scope)
    demand_search(fresh, kind)
    return fresh, given_to(selected, call)


async def _question(
    fresh: Sql, selected: Selected, call: Call, given: Mapping[str, Any], start: UUID
) -> Question:
    day = given.get("asOf") or call.context.today
    barred, regions = await barred_now(fresh, call), await district_now(fresh, call)
    return Question(fresh, selected, call, given, start, day, given.get("knownAt"), barred, regions)


@dataclass(slots=True)
class Shown:
    """The parties of an answer: keys by number, in the order in which they are named."""

    question: Question
    closure: Gathered
    keys: dict[int, str] = field(default_factory=dict)

    def key(self, number: int) -> str:
        """The key of a subject, named from now on."""
        return self.keys.setdefault(number, f"n{len(self.keys)}")

    def step(self, one: Holding) -> dict[str, Any]:
        """A holding, both ends named."""
        self.key(one.company)
        self.key(one.holder)
        return self.question.step(self.keys, one)

    def party(self, number: int) -> dict[str, Any]:
        """What an item about a subject begins with."""
        return {"id": self.closure.ids[number], "key": self.key(number)}

    def findings(self, holdings: Holdings, extra: Mapping[int, Finding]) -> list[dict[str, Any]]:
        """What is to be known of the companies that are named."""
        told = []
        for number in list(self.keys):
            found = set(holdings.findings.get(number, ()))
            if number in extra:
                found.add(extra[number])
            if found:
                told.append({"company": self.keys[number], "findings": sorted(map(str, found))})
        return told

    async def told(
        self,
        value: dict[str, Any],
        rows: int,
        missing: Sequence[str] = (),
        records: Sequence[bytes] = (),
    ) -> tuple[Any, Disclosure]:
        """The answer as the selection wants it, and what it discloses; `missing` was asked for
        and is not to be seen, `records` are shown beside the parties."""
        question = self.question
        parties = Parties.prepare(question.statement, question.selected)
        ids = [self.closure.ids[number] for number in self.keys]
        await parties.read(ids, question.call)
        value["nodes"] = [
            {"id": id_, "key": key} for id_, key in zip(ids, self.keys.values(), strict=True)
        ]
        told = parties.disclosure(rows)
        shown = distinct(told.records + b"".join(records))
        return parties.shape(value), replace(told, records=shown, not_found=tuple(missing))


@contextmanager
def within_budget() -> Iterator[None]:
    """Computation of the graph, whose refusal is that of the question.

    Raises QuestionError BUDGET_LIMIT.
    """
    try:
        yield
    except GraphTooLarge as error:
        raise QuestionError(error.code, error.message) from error


def without(subject: str) -> tuple[None, Disclosure]:
    """The answer about a subject of which there is none to see."""
    return None, Disclosure(not_found=(subject,))


def share_range(low: Number, high: Number) -> dict[str, Any]:
    """A share as the answer shows it."""
    exact = low if isinstance(low, Fraction) else None
    fraction = None if exact is None else str(exact)
    return {"low": decimal(low), "high": decimal(high), "fraction": fraction}


def decimal(value: Number) -> Decimal:
    """A share as a decimal: exact where it ends within 18 places, a double to 12."""
    if isinstance(value, Fraction):
        wide = _WIDE.divide(Decimal(value.numerator), Decimal(value.denominator))
        return wide.quantize(_PLACES, context=_WIDE)
    return Decimal(str(round(value, 12)))


def _fraction(value: Decimal | None) -> Fraction | None:
    return None if value is None else Fraction(value)


def _selects(statement: Sql, selected: Selected, names: Sequence[str]) -> bool:
    if not names:
        return True
    return any(
        inner.name == names[0] and _selects(statement, inner, names[1:])
        for inner in statement.select(selected.type, selected.details)
    )
