"""Rows a second of filling an empty graph at once: the store read, Neo4j's importer, its start.

    python -m bench.bulk [--json] [--size XL] [--heap 1024]

XL is 1,050,000 subjects and 2,000,000 relations, written straight into the tables; the rate is of
the import whole, from opening the store to the graph in its place, Java's start included.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import sys
import time
from functools import partial

import asyncpg

from bench.home import private_home
from bench.projection import _RELATIONS, _SIZES, _SUBJECTS, fresh_database
from bench.table import Table
from service.home import NodeHome
from service.neo4j_import import import_graph
from service.postgres import PostgresServer

SIZES = {**_SIZES, "XL": (500_000, 550_000, 2_000_000)}


async def measure(node: NodeHome, dsn: str, size: str, heap_mb: int = 1024) -> Table:
    """Fill a database of its own with synthetic rows, and a graph from it."""
    firms, persons, relations = SIZES[size]
    async with fresh_database(dsn) as database:
        connect = partial(asyncpg.connect, database)
        store = await connect()
        began = time.monotonic()
        await store.execute("SET synchronous_commit = off")
        await store.execute("SET session_replication_role = replica")  # no checks of what is made
        await store.execute(_SUBJECTS, firms, persons)
        await store.execute(_RELATIONS, relations)
        await store.execute("ANALYZE")
        await store.close()
        written = time.monotonic() - began
        print(f"· wrote the store in {written:.0f} s", file=sys.stderr, flush=True)
        before = _children()
        found = await import_graph(node, connect, heap_mb=heap_mb)
        used = _children() - before
    rows = found.nodes + found.edges
    return Table(
        f"An empty graph filled at once, {found.nodes:,} nodes and {found.edges:,} relationships",
        ("step", "seconds", "rows/s", "CPU s of Java"),
        [
            ("the store read into files", found.read_seconds, rows / found.read_seconds, None),
            (
                "`neo4j-admin database import full`, Java's start included",
                found.import_seconds,
                rows / found.import_seconds,
                used,
            ),
            ("together", found.read_seconds + found.import_seconds, float(found.per_second), None),
        ],
    )


def _children() -> float:
    """CPU seconds of the children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--size", choices=SIZES, default="XL")
    parser.add_argument("--heap", type=int, default=1024, help="MiB for the importer")
    asked = parser.parse_args()
    with private_home() as root:
        node = NodeHome(root, "bench")
        with PostgresServer(node) as server:
            table = asyncio.run(measure(node, server.dsn, asked.size, asked.heap))
    print(json.dumps(table.to_json(), indent=2) if asked.json else table.markdown())


if __name__ == "__main__":
    main()
