"""Rates of the projection: nodes and relationships a second from outbox to Neo4j, and verify.

Run as `python -m bench.projection [--json] [--size M]`; the target is 20,000 relationships a
second at M. Starts servers of its own unless `--dsn` and `--neo4j` name some. The first filling
warms Java's compiler and is stated as cold; the second is the rate of a node that has run a while,
as is that of the bare statements.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime as dt
import json
import secrets
import statistics
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from bench.home import private_home
from bench.table import Cell, Table
from graph.connection import GraphConnection
from graph.layout import EdgeKind
from graph.projection import Projection
from graph.reader import GraphReader
from graph.verification import verify
from service.home import NodeHome
from service.neo4j import Neo4jServer
from service.postgres import PostgresServer
from store.migrations import migrate

_SIZES = {"S": (300, 350, 760), "M": (40_000, 45_000, 81_000), "L": (400_000, 450_000, 900_000)}
_TODAY = dt.date(2026, 6, 30)

_SUBJECTS = """
WITH made AS (
    INSERT INTO subject (subject_id, category)
    SELECT gen_random_uuid(), CASE WHEN n <= $1 THEN 'LEGAL_ENTITY' ELSE 'NATURAL_PERSON' END
    FROM generate_series(1, $1::int + $2::int) n
    RETURNING subject_id, category
), firms AS (
    INSERT INTO organisation (subject_id, category, name, origin_region, registered, audit_ref,
        stamp, batch_sha, line_no, digest)
    SELECT subject_id, category, '本溪' || left(subject_id::text, 8) || '有限公司', '210500', true,
        '', '2026-06-01', '', 1, '' FROM made WHERE category = 'LEGAL_ENTITY'
), persons AS (
    INSERT INTO person (subject_id, name, is_stub, origin_region, audit_ref, stamp, batch_sha,
        line_no)
    SELECT subject_id, '王伟', false, '210500', '', '2026-06-01', '', 1
    FROM made WHERE category = 'NATURAL_PERSON'
)
INSERT INTO outbox (entity, entity_id, subject_id)
SELECT 'SUBJECT', subject_id, subject_id FROM made
"""
# Squaring the random number makes some firms and persons much busier than others.
_RELATIONS = """
WITH subjects AS (
    SELECT array_agg(subject_id) FILTER (WHERE category = 'LEGAL_ENTITY') AS firms,
           array_agg(subject_id) AS parties FROM subject
), made AS (
    SELECT gen_random_uuid() AS relation_id,
        parties[1 + floor(power(random(), 2) * cardinality(parties))::int] AS source,
        firms[1 + floor(power(random(), 2) * cardinality(firms))::int] AS target,
        CASE WHEN n % 8 < 3 THEN 'HOLDS' WHEN n % 8 < 6 THEN 'OFFICER_OF'
             ELSE 'LEGAL_REP_OF' END AS kind,
        round(random()::numeric, 6) AS share
    FROM subjects, generate_series(1, $1::int) n
), stored AS (
    INSERT INTO relation (subject_id, relation_id, direction, other_id, kind, origin_region, class,
        share_min, share_max, valid_from, source_unit_name, source_unit_uscc, stamp, batch_sha,
        line_no, digest)
    SELECT CASE d WHEN 'OUT' THEN source ELSE target END, relation_id, d,
        CASE d WHEN 'OUT' THEN target ELSE source END, kind, '210500', 'O',
        CASE kind WHEN 'HOLDS' THEN share END, CASE kind WHEN 'HOLDS' THEN share END,
        '2020-01-01', '登记机关', '', '2026-06-01', '', 1, ''
    FROM made, (VALUES ('OUT'), ('IN')) AS ends (d)
)
INSERT INTO outbox (entity, entity_id, subject_id) SELECT 'RELATION', relation_id, source FROM made
"""


@contextmanager
def servers(dsn: str | None, neo4j: str | None) -> Iterator[tuple[str, GraphConnection]]:
    """The servers to measure: those named, or new ones for the time of the measurement."""
    if dsn and neo4j:
        yield dsn, GraphConnection(neo4j)
        return
    with private_home() as root:
        node = NodeHome(root, "bench")
        with PostgresServer(node) as postgres, Neo4jServer(node) as server:
            address = server.address
            yield postgres.dsn, GraphConnection(address.uri, address.user, address.password)


@asynccontextmanager
async def fresh_database(dsn: str) -> AsyncIterator[str]:
    """A migrated database of its own on the server."""
    name = f"bench_{secrets.token_hex(4)}"
    admin = await asyncpg.connect(dsn)
    try:
        await admin.execute(f"CREATE DATABASE {name}")
        made = urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))
        await migrate(made)
        yield made
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()


async def measure(dsn: str, graph: GraphConnection, size: str, batch: int) -> dict[str, float]:
    """Seconds and rates by what is done."""
    firms, persons, relations = _SIZES[size]
    figures: dict[str, float] = {"nodes": firms + persons, "relationships": relations}
    async with graph:
        async with fresh_database(dsn) as database:
            cold = await _follow(database, graph, size, batch)
            figures |= {f"{name}_cold": figure for name, figure in cold.items()}
        async with fresh_database(dsn) as database:
            figures |= await _follow(database, graph, size, batch)
            connect = partial(asyncpg.connect, database)
            began = time.perf_counter()
            report = await verify(connect, graph)
            figures["verify_seconds"] = round(time.perf_counter() - began, 2)
            if not report.ok:
                raise SystemExit(f"the graph is not the store: {report.to_json()}")
            began = time.perf_counter()
            await Projection(connect, graph, batch=batch).rebuild()
            figures["rebuild_seconds"] = round(time.perf_counter() - began, 2)
            store = await connect()
            try:
                figures |= await _neighbourhoods(store, graph)
            finally:
                with contextlib.suppress(Exception):
                    await store.close(timeout=5)
            figures |= await _by_hand(graph, firms + persons, relations, batch)
    return figures


async def _follow(database: str, graph: GraphConnection, size: str, batch: int) -> dict[str, float]:
    """Nodes and relationships a second from the outbox into a graph that was empty."""
    firms, persons, relations = _SIZES[size]
    figures: dict[str, float] = {}
    connect = partial(asyncpg.connect, database)
    projection = Projection(connect, graph, batch=batch)
    await projection.rebuild()  # of the empty store: an empty graph that follows
    store = await connect()
    try:
        for name, sql, sizes, count in (
            ("nodes", _SUBJECTS, (firms, persons), firms + persons),
            ("relationships", _RELATIONS, (relations,), relations),
        ):
            await store.execute(sql, *sizes)
            await store.execute("ANALYZE")
            began = time.perf_counter()
            await projection.catch_up(600)
            figures[f"{name}_per_second"] = round(count / (time.perf_counter() - began))
    finally:
        with contextlib.suppress(Exception):
            await store.close(timeout=5)
    return figures


async def _by_hand(
    graph: GraphConnection, nodes: int, relations: int, batch: int
) -> dict[str, float]:
    """The least that a driver can do: bare nodes and relationships, made and not merged."""
    figures: dict[str, float] = {}
    async with graph.transaction() as tx:
        await (await tx.run("CREATE INDEX by_hand FOR (n:ByHand) ON (n.id)")).consume()
    for name, cypher, count in (
        ("nodes", "UNWIND $rows AS row CREATE (:ByHand {id: row.id, name: row.name})", nodes),
        (
            "relationships",
            """UNWIND $rows AS row MATCH (a:ByHand {id: row.id}), (b:ByHand {id: row.other})
            CREATE (a)-[:BY_HAND {share: row.name}]->(b)""",
            relations,
        ),
    ):
        began = time.perf_counter()
        for start in range(0, count, batch):
            rows = [
                {"id": n % nodes, "other": n * 7919 % nodes, "name": str(n)}
                for n in range(start, min(start + batch, count))
            ]
            async with graph.transaction() as tx:
                await (await tx.run(cypher, rows=rows)).consume()
        figures[f"{name}_per_second_by_hand"] = round(count / (time.perf_counter() - began))
    return figures


def table(figures: dict[str, float]) -> Table:
    """The figures as a table."""
    rows: list[tuple[Cell, ...]] = [
        (
            f"{figures[name]:,.0f} {name} by the outbox, per second",
            figures[f"{name}_per_second"],
            figures[f"{name}_per_second_by_hand"],
        )
        for name in ("nodes", "relationships")
    ]
    for name, label in (
        ("nodes_per_second_cold", "nodes just after Neo4j has started, per second"),
        ("relationships_per_second_cold", "relationships then, per second"),
        ("verify_seconds", "verify all of them, seconds"),
        ("rebuild_seconds", "rebuild from nothing, seconds"),
        ("neighbourhood_3_hops_median_ms", "3 hops around a firm, at most 200 nodes, median ms"),
        ("neighbourhood_3_hops_p95_ms", "the same, 95th percentile, ms"),
    ):
        rows.append((label, figures[name], None))
    return Table("Projection into Neo4j", ("what", "Xinqiao", "bare UNWIND … CREATE"), rows)


async def _neighbourhoods(store: asyncpg.Connection, graph: GraphConnection) -> dict[str, float]:
    ids = await store.fetch(
        "SELECT subject_id FROM subject WHERE category = 'LEGAL_ENTITY' ORDER BY 1 LIMIT 200"
    )
    reader = GraphReader(graph, 30)
    taken = []
    for row in ids:
        began = time.perf_counter()
        await reader.neighbourhood(
            [row[0]],
            hops=3,
            kinds=None,
            as_of=_TODAY,
            max_nodes=200,
            max_fan=50,
            allowed_kinds=frozenset(EdgeKind),
            allowed_classes=frozenset("O"),
        )
        taken.append((time.perf_counter() - began) * 1000)
    return {
        "neighbourhood_3_hops_median_ms": round(statistics.median(taken), 1),
        "neighbourhood_3_hops_p95_ms": round(statistics.quantiles(taken, n=20)[-1], 1),
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--size", choices=_SIZES, default="M")
    parser.add_argument("--batch", type=int, default=5_000)
    parser.add_argument("--dsn")
    parser.add_argument("--neo4j")
    asked = parser.parse_args()
    with servers(asked.dsn, asked.neo4j) as (dsn, graph):
        figures = asyncio.run(measure(dsn, graph, asked.size, asked.batch))
    if asked.json:
        print(json.dumps(figures))
    else:
        for name, figure in figures.items():
            print(f"{name:32} {figure:>12,}")


if __name__ == "__main__":
    main()
