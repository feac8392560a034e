"""The neighbourhood of a subject: searched in the graph, rechecked and filled from the store."""

from __future__ import annotations

import datetime as dt
from collections.abc import Container, Mapping, Set
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

from graph.errors import GraphUnavailable
from graph.neighbourhood import Neighbourhood
from graph.walk import Limit
from resolvers.answer import Disclosure, distinct
from resolvers.argument import Given
from resolvers.context import Call
from resolvers.errors import QuestionError
from resolvers.lookup import read_code, subject_named
from resolvers.party import party_json
from resolvers.projection import Shape, shaper
from resolvers.pseudonym import person_of
from resolvers.reach import FALSE, within
from resolvers.reading import fetch
from resolvers.relation import share_bound
from resolvers.search import read_global_id, read_uuid
from resolvers.statement import Level, Selected, Statement
from resolvers.visibility import (
    organisation_visible,
    person_followed,
    persons_visible,
    relation_visible,
)
from security.policy import Reach, Row, Scope

MAX_NODES = 5_000
MAX_FAN = 1_000
_ORGANISATIONS = frozenset({"LEGAL_ENTITY", "INDIVIDUAL_BUSINESS"})


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
    start = await _start(fresh, asked, call)
    if start is None:
        return None, Disclosure(not_found=(asked,))
    if call.context.graph is None:
        raise QuestionError("GRAPH_UNAVAILABLE", "this node has no graph")
    row = fresh.scope.row
    try:
        found = await call.context.graph.neighbourhood(
            [start],
            hops=budget.hops,
            kinds=budget.kinds,
            as_of=budget.as_of,
            max_nodes=budget.max_nodes,
            max_fan=budget.max_fan,
            allowed_kinds=row.relations,
            allowed_classes=_classes(row),
            allowed_categories=_categories(fresh),
            closed=_closed(fresh, call),
        )
    except GraphUnavailable as error:
        raise QuestionError("GRAPH_UNAVAILABLE", "the graph does not answer: try later") from error
    return await _shown(fresh, selected, call, found)


def _categories(statement: Statement) -> frozenset[str] | None:
    """The categories to which edges may lead: an agent sees the firms around its subject."""
    firms_only = statement.scope.row.walk is Reach.AUTHORISED
    if firms_only or not persons_visible(statement):
        return _ORGANISATIONS | {"LOAN"}
    return None


def _classes(row: Row) -> frozenset[str]:
    return frozenset({"O"} if row.closed_relations is Reach.NONE else {"O", "G"})


def _closed(statement: Statement, call: Call) -> Mapping[str, Limit]:
    """Who is shown and not expanded: what leads on from persons needs a role that may start from
    any of them, and the case number of such questions."""
    row = statement.scope.row
    if row.hops == 1:  # what lies beyond is not even counted
        beyond = dict.fromkeys((*_ORGANISATIONS, "LOAN"), Limit.LEVELS)
        return {**beyond, "NATURAL_PERSON": Limit.PERSONS}
    if row.start is not Reach.ALL:
        return {"NATURAL_PERSON": Limit.PERSONS}
    return {} if _case_given(call) else {"NATURAL_PERSON": Limit.CASE_REQUIRED}


def _case_given(call: Call) -> bool:
    scope = call.context.scope
    return bool(scope.case) or not scope.row.case_for_persons


def _budget(statement: Statement, selected: Selected, call: Call) -> _Budget:
    def read(name: str) -> Any:
        given = selected.given(name)
        return None if given is None else given.read(call)

    hops, limit = read("hops") or 0, statement.scope.row.hops
    if limit == 0:
        raise QuestionError("FORBIDDEN", "the role does not search the graph")
    if not 1 <= hops <= limit:
        raise QuestionError("HOPS_LIMIT", f"ask for 1 to {limit} levels")
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


async def _start(statement: Statement, asked: str, call: Call) -> UUID | None:
    """The subject asked for, None when there is none that the caller may start from.

    Raises QuestionError CASE_REQUIRED when the question names a person as such without a case.
    """
    told = read_global_id(asked) or ("", asked)
    code = read_code(asked)
    check = statement.anew(call.context.scope)
    persons = person_followed(check, "p.subject_id") != FALSE
    if told[0] == "Person":
        start = check.bind(lambda _: person_of(call.context.person_key, told[1]), "uuid")
    elif told[0] == "Organisation":
        start = check.bind(lambda _: read_uuid(told[1]), "uuid")
        persons = False
    else:
        start = subject_named(check, Given(asked, lambda _: asked, False))
        persons = persons and statement.scope.row.person_search
    if persons and (told[0] == "Person" or code.is_of_person) and not _case_given(call):
        raise QuestionError("CASE_REQUIRED", "name the case in credit-case to start from a person")
    open_ = organisation_visible(check, "o")
    seen = f"EXISTS (SELECT FROM organisation o WHERE o.subject_id = s.id AND {open_})"
    if persons:
        followed = person_followed(check, "p.subject_id")
        seen += f" OR EXISTS (SELECT FROM person p WHERE p.subject_id = s.id AND {followed})"
    seen = f"({seen}) AND {within(check, statement.scope.row.walk, 's.id')}"
    sql, binds = check.finished(f"SELECT s.id FROM (SELECT {start} AS id) s WHERE {seen}")
    rows = await fetch(call.context.pool, sql, [bind(call) for bind in binds])
    return rows[0]["id"] if rows else None


