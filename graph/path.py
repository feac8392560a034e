"""Shortest simple paths between subjects, on anything that can tell what lies beside nodes.

The search goes out from both ends, level by level, so that every path of up to the sum of both
depths is known before the next level is looked at; among paths of equal length the order is that
of their ids. A node with more visible edges than the fan-out is not passed, and that is said.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from graph.errors import GraphTimeout
from graph.walk import Limit, Truncation

Path = tuple[str, ...]
"""Ids of the nodes of a path, from its start to its end."""

_TURN = 1_000  # nodes after which others have their turn
_STEPS = 200_000  # of one enumeration: dense graphs have more dead ends than anyone waits for


@dataclass(frozen=True, slots=True)
class Beside:
    """The visible neighbours of a node by category; None when it has more edges than asked for."""

    id: str
    near: Mapping[str, str] | None


# What lies beside these nodes, for nodes of at most so many visible edges.
LookBeside = Callable[[Sequence[str], int], Awaitable[Iterable[Beside]]]


@dataclass(frozen=True, slots=True)
class Budget:
    """How far a search goes: edges of a path, nodes looked beside, edges of a node on the way.

    `max_end` is the fan-out of the subjects that were asked about themselves.
    """

    max_length: int
    max_nodes: int
    max_fan: int
    max_end: int = 10_000


@dataclass(slots=True)
class Known:
    """What a search has seen of the graph, symmetric, and what it may not pass."""

    look: LookBeside
    budget: Budget
    ends: frozenset[str]
    closed: Mapping[str, Limit]
    category: dict[str, str] = field(default_factory=dict)
    near: dict[str, set[str]] = field(default_factory=dict)
    looked: set[str] = field(default_factory=set)
    left_out: set[str] = field(default_factory=set)  # by the budget
    hubs: dict[str, int] = field(default_factory=dict)  # by the distance they were met at
    truncated: set[Truncation] = field(default_factory=set)
    late: Callable[[], bool] = lambda: False  # whether the time of the search is over

    async def rest(self) -> None:
        """Let others have their turn. Raises GraphTimeout when the time of the search is over."""
        await asyncio.sleep(0)
        if self.late():
            raise GraphTimeout

    async def look_beside(self, nodes: Iterable[str], stage: int) -> None:
        """Learn the neighbours of nodes that were not looked beside yet."""
        asked = sorted(set(nodes) - self.looked - self.hubs.keys() - self.left_out)
        left = max(self.budget.max_nodes - len(self.looked), 0)
        if len(asked) > left:
            self.truncated.add(Truncation(stage, Limit.NODES))
            self.left_out.update(asked[left:])
            asked = asked[:left]
        ends = [id_ for id_ in asked if id_ in self.ends]
        others = [id_ for id_ in asked if id_ not in self.ends]
        for group, fan in ((ends, self.budget.max_end), (others, self.budget.max_fan)):
            if not group:
                continue
            for number, one in enumerate(await self.look(group, fan), 1):
                if number % _TURN == 0:
                    await self.rest()
                if one.near is None:
                    self.hubs[one.id] = stage
                    continue
                self.looked.add(one.id)
                self.category.update(one.near)
                beside = self.near.setdefault(one.id, set())
                beside.update(one.near)
                for far in one.near:
                    self.near.setdefault(far, set()).add(one.id)
        self.left_out.update(set(asked) - self.looked - self.hubs.keys())

    def passable(self, node: str) -> bool:
        """Whether a path may go on through the node; the ends of a path are not asked."""
        return (
            node not in self.hubs
            and node not in self.left_out
            and self.category.get(node) not in self.closed
        )

    def say_closed(self, nodes: Iterable[str], stage: int) -> None:
        """Say for which categories the search does not go on from these nodes."""
        reached = {self.category[node] for node in nodes} & self.closed.keys()
        self.truncated.update(Truncation(stage, self.closed[one]) for one in reached)


class _Side:
    """The search out of one end; `blocked` when the end itself has too many edges."""

    def __init__(self, end: str) -> None:
        self.end = end
        self.frontier = {end}
        self.reached = {end}
        self.depth = 0
        self.blocked = False

    @property
    def exhausted(self) -> bool:
        """Whether everything that can be reached from this end is known."""
        return not self.frontier and not self.blocked

    async def widen(self, known: Known) -> None:
        """One level more."""
        await known.rest()
        await known.look_beside(self.frontier, self.depth + 1)
        if self.depth == 0 and self.end not in known.looked:
            self.blocked, self.frontier = True, set()
            return
        found = {
            far
            for node in self.frontier & known.looked
            for far in known.near[node]
            if far not in self.reached
        }
        self.depth += 1
        known.say_closed(found - known.ends, self.depth + 1)
        self.reached |= found
        self.frontier = {node for node in found if known.passable(node) and node not in known.ends}


async def shortest_paths(
    known: Known, start: str, end: str, count: int
) -> tuple[tuple[Path, ...], tuple[Truncation, ...]]:
    """Up to `count` shortest simple paths, shortest first, then in the order of their ids.

    What is truncated is said with the length of path from which on something may be missing. Time
    that runs out ends the search with what is found by then.
    """
    found: list[Path] = []
    sides = (_Side(start), _Side(end))
    length = 0
    try:
        while length < known.budget.max_length and len(found) < count:
            length += 1
            await _deepen(known, sides, length)
            if sides[0].reached.isdisjoint(sides[1].reached):
                continue
            found += await _sure(known, start, end, length, count - len(found))
        ended = any(side.exhausted for side in sides)
        if not ended and len(found) < count and any(side.frontier for side in sides):
            known.truncated.add(Truncation(length + 1, Limit.LEVELS))
    except GraphTimeout:
        known.truncated.add(Truncation(length, Limit.TIME))
    except _TooMany:
        known.truncated.add(Truncation(length, Limit.NODES))
    known.truncated.update(Truncation(at, Limit.FAN) for at in known.hubs.values())
    return tuple(found), tuple(sorted(known.truncated))


async def _deepen(known: Known, sides: tuple[_Side, _Side], length: int) -> None:
    """Know every path of up to `length` edges: the side with less to look beside goes on."""
    while sum(side.depth for side in sides) < length:
        going = [side for side in sides if side.frontier]
        # A side that has seen all it can reach knows every path there is.
        if not going or any(side.exhausted for side in sides):
            return
        await min(going, key=lambda side: len(side.frontier - known.looked)).widen(known)


async def _sure(known: Known, start: str, end: str, length: int, count: int) -> list[Path]:
    """The first paths of that length, when no node on them has turned out to be a hub."""
    while True:
        await known.rest()
        drawn = list(islice(paths_of(known, start, end, length), count))
        unsure = {node for path in drawn for node in path[1:-1]} - known.looked
        if not unsure:
            return drawn
        await known.look_beside(unsure, length)


class _TooMany(Exception):
    """An enumeration has come to the end of its patience."""


def paths_of(known: Known, start: str, end: str, length: int) -> Iterator[Path]:
    """The simple paths of exactly `length` edges in what is known, in the order of their ids."""
    left = distances(known, end, length)
    if start not in left:
        return
    steps = 0
    path, on_path = [start], {start}
    stack = [iter(sorted(known.near.get(start, ())))]
    while stack:
        node = next(stack[-1], None)
        if node is None:
            stack.pop()
            on_path.discard(path.pop())
            continue
        steps += 1
        if steps > _STEPS:
            raise _TooMany
        gone = len(path)
        if node == end:
            if gone == length:
                yield (*path, end)
            continue
        if node in on_path or left.get(node, length) + gone > length or not known.passable(node):
            continue
        path.append(node)
        on_path.add(node)
        stack.append(iter(sorted(known.near.get(node, ()))))


def distances(known: Known, end: str, limit: int) -> dict[str, int]:
    """Edges from each node to `end`, up to `limit`, over nodes that may be passed."""
    found = {end: 0}
    frontier = [end]
    for distance in range(1, limit + 1):
        reached = []
        for node in frontier:
            for far in known.near.get(node, ()):
                if far not in found:
                    found[far] = distance
                    reached.append(far)
        frontier = [node for node in reached if known.passable(node)]
        if not frontier:
            break
    return found


async def shortest_links(
    known: Known, subjects: Sequence[str], pairs: Sequence[tuple[str, str]]
) -> tuple[dict[tuple[str, str], Path], tuple[Truncation, ...]]:
    """A shortest simple path for each of the pairs that has one, the first in the order of ids.

    All subjects are searched from at once, each level with one question to the graph; the search
    ends when every pair is linked.
    """
    sides = [_Side(id_) for id_ in sorted(set(subjects))]
    limit, length = known.budget.max_length, 0
    found: dict[tuple[str, str], Path] = {}
    try:
        while length < limit and len(found) < len(pairs) and any(side.frontier for side in sides):
            await known.look_beside({n for side in sides for n in side.frontier}, length // 2 + 1)
            for side in sides:
                await side.widen(known)
            length = min(length + 2, limit)
            await _link(known, pairs, length, found)
        if not any(side.frontier for side in sides):
            await _link(known, pairs, limit, found)
        elif len(found) < len(pairs) and length == limit:
            known.truncated.add(Truncation(limit + 1, Limit.LEVELS))
    except GraphTimeout:
        known.truncated.add(Truncation(length + 1, Limit.TIME))
    known.truncated.update(Truncation(at, Limit.FAN) for at in known.hubs.values())
    return found, tuple(sorted(known.truncated))


async def _link(
    known: Known,
    pairs: Sequence[tuple[str, str]],
    length: int,
    found: dict[tuple[str, str], Path],
) -> None:
    """Add the shortest paths of up to `length` edges between pairs that have none yet."""
    while True:
        drawn: dict[tuple[str, str], Path] = {}
        by_end: dict[str, dict[str, int]] = {}
        for start, end in pairs:
            if (start, end) in found:
                continue
            if end not in by_end:
                await known.rest()
                by_end[end] = distances(known, end, length)
            if start in by_end[end]:
                drawn[start, end] = _nearest(known, start, end, by_end[end])
        unsure = {node for path in drawn.values() for node in path[1:-1]} - known.looked
        if not unsure:
            found.update(drawn)
            return
        await known.look_beside(unsure, length)


def _nearest(known: Known, start: str, end: str, left: Mapping[str, int]) -> Path:
    """The shortest path that is first in the order of ids."""
    path = [start]
    while path[-1] != end:
        near = known.near[path[-1]]
        rest = left[path[-1]] - 1
        path.append(
            min(
                node
                for node in near
                if left.get(node) == rest and (node == end or known.passable(node))
            )
        )
    return tuple(path)
