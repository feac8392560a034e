"""Control 控制: who decides in a company, by votes of its own and of all that it controls.

Definition: least fixpoint. X controls j when the votes in j of X and of everything X controls
exceed one half, strictly. Parties to an agreement to act in concert 一致行动人 vote as one: each
is counted with the others' votes. Whoever directs alone a partnership's business, the general
partner, controls it. Computed controllers are suspected ones 疑似, beside what is declared.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property

from graph.component import components
from graph.errors import GraphTooLarge
from graph.holding import ONE, ZERO, Holding, Holdings
from graph.threshold import HALF, borderline, exceeds

MOST_STEPS = 200_000  # companies that come under control, over all parties of a question


@dataclass(frozen=True, slots=True)
class Concert:
    """An agreement to act in concert: its members, and in which company; None: in all."""

    members: frozenset[int]
    company: int | None = None
    evidence: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class Controlled:
    """A controlled company, with the votes that do it: own, of controlled ones, in concert."""

    company: int
    votes: Fraction
    voters: tuple[Holding, ...]
    allies: frozenset[int]  # those among the voters who only act in concert, where it takes them
    step: int  # 1: by votes of its own and its allies', else one more than the voters'


@dataclass(frozen=True)
class Control:
    """What somebody controls, in the order in which it follows.

    `possible` adds what would be controlled if unknown shares were dealt in its favour;
    `borderline` are companies in which its votes stand on one half.
    """

    controller: int
    companies: tuple[Controlled, ...]
    possible: frozenset[int] = frozenset()
    borderline: frozenset[int] = frozenset()

    @cached_property
    def by_company(self) -> Mapping[int, Controlled]:
        """How each company is controlled."""
        return {one.company: one for one in self.companies}

    def of(self, company: int) -> Controlled | None:
        """How a company is controlled, None when it is not."""
        return self.by_company.get(company)


@dataclass(frozen=True, slots=True)
class Firm:
    """The votes in one company: `places` tells a voter's among those `held`, `known` their sum."""

    held: tuple[Holding, ...]
    places: Mapping[int, int]
    known: Fraction

    def of(self, members: Collection[int], allies: Collection[int]) -> list[Holding]:
        """Those of some voters, in the order in which they are held."""
        if len(self.held) <= len(members) + len(allies):
            return [one for one in self.held if one.holder in members or one.holder in allies]
        found = {self.places[one] for one in (*members, *allies) if one in self.places}
        return [self.held[place] for place in sorted(found)]


@dataclass(frozen=True)
class Votes:
    """The votes of a closure, from both ends, and who acts in concert."""

    holdings: Holdings
    concerts: tuple[Concert, ...] = ()
    held: Mapping[int, tuple[int, ...]] = field(default_factory=dict)  # companies by voter
    exact: bool = True  # every vote is known
    firms: dict[int, Firm] = field(default_factory=dict, repr=False, compare=False)  # looked at

    @classmethod
    def of(cls, holdings: Holdings, concerts: Iterable[Concert] = ()) -> Votes:
        """The votes that holdings on the basis of votes tell of."""
        return cls(holdings, tuple(concerts), holdings.held, holdings.exact)

    def firm(self, company: int) -> Firm:
        """The votes in a company by voter, and all that are known of together."""
        if company not in self.firms:
            held = self.holdings.of[company]
            places = {one.holder: place for place, one in enumerate(held)}
            self.firms[company] = Firm(held, places, sum((one.low for one in held), ZERO))
        return self.firms[company]

    def partners(self, member: int) -> frozenset[int]:
        """Those with whom somebody acts in concert, in whatever company, itself among them."""
        found = {member}
        for one in self.concerts:  # most closures have none
            if member in one.members:
                found |= one.members
        return frozenset(found)

    def allies(self, members: Iterable[int], company: int) -> frozenset[int]:
        """Those who vote with one of the members in a company without being controlled by it."""
        if not self.concerts:
            return frozenset()
        inside = frozenset(members)
        found: set[int] = set()
        for one in self.concerts:
            if one.company in (None, company) and one.members & inside:
                found |= one.members - inside
        return frozenset(found)


