"""An investigator's questions on LDBC FinBench, beside plain Cypher and @neo4j/graphql.

    python -m bench.finbench [--json] [--questions 200] [--raw FILE]

The folder of the tests (5,000 nodes: companies, persons, loans; no accounts and transfers) is
imported as any other, the graph filled from it. Each question is a GraphQL document, planned, run
under an analyst's scope and rechecked in the store; no HTTP and no signature, as the peer has none
here. CPU is of the asking process, of Neo4j and of PostgreSQL. All are warmed up first: Java
compiles what runs often.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from bench.home import private_home
from bench.load import family_seconds, processor_seconds
from bench.peers.server import node, packages, versions
from bench.projection import fresh_database
from bench.table import Cell, Table
from graph.connection import GraphConnection
from graph.layout import EdgeKind
from graph.reader import GraphReader
from graph.snapshot.keeping import Keeper, SnapshotReader
from resolvers.context import Context
from resolvers.operation import Operations
from resolvers.wall import wall_of
from schema.definition import CreditSchema
from schema.records import kinds
from security.field_encryption import FieldCipher
from security.keys import KeyFolder
from security.policy import Grounds, Role, load_policy
from service.collecting import ANSWERING, seldom_collected
from service.home import NodeHome, open_folder
from service.neo4j import Neo4jAddress, Neo4jServer
from service.neo4j_import import import_graph
from service.postgres import PostgresServer
from store.hot import ensure_hot_columns
from store.intake import import_paths
from store.pool import open_pool, open_readers
from store.reference import load_reference
from store.wall import raise_walls

_FOLDER = Path(__file__).parents[1] / "tests/data/finbench"
_TODAY = dt.date(2026, 6, 30)
_NEAR = """
query($a: String!) { neighbourhood(subject: $a, hops: %d,
    kinds: [HOLDS, GUARANTEES, BORROWS]) {
  nodes { key degree party { ... on Organisation { id name } } }
  edges { relationId kind source target shareMin shareMax originRegion validFrom validTo } } }
