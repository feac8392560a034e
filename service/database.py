"""The servers of a node: its own, started for a while, or those that its settings name."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from service.home import NodeHome
from service.neo4j import Neo4jAddress, Neo4jServer
from service.postgres import PostgresServer
from service.settings import Settings

_log = logging.getLogger("xinqiao.database")

_LOOK = 0.5  # seconds between two looks whether the server lives


def holds_data(settings: Settings, node_home: NodeHome) -> bool:
    """Whether the node's database is there already, before it is opened."""
    return settings.postgres_url is not None or (node_home.postgres / "PG_VERSION").exists()


@contextmanager
def database(settings: Settings, node_home: NodeHome, *, kept: bool = False) -> Iterator[str]:
    """The node's database for the time of the block: its own server, or the one it is given.

    `kept` starts an own server again that ends while the block lasts.
    """
    if settings.postgres_url:
        yield settings.postgres_url
        return
    with PostgresServer(node_home) as server:
        leaving = threading.Event()
        keeper = threading.Thread(target=_keep, args=(server, leaving), name="keeper", daemon=True)
        if kept:
            keeper.start()
        try:
            yield server.dsn
        finally:
            leaving.set()
            if kept:
                keeper.join()


def _keep(server: PostgresServer, leaving: threading.Event) -> None:
    postmaster = server.postmaster()
    while not leaving.wait(_LOOK):
        if postmaster is not None and postmaster.alive():
            continue
        try:
            server.start()
            postmaster = server.postmaster()
            _log.error("PostgreSQL had ended by itself and was started again")
        except Exception as error:
            _log.error("PostgreSQL has ended and cannot be started: %s", error)
            leaving.wait(5)


@contextmanager
def graph_server(settings: Settings, node_home: NodeHome) -> Iterator[Neo4jAddress]:
    """The node's Neo4j for the time of the block."""
    if settings.graph_uri:
        yield Neo4jAddress(settings.graph_uri, *settings.graph_login)
        return
    java = settings.neo4j_java.split()
    with Neo4jServer(node_home, port=settings.neo4j_port, java_options=java) as server:
        yield server.address
