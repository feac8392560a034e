"""The closure 闭包 of a question: all that answers it, gathered within the caller's scope.

From the snapshot for what is known now; `graph.known` gathers the same from the store for what
was known at a past time. Subjects are numbered anew, the one asked about is 0, so that the same
data gives the same answer in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from uuid import UUID

import numpy as np

from graph.control import Concert, Spread, Votes
from graph.holding import ONE, ZERO, Basis, Company, Statement, together
from graph.layout import EdgeKind
from graph.snapshot.column import (
    CAPITAL_SCALE,
    CATEGORIES,
    FIRMS,
    INEXACT,
    PARTNERSHIP,
    SHARE_SCALE,
    STATE_ORGAN,
    UNKNOWN,
    Array,
    Rows,
)
from graph.snapshot.mask import View
from graph.walk import Limit, Truncation

MAX_NODES = 20_000
_PERSON = "NATURAL_PERSON"
_OFFICES = (EdgeKind.LEGAL_REP_OF, EdgeKind.OFFICER_OF)


@dataclass(frozen=True, slots=True)
class Office:
    """A person who represents or manages a firm, by number."""

    id: UUID
    kind: EdgeKind
    person: int
    firm: int
    position: str


@dataclass(frozen=True)
class Closure:
    """Subjects by number, what ties them, and what a budget or the role cut off.

    `homes` are the cities whose registries keep the firms. `inexact` are statements whose exact
    share is in the store alone. `whole`: no holder that the store knows is hidden from the reader.
    """

    position: str
    snapshot: str
    ids: tuple[UUID, ...]
    categories: tuple[str, ...]
    traits: tuple[int, ...]
    homes: tuple[str, ...]
    statements: tuple[Statement, ...]
    offices: tuple[Office, ...] = ()
    concerts: tuple[Concert, ...] = ()
    inexact: frozenset[UUID] = frozenset()
    truncated: tuple[Truncation, ...] = ()
    whole: bool = False

    @cached_property
    def persons(self) -> frozenset[int]:
        """The natural persons."""
        return frozenset(n for n, one in enumerate(self.categories) if one == _PERSON)

    @cached_property
    def state(self) -> frozenset[int]:
        """The state organs."""
        return frozenset(n for n, one in enumerate(self.traits) if one & STATE_ORGAN)

    @property
    def relation_ids(self) -> list[UUID]:
        """The evidence of all that ties them."""
        return [one.id for one in self.statements] + [one.id for one in self.offices]

    def companies(self) -> dict[int, Company]:
        """What decides how shares of each firm count."""
        managers: dict[int, list[int]] = {}
        for one in self.offices:
            if one.kind is EdgeKind.LEGAL_REP_OF:
                managers.setdefault(one.firm, []).append(one.person)
        about = enumerate(zip(self.homes, self.traits, strict=True))
        return {
            number: Company(
                home, bool(traits & PARTNERSHIP), tuple(managers.get(number, ())), self.whole
            )
            for number, (home, traits) in about
        }

    def only(
        self, seen: Collection[UUID], exact: Mapping[UUID, tuple[Fraction, Fraction]]
    ) -> Closure:
        """The closure without relations that are not among those seen, with exact shares."""
        statements = [
            replace(one, low=exact[one.id][0], high=exact[one.id][1]) if one.id in exact else one
            for one in self.statements
            if one.id in seen
        ]
        offices = tuple(one for one in self.offices if one.id in seen)
        return replace(self, statements=tuple(statements), offices=offices)

    def above(self, number: int = 0) -> list[int]:
        """The subject and all that hold it, directly or through others; nearest first."""
        held: dict[int, list[int]] = {}
        for one in self.statements:
            held.setdefault(one.company, []).append(one.holder)
        found, frontier = {number: None}, [number]
        for node in frontier:
            for holder in sorted(held.get(node, ())):
                if holder not in found:
                    found[holder] = None
                    frontier.append(holder)
        return list(found)

    def near(self, levels: int) -> Closure:
        """What is within so many steps of the subject along holdings, in either direction."""
        beside: dict[int, list[int]] = {}
        for one in self.statements:
            beside.setdefault(one.holder, []).append(one.company)
            beside.setdefault(one.company, []).append(one.holder)
        inner, frontier = {0} if levels else set(), {0}
        for _ in range(levels - 1):
            frontier = {other for node in frontier for other in beside.get(node, ())} - inner
            inner |= frontier
        kept = [one for one in self.statements if one.holder in inner or one.company in inner]
        if len(kept) == len(self.statements):
            return self
        cut = Truncation(levels + 1, Limit.LEVELS)
        truncated = tuple(sorted({*self.truncated, cut}))
        return replace(self, statements=tuple(kept), truncated=truncated)

    def votes(self) -> Votes:
        """The votes that its holdings give."""
        return Votes.of(together(self.statements, self.companies(), Basis.VOTES), self.concerts)


@dataclass(frozen=True, slots=True)
class Agreement:
    """An agreement to act in concert 一致行动, by ids; in every company when it names none."""

    members: frozenset[UUID]
    company: UUID | None


def with_concerts(closure: Closure, agreements: Iterable[Agreement]) -> Closure:
    """The closure with the agreements that tie subjects in it, as far as they are in it."""
    return replace(closure, concerts=concerts_among(agreements, closure.ids))


def concerts_among(agreements: Iterable[Agreement], ids: Sequence[UUID]) -> tuple[Concert, ...]:
    """The agreements among these subjects, by their places."""
    numbers = {id_: number for number, id_ in enumerate(ids)}
    found = []
    for one in agreements:
        members = frozenset(numbers[id_] for id_ in one.members if id_ in numbers)
        if len(members) > 1 and (one.company is None or one.company in numbers):
            company = None if one.company is None else numbers[one.company]
            found.append(Concert(members, company))
    return tuple(found)


class _Numbering:
    """Numbers for places of a snapshot, in the order in which they are met."""

    def __init__(self, view: View, start: int) -> None:
        self._view = view
        self.places: list[int] = [start]
        self._known = {start: 0}

    def meet(self, places: Array) -> list[int]:
        """Number those that are new, in the order of their ids; returns them."""
        new = [one for one in np.unique(places).tolist() if one not in self._known]
        if new:
            ids = self._view.snapshot.ids_at(np.array(new))
            new = [place for _, place in sorted(zip(ids, new, strict=True))]
        for place in new:
            self._known[place] = len(self.places)
            self.places.append(place)
        return new

    def numbers(self, places: Array) -> list[int]:
        return [self._known[place] for place in places.tolist()]

    def ids(self) -> list[UUID]:
        """The ids of all that were met, by number."""
        return self._view.snapshot.ids_at(np.array(self.places))

    def __len__(self) -> int:
        return len(self.places)


def owners_closure(view: View, start: int, *, levels: int | None) -> Closure:
    """Whoever holds a firm, whoever holds those, …: `levels` steps at most, None for all."""
    numbering = _Numbering(view, start)
    frontier, rows, truncated = [start], [np.zeros(0, np.int64)], set[Truncation]()
    level = 0
    while frontier:
        if levels is not None and level == levels:
            if any(_is_firm(view, frontier)):
                truncated.add(Truncation(level + 1, Limit.LEVELS))
            break
        found = view.incoming(EdgeKind.HOLDS, np.array(frontier))
        rows.append(found)
        frontier = numbering.meet(view.column(EdgeKind.HOLDS, "source", found))
        level += 1
        if len(numbering) > MAX_NODES:
            truncated.add(Truncation(level, Limit.NODES))
            break
    return _made(view, numbering, rows, truncated)


def control_closure(
    view: View, starts: Sequence[int], *, levels: int | None, agreements: Iterable[Agreement] = ()
) -> Closure:
    """What some subjects control or might, each on its own, with all holdings in what they touch.

    Level by level: what the subjects and whatever they may control hold, and who else holds that.
    """
    numbering = _Numbering(view, starts[0])
    numbering.meet(np.array(starts))
    frontier, truncated = list(starts), set[Truncation]()
    rows = [np.zeros(0, np.int64)]
    spread = Spread(numbering.numbers(np.array(starts)))
    walked: set[int] = set()
    met: set[int] = set()
    level = 0
    while frontier:
        if levels is not None and level == levels:
            truncated.add(Truncation(level + 1, Limit.LEVELS))
            break
        if level and (reason := _closed(view, frontier)):
            truncated.add(Truncation(level + 1, reason))
            break
        walked.update(frontier)
        companies = [one for one in _companies(view, np.array(frontier)) if one not in met]
        met.update(companies)
        numbering.meet(np.array(companies, np.int64))
        found = view.incoming(EdgeKind.HOLDS, np.array(companies, np.int64))
        rows.append(found)
        numbering.meet(view.column(EdgeKind.HOLDS, "source", found))
        level += 1
        if len(numbering) > MAX_NODES:
            truncated.add(Truncation(level, Limit.NODES))
            break
        firms = _firms(view, numbering, companies)
        votes = together(_stated(view, numbering, found), firms, Basis.VOTES)
        under = spread.learn(
            votes, concerts_among(agreements, numbering.ids()) if agreements else ()
        )
        frontier = sorted({numbering.places[number] for number in under} - walked)
    return _made(view, numbering, rows, truncated)


def _firms(view: View, numbering: _Numbering, places: Sequence[int]) -> dict[int, Company]:
    """What decides how votes in these firms count; those who represent partnerships are met."""
    nodes, at = view.snapshot.nodes, np.array(places, np.int64)
    homes = _texts(view, "origin", nodes.column("origin", at))
    partnership = nodes.column("traits", at) & PARTNERSHIP > 0
    managers: dict[int, list[int]] = {}
    if partnership.any():
        rows = view.incoming(EdgeKind.LEGAL_REP_OF, np.sort(at[partnership]))
        people = view.column(EdgeKind.LEGAL_REP_OF, "source", rows)
        numbering.meet(people)
        led = numbering.numbers(view.column(EdgeKind.LEGAL_REP_OF, "target", rows))
        for firm, person in zip(led, numbering.numbers(people), strict=True):
            managers.setdefault(firm, []).append(person)
    told = zip(numbering.numbers(at), homes, partnership.tolist(), strict=True)
    return {
        number: Company(home, is_one, tuple(managers.get(number, ())), view.mask.whole)
        for number, home, is_one in told
    }


def _companies(view: View, holders: Array) -> list[int]:
    """The firms in which these hold something, and the partnerships that they represent."""
    held = view.column(EdgeKind.HOLDS, "target", view.outgoing(EdgeKind.HOLDS, holders))
    led = view.column(
        EdgeKind.LEGAL_REP_OF, "target", view.outgoing(EdgeKind.LEGAL_REP_OF, holders)
    )
    partnership = view.snapshot.nodes.column("traits", led) & PARTNERSHIP > 0
    found: list[int] = np.union1d(held, led[partnership]).tolist()
    return found


def _closed(view: View, frontier: Sequence[int]) -> Limit | None:
    reasons = {view.limit(node) for node in frontier} - {None}
    return reasons.pop() if reasons else None


def _is_firm(view: View, places: Sequence[int]) -> list[bool]:
    codes = view.snapshot.nodes.column("category", np.array(places))
    return [CATEGORIES[code] in FIRMS for code in codes.tolist()]


def with_offices(view: View, closure: Closure, firms: Iterable[int]) -> Closure:
    """The closure with those who represent and manage these firms, new persons at its end."""
    snapshot = view.snapshot
    places = snapshot.places_of([closure.ids[number] for number in firms])
    known = {id_: number for number, id_ in enumerate(closure.ids)}
    ids, categories = list(closure.ids), list(closure.categories)
    traits, homes = list(closure.traits), list(closure.homes)
    offices: list[Office] = []
    for kind in _OFFICES:
        rows = view.incoming(kind, np.sort(places))
        people = snapshot.ids_at(view.column(kind, "source", rows))
        at = snapshot.ids_at(view.column(kind, "target", rows))
        codes = view.column(kind, "position", rows).tolist()
        told = zip(snapshot.relation_ids(kind, rows), people, at, codes, strict=True)
        for id_, person, firm, code in sorted(told):
            if person not in known:
                known[person] = len(ids)
                ids.append(person)
                categories.append(_PERSON)
                traits.append(0)
                homes.append("")
            position = snapshot.text("position", code) or ""
            offices.append(Office(id_, kind, known[person], known[firm], position))
    return replace(
        closure,
        ids=tuple(ids),
        categories=tuple(categories),
        traits=tuple(traits),
        homes=tuple(homes),
        offices=tuple(offices),
    )


def _made(
    view: View, numbering: _Numbering, found: Sequence[Rows], truncated: Iterable[Truncation]
) -> Closure:
    snapshot, kind = view.snapshot, EdgeKind.HOLDS
    rows = np.unique(np.concatenate(found))
    places = np.array(numbering.places)
    nodes = snapshot.nodes
    inexact = rows[view.column(kind, "flags", rows) & INEXACT > 0]
    closure = Closure(
        position=str(snapshot.position),
        snapshot=snapshot.id,
        ids=tuple(numbering.ids()),
        categories=tuple(CATEGORIES[code] for code in nodes.column("category", places).tolist()),
        traits=tuple(nodes.column("traits", places).tolist()),
        homes=tuple(_texts(view, "origin", nodes.column("origin", places))),
        statements=tuple(_stated(view, numbering, rows)),
        inexact=frozenset(snapshot.relation_ids(kind, inexact)),
        truncated=tuple(sorted(truncated)),
        whole=view.mask.whole,
    )
    partnerships = [n for n, trait in enumerate(closure.traits) if trait & PARTNERSHIP]
    return with_offices(view, closure, partnerships) if partnerships else closure


def _stated(view: View, numbering: _Numbering, rows: Rows) -> list[Statement]:
    """What these rows of holdings state, company by company."""
    kind = EdgeKind.HOLDS
    column: Callable[[str], Array] = lambda name: view.column(kind, name, rows)  # noqa: E731
    stated = zip(
        view.snapshot.relation_ids(kind, rows),
        numbering.numbers(column("source")),
        numbering.numbers(column("target")),
        _texts(view, "origin", column("origin")),
        column("share_min").tolist(),
        column("share_max").tolist(),
        _texts(view, "share_class", column("share_class")),
        column("subscribed").tolist(),
        column("paid").tolist(),
        strict=True,
    )
    statements = [
        Statement(
            id_, holder, company, origin, *bounds(low, high), class_, _capital(sub), _capital(paid)
        )
        for id_, holder, company, origin, low, high, class_, sub, paid in stated
    ]
    statements.sort(key=lambda one: (one.company, one.holder, one.origin, one.id))
    return statements


def _texts(view: View, table: str, codes: Array) -> list[str]:
    return [view.snapshot.text(table, code) or "" for code in codes.tolist()]


def bounds(low: int, high: int) -> tuple[Fraction, Fraction]:
    """A share of the snapshot as an interval; one that nobody states is anything."""
    least = ZERO if low == UNKNOWN else Fraction(low, SHARE_SCALE)
    most = ONE if high == UNKNOWN else Fraction(high, SHARE_SCALE)
    return least, max(least, most)


def _capital(value: int) -> Fraction | None:
    return None if value == UNKNOWN else Fraction(value, CAPITAL_SCALE)


def circle_closure(view: View, start: int) -> Closure:
    """A firm and those with which it may be in a circle, with the holdings among them.

    Looked up in the circles that the snapshot carries, over holdings of every day and class: the
    caller's circle lies within.
    """
    numbering = _Numbering(view, start)
    circles = view.snapshot.circles
    members = circles.around(start) if circles is not None else np.zeros(0, np.int64)
    numbering.meet(members)
    rows = view.incoming(EdgeKind.HOLDS, members)
    inside = np.isin(view.column(EdgeKind.HOLDS, "source", rows), members)
    return _made(view, numbering, [rows[inside]], ())


def merged(closures: Sequence[Closure]) -> Closure:
    """Several closures as one, numbered as the first and then as they come."""
    first = closures[0]
    numbers: dict[UUID, int] = {}
    about: list[tuple[str, int, str]] = []
    statements: dict[UUID, Statement] = {}
    offices: dict[UUID, Office] = {}
    truncated: set[Truncation] = set()
    for one in closures:
        told = zip(one.ids, one.categories, one.traits, one.homes, strict=True)
        for id_, category, traits, home in told:
            if id_ not in numbers:
                numbers[id_] = len(numbers)
                about.append((category, traits, home))
        for said in one.statements:
            holder, company = numbers[one.ids[said.holder]], numbers[one.ids[said.company]]
            statements[said.id] = replace(said, holder=holder, company=company)
        for held in one.offices:
            person, firm = numbers[one.ids[held.person]], numbers[one.ids[held.firm]]
            offices[held.id] = replace(held, person=person, firm=firm)
        truncated.update(one.truncated)
    return replace(
        first,
        ids=tuple(numbers),
        categories=tuple(category for category, _, _ in about),
        traits=tuple(traits for _, traits, _ in about),
        homes=tuple(home for _, _, home in about),
        statements=tuple(
            sorted(
                statements.values(), key=lambda one: (one.company, one.holder, one.origin, one.id)
            )
        ),
        offices=tuple(sorted(offices.values(), key=lambda one: one.id)),
        inexact=frozenset[UUID]().union(*(one.inexact for one in closures)),
        truncated=tuple(sorted(truncated)),
    )