"""
_QUESTIONS = {
    "neighbourhood, 1 hop": _NEAR % 1,
    "neighbourhood, 2 hops": _NEAR % 2,
    "neighbourhood, 3 hops": _NEAR % 3,
    "paths, 3 of at most 4 (what TCR 3 leaves)": """query($a: String!, $b: String!) {
        paths(from: $a, to: $b, maxLength: 4, kinds: [HOLDS]) { paths { __typename } } }""",
    "links of 10": """query($some: [String!]!) {
        links(subjects: $some) { paths { __typename } } }""",
    "sharedAttributes": "query($a: String!) { sharedAttributes(subject: $a) { __typename } }",
    "investorSimilarity (TCR 10)": """query($a: String!, $b: String!) {
        investorSimilarity(a: $a, b: $b) { __typename } }""",
    "guaranteeExposure (TCR 11)": """query($a: String!) {
        guaranteeExposure(subject: $a) { __typename } }""",
    "timeline": "query($a: String!) { timeline(subject: $a) { __typename } }",
    "diff": """query($a: String!) {
        diff(subject: $a, from: "2020-01-01", to: "2023-01-01") { __typename } }""",
}
_CYPHER = {
    "neighbourhood, 1 hop": "MATCH (a:Subject {id: $a})-[r:HOLDS|GUARANTEES|BORROWS]-(m)"
    " RETURN properties(r) AS edge, properties(m) AS node",
    "neighbourhood, 2 hops": "MATCH p = (a:Subject {id: $a})-[:HOLDS|GUARANTEES|BORROWS]-{1,2}(m)"
    " UNWIND relationships(p) AS r WITH DISTINCT r RETURN properties(r) AS edge",
    "paths, 3 of at most 4 (what TCR 3 leaves)": "MATCH p = SHORTEST 3 (:Subject {id: $a})"
    "-[:HOLDS]-{1,4}(:Subject {id: $b}) RETURN [n IN nodes(p) | n.id] AS nodes",
    "investorSimilarity (TCR 10)": "MATCH (x)-[:HOLDS]->(:Subject {id: $a})"
    " WITH collect(DISTINCT x) AS one MATCH (y)-[:HOLDS]->(:Subject {id: $b})"
    " WITH one, collect(DISTINCT y) AS other"
    " WITH size([x IN one WHERE x IN other]) AS both, size(one) + size(other) AS together"
    " RETURN toFloat(both) / (together - both) AS similarity",
    "guaranteeExposure (TCR 11)": "MATCH p = (:Subject {id: $a})-[:GUARANTEES]->+(g)"
    " WITH DISTINCT g MATCH (g)-[:BORROWS]->(l:Loan) RETURN count(DISTINCT l) AS loans",
}
Ask = Callable[[int], Awaitable[object]]


async def timed(ask: Ask, questions: int, cpu: Callable[[], float]) -> dict[str, float]:
    """Milliseconds by percentile, and of CPU by question, after as many questions again."""
    for number in range(questions):
        await ask(number)
    taken, before = [], cpu()
    for number in range(questions):
        began = time.perf_counter()
        await ask(number)
        taken.append((time.perf_counter() - began) * 1e3)
    return figures(taken, (cpu() - before) * 1e3 / questions)


def figures(taken: Sequence[float], cpu_ms: float) -> dict[str, float]:
    """Percentiles of what was taken, beside the CPU."""
    cuts = statistics.quantiles(taken, n=100)
    return {"p50": cuts[49], "p95": cuts[94], "p99": cuts[98], "cpu": cpu_ms}


async def measure(
    root: Path, home: NodeHome, postgres: PostgresServer, questions: int
) -> dict[str, Any]:
    """All figures by question and way, and what was compared."""
    npm = packages(root / "npm")
    async with fresh_database(postgres.dsn) as database:
        connect = partial(asyncpg.connect, database)
        await _load(root, database)
        imported = await import_graph(home, connect)
        store = await connect()
        rows = await store.fetch(
            "SELECT i.value, i.subject_id FROM identifier i WHERE i.scheme = 'finbench-company'"
            " AND EXISTS (SELECT FROM relation r WHERE r.subject_id = i.subject_id)"
            " ORDER BY md5(i.value)"
        )
        await store.close()
        drawn = [(f"finbench-company:{row[0]}", row[1]) for row in rows]
        keeper = Keeper(connect, root / "snapshot")
        await keeper.catch_up()
        with Neo4jServer(home) as server:
            address = server.address
            pids = [one.pid for one in server.processes()]
            postmaster = int((home.postgres / "postmaster.pid").read_text().split()[0])

            def servers() -> float:
                return sum(map(processor_seconds, pids)) + family_seconds(postmaster)

            async with GraphConnection(address.uri, address.user, address.password) as graph:
                await graph.create_constraints()
                with seldom_collected(ANSWERING):  # as a node that answers
                    found = await _ours(database, graph, root, drawn, questions, servers)
                    found |= await _cypher(graph, drawn, questions, servers)
                    peers = await _peers(graph, address, npm, drawn, questions, servers)
    return {
        "nodes": imported.nodes, "edges": imported.edges, "questions": questions,
        "versions": versions(npm), "figures": found | peers,
    }  # fmt: skip


async def _load(root: Path, database: str) -> None:
    connection = await asyncpg.connect(database)
    await ensure_hot_columns(connection, kinds())
    await raise_walls(connection, kinds())
    await load_reference(connection, demo=True)
    pool = await open_pool(database, max_size=2)
    summary = await import_paths(
        pool, [_FOLDER], kinds=kinds(), region="210500", platform="finbench", today=_TODAY,
        cipher=FieldCipher(KeyFolder(open_folder(root / "cipher", 0o700))),
        report_dir=root / "reports",
    )  # fmt: skip
    if summary.failures:
        raise SystemExit(f"the folder is not imported whole: {summary.failures}")
    await pool.close()
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


def _variables(drawn: Sequence[tuple[str, UUID]], questions: int) -> list[dict[str, Any]]:
    draw = random.Random(20201022)
    made = []
    for number in range(questions):
        asked = drawn[number % len(drawn)][0]
        some = [code for code, _ in draw.sample(drawn, 10)]
        other = next(code for code in some if code != asked)
        made.append({"a": asked, "b": other, "some": some})
    return made


async def _ours(
    database: str,
    graph: GraphConnection,
    root: Path,
    drawn: Sequence[tuple[str, UUID]],
    questions: int,
    servers: Callable[[], float],
) -> dict[str, Any]:
    every = frozenset(kinds().by_name)
    scope = load_policy().scope(
        "analyst", Role.ANALYST, "P12", "演1号", Grounds(government_kinds=every), kinds=every
    )
    wall = wall_of(Role.ANALYST)
    readers = await open_readers(database, max_size=4, wall=wall, day=_TODAY.isoformat())
    operations = Operations(CreditSchema(kinds()))
    context = Context(
        readers, scope, _TODAY, b"k" * 32, graph=GraphReader(graph, 30),
        snapshots=SnapshotReader(root / "snapshot"),
    )  # fmt: skip
    variables, found = _variables(drawn, questions), {}
    for name, document in _QUESTIONS.items():
        plan = operations.prepare(document, None, scope)

        async def ask(number: int, plan: Any = plan, name: str = name) -> None:
            answer = await plan.run(context, variables[number])
            if answer.errors:
                raise SystemExit(f"{name}: {answer.errors}")

        took = await timed(ask, questions, lambda: time.process_time() + servers())
        found[name] = {"Xinqiao": took}
        _said(name, took)
    await readers.close()
    return found


async def _cypher(
    graph: GraphConnection,
    drawn: Sequence[tuple[str, UUID]],
    questions: int,
    servers: Callable[[], float],
) -> dict[str, Any]:
    ids, variables = dict(drawn), _variables(drawn, questions)
    found = {}
    for name, statement in _CYPHER.items():

        async def ask(number: int, statement: str = statement) -> None:
            asked = {key: str(ids[variables[number][key]]) for key in ("a", "b")}
            await graph.read(statement, asked, seconds=30)

        took = await timed(ask, questions, lambda: time.process_time() + servers())
        found[f"{name}, plain Cypher"] = {"plain Cypher": took}
        _said(f"{name}, plain Cypher", took)
    return found


async def _peers(
    graph: GraphConnection,
    address: Neo4jAddress,
    npm: Path,
    drawn: Sequence[tuple[str, UUID]],
    questions: int,
    servers: Callable[[], float],
) -> dict[str, Any]:
    """@neo4j/graphql asked for the same edges, which is checked, and our search of the graph."""
    found = {}
    reader = GraphReader(graph, 30)
    followed = frozenset({EdgeKind.HOLDS, EdgeKind.GUARANTEES, EdgeKind.BORROWS})
    ids = [drawn[number % len(drawn)][1] for number in range(questions)]
    for hops in (1, 2):

        async def ask(number: int, hops: int = hops) -> Any:
            return await reader.neighbourhood(
                [ids[number]], hops=hops, kinds=None, as_of=_TODAY, max_nodes=5_000,
                max_fan=1_000, allowed_kinds=followed, allowed_classes=frozenset("OG"),
            )  # fmt: skip

        ours = await timed(ask, questions, lambda: time.process_time() + servers())
        told, used = await asyncio.to_thread(_told, npm, address, ids, hops, servers)
        checked = 0
        for number, edges in enumerate(told["edges"]):
            mine = {str(edge.id) for edge in (await ask(number)).edges}
            if not mine >= set(edges):
                raise SystemExit(f"@neo4j/graphql finds other edges of {ids[number]}")
            checked += len(edges)
        peer = figures(told["taken"], told["cpu_ms"] + used * 1e3 / questions)
        _said(f"@neo4j/graphql, {hops} hop(s)", peer)
        found[f"search of the graph alone, {hops} hop(s)"] = {
            "Xinqiao": ours, "@neo4j/graphql": peer, "edges compared": checked,
        }  # fmt: skip
    return found


def _told(
    npm: Path, address: Neo4jAddress, ids: list[UUID], hops: int, servers: Callable[[], float]
) -> tuple[dict[str, Any], float]:
    """What the peer's process prints, and the seconds of CPU of the servers meanwhile."""
    asked = {
        "uri": address.uri, "user": address.user, "password": address.password, "hops": hops,
        "warm": [str(id_) for id_ in ids], "ids": [str(id_) for id_ in ids],
    }  # fmt: skip
    with subprocess.Popen(
        [str(node()), "neo4j_graphql.mjs"], cwd=npm, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(asked))
        process.stdin.close()
        if process.stdout.readline() != "WARM\n":
            raise SystemExit("@neo4j/graphql does not answer")
        before = servers()
        told: dict[str, Any] = json.loads(process.stdout.readline())
        return told, servers() - before


