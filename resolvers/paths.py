"""Paths between subjects: searched in the graph in the caller's scope, rechecked in the store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any
from uuid import UUID

from graph.path import Budget
from graph.paths import MAX_PATHS, MAX_SUBJECTS, Following, Meaning
from graph.paths import Paths as Found
from resolvers.answer import Disclosure
from resolvers.association import addresses_of_both
from resolvers.context import Call, GraphReader
from resolvers.errors import QuestionError
from resolvers.graph_answer import Parties, edge_values, searched, truncated_value
from resolvers.graph_scope import (
    barred_now,
    categories,
    classes,
    closed,
    district_now,
    given_to,
    subject_asked,
)
from resolvers.neighbourhood import MAX_FAN
from resolvers.statement import Selected, Statement
from security.policy import Reach

MAX_NODES = 20_000
_HUB_FAN = 10_000

Search = Callable[[GraphReader, Following], Awaitable[Found]]


async def paths(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """The shortest paths between two subjects, None when one of them is none to see.

    Raises QuestionError FORBIDDEN, LENGTH_LIMIT, BUDGET_LIMIT, SUBJECTS_EQUAL, CASE_REQUIRED,
    GRAPH_UNAVAILABLE.
    """
    fresh, given = statement.anew(call.context.scope), given_to(selected, call)
    budget = _budget(fresh, given)
    count: int = given["first"]
    if not 1 <= count <= MAX_PATHS:
        raise QuestionError("BUDGET_LIMIT", f"ask for 1 to {MAX_PATHS} paths")
    asked = (given["from"], given["to"])
    # Both are looked for, whatever becomes of the first.
    start = await subject_asked(fresh, asked[0], call)
    end = await subject_asked(fresh, asked[1], call, reach=Reach.ALL)
    if start is None or end is None:
        found = zip(asked, (start, end), strict=True)
        return None, Disclosure(not_found=tuple(text for text, one in found if one is None))
    if start == end:
        raise QuestionError("SUBJECTS_EQUAL", "name two different subjects: both codes are of one")

    def search(graph: GraphReader, following: Following) -> Awaitable[Found]:
        return graph.paths(start, end, count=count, following=following, budget=budget)

    wanted = {one.name for one in statement.select(selected.type, selected.details)}
    both = await addresses_of_both(fresh, start, end, call) if "shared" in wanted else []
    following = await _following(fresh, given, call)
    return await _answer(fresh, selected, call, following, search, shared=both)


async def links(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """A shortest path between each two of a group, or from one to each other.

    Subjects that are none to see are named as missing. Raises QuestionError as `paths`.
    """
    fresh, given = statement.anew(call.context.scope), given_to(selected, call)
    budget = _budget(fresh, given)
    named: list[str] = list(dict.fromkeys(given["subjects"]))
    centre_named: str | None = given.get("from")
    if centre_named is not None and centre_named not in named:
        named.append(centre_named)
    if not 2 <= len(named) <= MAX_SUBJECTS:
        raise QuestionError("BUDGET_LIMIT", f"name 2 to {MAX_SUBJECTS} different subjects")
    found = {one: await subject_asked(fresh, one, call) for one in named}
    missing = tuple(one for one, id_ in found.items() if id_ is None)
    there = {id_ for id_ in found.values() if id_ is not None}
    centre = found.get(centre_named) if centre_named is not None else None
    if len(there) < 2 or (centre_named is not None and centre is None):
        return None, Disclosure(not_found=missing)

    def search(graph: GraphReader, following: Following) -> Awaitable[Found]:
        return graph.links(sorted(there), centre=centre, following=following, budget=budget)

    following = await _following(fresh, given, call)
    return await _answer(fresh, selected, call, following, search, missing=missing)


def _budget(statement: Statement, given: Mapping[str, Any]) -> Budget:
    limit, length = statement.scope.row.path_length, given["maxLength"]
    if limit == 0:
        raise QuestionError("FORBIDDEN", "the role does not search the graph")
    if not 1 <= length <= limit:
        raise QuestionError("LENGTH_LIMIT", f"ask for paths of at most 1 to {limit} steps")
    fan, nodes = given["maxFan"], given["maxNodes"]
    if not 1 <= fan <= MAX_FAN or not 1 <= nodes <= MAX_NODES:
        raise QuestionError(
            "BUDGET_LIMIT", f"maxNodes is 1 to {MAX_NODES}, maxFan is 1 to {MAX_FAN}"
        )
    return Budget(length, nodes, _HUB_FAN if given["hubs"] else fan, _HUB_FAN)


async def _following(statement: Statement, given: Mapping[str, Any], call: Call) -> Following:
    row, kinds, meaning = statement.scope.row, given.get("kinds"), given.get("meaning")
    return Following(
        as_of=given.get("asOf") or call.context.today,
        kinds=row.relations if kinds is None else row.relations & frozenset(kinds),
        classes=classes(row),
        categories=categories(statement),
        closed=closed(statement, call),
        barred=await barred_now(statement, call),
        regions=await district_now(statement, call),
        meaning=None if meaning is None else Meaning(meaning),
    )


async def _answer(
    statement: Statement,
    selected: Selected,
    call: Call,
    following: Following,
    search: Search,
    *,
    missing: tuple[str, ...] = (),
    shared: Sequence[Mapping[str, Any]] = (),
) -> tuple[Any, Disclosure]:
    graph = call.context.graph
    if graph is None:
        raise QuestionError("GRAPH_UNAVAILABLE", "this node has no graph")
    parties = Parties.prepare(statement, selected)

    def without(barred: frozenset[UUID], hidden: frozenset[UUID]) -> Awaitable[Found]:
        return search(graph, replace(following, barred=barred, hidden=hidden))

    found, unseen, stated = await searched(without, parties, call, following.barred)
    value = _value(found, unseen, stated, call)
    value |= {"missing": list(missing), "shared": list(shared)}
    disclosure = parties.disclosure(len(value["nodes"]) + len(value["paths"]))
    return parties.shape(value), replace(disclosure, not_found=missing)


def _value(
    found: Found, unseen: Collection[UUID], stated: Mapping[UUID, Decimal | None], call: Call
) -> dict[str, Any]:
    """The answer without what the store does not show the caller, nor what hung on it."""
    kept = [node for node in found.nodes if node.id not in unseen]
    keys = {node.id: f"n{index}" for index, node in enumerate(kept)}
    between: dict[frozenset[str], list[dict[str, Any]]] = {}
    for edge in edge_values(found.edges, stated, keys, call.context.region):
        between.setdefault(frozenset((edge["source"], edge["target"])), []).append(edge)
    shown = []
    for path in found.paths:
        if not all(id_ in keys for id_ in path):
            continue
        nodes = [keys[id_] for id_ in path]
        steps = [
            {"source": one, "target": other, "edges": between.get(frozenset((one, other)), [])}
            for one, other in pairwise(nodes)
        ]
        if all(step["edges"] for step in steps):
            shown.append({"length": len(steps), "nodes": nodes, "steps": steps})
    hubs = set(found.hubs)
    return {
        "asOf": found.as_of,
        "position": found.position,
        "truncated": truncated_value(found.truncated),
        "nodes": [{"id": node.id, "key": keys[node.id], "hub": node.id in hubs} for node in kept],
        "paths": shown,
    }
