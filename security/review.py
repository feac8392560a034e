"""Reading the access log as an auditor does: sealed entries, newest first, filtered.

Entries are read from the sealed bundles and not from a table, so that what an auditor sees is
what the checkpoint covers. A question looks at no more than `MAX_SCANNED` entries.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
import orjson

from client.merkle import leaf_hash
from client.note import VerifierKey
from security.tlog.checkpoint import Checkpoint
from security.tlog.reader import TileReader
from security.tlog.tile import WIDTH

MAX_SCANNED = 100_000

_OF_SUBJECTS = """
SELECT s.index FROM access_subject a JOIN access_sealed s ON s.leaf = a.leaf
 WHERE a.audit_ref = ANY ($1::bytea[]) AND s.log = $2
"""


@dataclass(frozen=True, slots=True)
class LogReview:
    """Reads the log in `directory`, whose head `key` signs; `pool` finds entries by subject."""

    pool: asyncpg.Pool[Any]
    directory: Path
    key: VerifierKey

    async def entries(
        self, wanted: Mapping[str, Any], /, *, first: int, after: int | None
    ) -> tuple[Sequence[Mapping[str, Any]], bool]:
        """Up to `first` entries before index `after`, newest first, and whether more follow.

        `wanted` may hold caller, purpose, case, since, until (aware datetimes) and audit_refs
        (references of subjects that the entry must have disclosed), without_purposes (purposes
        that no entry may have). A page may be short and
        still be followed by more, when `MAX_SCANNED` entries were looked at.
        """
        indexes: set[int] | None = None
        if "audit_refs" in wanted:
            rows = await self.pool.fetch(_OF_SUBJECTS, wanted["audit_refs"], self.key.name)
            indexes = {row["index"] for row in rows}
            if not indexes:
                return [], False
        found: list[dict[str, Any]] = []
        for scanned, (index, data) in enumerate(self._backwards(after)):
            if scanned >= MAX_SCANNED:
                return found, True
            if indexes is not None and index not in indexes:
                continue
            entry = orjson.loads(data)
            if _matches(entry, wanted):
                if len(found) == first:
                    return found, True
                found.append(_shown(index, entry, data))
        return found, False

    def _backwards(self, after: int | None) -> Iterator[tuple[int, bytes]]:
        reader = TileReader(self.directory)
        note = reader.checkpoint()
        if note is None:
            return
        size = Checkpoint.open(note, self.key).size
        end = size if after is None else min(after, size)
        for bundle in range((end - 1) // WIDTH, -1, -1):
            entries = reader.entries(bundle, size)
            start = bundle * WIDTH
            for at in range(min(len(entries), end - start) - 1, -1, -1):
                yield start + at, entries[at]


def _shown(index: int, entry: Mapping[str, Any], data: bytes) -> dict[str, Any]:
    names = ("time", "kind", "caller", "actor", "keyId", "purpose", "case", "status", "rows")
    return {
        "index": index,
        "leaf": leaf_hash(data).hex(),
        **{name: entry[name] for name in names},
        "decision": entry["reason"] or entry["decision"],
        "subjects": entry["subjects"]["count"],
        "records": entry["records"]["count"],
        "policyVersion": entry["policyVersion"],
        "entry": data.decode(),
    }


def _matches(entry: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    for name in ("caller", "purpose", "case"):
        if name in wanted and wanted[name] is not None and entry[name] != wanted[name]:
            return False
    if entry["purpose"] in wanted.get("without_purposes", ()):
        return False
    since, until = wanted.get("since"), wanted.get("until")
    if since or until:
        moment = datetime.fromisoformat(entry["time"])
        if (since and moment < since) or (until and moment >= until):
            return False
    return True