def _said(name: str, took: Mapping[str, float]) -> None:
    told = ", ".join(f"{what} {figure:.2f}" for what, figure in took.items())
    print(f"· {name}: {told}", file=sys.stderr, flush=True)


def tables(told: Mapping[str, Any]) -> list[Table]:
    """The figures for people."""
    rows: list[tuple[Cell, ...]] = []
    peers: list[tuple[Cell, ...]] = []
    for name, ways in told["figures"].items():
        for way, figure in ways.items():
            if isinstance(figure, dict):
                row = (figure["p50"], figure["p95"], figure["p99"], figure["cpu"])
                if "@neo4j/graphql" in ways:
                    ratio = figure["cpu"] / ways["@neo4j/graphql"]["cpu"]
                    peers.append((f"{name}: {way}", *row, ratio))
                else:
                    rows.append((name, *row))
    columns = ("question", "p50 ms", "p95 ms", "p99 ms", "CPU ms")
    size = f"{told['nodes']:,} nodes, {told['edges']:,} relationships"
    return [
        Table(f"Investigating on FinBench, {size}", columns, rows),
        Table("Beside @neo4j/graphql on the same Neo4j", (*columns, "CPU / its"), peers),
    ]


def run(root: Path, questions: int, raw: Path | None = None) -> list[Table]:
    """Measure with servers of their own in a home at `root`."""
    home = NodeHome(root, "bench").create()
    with PostgresServer(home) as postgres:
        told = asyncio.run(measure(root, home, postgres, questions))
    if raw is not None:
        raw.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return tables(told)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--raw", type=Path, help="file for all figures")
    asked = parser.parse_args()
    with private_home() as root:
        found = run(root, asked.questions, asked.raw)
    if asked.json:
        print(json.dumps([table.to_json() for table in found], indent=2))
    else:
        print("\n".join(table.markdown() for table in found))


if __name__ == "__main__":
    main()
