"""How nodes and edges are written to Neo4j: one statement per label set and relationship type."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from neo4j import AsyncTransaction

from graph.layout import LABELS, EdgeKind
from graph.source import Edge, Node

_OPTIONAL_LABELS = sorted({label for labels in LABELS.values() for label in labels} - {"Subject"})

# No row is older than what it replaces: a step reads under the checkpoint's lock, or discards
# what it read before it.
_PUT_NODES = """
UNWIND $rows AS row
MERGE (n:Subject {{id: row.id}})
SET n = row
SET n:{set}
REMOVE n:{remove}
"""
_REMOVE_NODES = "UNWIND $ids AS id MATCH (n:Subject {id: id}) DETACH DELETE n"

_FIND_EDGES = """
UNWIND $ids AS id
MATCH (a)-[r:{kind} {{id: id}}]->(b)
RETURN collect([id, a.id, b.id]) AS held
"""
_CREATE_EDGES = """
UNWIND $rows AS row
MERGE (a:Subject {{id: row.source}})
MERGE (b:Subject {{id: row.target}})
CREATE (a)-[r:{kind}]->(b)
SET r = row.properties
"""
_CHANGE_EDGES = """
UNWIND $rows AS row
MATCH ()-[r:{kind} {{id: row.id}}]->()
SET r = row
"""
_REMOVE_EDGES = "UNWIND $ids AS id MATCH ()-[r:{kind} {{id: id}}]->() DELETE r"

_EMPTY_EDGES = (
    "MATCH ()-[r:" + "|".join(EdgeKind) + "]->() WITH r LIMIT $limit DELETE r RETURN count(*) AS n"
)
_EMPTY_NODES = "MATCH (n:Subject) WITH n LIMIT $limit DETACH DELETE n RETURN count(*) AS n"


async def put_nodes(transaction: AsyncTransaction, nodes: Iterable[Node]) -> None:
    """Write nodes with their labels, as new or in place of what the graph has."""
    by_category: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for node in nodes:
        by_category[node.category].append(node.properties)
    for category, rows in sorted(by_category.items()):
        labels = [label for label in LABELS[category] if label != "Subject"]
        others = [label for label in _OPTIONAL_LABELS if label not in labels]
        statement = _PUT_NODES.format(set=":".join(labels), remove=":".join(others))
        await _run(transaction, statement, rows=rows)


async def remove_nodes(transaction: AsyncTransaction, ids: Sequence[str]) -> None:
    """Delete nodes and every edge they have."""
    if ids:
        await _run(transaction, _REMOVE_NODES, ids=ids)


async def put_edges(transaction: AsyncTransaction, edges: Iterable[Edge]) -> None:
    """Write edges, as new or in place of what the graph has.

    A missing end becomes a bare node that its own change completes; an edge whose ends changed,
    as after a merge of subjects, is moved.
    """
    by_kind: dict[EdgeKind, dict[str, Edge]] = defaultdict(dict)
    for edge in edges:
        by_kind[EdgeKind(edge.kind)][edge.id] = edge
    for kind, stated in sorted(by_kind.items()):
        # Asking first and creating what is new costs Neo4j a quarter less than MERGE does.
        result = await transaction.run(_FIND_EDGES.format(kind=kind), ids=list(stated))
        found = (await result.single(strict=True))["held"]
        held = {id_: (start, end) for id_, start, end in found}
        kept = [
            edge.properties
            for id_, ends in held.items()
            if ends == ((edge := stated[id_]).source, edge.target)
        ]
        there = {properties["id"] for properties in kept}
        moved = [id_ for id_ in held if id_ not in there]
        new = [
            {"source": edge.source, "target": edge.target, "properties": edge.properties}
            for edge in stated.values()
            if edge.id not in there
        ]
        if moved:
            await _run(transaction, _REMOVE_EDGES.format(kind=kind), ids=moved)
        if kept:
            await _run(transaction, _CHANGE_EDGES.format(kind=kind), rows=kept)
        if new:
            await _run(transaction, _CREATE_EDGES.format(kind=kind), rows=new)


async def remove_edges(transaction: AsyncTransaction, ids: Sequence[str]) -> None:
    """Delete edges of any kind."""
    if ids:
        for kind in EdgeKind:
            await _run(transaction, _REMOVE_EDGES.format(kind=kind), ids=ids)


async def remove_some(transaction: AsyncTransaction, limit: int) -> int:
    """Delete up to `limit` edges or, when there are none, nodes; the number deleted."""
    for statement in (_EMPTY_EDGES, _EMPTY_NODES):
        result = await transaction.run(statement, limit=limit)
        record = await result.single(strict=True)
        if record["n"]:
            return int(record["n"])
    return 0


async def _run(transaction: AsyncTransaction, statement: str, **parameters: Any) -> None:
    result = await transaction.run(statement, parameters)
    await result.consume()
