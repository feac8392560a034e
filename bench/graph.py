"""Questions about a large graph through their GraphQL fields, from PostgreSQL to the answer.

    python -m bench graph [--edges 10000000] [--raw FILE]

A market's graph of half as many subjects as relations is written into PostgreSQL (`bench.market`),
its snapshot made as the node's keeper makes it, a thousand relations changed and taken in. Then
each question is a document, planned, run under an analyst's scope and rechecked in the store, warm;
no HTTP and no signature, which `bench node` measures. CPU is of the asking process and of
PostgreSQL.
Whole-graph jobs run in a process of their own, whose greatest memory is told, files that are mapped
included.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import random
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg

from bench import market
from bench.load import family_seconds
from bench.projection import fresh_database
from bench.table import Table
from graph.layout import EdgeKind
from graph.snapshot.keeping import Keeper, SnapshotReader
from resolvers.answer import Disclosure
from resolvers.context import Context
from resolvers.operation import Operations
from resolvers.wall import wall_of
from resolvers.whole_graph_work import analyse
from schema.definition import CreditSchema
from schema.records import kinds
from security.policy import Grounds, Role, Scope, load_policy
from service.collecting import ANSWERING, seldom_collected
from service.computing import computed
from service.home import NodeHome
from service.postgres import PostgresServer
from store.pool import open_readers

EDGES = 1_000_000
QUESTIONS = 300
_TODAY = market.TODAY
_CHANGED = 1_000
_ROUNDS = 5  # of a thousand changed relations
_NAMED = "nodes { key party { ... on Organisation { id name } ... on Person { id name } } }"
_STEP = "{ holder company share { low high } statements { relationId originRegion } }"


@dataclass(frozen=True, slots=True)
class _Question:
    """A document, who is drawn to be asked about, and the milliseconds its p95 shall stay below."""

    document: str
    drawn: str
    target: float


_QUESTIONS = {
    "owners": _Question(
        "query($a: String!) { owners(subject: $a) { state totalCount unknown"
        f" owners {{ key integrated {{ low high }} direct {{ low high }} }} {_NAMED} }} }}",
        "held", 50,
    ),
    "controllers": _Question(
        "query($a: String!) { controllers(subject: $a) { controllers { key level ultimate"
        f" votes {{ low }} }} borderline {_NAMED} }} }}",
        "held", 50,
    ),
    "controlled": _Question(
        "query($a: String!) { controlled(subject: $a) { totalCount"
        f" controlled {{ key level votes {{ low }} }} {_NAMED} }} }}",
        "holding", 50,
    ),
    "beneficialOwners": _Question(
        "query($a: String!) { beneficialOwners(subject: $a) { rule undetermined"
        f" owners {{ key rule share {{ low high }} }} {_NAMED} }} }}",
        "held", 100,
    ),
    "relatedParties": _Question(
        "query($a: String!) { relatedParties(subject: $a) { totalCount"
        f" related {{ key tie }} {_NAMED} }} }}",
        "held", 300,
    ),
    "circularOwnership": _Question(
        "query($a: String!) { circularOwnership(subject: $a) { circular size"
        f" holdings {_STEP} {_NAMED} }} }}",
        "held", 5,
    ),
    "circularOwnership of a firm in a circle": _Question(
        "query($a: String!) { circularOwnership(subject: $a) { circular size"
        f" holdings {_STEP} {_NAMED} }} }}",
        "turning", 5,
    ),
    "guaranteeCircle": _Question(
        "query($a: String!) { guaranteeCircle(subject: $a) { totalCount ringCount cycles"
        f" chainDown chainUp contagion totals {{ currency amount }} {_NAMED} }} }}",
        "standing", 50,
    ),
    "guaranteeExposure": _Question(
        "query($a: String!) { guaranteeExposure(subject: $a) { guaranteedCount loanCount"
        f" totals {{ currency amount balance }} debts {{ loanNo amount }} {_NAMED} }} }}",
        "standing", 100,
    ),
    "riskPropagation, 3 steps": _Question(
        "query($a: String!) { riskPropagation(seeds: [$a]) { totalCount"
        f" impacts {{ key score via {{ source course relationId }} }} {_NAMED} }} }}",
        "standing", 5_000,
    ),
    "riskPropagation, 6 steps, PageRank": _Question(
        "query($a: String!) { riskPropagation(seeds: [$a], steps: 6, model: PAGERANK) { totalCount"
        f" impacts {{ key score }} {_NAMED} }} }}",
        "standing", 5_000,
    ),
    "timeline": _Question(
        "query($a: String!) { timeline(subject: $a) { more changes { __typename } } }", "held", 50
    ),
    "sharedAttributes": _Question(
        "query($a: String!) { sharedAttributes(subject: $a) { __typename } }", "held", 100
    ),
}  # fmt: skip
# The numbers of firms by what they are drawn for; SYSTEM reads a few pages at random.
_DRAWN = {
    "held": "relation_id, subject_id FROM relation TABLESAMPLE SYSTEM ({share}) REPEATABLE (1)"
    " WHERE kind = 'HOLDS' AND direction = 'IN'",
    "holding": "relation_id, subject_id FROM relation TABLESAMPLE SYSTEM ({share}) REPEATABLE (2)"
    " WHERE kind = 'HOLDS' AND direction = 'OUT'",
    "standing": "relation_id, subject_id FROM relation WHERE kind = 'GUARANTEES'"
    " AND direction = 'OUT'",
}
_JOBS: Mapping[str, Mapping[str, Any]] = {
    "CIRCLES": {"minSize": 1},
    "GUARANTEE_CIRCLES": {"minSize": 2},
    "COMPONENTS": {"minSize": 2, "kinds": [EdgeKind.GUARANTEES, EdgeKind.HOLDS]},
    "RISK": {"model": "DEBTRANK", "decays": {}, "minScore": "0.01"},
    "COMMUNITIES": {
        "minSize": 2, "resolution": "1", "kinds": [EdgeKind.GUARANTEES, EdgeKind.HOLDS],
    },
}  # fmt: skip


@dataclass
class _Parts:
    """What a job hands over, counted and thrown away."""

    most: int = 500
    parts: int = 0
    lines: int = 0

    async def anew(self) -> None: ...

    async def told(self, done: int, total: int | None, stage: str = "") -> None: ...

    async def put(self, lines: list[Any], _: Disclosure) -> None:
        self.lines += len(lines)
        self.parts += 1

    async def compute(self, function: Any, *arguments: Any) -> Any:
        return await computed(function, *arguments)


async def measure(
    root: Path, home: NodeHome, dsn: str, edges: int, questions: int
) -> dict[str, Any]:
    """All figures."""
    postmaster = int((home.postgres / "postmaster.pid").read_text().split()[0])
    postgres = partial(family_seconds, postmaster)
    async with fresh_database(dsn) as database:
        began = time.perf_counter()
        told: dict[str, Any] = dict(await market.fill(database, edges))
        told["fill"] = time.perf_counter() - began
        _said(f"wrote the store in {told['fill']:.0f} s")
        folder = root / "snapshot"
        told["snapshot"] = await asyncio.to_thread(_apart, _kept, database, folder)
        _said(f"made the snapshot: {told['snapshot']}")
        told["refresh"] = await _refreshed(database, folder, postgres)
        _said(f"took in {_CHANGED} changed relations: {told['refresh']}")
        with seldom_collected(ANSWERING):  # as a node that answers
            told["questions"] = await _asked(database, folder, questions, postgres)
        told["jobs"] = {}
        for kind, arguments in _JOBS.items():
            seeds = [one[1] for one in (await _drawn(database, folder))["standing"][:100]]
            given = {**arguments, "asOf": _TODAY.isoformat(), "first": 1000}
            if kind == "RISK":
                given["seeds"] = seeds
            told["jobs"][kind] = await asyncio.to_thread(
                _apart, _worked, database, folder, kind, given
            )
            _said(f"{kind}: {told['jobs'][kind]}")
    return told


def _apart(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function gives in a process of its own, so that its memory is its own."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        return pool.submit(function, *arguments).result()


def _usage(began: float, cpu: float) -> dict[str, float]:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {
        "seconds": time.perf_counter() - began,
        "cpu": sum(one.ru_utime + one.ru_stime for one in used) - cpu,
        "peak_gb": used[0].ru_maxrss / 2**20,
        "child_peak_gb": used[1].ru_maxrss / 2**20,
    }


def _kept(database: str, folder: Path) -> dict[str, float]:
    began, cpu = time.perf_counter(), time.process_time()
    asyncio.run(Keeper(partial(asyncpg.connect, database), folder).catch_up())
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return {**_usage(began, cpu), "files_gb": size / 2**30}


async def _refreshed(
    database: str, folder: Path, postgres: Callable[[], float]
) -> dict[str, list[float]]:
    """Seconds and CPU from a thousand changed holdings to a current snapshot."""
    keeper = Keeper(partial(asyncpg.connect, database), folder)
    await keeper.catch_up()
    store = await asyncpg.connect(database)
    found: dict[str, list[float]] = {"seconds": [], "cpu": [], "postgres_cpu": []}
    for number in range(_ROUNDS):
        # Half are changed, a quarter end, a quarter are withdrawn.
        await store.execute(
            "WITH drawn AS MATERIALIZED (SELECT relation_id, subject_id, row_number() OVER () AS n"
            f" FROM relation TABLESAMPLE SYSTEM (2) REPEATABLE ({number + 10})"
            f" WHERE kind = 'HOLDS' AND direction = 'OUT' LIMIT {_CHANGED}), done AS ("
            "UPDATE relation r SET share_min = CASE WHEN n % 2 = 0 THEN share_min / 2"
            " ELSE share_min END, valid_to = CASE WHEN n % 4 = 1 THEN '2026-06-01'::date"
            " ELSE valid_to END, status = CASE WHEN n % 4 = 3 THEN 'WITHDRAWN' ELSE status END"
            " FROM drawn WHERE r.relation_id = drawn.relation_id) INSERT INTO outbox"
            " (entity, entity_id, subject_id) SELECT 'RELATION', relation_id, subject_id FROM drawn"
        )
        began, cpu, theirs = time.perf_counter(), time.process_time(), postgres()
        await keeper.catch_up()
        found["seconds"].append(time.perf_counter() - began)
        found["cpu"].append(time.process_time() - cpu)
        found["postgres_cpu"].append(postgres() - theirs)
    await store.close()
    return found


async def _drawn(database: str, folder: Path) -> dict[str, list[tuple[str, str]]]:
    """Firms to ask about by what they are drawn for: code and id."""
    connection = await asyncpg.connect(database)
    pages = await connection.fetchval("SELECT relpages FROM pg_class WHERE relname = 'relation'")
    found = {}
    circles = SnapshotReader(folder).current().circles
    assert circles is not None
    turning = SnapshotReader(folder).current().ids_at(circles.firms[:2_000])
    for name, wanted in _DRAWN.items():
        share = min(100.0, 100 * 4_000 / max(pages, 1))
        rows = await connection.fetch(
            f"SELECT i.value, i.subject_id FROM (SELECT {wanted.format(share=share)}"
            " LIMIT 200000) r JOIN identifier i USING (subject_id)"
            " ORDER BY md5(r.relation_id::text) LIMIT 2000"
        )
        found[name] = [(f"{market.SCHEME}:{row[0]}", str(row[1])) for row in rows]
    rows = await connection.fetch(
        "SELECT value, subject_id FROM identifier WHERE subject_id = ANY($1::uuid[])"
        " ORDER BY md5(value)",
        turning,
    )
    found["turning"] = [(f"{market.SCHEME}:{row[0]}", str(row[1])) for row in rows]
    await connection.close()
    return found


def _scope() -> Scope:
    every = frozenset(kinds().by_name)
    return load_policy().scope(
        "analyst", Role.ANALYST, "P12", "演1号", Grounds(government_kinds=every), kinds=every
    )


async def _context(database: str, folder: Path) -> tuple[Any, Context]:
    readers = await open_readers(
        database, max_size=4, wall=wall_of(Role.ANALYST), day=_TODAY.isoformat()
    )
    snapshots = SnapshotReader(folder)
    return readers, Context(readers, _scope(), _TODAY, b"k" * 32, snapshots=snapshots)


async def _asked(
    database: str, folder: Path, questions: int, postgres: Callable[[], float]
) -> dict[str, dict[str, float]]:
    drawn, found = await _drawn(database, folder), {}
    readers, context = await _context(database, folder)
    operations = Operations(CreditSchema(kinds()))
    for name, question in _QUESTIONS.items():
        plan = operations.prepare(question.document, None, context.scope)
        subjects = [code for code, _ in drawn[question.drawn]]
        some = random.Random(20201022).choices(subjects, k=questions)

        async def ask(subject: str, plan: Any = plan, name: str = name) -> int:
            answer = await plan.run(context, {"a": subject})
            if answer.errors:
                raise SystemExit(f"{name}: {answer.errors}")
            return len(answer.disclosure.subjects) // 16

        for subject in some:  # warm: the same subjects, so that their pages are read
            await ask(subject)
        times, shown = [], []
        cpu, theirs = time.process_time(), postgres()
        for subject in some:
            began = time.perf_counter()
            shown.append(await ask(subject))
            times.append((time.perf_counter() - began) * 1e3)
        own = (time.process_time() - cpu) * 1e3 / questions
        cuts = statistics.quantiles(times, n=100)
        found[name] = {
            "p50": cuts[49], "p95": cuts[94], "p99": cuts[98], "target": question.target,
            "cpu": own, "postgres_cpu": (postgres() - theirs) * 1e3 / questions,
            "shown": statistics.mean(shown), "most": max(shown),
        }  # fmt: skip
        _said(f"{name}: " + ", ".join(f"{k} {v:.1f}" for k, v in found[name].items()))
    await readers.close()
    return found


def _worked(database: str, folder: Path, kind: str, arguments: dict[str, Any]) -> dict[str, float]:
    """A whole-graph job as the node works on it; what it costs this process and its children."""

    async def work() -> _Parts:
        readers, context = await _context(database, folder)
        operations, parts = Operations(CreditSchema(kinds())), _Parts()
        await analyse(lambda: operations, kind, context, arguments, parts)
        await readers.close()
        return parts

    began, cpu = time.perf_counter(), time.process_time()
    parts = asyncio.run(work())
    return {**_usage(began, cpu), "lines": parts.lines}


def _said(what: str) -> None:
    print(f"· {what}", file=sys.stderr, flush=True)


def tables(told: Mapping[str, Any]) -> Iterator[Table]:
    """The figures for people."""
    size = f"{told['nodes']:,} subjects, {told['edges']:,} relations"
    yield Table(
        f"Questions through their GraphQL fields, checked in the store: {size}",
        ("field", "p50 ms", "p95 ms", "p99 ms", "p95 aimed at", "CPU ms", "PostgreSQL CPU ms",
         "subjects shown, mean", "at most"),
        [
            (name, of["p50"], of["p95"], of["p99"], of["target"], of["cpu"], of["postgres_cpu"],
             of["shown"], of["most"])
            for name, of in told["questions"].items()
        ],
    )  # fmt: skip
    made, taken = told["snapshot"], told["refresh"]
    yield Table(
        "The snapshot from PostgreSQL",
        ("step", "seconds", "CPU s", "PostgreSQL CPU s", "greatest memory, GB"),
        [
            ("the store written, for the measurement", told["fill"], None, None, None),
            (f"all of it made, {made['files_gb']:.2f} GB of files", made["seconds"], made["cpu"],
             None, made["peak_gb"]),
            *((f"{_CHANGED:,} changed relations to a current snapshot, time {n + 1}",
               taken["seconds"][n], taken["cpu"][n], taken["postgres_cpu"][n], None)
              for n in range(len(taken["seconds"]))),
        ],
    )  # fmt: skip
    yield Table(
        "Jobs over the whole graph, checked in the store",
        ("job", "seconds", "CPU s", "memory, GB", "memory of its computation, GB", "lines"),
        [
            (kind, of["seconds"], of["cpu"], of["peak_gb"], of["child_peak_gb"], of["lines"])
            for kind, of in told["jobs"].items()
        ],
    )


def run(
    root: Path, edges: int, questions: int = QUESTIONS, raw: Path | None = None
) -> Iterator[Table]:
    """Measure with a server of its own in a home at `root`."""
    home = NodeHome(root, "bench").create()
    with PostgresServer(home) as postgres:
        told = asyncio.run(measure(root, home, postgres.dsn, edges, questions))
    if raw is not None:
        raw.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    yield from tables(told)
