"""Does the graph equal the store? Counts and order-free sums in 4,096 buckets, then ids.

The projection goes on while it is compared. What the store changed after the comparison began
may rightly differ and is counted as in flight, so a difference that is reported is real.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import Any
from uuid import UUID

import asyncpg

from graph import checkpoint as stored
from graph import source
from graph.checkpoint import Checkpoint, Stage
from graph.connection import GraphConnection
from graph.drift import (
    Count,
    Difference,
    Drift,
    Entity,
    Sums,
    VerifyReport,
    bucket_of,
    compare,
    edge_digest,
    node_digest,
)
from graph.errors import GraphBehind
from graph.layout import LABELS
from graph.projection import Projection
from graph.source import Edge, Node

_LISTED = 1_000
_PAGE = 10_000
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_NODES = """
MATCH (n:Subject)
WHERE $prefix = '' OR n.id STARTS WITH $prefix
RETURN coalesce(toString(n.id), elementId(n)) AS id, labels(n) AS labels,
       properties(n) AS properties
"""
_EDGES = """
MATCH (a:Subject)-[r]->(b)
WHERE $prefix = '' OR r.id STARTS WITH $prefix
RETURN coalesce(toString(r.id), elementId(r)) AS id, type(r) AS kind, a.id AS source,
       b.id AS target, properties(r) AS properties
"""


async def verify(
    connect: Callable[[], Awaitable[Any]], graph: GraphConnection, *, seconds: float = 60.0
) -> VerifyReport:
    """Compare the whole graph with the store, after waiting up to `seconds` for it to catch up.

    Nothing is changed but that the projection is brought up to date. Raises GraphUnavailable,
    GraphBehind when the graph was not even filled in that time.
    """
    with contextlib.suppress(GraphBehind):  # what it has not come to is in flight
        await Projection(connect, graph).catch_up(seconds)
    connection: asyncpg.Connection = await connect()
    try:
        began = await _following(graph)
        differences: list[Difference] = []
        counts, buckets, in_flight = {}, set[int](), 0
        for entity in Entity:
            store, held = Sums(), Sums()
            strangers = 0
            async for id_, digest in _held(graph, entity, ""):
                if _ID.fullmatch(id_):
                    held.add(id_, digest)
                else:
                    strangers += 1
                    differences.append(Difference(entity, id_, Drift.EXTRA))
            async for id_, digest in _stated(connection, entity):
                store.add(id_, digest)
            counts[entity] = Count(store.total(), held.total() + strangers)
            unequal = store.differing(held)
            buckets |= unequal
            for prefix in sorted({f"{bucket:03x}"[0] for bucket in unequal}):
                found, moving = await _examine(connection, graph, entity, prefix, unequal, began)
                differences += found
                in_flight += moving
        if (await _following(graph)).generation != began.generation:
            raise GraphBehind("The graph was refilled meanwhile: verify again.")
        return VerifyReport(
            position=str(began.position),
            nodes=counts[Entity.NODE],
            relationships=counts[Entity.RELATIONSHIP],
            buckets=tuple(sorted(buckets)),
            differences=len(differences),
            differing=tuple(differences[:_LISTED]),
            in_flight=in_flight,
        )
    finally:
        await connection.close()


async def _examine(
    connection: asyncpg.Connection,
    graph: GraphConnection,
    entity: Entity,
    prefix: str,
    buckets: set[int],
    began: Checkpoint,
) -> tuple[list[Difference], int]:
    """Compare id by id the unequal buckets that begin with one hexadecimal digit."""
    held = {
        id_: digest
        async for id_, digest in _held(graph, entity, prefix)
        if _ID.fullmatch(id_) and bucket_of(id_) in buckets
    }
    low, high = UUID(prefix + "0" * 31), UUID(prefix + "f" * 31)
    if entity is Entity.NODE:
        read = _node_digests(await source.nodes_between(connection, low, high))
    else:
        read = _edge_digests(await source.edges_between(connection, low, high))
    stated = {id_: digest for id_, digest in read if bucket_of(id_) in buckets}
    # Asked last, so that it names whatever changed while the two sides were read.
    moving = await source.touched_after(connection, began.position)
    return compare(stated, held, moving, entity)


async def _following(graph: GraphConnection) -> Checkpoint:
    rows = await graph.read(stored.READ, {}, seconds=10)
    found = Checkpoint.of(rows[0]["checkpoint"]) if rows else None
    if found is None or found.stage is not Stage.FOLLOWING:
        raise GraphBehind("The graph is still being filled: verify again when it is.")
    return found


async def _held(
    graph: GraphConnection, entity: Entity, prefix: str
) -> AsyncIterator[tuple[str, int]]:
    statement = _NODES if entity is Entity.NODE else _EDGES
    async with contextlib.aclosing(graph.stream(statement, {"prefix": prefix})) as rows:
        async for row in rows:
            if entity is Entity.NODE:
                yield row["id"], node_digest(row["labels"], row["properties"])
            else:
                yield (
                    row["id"],
                    edge_digest(row["kind"], row["source"], row["target"], row["properties"]),
                )


async def _stated(connection: asyncpg.Connection, entity: Entity) -> AsyncIterator[tuple[str, int]]:
    after = ""
    while True:
        if entity is Entity.NODE:
            nodes = await source.page_of_nodes(connection, after, _PAGE)
            after = nodes[-1].id if nodes else ""
            page = list(_node_digests(nodes))
        else:
            edges = await source.page_of_edges(connection, after, _PAGE)
            after = source.edge_key(edges[-1]) if edges else ""
            page = list(_edge_digests(edges))
        for one in page:
            yield one
        if not after:
            return


def _node_digests(nodes: Iterable[Node]) -> Iterator[tuple[str, int]]:
    for node in nodes:
        yield node.id, node_digest(LABELS[node.category], node.properties)


def _edge_digests(edges: Iterable[Edge]) -> Iterator[tuple[str, int]]:
    for edge in edges:
        yield edge.id, edge_digest(edge.kind, edge.source, edge.target, edge.properties)
