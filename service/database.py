"""The servers of a node: its own, started for a while, or those that its settings name."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from service.home import NodeHome
from service.neo4j import Neo4jAddress, Neo4jServer
from service.postgres import PostgresServer
from service.process import Identity
from service.settings import Settings
from store.pool import POOL
from store.wall import Wall

_log = logging.getLogger("xinqiao.database")

_LOOK = 0.5  # seconds between two looks whether the server lives


def holds_data(settings: Settings, node_home: NodeHome) -> bool:
    """Whether the node's database is there already, before it is opened."""
    return settings.postgres_url is not None or (node_home.postgres / "PG_VERSION").exists()


def connections(workers: int) -> int:
    """Connections that a node's PostgreSQL allows: those that its processes take at most, and more.

    Each answers with a pool for each wall, one for the log and one for its work, and hears of
    changes on one more.
    """
    each = POOL * (len(Wall) + 2) + 1
    return max(300, 60 + each * workers)


@contextmanager
def database(settings: Settings, node_home: NodeHome, *, kept: bool = False) -> Iterator[str]:
    """The node's database for the time of the block: its own server, or the one it is given.

    `kept` starts an own server again that ends while the block lasts.
    """
    if settings.postgres_url:
        yield settings.postgres_url
        return
    most = {"max_connections": str(connections(settings.workers))}
    with PostgresServer(node_home, most) as server:
        if not kept:
            yield server.dsn
            return
        with _keeping("PostgreSQL", server.start, server.postmaster):
            yield server.dsn


@contextmanager
def _keeping(
    name: str, start: Callable[[], object], process: Callable[[], Identity | None]
) -> Iterator[None]:
    """Have a server that ends while the block lasts started again."""
    leaving = threading.Event()

    def keep() -> None:
        known = process()
        while not leaving.wait(_LOOK):
            if known is not None and known.alive():
                continue
            try:
                start()
                known = process()
                _log.error("%s had ended by itself and was started again", name)
            except Exception as error:
                _log.error("%s has ended and cannot be started: %s", name, error)
                leaving.wait(5)

    keeper = threading.Thread(target=keep, name="keeper", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        leaving.set()
        keeper.join()


@contextmanager
def graph_server(
    settings: Settings, node_home: NodeHome, *, kept: bool = False
) -> Iterator[Neo4jAddress]:
    """The node's Neo4j for the time of the block; `kept` as of `database`."""
    if settings.graph_uri:
        yield Neo4jAddress(settings.graph_uri, *settings.graph_login)
        return
    java = settings.neo4j_java.split()
    with Neo4jServer(node_home, port=settings.neo4j_port, java_options=java) as server:
        if not kept:
            yield server.address
            return
        with _keeping("Neo4j", server.start, server.process):
            yield server.address
