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
from graph.layout import LABELS, EdgeKind
from graph.projection import Projection
from graph.source import Edge, Node

_LISTED = 1_000
_PAGE = 10_000
_PAGE_SECONDS = 60.0
_ID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"

# In pages of one row each: what a row costs the driver is many times what a list element does.
_NODES = """
MATCH (n:Subject)
WHERE $after < n.id < $end
WITH n ORDER BY n.id LIMIT $page
RETURN collect([n.id, labels(n), properties(n)]) AS page
"""
_EDGES = """
MATCH (a:Subject)-[r:{kind}]->(b)
WHERE $after < r.id < $end
WITH a, r, b ORDER BY r.id LIMIT $page
RETURN collect([r.id, a.id, b.id, properties(r)]) AS page
"""
# What no page shows, because the projection never wrote it.
_STRANGE_NODES = """
MATCH (n:Subject)
WHERE n.id IS NULL OR NOT n.id IS :: STRING OR NOT n.id =~ $id
RETURN elementId(n) AS id
"""
_STRANGE_EDGES = """
MATCH (a:Subject)-[r]->()
WHERE r.id IS NULL OR NOT r.id IS :: STRING OR NOT r.id =~ $id OR NOT type(r) IN $kinds
RETURN elementId(r) AS id
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
            strangers = await _strangers(graph, entity)
            differences += [Difference(entity, id_, Drift.EXTRA) for id_ in strangers]
            async for id_, digest in _held(graph, entity, ""):
                held.add(id_, digest)
            async for id_, digest in _stated(connection, entity):
                store.add(id_, digest)
            counts[entity] = Count(store.total(), held.total() + len(strangers))
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
        if bucket_of(id_) in buckets
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


async def _strangers(graph: GraphConnection, entity: Entity) -> list[str]:
    statement = _STRANGE_NODES if entity is Entity.NODE else _STRANGE_EDGES
    parameters = {"id": _ID, "kinds": list(EdgeKind)}
    return [row["id"] async for row in graph.stream(statement, parameters)]


async def _held(
    graph: GraphConnection, entity: Entity, prefix: str
) -> AsyncIterator[tuple[str, int]]:
    if entity is Entity.NODE:
        async for id_, labels, properties in _pages(graph, _NODES, prefix):
            yield id_, node_digest(labels, properties)
        return
    for kind in EdgeKind:
        async for id_, start, end, properties in _pages(graph, _EDGES.format(kind=kind), prefix):
            yield id_, edge_digest(kind, start, end, properties)


async def _pages(graph: GraphConnection, statement: str, prefix: str) -> AsyncIterator[list[Any]]:
    after, end = prefix, prefix + "g"  # the first letter that is no hexadecimal digit
    while True:
        asked = {"after": after, "end": end, "page": _PAGE}
        [row] = await graph.read(statement, asked, seconds=_PAGE_SECONDS)
        for one in row["page"]:
            if re.fullmatch(_ID, one[0]):
                yield one
        if len(row["page"]) < _PAGE:
            return
        after = row["page"][-1][0]


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
