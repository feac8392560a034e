"""The graph of a node that has none yet: a big store is imported at once, before Neo4j starts."""

from __future__ import annotations

import logging
from functools import partial

import asyncpg

from service.home import NodeHome
from service.neo4j_import import import_graph, is_worthwhile
from service.process import ServerError
from service.settings import Settings

_log = logging.getLogger("xinqiao.graph")


def has_none(settings: Settings, node_home: NodeHome) -> bool:
    """Whether the node would start a Neo4j of its own for the first time, on a store that is there.

    A store that the start makes as well holds nothing worth waiting for.
    """
    if (
        settings.graph_uri is not None
        or (node_home.neo4j / "data" / "databases" / "neo4j").exists()
    ):
        return False
    return settings.postgres_url is not None or (node_home.postgres / "PG_VERSION").exists()


async def fill(node_home: NodeHome, dsn: str) -> bool:
    """Import a store that is big enough for it; whether it was.

    What the importer cannot do is left to the steps of the projection, which need only more time.
    """
    connect = partial(asyncpg.connect, dsn)
    connection = await connect()
    try:
        if not await is_worthwhile(connection):
            return False
    finally:
        await connection.close()
    _log.info("the graph is filled from the store for the first time")
    try:
        done = await import_graph(node_home, connect)
    except (ServerError, OSError, asyncpg.PostgresError) as error:
        _log.error("the graph could not be imported, and is filled step by step: %s", error)
        return False
    _log.info("%d nodes and %d relationships, %d rows/s", done.nodes, done.edges, done.per_second)
    return True
