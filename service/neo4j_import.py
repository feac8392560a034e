"""A node's graph filled at once by Neo4j's importer, from the same jars: for stores of millions.

The server must not run meanwhile. The graph that was there serves until the new one is complete.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import asyncpg

from graph.bulk import BulkFiles, write_files
from service import jars
from service.home import NodeHome, open_folder
from service.neo4j import Neo4jServer, import_command, prepare
from service.neo4j_swap import complete, filling, take_over
from service.process import ServerError, held

# Below this the steps of the projection are faster than starting Java once more.
WORTHWHILE = 200_000


@dataclass(frozen=True, slots=True)
class Imported:
    """What was imported, and the seconds that reading the store and importing took."""

    nodes: int
    edges: int
    read_seconds: float
    import_seconds: float

    @property
    def per_second(self) -> int:
        """Rows a second, reading included."""
        return round((self.nodes + self.edges) / (self.read_seconds + self.import_seconds))


async def is_worthwhile(connection: asyncpg.Connection[Any]) -> bool:
    """Whether the store is so big that filling the graph at once pays; by PostgreSQL's estimate."""
    rows: float = await connection.fetchval(
        "SELECT sum(greatest(reltuples, 0)) FROM pg_class WHERE relname IN ('subject', 'relation')"
        " AND relkind IN ('r', 'p')"
    )
    return rows >= WORTHWHILE


async def import_graph(
    node_home: NodeHome, connect: Callable[[], Awaitable[Any]], *, heap_mb: int = 1024
) -> Imported:
    """Fill a node's graph from its store in place of what is there.

    Killed at any moment, the former graph stays, or the next start takes the new one over. Raises
    ServerError `NEO4J_RUNNING`, `NEO4J_IMPORT_FAILED`.
    """
    node_home.create()
    home = node_home.neo4j
    with held(node_home.run / "neo4j.start"):
        if Neo4jServer(node_home).is_running():
            raise ServerError(
                "NEO4J_RUNNING", "Stop the node first: its graph cannot be replaced while it runs."
            )
        take_over(home)
        folder = filling(home)
        try:
            prepare(folder, node_home.logs, 0, {})
            rows = open_folder(folder / "rows", 0o700)
            began = monotonic()
            files = await write_files(connect, rows)
            read = monotonic()
            await _run(node_home, folder, files, heap_mb)
            shutil.rmtree(rows)
            complete(home)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        take_over(home)
    return Imported(files.node_count, files.edge_count, read - began, monotonic() - read)


async def _run(node_home: NodeHome, folder: Path, files: BulkFiles, heap_mb: int) -> None:
    log = node_home.logs / "neo4j-import.log"
    command, environment = import_command(jars.class_path(), folder, heap_mb)
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            *files.arguments(),
            stdout=output,
            stderr=output,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
        try:
            status = await process.wait()
        except BaseException:
            process.kill()
            await process.wait()
            raise
    if status != 0:
        raise ServerError("NEO4J_IMPORT_FAILED", f"Neo4j's importer failed; see {log}.")