def controlled_by(votes: Votes, controller: int) -> Control:
    """All that a party controls within the closure."""
    certain = _Fixpoint(controller, _low)
    if votes.concerts:  # first without allies: they are told only where it takes them
        certain.follow(replace(votes, concerts=()))
    certain.follow(votes)
    possible: frozenset[int] = frozenset()
    if not votes.exact:
        more = _Fixpoint(controller, _high)
        more.follow(votes)
        possible = frozenset(more.members) - certain.members.keys()
    found = frozenset(certain.near) - certain.members.keys()
    return Control(controller, tuple(certain.found), possible, found)


class Spread:
    """Who comes under the control of some parties, each on its own, or might, as companies become
    known one after another.

    Each company is asked once and then only when another of its voters has come in, so that a long
    chain costs its length and not the square of it.
    """

    def __init__(self, controllers: Iterable[int]) -> None:
        parties = list(controllers)
        self._certain = [_Fixpoint(one, _low) for one in parties]
        self._more = [_Fixpoint(one, _high) for one in parties]
        self._of: dict[int, tuple[Holding, ...]] = {}
        self._held: dict[int, tuple[int, ...]] = {}
        self._firms: dict[int, Firm] = {}
        self._exact = True

    def learn(self, holdings: Holdings, concerts: tuple[Concert, ...] = ()) -> set[int]:
        """Take the votes in further companies, all of them; returns who has come under control."""
        for voter, companies in holdings.held.items():
            self._held[voter] = (*self._held.get(voter, ()), *companies)
        self._of.update(holdings.of)
        votes = Votes(Holdings(holdings.basis, self._of), concerts, self._held, True, self._firms)
        new = {node for one in self._certain for node in one.follow(votes, holdings.of)}
        was, self._exact = self._exact, self._exact and holdings.exact
        if not self._exact:
            met = self._of if was else holdings.of
            new |= {node for one in self._more for node in one.follow(votes, met)}
        return new


def _low(one: Holding) -> Fraction:
    return one.low


def _high(one: Holding) -> Fraction:
    return one.high


class _Fixpoint:
    """What a party controls, by the votes that are counted; `near` stand on one half."""

    def __init__(self, controller: int, counted: Callable[[Holding], Fraction]) -> None:
        self.members = {controller: 0}
        self.found: list[Controlled] = []
        self.near: set[int] = set()
        self._counted = counted

    def follow(self, votes: Votes, companies: Iterable[int] | None = None) -> list[int]:
        """Follow what comes of these companies, None: of all. Returns what came under control."""
        touched = set(self._touched(votes, self.members) if companies is None else companies)
        followed: list[int] = []
        while touched:
            new = [one for one in sorted(touched) if self._joins(votes, one)]
            followed += new
            touched = set(self._touched(votes, new))
        return followed

    def _touched(self, votes: Votes, members: Iterable[int]) -> Iterable[int]:
        for member in members:
            for voter in votes.partners(member):
                yield from votes.held.get(voter, ())

    def _joins(self, votes: Votes, company: int) -> bool:
        """Whether a company comes under control now, and was not before."""
        counted, members = self._counted, self.members
        if company in members:
            return False
        allies = votes.allies(members, company)
        firm = votes.firm(company)
        voters = tuple(one for one in firm.of(members, allies) if counted(one) > 0)
        own = [members[one.holder] for one in voters if one.holder in members]
        if not own:
            return False  # allies alone are somebody else's votes
        total = _total(firm.known, voters, counted)
        if borderline(total, HALF):
            self.near.add(company)
        if not exceeds(total, HALF):
            return False
        alone = tuple(one for one in voters if one.holder in members) if allies else voters
        without_allies = _total(firm.known, alone, counted)
        if exceeds(without_allies, HALF):
            voters, total = alone, without_allies
        # A difference of sets would go through all members for each company.
        outside = frozenset(
            one.holder for one in voters if one.holder not in members and one.holder != company
        )
        members[company] = 1 + max(own)
        self.found.append(Controlled(company, total, voters, outside, members[company]))
        return True


