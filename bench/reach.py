"""Questions around subjects: neighbourhood, paths and links, beside plain Cypher on the same Neo4j.

Run as `python -m bench.reach [--json] [--size M|L] [--questions N]`. Subjects are drawn anew with a
fixed seed; each question is asked once after a warm-up. CPU is that of this process and of Neo4j
together, by question. Plain Cypher is `SHORTEST k` without scope, budgets and order of ties.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import os
import random
import statistics
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from uuid import UUID

import asyncpg

from bench.home import private_home
from bench.projection import _RELATIONS, _SIZES, _SUBJECTS, fresh_database
from graph.connection import GraphConnection
from graph.layout import EdgeKind
from graph.path import Budget
from graph.paths import Following
from graph.reader import GraphReader
from service.home import NodeHome
from service.neo4j import Neo4jServer
from service.neo4j_import import import_graph
from service.postgres import PostgresServer

_TODAY = dt.date(2026, 6, 30)
_KINDS = "|".join(EdgeKind)
_SHORTEST = f"""
MATCH p = SHORTEST 3 (a:Subject {{id: $a}})-[:{_KINDS}]-{{1,4}}(b:Subject {{id: $b}})
RETURN [n IN nodes(p) | n.id] AS nodes
"""
_AROUND = f"""
MATCH (n:Subject {{id: $a}})-[r:{_KINDS}]-(m) RETURN properties(r) AS edge, properties(m) AS node
"""
_TICKS = os.sysconf("SC_CLK_TCK")


def _cpu(pids: list[int]) -> float:
    """Seconds of processor that these processes have used."""
    total = 0.0
    for pid in pids:
        told = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        fields = told.rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / _TICKS
    return total


async def _timed(
    ask: Callable[[int], Awaitable[object]], questions: int, pids: list[int]
) -> dict[str, float]:
    """Milliseconds by percentile, and of processor by question."""
    for n in range(min(questions, 20)):
        await ask(n)
    taken, began = [], _cpu(pids)
    for n in range(questions):
        start = time.perf_counter()
        await ask(n)
        taken.append((time.perf_counter() - start) * 1000)
    cuts = statistics.quantiles(taken, n=100)
    return {
        "p50_ms": round(cuts[49], 2),
        "p95_ms": round(cuts[94], 2),
        "p99_ms": round(cuts[98], 2),
        "cpu_ms": round((_cpu(pids) - began) * 1000 / questions, 2),
    }


async def measure(
    graph: GraphConnection, ids: list[UUID], questions: int, pids: list[int]
) -> dict[str, dict[str, float]]:
    """The figures of each question by its name."""
    reader = GraphReader(graph, 30)
    draw = random.Random(20201022)
    pairs = [(draw.choice(ids), draw.choice(ids)) for _ in range(questions)]
    groups = [draw.sample(ids, 50) for _ in range(max(questions // 10, 5))]
    following = Following(_TODAY, frozenset(EdgeKind), frozenset("OG"))

    def around(hops: int) -> Callable[[int], Awaitable[object]]:
        return lambda n: reader.neighbourhood(
            [pairs[n][0]],
            hops=hops,
            kinds=None,
            as_of=_TODAY,
            max_nodes=200,
            max_fan=50,
            allowed_kinds=frozenset(EdgeKind),
            allowed_classes=frozenset("OG"),
        )

    def between(length: int) -> Callable[[int], Awaitable[object]]:
        budget = Budget(length, 5_000, 100)
        return lambda n: reader.paths(*pairs[n], count=3, following=following, budget=budget)

    def among(size: int) -> Callable[[int], Awaitable[object]]:
        budget = Budget(4, 5_000, 100)
        return lambda n: reader.links(
            groups[n][:size], centre=None, following=following, budget=budget
        )

    def plain(statement: str) -> Callable[[int], Awaitable[object]]:
        return lambda n: graph.read(
            statement, {"a": str(pairs[n][0]), "b": str(pairs[n][1])}, seconds=30
        )

    return {
        "neighbourhood, 1 hop": await _timed(around(1), questions, pids),
        "neighbourhood, 1 hop, plain Cypher": await _timed(plain(_AROUND), questions, pids),
        "neighbourhood, 3 hops": await _timed(around(3), questions, pids),
        "3 paths of at most 4": await _timed(between(4), questions, pids),
        "3 paths of at most 4, plain Cypher": await _timed(plain(_SHORTEST), questions, pids),
        "3 paths of at most 8": await _timed(between(8), questions, pids),
        "links of 10": await _timed(among(10), len(groups), pids),
        "links of 50": await _timed(among(50), len(groups), pids),
    }


async def _run(size: str, questions: int) -> dict[str, object]:
    firms, persons, relations = _SIZES[size]
    with private_home() as root:
        node = NodeHome(root, "bench")
        with PostgresServer(node) as postgres:
            async with fresh_database(postgres.dsn) as database:
                connect = partial(asyncpg.connect, database)
                store = await connect()
                await store.execute(_SUBJECTS, firms, persons)
                await store.execute(_RELATIONS, relations)
                await store.execute("ANALYZE")
                rows = await store.fetch(
                    "SELECT subject_id FROM subject WHERE category = 'LEGAL_ENTITY' ORDER BY 1"
                    " LIMIT 20000"
                )
                imported = await import_graph(node, connect)
                await store.close()
            with Neo4jServer(node) as server:
                address = server.address
                pids = [os.getpid(), *(one.pid for one in server.processes())]
                async with GraphConnection(address.uri, address.user, address.password) as graph:
                    await graph.create_constraints()
                    figures = await measure(graph, [row[0] for row in rows], questions, pids)
    return {
        "size": size,
        "nodes": imported.nodes,
        "edges": imported.edges,
        "bulk_read_seconds": round(imported.read_seconds, 2),
        "bulk_import_seconds": round(imported.import_seconds, 2),
        "bulk_rows_per_second": imported.per_second,
        "questions": figures,
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--size", choices=_SIZES, default="M")
    parser.add_argument("--questions", type=int, default=200)
    asked = parser.parse_args()
    found = asyncio.run(_run(asked.size, asked.questions))
    if asked.json:
        print(json.dumps(found))
        return
    for name, figure in found.items():
        if isinstance(figure, dict):
            for question, told in figure.items():
                print(f"{question:38} {told}")
        else:
            print(f"{name:38} {figure}")


if __name__ == "__main__":
    main()
