"""The neighbourhood 邻域 of subjects: breadth first, level by level, within budgets.

Definition: a node whose visible degree exceeds the fan-out is shown with its degree but not
expanded; what the caller may not see is left out during the search, so it changes neither
degrees nor truncation (access rules §7, X29); whatever is cut off is said.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from time import monotonic
from typing import Any, TypeVar
from uuid import UUID

from graph.checkpoint import Checkpoint, Stage
from graph.connection import GraphConnection
from graph.errors import GraphTimeout, GraphUnavailable
from graph.layout import LABELS, LAYOUT, EdgeKind
from graph.walk import Expansion, Found, Limit, NeighbourEdge, NeighbourNode, Truncation, walk

T = TypeVar("T")

MAX_HOPS = 4
DEGREE_LIMIT = 10_000  # degrees are counted up to here: 10,000 means 10,000 or more


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """Nodes by distance, kind and id; edges by the level that found them, kind and id.

    `position` names the state of the store that the graph had reached.
    """

    as_of: dt.date
    position: str
    nodes: tuple[NeighbourNode, ...]
    edges: tuple[NeighbourEdge, ...]
    truncated: tuple[Truncation, ...]


# Values come in one map `asked`: Neo4j keeps a plan for each order of magnitude of a list's length,
# and planning anew costs more than most answers do, and tells a length that nobody should know.
START = """
OPTIONAL MATCH (c:Checkpoint {name: 'graph'})
WITH properties(c) AS checkpoint
UNWIND $asked.ids AS id
OPTIONAL MATCH (n:Subject {id: id})
RETURN checkpoint, n.id AS id, n.category AS category
"""

VISIBLE = """
MATCH (n)-[r:{kinds}]-(m:Subject)
WHERE r.class IN $asked.classes
  AND m.category IN $asked.categories AND NOT m.class IN ['R', 'I']
  AND (r.valid_from IS NULL OR r.valid_from <= $asked.as_of)
  AND (r.valid_to IS NULL OR $asked.as_of < r.valid_to)
  AND NOT m.id IN $asked.barred AND NOT r.id IN $asked.hidden
  AND ($asked.regions IS NULL OR r.class = 'O'
       OR n.region IN $asked.regions OR m.region IN $asked.regions)
"""
# One row for a level: what a row costs the driver is many times what an element of a list does.
# An edge is looked at once, for the degree and for the answer, and its properties are read at once.
_EXPAND = """
UNWIND $asked.frontier AS id
MATCH (n:Subject {{id: id}})
CALL (n) {{
  {visible}
  WITH n, r, m LIMIT $asked.degree_limit
  RETURN count(*) AS degree, collect({within}
    [r.id, type(r), startNode(r) = n, m.id, m.category, properties(r)]
  {end}) AS found
}}
RETURN collect([n.id, degree, CASE WHEN degree <= $asked.max_fan THEN found ELSE [] END])
  AS expansions
