"""The graph of a node for the command line: verified and rebuilt, servers started when none run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import asyncpg

from graph.connection import GraphConnection
from graph.drift import VerifyReport
from graph.projection import Projection
from graph.repair import repair
from graph.verification import verify
from service.database import database, graph_server
from service.enrolment import establish
from service.home import NodeHome
from service.neo4j import Neo4jServer
from service.neo4j_import import import_graph, is_worthwhile
from service.preparation import prepare_database
from service.settings import load_settings


@asynccontextmanager
async def graph_of(root: Path, node: str) -> AsyncIterator[tuple[Projection, GraphConnection, str]]:
    """A node's projection, graph and database address."""
    establish(root)
    node_home = NodeHome(root, node)
    settings = load_settings(node_home)
    with database(settings, node_home) as dsn, graph_server(settings, node_home) as address:
        await prepare_database(dsn, root, settings)
        async with GraphConnection(address.uri, address.user, address.password) as graph:
            yield Projection(partial(asyncpg.connect, dsn), graph), graph, dsn


async def verify_graph(root: Path, node: str) -> VerifyReport:
    """Compare a node's graph with its store. Raises GraphUnavailable, GraphBehind."""
    async with graph_of(root, node) as (_, graph, dsn):
        return await verify(partial(asyncpg.connect, dsn), graph)


async def rebuild_graph(root: Path, node: str) -> dict[str, int]:
    """Empty a node's graph and fill it again; what it then holds.

    A big store of a node that does not run is imported at once; else the graph is filled step by
    step, which is safe while others write and follow.
    """
    establish(root)
    node_home = NodeHome(root, node)
    settings = load_settings(node_home)
    with database(settings, node_home) as dsn:
        await prepare_database(dsn, root, settings)
        connect = partial(asyncpg.connect, dsn)
        at_once = not settings.graph_uri and not Neo4jServer(node_home).is_running()
        if at_once:
            connection = await connect()
            try:
                at_once = await is_worthwhile(connection)
            finally:
                await connection.close()
        if at_once:
            await import_graph(node_home, connect)
    async with graph_of(root, node) as (projection, graph, dsn):
        connect = partial(asyncpg.connect, dsn)
        if not at_once:
            await projection.rebuild()
        report = await verify(connect, graph)
    return {"nodes": report.nodes.neo4j, "relationships": report.relationships.neo4j}


async def repair_graph(root: Path, node: str) -> tuple[VerifyReport, VerifyReport]:
    """Compare a node's graph with its store, mend what differs, and compare again."""
    async with graph_of(root, node) as (_, graph, dsn):
        return await repair(partial(asyncpg.connect, dsn), graph)
