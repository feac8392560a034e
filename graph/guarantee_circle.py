"""Guarantee circles 担保圈, chains 担保链 and rings 担保环 among gathered guarantees.

Definitions: a circle is a weak component; a ring a strong component of more than one subject, or
a subject that stands for itself; a chain the longest of the shortest ways up or down from the
subject. Cycles through the subject are listed shortest first and never enumerated all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from graph.component import components
from graph.debt import Guarantees

LONGEST_CYCLE = 6
_STEPS = 200_000  # of the search for cycles; beyond, the list is not complete

Beside = Mapping[int, Sequence[int]]


@dataclass(frozen=True, slots=True)
class Cycles:
    """Cycles through the subject, each from it on, shortest first."""

    found: tuple[tuple[int, ...], ...]
    complete: bool


def rings(guarantees: Guarantees) -> list[list[int]]:
    """The rings, largest first; members by number."""
    beside = guarantees.stands_for()
    found = [
        one
        for one in components(range(len(guarantees.ids)), lambda node: beside.get(node, ()))
        if len(one) > 1 or one[0] in beside.get(one[0], ())
    ]
    return sorted(found, key=lambda one: (-len(one), one))


def cycles(guarantees: Guarantees, most: int, start: int = 0) -> Cycles:
    """Up to `most` cycles of at most six guarantees through a subject."""
    beside = guarantees.stands_for()
    back = _distances(guarantees.stood_for_by(), start, LONGEST_CYCLE)
    found: list[tuple[int, ...]] = []
    budget = _Budget(_STEPS)
    for length in range(1, LONGEST_CYCLE + 1):
        for cycle in _closing(beside, back, [start], length, budget):
            if len(found) == most:
                return Cycles(tuple(found), False)
            found.append(cycle)
    return Cycles(tuple(found), budget.left > 0)


def chain(beside: Beside, start: int = 0) -> list[int]:
    """The longest of the shortest ways from a subject; among equals the one of lowest numbers."""
    before, frontier, last = {start: start}, [start], start
    while frontier:
        last = min(frontier)
        following: list[int] = []
        for node in frontier:
            for other in beside.get(node, ()):
                if other not in before:
                    before[other] = node
                    following.append(other)
        frontier = sorted(following)
    way = [last]
    while way[-1] != start:
        way.append(before[way[-1]])
    return way[::-1]


@dataclass(slots=True)
class _Budget:
    left: int


def _distances(beside: Beside, start: int, most: int) -> dict[int, int]:
    found, frontier = {start: 0}, [start]
    for distance in range(1, most + 1):
        following = []
        for node in frontier:
            for other in beside.get(node, ()):
                if other not in found:
                    found[other] = distance
                    following.append(other)
        frontier = following
    return found


def _closing(
    beside: Beside, back: Mapping[int, int], way: list[int], length: int, budget: _Budget
) -> Iterator[tuple[int, ...]]:
    """Simple cycles of exactly `length` guarantees that begin with this way."""
    for other in beside.get(way[-1], ()):
        if budget.left <= 0:
            return
        budget.left -= 1
        if other == way[0]:
            if len(way) == length:
                yield tuple(way)
        elif len(way) < length and other not in way and len(way) + back.get(other, 99) <= length:
            way.append(other)
            yield from _closing(beside, back, way, length, budget)
            way.pop()
