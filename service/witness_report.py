"""What a node's witnesses and the logs that it witnesses look like, for the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from asyncpg import Record

from service.enrolled import node_connection
from service.enrolment import own_keys
from service.home import NodeHome
from service.settings import load_settings
from service.witnessing import standing_json, witness_standings


async def witness_report(root: Path, node: str, forks: Path | None = None) -> dict[str, Any]:
    """Tell all there is to tell of a node's witnesses; proofs of forks go into a folder.

    A proof's file is named after its log and its digest.
    """
    async with node_connection(root, node) as connection:
        home = NodeHome(root, node)
        settings = load_settings(home)
        standings = await witness_standings(connection, root, settings)
        witnessed = await connection.fetch(
            "SELECT origin, size, cosigned_at FROM witnessed_log ORDER BY origin"
        )
        proofs = await connection.fetch(
            "SELECT origin, proof, found_at, encode(digest, 'hex') AS digest FROM log_fork"
            " ORDER BY found_at"
        )
    return {
        "key": own_keys(home).witness.verifier.text,
        "policy": {
            "quorum": settings.witness_quorum,
            "alarm": settings.witness_alarm,
            "stop": settings.witness_stop,
        },
        "logs": {one.log.rpartition("/")[2]: standing_json(one) for one in standings},
        "witnessing": [
            {
                "origin": row["origin"],
                "size": row["size"],
                "cosignedAt": row["cosigned_at"].isoformat(),
            }
            for row in witnessed
        ],
        "forks": [_fork(forks, row) for row in proofs],
    }


def _fork(folder: Path | None, row: Record) -> dict[str, Any]:
    file = None
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        name = row["origin"].replace("/", "-")
        file = folder / f"{name}-{row['digest'][:8]}.fork-proof"
        file.write_text(row["proof"], encoding="utf-8")
    return {
        "origin": row["origin"],
        "foundAt": row["found_at"].isoformat(),
        "file": str(file) if file else None,
    }
