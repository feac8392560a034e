"""The whole graph as files for `neo4j-admin database import full`: an empty graph filled at once.

Nodes, edges and the outbox position are of one snapshot of the store, and the checkpoint is among
the nodes, so the projection follows from there as after any other filling.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import asyncpg

from graph import source
from graph.checkpoint import Checkpoint, Stage
from graph.layout import LABELS

# The importer's column types: an id, texts, whole numbers; a text that is not there is no property.
_LONG = frozenset({"xid", "seq", "layout"})


@dataclass(frozen=True, slots=True)
class BulkFiles:
    """Files of one filling: each with its own header, and how many rows they hold."""

    nodes: tuple[tuple[Path, Path], ...]  # header, rows
    edges: tuple[tuple[Path, Path], ...]
    node_count: int
    edge_count: int

    def arguments(self) -> list[str]:
        """What the importer is told."""
        return [
            *(f"--nodes={head},{rows}" for head, rows in self.nodes),
            *(f"--relationships={head},{rows}" for head, rows in self.edges),
            "--multiline-fields=true",
        ]


async def write_files(connect: Callable[[], Awaitable[Any]], folder: Path) -> BulkFiles:
    """Write the store's graph into a folder: what is committed now, and the position of it."""
    nodes: asyncpg.Connection = await connect()
    edges: asyncpg.Connection = await connect()
    try:
        async with nodes.transaction(isolation="repeatable_read", readonly=True):
            snapshot = await nodes.fetchval("SELECT pg_export_snapshot()")
            async with edges.transaction(isolation="repeatable_read", readonly=True):
                await edges.execute(f"SET TRANSACTION SNAPSHOT '{snapshot}'")
                checkpoint = replace(
                    Checkpoint.fresh(await source.source_name(nodes)),
                    stage=Stage.FOLLOWING,
                    position=await source.last_position(nodes),
                )
                counts = await asyncio.gather(
                    _copy(nodes, source.nodes_by_column(LABELS), folder / "nodes.csv"),
                    _copy(edges, source.edges_by_column(), folder / "edges.csv"),
                )
    finally:
        await asyncio.gather(nodes.close(), edges.close())
    return BulkFiles(
        (
            (_head(folder, "nodes", source.NODE_COLUMNS), folder / "nodes.csv"),
            _checkpoint(folder, checkpoint),
        ),
        ((_head(folder, "edges", source.EDGE_COLUMNS), folder / "edges.csv"),),
        *counts,
    )


async def _copy(connection: asyncpg.Connection, statement: str, path: Path) -> int:
    status = await connection.copy_from_query(statement, output=path, format="csv")
    return int(status.removeprefix("COPY "))


def _head(folder: Path, name: str, columns: Sequence[str]) -> Path:
    path = folder / f"{name}.head.csv"
    path.write_text(",".join(columns) + "\n", encoding="ascii")
    return path


def _checkpoint(folder: Path, checkpoint: Checkpoint) -> tuple[Path, Path]:
    properties = {"name": "graph", **checkpoint.properties()}
    columns = [f"{name}:long" if name in _LONG else name for name in properties]
    head = _head(folder, "checkpoint", [*columns, ":LABEL"])
    rows = folder / "checkpoint.csv"
    values = [
        f'"{value}"' if isinstance(value, str) else str(value) for value in properties.values()
    ]
    rows.write_text(",".join([*values, "Checkpoint"]) + "\n", encoding="ascii")
    return head, rows
