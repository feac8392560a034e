"""How nodes and edges are written to Neo4j: one statement per label set and relationship type."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from neo4j import AsyncTransaction

from graph.layout import LABELS, EdgeKind
from graph.source import Edge, Node

_OPTIONAL_LABELS = sorted({label for labels in LABELS.values() for label in labels} - {"Subject"})

# `version` guards against an older statement written over a newer one.
_PUT_NODES = """
UNWIND $rows AS row
MERGE (n:Subject {{id: row.id}})
WITH n, row
WHERE n.version IS NULL OR row.version IS NULL OR n.version <= row.version
SET n = row
SET n:{set}
REMOVE n:{remove}
"""
_REMOVE_NODES = "UNWIND $ids AS id MATCH (n:Subject {id: id}) DETACH DELETE n"

_PUT_EDGES = """
UNWIND $rows AS row
MERGE (a:Subject {{id: row.source}})
MERGE (b:Subject {{id: row.target}})
MERGE (a)-[r:{kind} {{id: row.id}}]->(b)
WITH r, row.properties AS properties
WHERE r.version IS NULL OR r.version <= properties.version
SET r = properties
"""
_REMOVE_MOVED = """
UNWIND $rows AS row
MATCH (a)-[r:{kind} {{id: row.id}}]->(b)
WHERE a.id <> row.source OR b.id <> row.target
DELETE r
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


async def put_edges(
    transaction: AsyncTransaction, edges: Iterable[Edge], *, may_exist: bool
) -> None:
    """Write edges; a missing end becomes a bare node that its own change completes.

    `may_exist`: an edge whose ends changed, as after a merge of subjects, is moved.
    """
    by_kind: dict[EdgeKind, list[dict[str, Any]]] = defaultdict(list)
    for edge in edges:
        by_kind[EdgeKind(edge.kind)].append(
            {
                "id": edge.id,
                "source": edge.source,
                "target": edge.target,
                "properties": edge.properties,
            }
        )
    for kind, rows in sorted(by_kind.items()):
        if may_exist:
            ends = [{key: row[key] for key in ("id", "source", "target")} for row in rows]
            await _run(transaction, _REMOVE_MOVED.format(kind=kind), rows=ends)
        await _run(transaction, _PUT_EDGES.format(kind=kind), rows=rows)


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
