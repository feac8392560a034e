"""Drift mended: what differs between graph and store is written again from the store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg

from graph import mutation, source
from graph.connection import GraphConnection
from graph.drift import Difference, Entity, VerifyReport
from graph.verification import verify

_ROUNDS = 50  # a report lists a thousand differences at most
_STRANGER = "MATCH (n) WHERE elementId(n) IN $ids DETACH DELETE n"
_STRANGE_EDGE = "MATCH ()-[r]->() WHERE elementId(r) IN $ids DELETE r"


async def repair(
    connect: Callable[[], Awaitable[Any]], graph: GraphConnection, *, seconds: float = 60.0
) -> tuple[VerifyReport, VerifyReport]:
    """Compare, write what differs from the store, and compare again; the first and last report.

    Safe while the node serves and the projection follows: what is written is what the store says
    at that moment, as a change of it would be. Raises as `graph.verification.verify`.
    """
    first = report = await verify(connect, graph, seconds=seconds)
    for _ in range(_ROUNDS):
        if report.ok:
            break
        await _mend(connect, graph, report.differing)
        before, report = report, await verify(connect, graph, seconds=seconds)
        if report.differences >= before.differences:
            break
    return first, report


async def _mend(
    connect: Callable[[], Awaitable[Any]],
    graph: GraphConnection,
    differing: tuple[Difference, ...],
) -> None:
    connection: asyncpg.Connection = await connect()
    try:
        # Nodes first: an edge makes a bare node of an end that is not there.
        for entity in Entity:
            ids = [one.id for one in differing if one.entity is entity]
            known = [id_ for id_ in ids if _is_id(id_)]
            strange = [id_ for id_ in ids if not _is_id(id_)]
            if known:
                await _write_again(connection, graph, entity, [UUID(id_) for id_ in known])
            if strange:
                statement = _STRANGER if entity is Entity.NODE else _STRANGE_EDGE
                async with graph.transaction() as transaction:
                    await (await transaction.run(statement, ids=strange)).consume()
    finally:
        await connection.close()


async def _write_again(
    connection: asyncpg.Connection, graph: GraphConnection, entity: Entity, ids: list[UUID]
) -> None:
    """Make the graph say of these ids what the store says, in one transaction of the graph."""
    async with graph.transaction() as transaction:
        if entity is Entity.NODE:
            nodes = await source.read_nodes(connection, ids)
            await mutation.put_nodes(transaction, nodes)
            gone = {str(id_) for id_ in ids} - {node.id for node in nodes}
            await mutation.remove_nodes(transaction, sorted(gone))
            # What hung on a node that was put back is read again with its edges.
            edges = await source.edges_of(connection, [UUID(node.id) for node in nodes])
        else:
            edges = await source.read_edges(connection, ids)
            # Removed first: a copy made by hand would otherwise stay beside the edge.
            await mutation.remove_edges(transaction, [str(id_) for id_ in ids])
        await mutation.put_edges(transaction, edges)


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
