"""Exports of the graph: the question is asked as its own field would be, the answer is a file.

So an export shows no more than `neighbourhood` and `paths` do, and discloses the same to the log.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

import orjson
from graphql import OperationDefinitionNode, parse
from graphql.execution.collect_fields import collect_fields

from graph.bods import Publisher, declarations
from graph.export import Piece, graphml, table
from resolvers import neighbourhood, paths
from resolvers.answer import Disclosure
from resolvers.context import Call
from resolvers.errors import QuestionError
from resolvers.global_id import read_global_id, read_uuid
from resolvers.graph_scope import given_to
from resolvers.interest import every_interest, interest_value
from resolvers.projection import shaper
from resolvers.pseudonym import person_of
from resolvers.reading import fetch
from resolvers.statement import Selected, Statement
from resolvers.variable import Variables

_NODES = (
    "nodes { key party { __typename id name ... on Organisation { uscc codes { scheme value } } } }"
)
_EDGES = """{ kind source target position
  statements { relationId originRegion shareMin shareMax validFrom validTo } }"""
_AROUND = f"""query($subject: String!, $hops: Int!, $kinds: [RelationKind!], $asOf: Date,
    $maxNodes: Int!, $maxFan: Int!) {{
  neighbourhood(subject: $subject, hops: $hops, kinds: $kinds, asOf: $asOf, maxNodes: $maxNodes,
      maxFan: $maxFan) {{
    asOf position truncated {{ reason stage }} {_NODES} edges {_EDGES} }} }}"""
_BETWEEN = f"""query($subject: String!, $to: String!, $first: Int!, $maxLength: Int!,
    $kinds: [RelationKind!], $asOf: Date, $maxFan: Int!) {{
  paths(from: $subject, to: $to, first: $first, maxLength: $maxLength, kinds: $kinds, asOf: $asOf,
      maxFan: $maxFan) {{ asOf position truncated {{ reason stage }} {_NODES}
      paths {{ steps {{ edges {_EDGES} }} }} }} }}"""
_INTERESTS = 20_000  # of one file
_MEDIA = {"GRAPHML": "application/graphml+xml", "CSV": "text/csv", "BODS": "application/json"}


async def answer(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """What the caller sees of the graph, as a file; None when a subject is none to see.

    Raises QuestionError as `neighbourhood` and `paths` do.
    """
    given = given_to(selected, call)
    document, part = (_BETWEEN, paths.paths) if "to" in given else (_AROUND, neighbourhood.answer)
    inner, asked, own = _asked(statement, document, given, call)
    found, disclosure = await part(inner, asked, own)
    shape = shaper(statement, selected)
    if found is None:
        return None, disclosure
    told = orjson.loads(orjson.dumps(found))
    piece = _piece(told)
    format_: str = given["format"]
    content, left_out = await _written(format_, piece, statement, own)
    value = {
        "format": format_,
        "mediaType": _MEDIA[format_],
        "content": content,
        "sha256": hashlib.sha256(content.encode()).hexdigest(),
        "asOf": told["asOf"],
        "position": told["position"],
        "truncated": told["truncated"],
        "nodes": len(piece.nodes),
        "edges": len(piece.edges),
        "leftOut": left_out,
    }
    # The file shows what its own field would have shown.
    coordinates = (selected.coordinate, *disclosure.coordinates)
    return shape(value), replace(disclosure, coordinates=coordinates)


def _asked(
    statement: Statement, document: str, given: Mapping[str, Any], call: Call
) -> tuple[Statement, Selected, Call]:
    """The field that the export is made of, as if its document had been sent."""
    schema = statement.schema
    operation = parse(document).definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    named = {one.variable.name.value for one in operation.variable_definitions or ()}
    wanted = {name: _plain(value) for name, value in given.items() if name in named}
    values = Variables(schema, operation).values(wanted)
    if isinstance(values, list):
        raise QuestionError("BAD_VARIABLE", "give the arguments values of their declared types")
    inner = replace(
        statement.anew(call.context.scope), operation=operation, fragments={}, variables=values
    )
    query = schema.query_type
    assert query is not None
    grouped = collect_fields(schema, {}, values, query, operation).grouped_field_set
    [selected] = inner.root(grouped)
    return inner, selected, replace(call, variables=values.coerced)


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def _piece(told: Mapping[str, Any]) -> Piece:
    if "edges" in told:
        edges = told["edges"]
    else:
        steps = [step for path in told["paths"] for step in path["steps"]]
        by_id = {e["statements"][0]["relationId"]: e for step in steps for e in step["edges"]}
        edges = list(by_id.values())
    return Piece(told["asOf"], told["position"], told["nodes"], edges)


async def _written(format_: str, piece: Piece, statement: Statement, call: Call) -> tuple[str, int]:
    if format_ == "GRAPHML":
        return graphml(piece), 0
    if format_ == "CSV":
        return table(piece), 0
    region, today = call.context.region, call.context.today
    interests = await _interests(piece, statement, call)
    controls = await _beneficial(piece, call)
    subject = piece.nodes[0]["key"] if piece.nodes else ""
    publisher = Publisher(f"信用信息平台 {region}", today.isoformat())
    content, left_out = declarations(piece, subject, publisher, interests, controls)
    return content.decode(), left_out


async def _interests(piece: Piece, statement: Statement, call: Call) -> list[dict[str, Any]]:
    """The interests declared in the organisations of a piece, between nodes that it shows."""
    bodies: dict[UUID, str] = {}
    for node in piece.nodes:
        told = read_global_id(str((node.get("party") or {}).get("id") or ""))
        if told is None:
            continue
        person = told[0] == "Person"
        id_ = person_of(call.context.person_key, told[1]) if person else read_uuid(told[1])
        if id_ is not None:
            bodies[id_] = node["key"]
    if not bodies:
        return []
    found: list[dict[str, Any]] = []
    async for row in every_interest(statement, list(bodies), call.context.today, call):
        party = row["party_id"]
        if party is not None and party not in bodies:
            continue
        if len(found) == _INTERESTS:
            raise QuestionError(
                "BUDGET_LIMIT", f"more than {_INTERESTS} interests are declared: export fewer nodes"
            )
        one = interest_value(row)
        shares = {
            name: None if one[name] is None else f"{one[name]:f}"
            for name in ("shareMin", "shareMax")
        }
        days = {name: one[name] and one[name].isoformat() for name in ("validFrom", "validTo")}
        found.append(
            {
                **one,
                **shares,
                **days,
                "directness": one["directness"].lower(),
                "subject": bodies[row["subject_id"]],
                "party": bodies.get(party) if party else None,
            }
        )
    return found


async def _beneficial(piece: Piece, call: Call) -> list[str]:
    """The relations of a piece that were declared to be beneficial ownership or control."""
    ids = [UUID(said["relationId"]) for said in piece.statements()]
    rows = await fetch(
        call.context.pool,
        "SELECT DISTINCT relation_id::text AS id FROM relation WHERE relation_id = ANY($1::uuid[])"
        " AND (fields->>'beneficialOwnershipOrControl')::boolean",
        [ids],
    )
    return [row["id"] for row in rows]
