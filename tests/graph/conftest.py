"""A graph beside a store: both real, both empty at the start of a test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import asyncpg
import pytest

from graph.connection import GraphConnection
from graph.projection import Projection
from service.neo4j import Neo4jAddress
from tests.graph.town import Town


@pytest.fixture
async def graph(neo4j_server: Neo4jAddress) -> AsyncIterator[GraphConnection]:
    """The session's Neo4j, emptied of what other tests left."""
    async with GraphConnection(
        neo4j_server.uri, neo4j_server.user, neo4j_server.password
    ) as connection:
        async with connection.transaction() as transaction:
            await (await transaction.run("MATCH (n) DETACH DELETE n")).consume()
        yield connection


@pytest.fixture
def connect(database: str) -> Callable[[], Any]:
    """Opens connections to the test's own database."""
    return partial(asyncpg.connect, database)


@pytest.fixture
async def town(connect: Callable[[], Any]) -> AsyncIterator[Town]:
    """A small hand-made store that a test fills."""
    connection = await connect()
    yield Town(connection)
    await connection.close()


@pytest.fixture
def projection(connect: Callable[[], Any], graph: GraphConnection) -> Projection:
    """The projection of the store into the graph."""
    return Projection(connect, graph, batch=50)
