"""Guarantees 担保 around a subject: who stands for whom, gathered within the caller's scope.

Subjects and loans are numbered anew; the subject asked about is 0, so that the same data gives the
same answer in the same order. What two cities state of one guarantee is one guarantee here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

import numpy as np

from graph.layout import EdgeKind
from graph.snapshot.column import AMOUNT_SCALE, CATEGORIES, UNKNOWN, Array, Rows
from graph.snapshot.mask import View
from graph.walk import Limit, Truncation

MAX_NODES = 20_000
_KIND = EdgeKind.GUARANTEES


class Way(StrEnum):
    """In which direction guarantees are followed."""

    DOWN = "DOWN"  # from a guarantor to those it stands for
    UP = "UP"  # from a debtor to those who stand for it
    BOTH = "BOTH"


class Pledge(NamedTuple):  # many are made, and a tuple is made in a third of the time
    """One statement of a guarantee; the amount in `currency`, None when nobody states it."""

    id: UUID
    guarantor: int
    debtor: int
    loan: UUID | None
    amount: Decimal | None
    currency: str
    origin: str


@dataclass(frozen=True)
class Guarantees:
    """Subjects by number and the guarantees among them, and what was cut off."""

    position: str
    snapshot: str
    ids: tuple[UUID, ...]
    categories: tuple[str, ...]
    pledges: tuple[Pledge, ...]
    truncated: tuple[Truncation, ...] = ()

    @property
    def relation_ids(self) -> list[UUID]:
        """The evidence of all guarantees."""
        return [one.id for one in self.pledges]

    def only(self, seen: Collection[UUID], way: Way) -> Guarantees:
        """Without guarantees that are not among those seen, nor what hung on them.

        Numbers stay: subjects that are not reached any more have no guarantee left.
        """
        left = [one for one in self.pledges if one.id in seen]
        reached = reachable(left, way)
        return replace(
            self,
            pledges=tuple(
                one for one in left if one.guarantor in reached and one.debtor in reached
            ),
        )

    def stands_for(self) -> dict[int, list[int]]:
        """Whom each guarantor stands for, by number, each once."""
        return _neighbours((one.guarantor, one.debtor) for one in self.pledges)

    def stood_for_by(self) -> dict[int, list[int]]:
        """Who stands for each debtor, by number, each once."""
        return _neighbours((one.debtor, one.guarantor) for one in self.pledges)


def reachable(pledges: Iterable[Pledge], way: Way, start: int = 0) -> set[int]:
    """Who is reached from a subject along guarantees, itself among them."""
    beside: dict[int, list[int]] = {}
    for one in pledges:
        if way is not Way.UP:
            beside.setdefault(one.guarantor, []).append(one.debtor)
        if way is not Way.DOWN:
            beside.setdefault(one.debtor, []).append(one.guarantor)
    reached, frontier = {start}, [start]
    while frontier:
        for other in beside.get(frontier.pop(), ()):
            if other not in reached:
                reached.add(other)
                frontier.append(other)
    return reached


def gather(view: View, start: int, way: Way, *, levels: int | None = None) -> Guarantees:
    """The guarantees reached from a place of the snapshot: `levels` steps at most, None for all.

    At most 20,000 subjects; what is cut off is said. Who is closed to the caller is shown where
    guarantees lead to it and not followed.
    """
    snapshot = view.snapshot
    number, places = {start: 0}, [start]
    frontier: list[int] = [start]
    rows: list[Rows] = []
    truncated: set[Truncation] = set()
    level = 0
    while frontier:
        if levels is not None and level == levels:
            # Whether there is more is not looked at: it would tell of guarantees beyond.
            truncated.add(Truncation(level + 1, Limit.LEVELS))
            break
        if level:
            reasons = {place: view.limit(place) for place in frontier}
            truncated.update(Truncation(level + 1, why) for why in reasons.values() if why)
            frontier = [place for place in frontier if reasons[place] is None]
            if not frontier:
                break
        found = np.unique(np.concatenate(_steps(view, frontier, way)))
        rows.append(found)
        ends = np.union1d(view.column(_KIND, "source", found), view.column(_KIND, "target", found))
        new = [place for place in ends.tolist() if place not in number]
        if new:
            ids = snapshot.ids_at(np.array(new))
            new = [place for _, place in sorted(zip(ids, new, strict=True))]
        level += 1
        if len(places) + len(new) > MAX_NODES:
            truncated.add(Truncation(level, Limit.NODES))
            new = new[: MAX_NODES - len(places)]
            _number(new, number, places)
            break
        _number(new, number, places)
        frontier = new
    return made(view, places, number, rows, truncated)


def _number(new: Sequence[int], number: dict[int, int], places: list[int]) -> None:
    for place in new:
        number[place] = len(places)
        places.append(place)


def _steps(view: View, frontier: Sequence[int], way: Way) -> list[Rows]:
    nodes = np.sort(np.array(frontier, np.int64))
    found: list[Rows] = []
    if way is not Way.UP:
        found.append(view.outgoing(_KIND, nodes))
    if way is not Way.DOWN:
        found.append(view.incoming(_KIND, nodes))
    return found


def made(
    view: View,
    places: Sequence[int],
    number: Mapping[int, int],
    found: Sequence[Rows],
    truncated: Iterable[Truncation],
) -> Guarantees:
    """The guarantees of these rows between places that have a number, 0 first."""
    snapshot = view.snapshot
    rows = np.unique(np.concatenate([np.zeros(0, np.int64), *found]))

    def column(name: str) -> Array:
        return view.column(_KIND, name, rows)

    loans = column("loan")
    named = np.flatnonzero(loans >= 0)
    loan_ids = dict(zip(named.tolist(), snapshot.ids_at(loans[named]), strict=True))
    told = zip(
        snapshot.relation_ids(_KIND, rows),
        column("source").tolist(),
        column("target").tolist(),
        column("amount").tolist(),
        column("currency").tolist(),
        column("origin").tolist(),
        strict=True,
    )
    currencies = {
        code: snapshot.text("currency", code) or "CNY"
        for code in np.unique(column("currency")).tolist()
    }
    origins = {
        code: snapshot.text("origin", code) or "" for code in np.unique(column("origin")).tolist()
    }
    pledges = [
        Pledge(
            id_,
            number[source],
            number[target],
            loan_ids.get(at),
            None if amount == UNKNOWN else Decimal(amount) / AMOUNT_SCALE,
            currencies[currency],
            origins[origin],
        )
        for at, (id_, source, target, amount, currency, origin) in enumerate(told)
        if source in number and target in number
    ]
    pledges.sort(key=lambda one: (one.guarantor, one.debtor, one.origin, one.id))
    at_ = np.array(places)
    return Guarantees(
        position=str(snapshot.position),
        snapshot=snapshot.id,
        ids=tuple(snapshot.ids_at(at_)),
        categories=tuple(
            CATEGORIES[code] for code in snapshot.nodes.column("category", at_).tolist()
        ),
        pledges=tuple(pledges),
        truncated=tuple(sorted(truncated)),
    )


def _neighbours(pairs: Iterable[tuple[int, int]]) -> dict[int, list[int]]:
    found: dict[int, set[int]] = {}
    for one, other in pairs:
        found.setdefault(one, set()).add(other)
    return {one: sorted(others) for one, others in found.items()}
