"""The servers of a node: its own, started for a while, or those that its settings name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from service.home import NodeHome
from service.neo4j import Neo4jAddress, Neo4jServer
from service.postgres import PostgresServer
from service.settings import Settings


@contextmanager
def database(settings: Settings, node_home: NodeHome) -> Iterator[str]:
    """The node's database for the time of the block: its own server, or the one it is given."""
    if settings.postgres_url:
        yield settings.postgres_url
        return
    with PostgresServer(node_home) as server:
        yield server.dsn


@contextmanager
def graph_server(settings: Settings, node_home: NodeHome) -> Iterator[Neo4jAddress]:
    """The node's Neo4j for the time of the block."""
    if settings.graph_uri:
        yield Neo4jAddress(settings.graph_uri, *settings.graph_login)
        return
    with Neo4jServer(node_home, port=settings.neo4j_port) as server:
        yield server.address
