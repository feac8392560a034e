"""A piece of the projection's work: what the store says that the graph does not show yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import asyncpg
from neo4j import AsyncTransaction

from graph import mutation, source
from graph.checkpoint import Checkpoint, Stage
from graph.source import Edge, Node


@dataclass(frozen=True, slots=True)
class Work:
    """What brings the graph from one checkpoint to the next; `rows` is how much was gone over."""

    since: Checkpoint
    then: Checkpoint
    rows: int = 0
    nodes: Sequence[Node] = ()
    edges: Sequence[Edge] = ()
    gone_nodes: Sequence[str] = ()
    gone_edges: Sequence[str] = ()


async def read_work(connection: asyncpg.Connection, since: Checkpoint, batch: int) -> Work:
    """The next work after a checkpoint that fills or follows, read from the store alone.

    It stays right for as long as the graph stands at that checkpoint: whatever changes after the
    reading has an outbox row after `then`.
    """
    if since.stage is Stage.FILLING_NODES:
        nodes = await source.page_of_nodes(connection, since.cursor, batch)
        if not nodes:
            return Work(since, replace(since, stage=Stage.FILLING_EDGES, cursor=""))
        return Work(since, replace(since, cursor=nodes[-1].id), len(nodes), nodes)
    if since.stage is Stage.FILLING_EDGES:
        edges = await source.page_of_edges(connection, since.cursor, batch)
        if not edges:
            return Work(since, replace(since, stage=Stage.FOLLOWING, cursor=""))
        then = replace(since, cursor=source.edge_key(edges[-1]))
        return Work(since, then, len(edges), edges=edges)
    changes = await source.changes_after(connection, since.position, batch)
    nodes = await source.read_nodes(connection, changes.subjects) if changes.subjects else []
    edges = await source.read_edges(connection, changes.relations) if changes.relations else []
    return Work(
        since=since,
        then=replace(since, position=changes.position),
        rows=changes.rows,
        nodes=nodes,
        edges=edges,
        gone_nodes=sorted(set(map(str, changes.subjects)) - {node.id for node in nodes}),
        gone_edges=sorted(set(map(str, changes.relations)) - {edge.id for edge in edges}),
    )


async def apply_work(transaction: AsyncTransaction, work: Work) -> None:
    """Write the work to the graph; done twice, it changes nothing more."""
    await mutation.put_nodes(transaction, work.nodes)
    await mutation.remove_edges(transaction, work.gone_edges)
    await mutation.put_edges(transaction, work.edges)
    await mutation.remove_nodes(transaction, work.gone_nodes)