def _total(
    known: Fraction, voters: Sequence[Holding], counted: Callable[[Holding], Fraction]
) -> Fraction:
    """The voters' votes together, of those known in the company. Unknown ones are dealt once and
    not to each of them: beyond what is known, they have at most what the known votes of all
    others leave."""
    least = sum((one.low for one in voters), ZERO)
    most = sum((counted(one) for one in voters), ZERO)
    return min(ONE, max(least, min(most, ONE - (known - least))))


@dataclass(frozen=True, slots=True)
class Controller:
    """Somebody who controls a company.

    `ultimate`: controlled by nobody else, or member of a component of firms that control each
    other with nobody above (`component`, else empty). `jointly`: only together with others by
    an agreement to act in concert.
    """

    node: int
    control: Control
    ultimate: bool
    component: tuple[int, ...] = ()
    jointly: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Controllers:
    """Who controls a company: the nearest first. `possible` would, were unknown shares theirs;
    `borderline` hold one half of the votes in it or on the way to it."""

    company: int
    controllers: tuple[Controller, ...]
    possible: tuple[int, ...] = ()
    borderline: tuple[int, ...] = ()

    @property
    def ultimate(self) -> tuple[Controller, ...]:
        return tuple(one for one in self.controllers if one.ultimate)


def controls_of(votes: Votes, parties: Iterable[int]) -> dict[int, Control]:
    """All that each party controls, so a chain of parties costs the square of its length.

    Raises GraphTooLarge beyond `MOST_STEPS`.
    """
    found: dict[int, Control] = {}
    steps = 0
    for party in parties:
        found[party] = controlled_by(votes, party)
        steps += len(found[party].companies) + len(found[party].possible)
        if steps > MOST_STEPS:
            raise GraphTooLarge(
                "too many firms stand one above the other: ask about one nearer to the owners"
            )
    return found


def controllers_of(votes: Votes, company: int, candidates: Sequence[int]) -> Controllers:
    """The controllers of a company among its direct and indirect holders.

    Raises GraphTooLarge as `controls_of`.
    """
    found: dict[int, Control] = {}
    possible, near = [], []
    controls = controls_of(votes, [one for one in candidates if one != company])
    for candidate, control in controls.items():
        if control.of(company):
            found[candidate] = control
        elif company in control.possible:
            possible.append(candidate)
        if company in control.borderline:
            near.append(candidate)
    above = {
        node: [other for other, control in found.items() if other != node and control.of(node)]
        for node in found
    }
    tops: dict[int, tuple[int, ...]] = {}
    for block in components(sorted(found), lambda node: above[node]):
        inside = set(block)
        if all(other in inside for node in block for other in above[node]):
            tops.update(dict.fromkeys(block, tuple(block) if len(block) > 1 else ()))
    controllers = []
    for node, control in found.items():
        how = control.of(company)
        assert how is not None
        controllers.append(
            Controller(node, control, node in tops, tops.get(node, ()), _jointly(control, company))
        )
    controllers.sort(key=lambda one: (_step(one, company), one.ultimate, one.node))
    return Controllers(company, tuple(controllers), tuple(possible), tuple(near))


def _step(one: Controller, company: int) -> int:
    how = one.control.of(company)
    return how.step if how else 0


def _jointly(control: Control, company: int) -> frozenset[int]:
    """The allies without whose votes the chain down to the company would not hold."""
    by = control.by_company
    found: set[int] = set()
    waiting, seen = [company], {company}
    while waiting:
        how = by[waiting.pop()]
        found |= how.allies
        for voter in how.voters:
            if voter.holder in by and voter.holder not in seen:
                seen.add(voter.holder)
                waiting.append(voter.holder)
    return frozenset(found)


def chain(control: Control, company: int) -> tuple[Controlled, ...]:
    """What of a party's control leads to a company: the steps in order, the company last."""
    by = control.by_company
    if company not in by:
        return ()
    needed, waiting = {company}, [company]
    while waiting:
        for voter in by[waiting.pop()].voters:
            if voter.holder in by and voter.holder not in needed:
                needed.add(voter.holder)
                waiting.append(voter.holder)
    return tuple(one for one in control.companies if one.company in needed)
