"""A node's graph filled at once by Neo4j's importer, from the same jars: for stores of millions.

The server must not run meanwhile. The graph that was there serves until the new one is complete.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import asyncpg

from graph.bulk import BulkFiles, write_files
from service import jars
from service.home import NodeHome, open_folder
from service.neo4j import Neo4jServer, import_command, prepare, report_option
from service.neo4j_swap import complete, filling, holds, is_complete, take_over
from service.process import ServerError, end, held, running

_log = logging.getLogger("xinqiao.graph")

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


async def is_worthwhile(connection: asyncpg.Connection[Any], least: int = WORTHWHILE) -> bool:
    """Whether the store has at least so many rows; by PostgreSQL's estimate."""
    rows: float = await connection.fetchval(
        "SELECT sum(greatest(reltuples, 0)) FROM pg_class WHERE relname IN ('subject', 'relation')"
        " AND relkind IN ('r', 'p')"
    )
    return rows >= least


def never_filled(node_home: NodeHome) -> bool:
    """Whether the node's own Neo4j has no graph yet, not even one that waits to be taken over."""
    home = node_home.neo4j
    return not (holds(home) or is_complete(home))


async def fill_first(
    node_home: NodeHome,
    connect: Callable[[], Awaitable[Any]],
    stop: asyncio.Event,
    least: int = WORTHWHILE,
) -> bool:
    """Fill the graph of a node that has none from a big store; whether that was done.

    Cut off by `stop` or by a kill it begins anew at the next start; what fails is left to the
    steps of the projection.
    """
    connection = await connect()
    try:
        if not await is_worthwhile(connection, least):
            return False
    finally:
        await connection.close()
    _log.info("the graph is empty and the store is big: it is filled before questions are taken")
    importing = asyncio.ensure_future(import_graph(node_home, connect))
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((importing, stopping), return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        importing.cancel()
        await asyncio.wait((importing,))
    if importing.cancelled():
        return False
    failure = importing.exception()
    if failure is not None:
        _log.warning("the graph was not filled at once, but will be step by step: %s", failure)
        return False
    found = importing.result()
    _log.info(
        "filled the graph with %d nodes and %d edges, %d rows/s",
        found.nodes,
        found.edges,
        found.per_second,
    )
    return True


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
        folder = filling(home)
        _end_importers(folder)
        take_over(home)
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


def _end_importers(folder: Path) -> None:
    """End importers into this folder that outlived who started them."""
    mark = report_option(folder)
    for process in running(lambda command: mark in command):
        end(process, signal.SIGKILL, 10)


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