async def _shown(
    statement: Statement, selected: Selected, call: Call, found: Neighbourhood
) -> tuple[Any, Disclosure]:
    level = Level()
    ids = statement.bind(lambda _: [node.id for node in found.nodes], "uuid[]")
    columns = [f"({party_json(level, statement, (), 's.id')})::json AS seen"]
    parties: dict[UUID, tuple[Any, ...]] = {}

    def fill(party: Selected) -> Shape:
        at = len(columns)
        columns.append(f"({party_json(level, statement, party.details, 's.id')})::json AS j{at}")
        return lambda node: _fragment(parties, node, at)

    shape, empty = shaper(statement, selected, fill), "''::bytea"
    columns += [f"{level.manifest(kind) or empty} AS {kind}" for kind in ("a", "r")]
    sql, binds = statement.finished(
        f"SELECT s.id, {', '.join(columns)} FROM unnest({ids}) s(id) {' '.join(level.joins)}"
    )
    rows = await fetch(call.context.pool, sql, [bind(call) for bind in binds])
    for row in rows:
        if row["seen"] is not None:
            parties[row["id"]] = tuple(row)[1:]
    stated = await _seen_relations(statement, call, found)
    value = _value(found, parties, stated, statement.scope)
    records = b"".join(row["r"] for row in rows if row["seen"] is not None)
    subjects = distinct(b"".join(row["a"] for row in rows if row["seen"] is not None))
    disclosure = Disclosure(
        subjects=subjects,
        records=distinct(records),
        coordinates=("Query.neighbourhood", *statement.coordinates),
        masked=tuple(statement.masked),
        rows=len(value["nodes"]) + len(value["edges"]),
    )
    return shape(value), disclosure


def _fragment(parties: Mapping[UUID, tuple[Any, ...]], node: Mapping[str, Any], at: int) -> Any:
    party = parties.get(node["id"])
    found = None if party is None else party[at]
    return None if found is None else orjson.Fragment(found)


async def _seen_relations(
    statement: Statement, call: Call, found: Neighbourhood
) -> Mapping[UUID, Decimal | None]:
    """The edges that the store shows the caller, with the upper bounds of their shares."""
    check = statement.anew(call.context.scope)
    ids = check.bind(lambda _: [edge.id for edge in found.edges], "uuid[]")
    targets = check.bind(lambda _: [edge.target for edge in found.edges], "uuid[]")
    day = check.bind(lambda _: found.as_of, "date")
    visible = relation_visible(
        check, "e", tuple(sorted(statement.scope.row.relations)), walked=True
    )
    sql, binds = check.finished(
        f"SELECT e.relation_id, {share_bound(check, 'e', 'e.subject_id', day)} AS share_max"
        f" FROM relation e WHERE e.relation_id = ANY({ids}) AND e.subject_id = ANY({targets})"
        f" AND e.direction = 'IN' AND {visible}"
    )
    rows = await fetch(call.context.pool, sql, [bind(call) for bind in binds])
    return {row["relation_id"]: row["share_max"] for row in rows}


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
    parties: Mapping[UUID, Any],
    stated: Mapping[UUID, Decimal | None],
    scope: Scope,
) -> dict[str, Any]:
    """The neighbourhood without what the store does not show the caller, nor what hung on it."""
    loans = "BORROWS" in scope.row.relations
    counted = scope.grounds.district is None and not scope.grounds.barred
    kept = [
        node for node in found.nodes if node.id in parties or (loans and node.category == "LOAN")
    ]
    reached = _reached(found, {node.id for node in kept}, stated)
    kept = [node for node in kept if node.id in reached]
    keys = {node.id: f"n{index}" for index, node in enumerate(kept)}
    edges = [
        edge
        for edge in found.edges
        if edge.id in stated and edge.source in keys and edge.target in keys
    ]
    return {
        "asOf": found.as_of,
        "position": found.position,
        "truncated": [{"reason": str(cut.reason), "stage": cut.stage} for cut in found.truncated],
        "nodes": [
            {
                "id": node.id,
                "key": keys[node.id],
                "distance": node.distance,
                "degree": node.degree if counted else None,
                "expanded": node.expanded,
            }
            for node in kept
        ],
        "edges": [
            {
                "relationId": str(edge.id),
                "kind": str(edge.kind),
                "source": keys[edge.source],
                "target": keys[edge.target],
                "shareMin": edge.share_min,
                "shareMax": stated[edge.id],
                "position": edge.position,
                "originRegion": edge.origin,
                "validFrom": edge.valid_from,
                "validTo": edge.valid_to,
            }
            for edge in edges
        ],
    }
