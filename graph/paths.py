"""Paths 路径 between subjects and links 关联 within a group, read from Neo4j.

Definition: simple paths over visible edges in force on a day, shortest first, ties in the order
of ids. Scope, kinds, day and meaning are parameters of every step of the search, so what the
caller may not see changes neither paths nor what is said of them (access rules §7, X29).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from time import monotonic
from typing import Any
from uuid import UUID

from graph.connection import GraphConnection
from graph.errors import GraphTimeout, GraphUnavailable
from graph.layout import LABELS, EdgeKind
from graph.neighbourhood import START, VISIBLE, read_found, read_position
from graph.path import Beside, Budget, Known, Path, shortest_links, shortest_paths
from graph.walk import Limit, NeighbourEdge, NeighbourNode, Truncation

MAX_LENGTH = 8
MAX_PATHS = 10
MAX_SUBJECTS = 50


class Meaning(StrEnum):
    """Only edges of this meaning are followed."""

    OWNERSHIP = "OWNERSHIP"
    CONTROL = "CONTROL"  # more than half of a body, its representative, its head office
    MANAGEMENT = "MANAGEMENT"
    DEBT = "DEBT"


_MEANT = {
    Meaning.OWNERSHIP: frozenset({EdgeKind.HOLDS}),
    Meaning.CONTROL: frozenset({EdgeKind.HOLDS, EdgeKind.LEGAL_REP_OF, EdgeKind.BRANCH_OF}),
    Meaning.MANAGEMENT: frozenset({EdgeKind.LEGAL_REP_OF, EdgeKind.OFFICER_OF, EdgeKind.BRANCH_OF}),
    Meaning.DEBT: frozenset({EdgeKind.GUARANTEES, EdgeKind.BORROWS}),
}


@dataclass(frozen=True, slots=True)
class Following:
    """Which edges and nodes a search may use: what is asked for within what the caller may see.

    `barred` are subjects and `hidden` edges that the caller may not meet; `closed` categories are
    shown where others lead to them and never passed, with the reason. `regions` are those of the
    caller's district, None for all: of what is not open it meets what touches them.
    """

    as_of: dt.date
    kinds: frozenset[str]
    classes: frozenset[str]
    categories: frozenset[str] | None = None
    closed: Mapping[str, Limit] | None = None
    barred: frozenset[UUID] = frozenset()
    hidden: frozenset[UUID] = frozenset()
    regions: frozenset[str] | None = None
    meaning: Meaning | None = None


@dataclass(frozen=True, slots=True)
class Paths:
    """Paths as sequences of node ids; `edges` are all visible edges between neighbours on them.

    `hubs` are the nodes that were met and not passed. `position` names the state of the store
    that the graph had reached.
    """

    as_of: dt.date
    position: str
    paths: tuple[tuple[UUID, ...], ...]
    nodes: tuple[NeighbourNode, ...]
    edges: tuple[NeighbourEdge, ...]
    hubs: tuple[UUID, ...]
    truncated: tuple[Truncation, ...]


_CONTROLLING = "  AND (type(r) <> 'HOLDS' OR toFloat(r.share_min) > 0.5)"
_BESIDE = """
UNWIND $asked.frontier AS id
MATCH (n:Subject {{id: id}})
CALL (n) {{
  {visible}
  WITH m LIMIT $asked.cap
  RETURN collect([m.id, m.category]) AS found
}}
RETURN collect([n.id, found]) AS beside
"""
_BETWEEN = """
UNWIND $asked.pairs AS pair
MATCH (n:Subject {{id: pair[0]}})
MATCH (m:Subject {{id: pair[1]}})
{visible}
RETURN collect([n.id, [r.id, type(r), startNode(r) = n, m.id, m.category, properties(r)]]) AS found
"""
_HUBS_TOLD = 10
_TELLING = 0.1  # of its time that a search keeps for reading what stands behind the steps


async def find_paths(
    graph: GraphConnection,
    start: UUID,
    end: UUID,
    *,
    count: int,
    following: Following,
    budget: Budget,
    seconds: float = 5.0,
) -> Paths:
    """Up to `count` (1 to 10) shortest paths of at most `budget.max_length` (1 to 8) edges.

    Raises GraphUnavailable, ValueError for numbers out of range or equal ends.
    """
    if not 1 <= count <= MAX_PATHS or not 1 <= budget.max_length <= MAX_LENGTH or start == end:
        raise ValueError("count must be 1 to 10, max_length 1 to 8, and the ends two subjects")
    search = await _Search.open(graph, [start, end], following, budget, seconds)
    if len(search.known.ends) < 2:
        return search.nothing()
    paths, truncated = await shortest_paths(search.known, str(start), str(end), count)
    return await search.told(paths, truncated)


async def find_links(
    graph: GraphConnection,
    subjects: Sequence[UUID],
    *,
    centre: UUID | None,
    following: Following,
    budget: Budget,
    seconds: float = 5.0,
) -> Paths:
    """A shortest path between each two of up to 50 subjects, or from `centre` to each other.

    Raises GraphUnavailable, ValueError for numbers out of range.
    """
    group = sorted({str(id_) for id_ in subjects})
    if not 2 <= len(group) <= MAX_SUBJECTS or not 1 <= budget.max_length <= MAX_LENGTH:
        raise ValueError("there must be 2 to 50 subjects, and max_length 1 to 8")
    search = await _Search.open(graph, [UUID(id_) for id_ in group], following, budget, seconds)
    there = sorted(search.known.ends)
    if centre is not None:
        pairs = [(str(centre), far) for far in there if far != str(centre)]
        pairs = pairs if str(centre) in search.known.ends else []
    else:
        pairs = [(near, far) for at, near in enumerate(there) for far in there[at + 1 :]]
    if not pairs:
        return search.nothing()
    found, truncated = await shortest_links(search.known, there, pairs)
    return await search.told([found[pair] for pair in pairs if pair in found], truncated)


async def plan_paths(graph: GraphConnection, following: Following, seconds: float) -> None:
    """Have the graph plan the statements of a search that follows these, which finds nothing.

    Raises GraphUnavailable, GraphTimeout.
    """
    search = _Search(graph, following, Budget(1, 1, 1), monotonic() + seconds, "", {})
    await search.plan()


class _Search:
    """One search of one graph: its statements, its clock, and what it knows."""

    def __init__(
        self,
        graph: GraphConnection,
        following: Following,
        budget: Budget,
        deadline: float,
        position: str,
        starts: Mapping[str, str],
    ) -> None:
        self._graph = graph
        self._following = following
        self._deadline = deadline
        self._position = position
        kinds = following.kinds
        if following.meaning is not None:
            kinds = kinds & _MEANT[following.meaning]
        self._kinds = "|".join(kind for kind in EdgeKind if kind in kinds)
        categories = following.categories
        self._scope: dict[str, Any] = {
            "classes": sorted(following.classes),
            "categories": sorted(LABELS.keys() if categories is None else categories),
            "as_of": following.as_of.isoformat(),
            "barred": sorted(map(str, following.barred)),
            "hidden": sorted(map(str, following.hidden)),
            "regions": None if following.regions is None else sorted(following.regions),
        }
        enough = deadline - _TELLING * (deadline - monotonic())
        self.known = Known(
            self._look,
            budget,
            frozenset(starts),
            following.closed or {},
            dict(starts),
            late=lambda: monotonic() > enough,
        )

    @classmethod
    async def open(
        cls,
        graph: GraphConnection,
        subjects: Sequence[UUID],
        following: Following,
        budget: Budget,
        seconds: float,
    ) -> _Search:
        deadline = monotonic() + seconds
        try:
            rows = await graph.read(
                START, {"asked": {"ids": sorted(map(str, subjects))}}, seconds=seconds
            )
        except GraphTimeout as cause:
            raise GraphUnavailable from cause
        position = read_position(rows[0]["checkpoint"])
        starts = {row["id"]: row["category"] for row in rows if row["category"] is not None}
        return cls(graph, following, budget, deadline, position, starts)

    def nothing(self) -> Paths:
        """The answer when an end is not in the graph: the same as when nothing leads there."""
        return self._answer((), (), (), ())

    async def told(self, paths: Sequence[Path], truncated: tuple[Truncation, ...]) -> Paths:
        """The answer with the edges that stand behind each step."""
        try:
            edges = await self._between(paths)
        except GraphTimeout:
            at = Truncation(1, Limit.TIME)
            return self._answer((), (), (), tuple(sorted({*truncated, at})))
        hubs = sorted(self.known.hubs, key=lambda id_: (self.known.hubs[id_], id_))[:_HUBS_TOLD]
        return self._answer(paths, edges, hubs, truncated)

    def _answer(
        self,
        paths: Iterable[Path],
        edges: Iterable[NeighbourEdge],
        hubs: Iterable[str],
        truncated: tuple[Truncation, ...],
    ) -> Paths:
        known, paths, hubs = self.known, list(paths), list(hubs)
        far: dict[str, int] = dict.fromkeys(sorted(known.ends), 0)
        for path in paths:
            for at, id_ in enumerate(path):
                far.setdefault(id_, min(at, len(path) - 1 - at))
        for hub in hubs:
            far.setdefault(hub, known.hubs[hub] - 1)
        nodes = tuple(
            NeighbourNode(UUID(id_), known.category[id_], distance, None, id_ in known.looked)
            for id_, distance in far.items()
        )
        return Paths(
            self._following.as_of,
            self._position,
            tuple(tuple(map(UUID, path)) for path in paths),
            nodes,
            tuple(edges),
            tuple(map(UUID, hubs)),
            truncated,
        )

    async def plan(self) -> None:
        """Ask each statement about nobody."""
        await self._read(_BESIDE, frontier=[], cap=1)
        await self._read(_BETWEEN, pairs=[])

    async def _look(self, frontier: Sequence[str], fan: int) -> list[Beside]:
        if not self._kinds:
            return [Beside(id_, {}) for id_ in frontier]
        rows = await self._read(_BESIDE, frontier=list(frontier), cap=fan + 1)
        return [
            Beside(id_, None if len(found) > fan else dict(found))
            for id_, found in rows[0]["beside"]
        ]

    async def _between(self, paths: Sequence[Path]) -> tuple[NeighbourEdge, ...]:
        steps = {step for path in paths for step in pairwise(path)}
        pairs = sorted({tuple(sorted(step)) for step in steps})
        if not pairs:
            return ()
        rows = await self._read(_BETWEEN, pairs=[list(pair) for pair in pairs])
        edges = [read_found(UUID(near), row).edge for near, row in rows[0]["found"]]
        return tuple(sorted(edges, key=lambda edge: (list(EdgeKind).index(edge.kind), edge.id)))

    async def _read(self, statement: str, **parameters: Any) -> list[Any]:
        visible = VISIBLE.format(kinds=self._kinds)
        if self._following.meaning is Meaning.CONTROL:
            visible += _CONTROLLING
        return await self._graph.read(
            statement.format(visible=visible),
            {"asked": {**self._scope, **parameters}},
            seconds=self._deadline - monotonic(),
        )