"""


async def neighbourhood(
    graph: GraphConnection,
    subject_ids: Sequence[UUID],
    *,
    hops: int,
    kinds: frozenset[str] | None,
    as_of: dt.date,
    max_nodes: int,
    max_fan: int,
    allowed_kinds: frozenset[str],
    allowed_classes: frozenset[str],
    allowed_categories: frozenset[str] | None = None,
    closed: Mapping[str, Limit] | None = None,
    barred: frozenset[UUID] = frozenset(),
    hidden: frozenset[UUID] = frozenset(),
    regions: frozenset[str] | None = None,
    seconds: float = 5.0,
) -> Neighbourhood:
    """What is within `hops` (0 to 4) of the subjects on a day, as the caller may see it.

    `kinds` None asks for every allowed kind. Nodes of the `closed` categories are shown and not
    expanded, for the reason given, unless the search starts from them. `barred` subjects and
    `hidden` edges are as if they were not there, and so is what is not open and touches none of
    the `regions` of the caller's district, None for all. Unknown subjects are left out of the
    answer. `seconds` is for the whole search; what is found by then is the answer.

    Raises GraphUnavailable, ValueError for budgets out of range.
    """
    if not 0 <= hops <= MAX_HOPS or max_nodes < 1 or max_fan < 1:
        raise ValueError("hops must be 0 to 4, max_nodes and max_fan at least 1")
    deadline = monotonic() + seconds
    followed = allowed_kinds if kinds is None else kinds & allowed_kinds
    scope: dict[str, Any] = {
        "classes": sorted(allowed_classes),
        "categories": sorted(LABELS.keys() if allowed_categories is None else allowed_categories),
        "as_of": as_of.isoformat(),
        "barred": sorted(map(str, barred)),
        "hidden": sorted(map(str, hidden)),
        "regions": None if regions is None else sorted(regions),
        "max_fan": max_fan,
        "degree_limit": DEGREE_LIMIT,
    }

    async def expand(frontier: Sequence[UUID], within: frozenset[UUID] | None) -> list[Expansion]:
        ids = [str(id_) for id_ in frontier]
        if not followed:
            return [Expansion(id_, 0, ()) for id_ in frontier]
        rows = await graph.read(
            _statement(followed, within is not None),
            {"asked": {**scope, "frontier": ids, "within": [str(id_) for id_ in within or ()]}},
            seconds=deadline - monotonic(),
        )
        return [_expansion(*one) for one in rows[0]["expansions"]]

    ids = sorted({str(id_) for id_ in subject_ids})
    try:
        rows = await graph.read(START, {"asked": {"ids": ids}}, seconds=seconds) if ids else []
    except GraphTimeout as cause:
        raise GraphUnavailable from cause
    position = read_position(rows[0]["checkpoint"]) if rows else ""
    starts = {UUID(row["id"]): row["category"] for row in rows if row["category"] is not None}
    nodes, edges, truncated = await walk(expand, starts, hops, max_nodes, max_fan, closed)
    return Neighbourhood(as_of, position, nodes, edges, truncated)


async def plan_neighbourhood(graph: GraphConnection, kinds: frozenset[str], seconds: float) -> None:
    """Have the graph plan the statements of a search over these kinds, which finds nothing.

    Raises GraphUnavailable, GraphTimeout.
    """
    await graph.read(START, {"asked": {"ids": []}}, seconds=seconds)
    for within in (False, True):
        values = {"frontier": [], "degree_limit": 1}
        await graph.read(_statement(kinds, within), {"asked": values}, seconds=seconds)


def _statement(kinds: frozenset[str], within: bool) -> str:
    visible = VISIBLE.format(kinds="|".join(kind for kind in EdgeKind if kind in kinds))
    among = {"within": "CASE WHEN m.id IN $asked.within THEN", "end": "END"} if within else {}
    return _EXPAND.format(visible=visible, **{"within": "", "end": "", **among})


def read_position(properties: dict[str, Any] | None) -> str:
    """The position of a whole graph of this layout. Raises GraphUnavailable."""
    if properties is None or properties.get("stage") != Stage.FOLLOWING:
        raise GraphUnavailable("The relationship graph is being filled: ask again later.")
    found = Checkpoint.of(properties)
    if found.layout != LAYOUT:
        raise GraphUnavailable("The relationship graph is of another release: it will be refilled.")
    return str(found.position)


def _expansion(id_: str, degree: int, found: Iterable[Sequence[Any]]) -> Expansion:
    near = UUID(id_)
    return Expansion(near, degree, tuple(read_found(near, row) for row in found))


def read_found(near: UUID, row: Sequence[Any]) -> Found:
    """What a statement tells of an edge: id, kind, whether it leads away from `near`, the far
    subject and its category, and the edge's properties."""
    id_, kind, outward, far_id, category, told = row
    far = UUID(far_id)

    def read(name: str, of: Callable[[str], T]) -> T | None:
        value = told.get(name)
        return None if value is None else of(value)

    edge = NeighbourEdge(
        id=UUID(id_),
        kind=EdgeKind(kind),
        source=near if outward else far,
        target=far if outward else near,
        origin=told.get("origin"),
        share_min=read("share_min", Decimal),
        share_max=read("share_max", Decimal),
        position=told.get("position"),
        guarantee_kind=told.get("guarantee_kind"),
        amount=read("amount", Decimal),
        currency=told.get("currency"),
        loan_id=read("loan_id", UUID),
        valid_from=read("valid_from", dt.date.fromisoformat),
        valid_to=read("valid_to", dt.date.fromisoformat),
    )
    return Found(edge, far, category)
