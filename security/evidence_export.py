"""Opened evidence written beside an exported log, so that its entries can be recomputed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import asyncpg

from client.merkle import leaf_hash
from security.errors import LogError
from security.recomputation import Erasures, OpenedEvidence, commits
from security.reconciliation import Opener
from security.tlog.reader import TileReader
from security.tlog.tile import WIDTH
from security.tlog.verify import evidence_path

_EVIDENCE = """
SELECT s.index, e.leaf, e.month, e.wrapped_key, e.ciphertext
  FROM access_sealed s JOIN evidence e ON e.leaf = s.leaf
 WHERE s.log = $1 AND s.index >= $2 AND s.index < $3
"""


async def export_evidence(
    connection: asyncpg.Connection[Any],
    origin: str,
    size: int,
    directory: Path,
    opened: Opener,
) -> int:
    """Write the evidence of the first `size` entries into an export; the number of opened ones.

    One file a bundle, one line an entry that has evidence; of an erased one the line says so.
    Whoever has the files can read every question: hand them to nobody but the auditor. Raises
    LogError `EVIDENCE_MISSING` for an entry whose evidence is not there, or erased after the head
    of the export, and what `opened` raises.
    """
    count = 0
    reader, erasures = TileReader(directory), Erasures()
    for number in range(-(-size // WIDTH)):
        first = number * WIDTH
        rows = {
            row["index"]: row
            for row in await connection.fetch(_EVIDENCE, origin, first, min(first + WIDTH, size))
        }
        lines = []
        for index, entry in enumerate(reader.entries(number, size), first):
            if not commits(entry):
                erasures.hear(entry)
                continue
            row = rows.get(index)
            if row is None or row["leaf"] != leaf_hash(entry):
                raise LogError(
                    "EVIDENCE_MISSING", f"Look for the evidence of entry {index} in a backup."
                )
            found = OpenedEvidence(index)
            if row["wrapped_key"] is not None:
                key, plain = opened(
                    row["leaf"], row["month"], row["wrapped_key"], row["ciphertext"]
                )
                found = OpenedEvidence(index, key, plain)
                count += 1
            else:
                erasures.gone(index, row["leaf"])
            lines.append(found.line())
        path = directory / evidence_path(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(lines))
    if untold := erasures.untold():
        raise LogError(
            "EVIDENCE_MISSING",
            f"Export as of a later head: the evidence of entry {untold[0]} was erased since.",
        )
    return count
