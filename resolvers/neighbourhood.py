"""The neighbourhood of a subject: searched in the graph, rechecked and filled from the store."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Container, Mapping, Set
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from graph.neighbourhood import MAX_HOPS, Neighbourhood
from resolvers.answer import Disclosure
from resolvers.context import Call
from resolvers.errors import QuestionError
from resolvers.graph_answer import Parties, edge_values, searched, truncated_value
from resolvers.graph_scope import (
    barred_now,
    categories,
    classes,
    closed,
    demand_hops,
    district_now,
    subject_asked,
)
from resolvers.statement import Selected, Statement
from security.policy import Reach

MAX_NODES = 5_000
MAX_FAN = 1_000


@dataclass(frozen=True, slots=True)
class _Budget:
    hops: int
    as_of: dt.date
    max_nodes: int
    max_fan: int
    kinds: frozenset[str] | None


async def answer(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """The neighbourhood of the subject as the caller may see it, None when there is no subject.

    Raises QuestionError GRAPH_UNAVAILABLE, FORBIDDEN, HOPS_LIMIT, BUDGET_LIMIT, CASE_REQUIRED.
    """
    fresh = statement.anew(call.context.scope)
    budget = _budget(fresh, selected, call)
    asked: str = selected.arguments["subject"].read(call)  # type: ignore[union-attr]
    start = await subject_asked(fresh, asked, call)
    if start is None:
        return None, Disclosure(not_found=(asked,))
    graph = call.context.graph
    if graph is None:
        raise QuestionError("GRAPH_UNAVAILABLE", "this node has no graph")
    row = fresh.scope.row
    parties = Parties.prepare(fresh, selected)

    def search(barred: frozenset[UUID], hidden: frozenset[UUID]) -> Awaitable[Neighbourhood]:
        return graph.neighbourhood(
            [start],
            hops=budget.hops,
            kinds=budget.kinds,
            as_of=budget.as_of,
            max_nodes=budget.max_nodes,
            max_fan=budget.max_fan,
            allowed_kinds=row.relations,
            allowed_classes=classes(row),
            allowed_categories=categories(fresh),
            closed=closed(fresh, call),
            barred=barred,
            hidden=hidden,
            regions=regions,
        )

    barred, regions = await barred_now(fresh, call), await district_now(fresh, call)
    found, unseen, stated = await searched(search, parties, call, barred)
    value = _value(found, unseen, stated, call)
    rows = len(value["nodes"]) + len(value["edges"])
    shown = [node["id"] for node in value["nodes"]]
    return parties.shape(value), parties.disclosure_of(shown, rows)


def _budget(statement: Statement, selected: Selected, call: Call) -> _Budget:
    def read(name: str) -> Any:
        given = selected.given(name)
        return None if given is None else given.read(call)

    hops = read("hops") or 0
    demand_hops(statement, hops)
    max_nodes, max_fan = read("maxNodes"), read("maxFan")
    if not 1 <= max_nodes <= MAX_NODES or not 1 <= max_fan <= MAX_FAN:
        raise QuestionError(
            "BUDGET_LIMIT", f"maxNodes is 1 to {MAX_NODES}, maxFan is 1 to {MAX_FAN}"
        )
    kinds = read("kinds")
    return _Budget(
        hops,
        read("asOf") or call.context.today,
        max_nodes,
        max_fan,
        None if kinds is None else frozenset(kinds),
    )


def _reached(found: Neighbourhood, kept: Set[UUID], stated: Container[UUID]) -> Set[UUID]:
    """The kept nodes that are still reached from the start over edges that the store shows."""
    beside: dict[UUID, list[UUID]] = {}
    for edge in found.edges:
        if edge.id in stated and edge.source in kept and edge.target in kept:
            beside.setdefault(edge.source, []).append(edge.target)
            beside.setdefault(edge.target, []).append(edge.source)
    frontier = [node.id for node in found.nodes if node.distance == 0 and node.id in kept]
    reached = set(frontier)
    while frontier:
        for id_ in beside.get(frontier.pop(), ()):
            if id_ not in reached:
                reached.add(id_)
                frontier.append(id_)
    return reached


def _value(
    found: Neighbourhood,
    unseen: Container[UUID],
    stated: Mapping[UUID, Decimal | None],
    call: Call,
) -> dict[str, Any]:
    """The neighbourhood without what the store does not show the caller, nor what hung on it."""
    scope = call.context.scope
    counted = scope.grounds.district is None and not scope.grounds.barred
    # Closed relations at the last level around a matter's subject lead beyond what may be seen.
    last = scope.row.hops if scope.row.closed_relations is Reach.MATTER else MAX_HOPS + 1
    kept = [node for node in found.nodes if node.id not in unseen]
    reached = _reached(found, {node.id for node in kept}, stated)
    kept = [node for node in kept if node.id in reached]
    keys = {node.id: f"n{index}" for index, node in enumerate(kept)}
    return {
        "asOf": found.as_of,
        "position": found.position,
        "truncated": truncated_value(found.truncated),
        "nodes": [
            {
                "id": node.id,
                "key": keys[node.id],
                "distance": node.distance,
                "degree": node.degree if counted and node.distance < last else None,
                "expanded": node.expanded,
            }
            for node in kept
        ],
        "edges": edge_values(found.edges, stated, keys, call.context.region),
    }
