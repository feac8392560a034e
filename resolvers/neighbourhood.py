"""The neighbourhood of a subject: searched in the graph, rechecked and filled from the store."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from graph.errors import GraphUnavailable
from graph.neighbourhood import Neighbourhood
from resolvers.answer import Disclosure, distinct
from resolvers.context import Call
from resolvers.errors import QuestionError
from resolvers.lookup import read_code
from resolvers.party import party_json
from resolvers.projection import Shape, shaper
from resolvers.pseudonym import person_of
from resolvers.reading import fetch
from resolvers.search import read_global_id
from resolvers.statement import Level, Selected, Statement
from resolvers.visibility import (
    organisation_visible,
    persons_resolvable,
    persons_visible,
    relation_visible,
)
from security.policy import Government

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

    Raises QuestionError GRAPH_UNAVAILABLE, HOPS_LIMIT, BUDGET_LIMIT.
    """
    fresh = statement.anew(call.context.scope)
    budget = _budget(fresh, selected, call)
    asked: str = selected.arguments["subject"].read(call)  # type: ignore[union-attr]
    start, is_person = await _start(fresh, asked, call)
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
            allowed_classes=_classes(row.government),
            allowed_categories=_categories(fresh, call, budget.hops, is_person),
        )
    except GraphUnavailable as error:
        raise QuestionError("GRAPH_UNAVAILABLE", "the graph does not answer: try later") from error
    return await _shown(fresh, selected, call, found)


def _classes(government: Government) -> frozenset[str]:
    return frozenset({"O"} if government is Government.NONE else {"O", "G"})


def _categories(
    statement: Statement, call: Call, hops: int, is_person: bool
) -> frozenset[str] | None:
    """Who may be walked through: beyond one hop the way leads on from persons, which needs a
    role that may resolve them and the case number of such questions."""
    if not persons_visible(statement):
        return _ORGANISATIONS | {"LOAN"}
    if hops == 1 and not is_person:
        return None
    scope = call.context.scope
    if persons_resolvable(statement) and (scope.case or not scope.row.case_for_persons):
        return None
    return _ORGANISATIONS | {"LOAN"}


def _budget(statement: Statement, selected: Selected, call: Call) -> _Budget:
    def read(name: str) -> Any:
        given = selected.given(name)
        return None if given is None else given.read(call)

    hops, limit = read("hops") or 0, statement.scope.row.hops
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


async def _start(statement: Statement, asked: str, call: Call) -> tuple[UUID | None, bool]:
    """The subject asked for, if the caller may see it, and whether it is a person."""
    told = read_global_id(asked)
    if told is not None and told[0] == "Person":
        scope = call.context.scope
        if not persons_resolvable(statement) or (scope.row.case_for_persons and not scope.case):
            return None, True
        person = person_of(call.context.person_key, told[1])
        known = await fetch(call.context.pool, "SELECT FROM person WHERE subject_id = $1", [person])
        return (person if known else None), True
    check = statement.anew(call.context.scope)
    if told is not None and told[0] == "Organisation":
        key = check.bind(lambda _: told[1], "text")
        where = f"o.subject_id::text = {key}"
    else:
        code = read_code(asked)
        values = check.bind(lambda _: code.values, "text[]")
        schemes = check.bind(lambda _: code.schemes, "text[]")
        where = (
            "o.subject_id IN (SELECT i.subject_id FROM identifier i"
            f" WHERE i.value = ANY({values}) AND i.scheme = ANY({schemes}) AND i.is_open)"
        )
    sql = (
        f"SELECT o.subject_id FROM organisation o WHERE {where}"
        f" AND {organisation_visible(check, 'o')} LIMIT 2"
    )
    rows = await fetch(call.context.pool, sql, [bind(call) for bind in check.binds])
    return (rows[0]["subject_id"] if len(rows) == 1 else None), False


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
    stated = await _seen_relations(statement, call, [edge.id for edge in found.edges])
    value = _value(found, parties, stated, "BORROWS" in statement.scope.row.relations)
    records = b"".join(row["r"] for row in rows if row["seen"] is not None)
    subjects = distinct(b"".join(row["a"] for row in rows if row["seen"] is not None))
    disclosure = Disclosure(
        subjects=subjects,
        records=tuple(
            dict.fromkeys(UUID(bytes=records[i : i + 16]) for i in range(0, len(records), 16))
        ),
        coordinates=("Query.neighbourhood", *statement.coordinates),
        masked=tuple(statement.masked),
        rows=len(value["nodes"]) + len(value["edges"]),
    )
    return shape(value), disclosure


def _fragment(parties: Mapping[UUID, tuple[Any, ...]], node: Mapping[str, Any], at: int) -> Any:
    party = parties.get(node["id"])
    found = None if party is None else party[at]
    return None if found is None else orjson.Fragment(found)


async def _seen_relations(statement: Statement, call: Call, ids: list[UUID]) -> set[UUID]:
    check = statement.anew(call.context.scope)
    relations = check.bind(lambda _: ids, "uuid[]")
    visible = relation_visible(check, "e", tuple(sorted(statement.scope.row.relations)))
    sql = (
        f"SELECT DISTINCT e.relation_id FROM relation e WHERE e.relation_id = ANY({relations})"
        f" AND {visible}"
    )
    rows = await fetch(call.context.pool, sql, [bind(call) for bind in check.binds])
    return {row["relation_id"] for row in rows}


def _value(
    found: Neighbourhood, parties: Mapping[UUID, Any], stated: set[UUID], loans: bool
) -> dict[str, Any]:
    """The neighbourhood without what the store does not show the caller, nor what hung on it."""
    kept = [
        node for node in found.nodes if node.id in parties or (loans and node.category == "LOAN")
    ]
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
                "degree": node.degree,
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
                "shareMax": edge.share_max,
                "position": edge.position,
                "originRegion": edge.origin,
                "validFrom": edge.valid_from,
                "validTo": edge.valid_to,
            }
            for edge in edges
        ],
    }
