"""Breadth-first search within budgets, on anything that can expand nodes.

A node whose degree exceeds the fan-out is shown but not expanded; whatever is cut off is said.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from graph.errors import GraphTimeout
from graph.layout import EdgeKind

_RANK = {kind: rank for rank, kind in enumerate(EdgeKind)}


class Limit(StrEnum):
    """Why something is missing from an answer."""

    LEVELS = "LEVELS"
    NODES = "NODES"
    FAN = "FAN"
    TIME = "TIME"
    PERSONS = "PERSONS"
    CASE_REQUIRED = "CASE_REQUIRED"


@dataclass(frozen=True, slots=True, order=True)
class Truncation:
    """What was cut off: `stage` is the distance from the start where something is missing."""

    stage: int
    reason: Limit


@dataclass(frozen=True, slots=True)
class NeighbourNode:
    """A subject in a neighbourhood.

    `degree` counts its visible edges, up to 10,000; None when they were not counted. `expanded`
    is true when every one of them is in the answer.
    """

    id: UUID
    category: str
    distance: int
    degree: int | None
    expanded: bool


@dataclass(frozen=True, slots=True)
class NeighbourEdge:
    """A relation as one city states it; `id` is the relation's id, the evidence in the store.

    Shares are fractions of 1, an unknown share is an interval; amounts are in `currency`.
    """

    id: UUID
    kind: EdgeKind
    source: UUID
    target: UUID
    origin: str
    share_min: Decimal | None
    share_max: Decimal | None
    position: str | None
    guarantee_kind: str | None
    amount: Decimal | None
    currency: str | None
    loan_id: UUID | None
    valid_from: dt.date | None
    valid_to: dt.date | None


class Found(NamedTuple):
    """An edge that was followed, and the node at its far end."""

    edge: NeighbourEdge
    far: UUID
    category: str


@dataclass(frozen=True, slots=True)
class Expansion:
    """A node with its visible degree and the edges that were followed from it."""

    id: UUID
    degree: int
    found: tuple[Found, ...]


# Expand these nodes; with `within`, only along edges between it and them.
Expand = Callable[[Sequence[UUID], "frozenset[UUID] | None"], Awaitable[Iterable[Expansion]]]


async def walk(
    expand: Expand,
    starts: Mapping[UUID, str],
    hops: int,
    max_nodes: int,
    max_fan: int,
    closed: Mapping[str, Limit] | None = None,
) -> tuple[tuple[NeighbourNode, ...], tuple[NeighbourEdge, ...], tuple[Truncation, ...]]:
    """The search itself, on anything that can expand nodes; the same input, the same answer.

    `closed` names the categories that are shown where others lead to them and never expanded or
    counted themselves, with the reason; a start is expanded whatever its category.
    """
    frontier = sorted(starts)[:max_nodes]
    distance = dict.fromkeys(frontier, 0)
    category = {id_: starts[id_] for id_ in frontier}
    degree: dict[UUID, int] = {}
    edges: dict[UUID, NeighbourEdge] = {}
    hubs: dict[UUID, int] = {}
    truncated: set[Truncation] = set()
    closed = closed or {}
    level, cut = 0, len(starts) > max_nodes
    if cut:
        truncated.add(Truncation(0, Limit.NODES))
    try:
        while frontier and level < hops and not cut:
            level += 1
            expansions = list(await expand(frontier, None))
            degree.update((one.id, one.degree) for one in expansions)
            hubs.update((one.id, level) for one in expansions if one.degree > max_fan)
            found = [step for one in expansions for step in one.found]
            reached = _reached(found, distance)
            frontier = reached[: max_nodes - len(distance)]
            if cut := len(frontier) < len(reached):
                truncated.add(Truncation(level, Limit.NODES))
            distance.update(dict.fromkeys(frontier, level))
            category.update((step.far, step.category) for step in found)
            edges.update(_inside(found, distance))
            reasons = {closed[category[id_]] for id_ in frontier if category[id_] in closed}
            truncated.update(Truncation(level + 1, reason) for reason in reasons)
            frontier = [id_ for id_ in frontier if category[id_] not in closed]
        if frontier:
            level += 1
            expansions = list(await expand(frontier, frozenset(distance)))
            degree.update((one.id, one.degree) for one in expansions)
            edges.update(_inside([step for one in expansions for step in one.found], distance))
            if not cut and _open(frontier, degree, edges.values()):
                truncated.add(Truncation(level, Limit.LEVELS))
    except GraphTimeout:
        truncated.add(Truncation(level, Limit.TIME))

    unfinished = _open(distance, degree, edges.values())
    # A hub whose every edge was found from its other end misses nothing.
    truncated.update(Truncation(at, Limit.FAN) for id_, at in hubs.items() if id_ in unfinished)
    nodes = tuple(
        NeighbourNode(id_, category[id_], far, degree.get(id_), id_ not in unfinished)
        for id_, far in distance.items()
    )
    return nodes, tuple(edges.values()), tuple(sorted(truncated))


def _reached(found: Iterable[Found], known: Mapping[UUID, int]) -> list[UUID]:
    """The new nodes, in the order of the first kind of edge that leads to each, then of ids."""
    best: dict[UUID, int] = {}
    for step in found:
        if step.far not in known:
            rank = _RANK[step.edge.kind]
            best[step.far] = min(best.get(step.far, rank), rank)
    return sorted(best, key=lambda id_: (best[id_], id_))


def _inside(found: Iterable[Found], known: Mapping[UUID, int]) -> dict[UUID, NeighbourEdge]:
    edges = [step.edge for step in found if step.far in known]
    return {edge.id: edge for edge in sorted(edges, key=lambda e: (_RANK[e.kind], e.id))}


def _open(
    ids: Iterable[UUID], degree: Mapping[UUID, int], edges: Iterable[NeighbourEdge]
) -> set[UUID]:
    """The nodes among `ids` that have visible edges which are not among `edges`."""
    present = Counter(end for edge in edges for end in {edge.source, edge.target})
    return {id_ for id_ in ids if degree.get(id_) != present[id_]}
