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
from graph.verification import verify
from service.database import database, graph_server
from service.enrolment import establish
from service.home import NodeHome
from service.node import prepare_database
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
    """Empty a node's graph and fill it again; what it then holds."""
    async with graph_of(root, node) as (projection, graph, dsn):
        await projection.rebuild()
        report = await verify(partial(asyncpg.connect, dsn), graph)
    return {"nodes": report.nodes.neo4j, "relationships": report.relationships.neo4j}
