"""Sealed entries as an auditor is told them: as the bundles hold them, with what proves them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from client.merkle import leaf_hash
from client.note import Note, cosigned_at
from security.entry import timestamp
from security.errors import LogError
from security.receipt import ReceiptState, ReceiptStatus
from security.tlog.checkpoint import Checkpoint
from security.tlog.cosigned import cosigned_checkpoint, served_checkpoint
from security.tlog.reader import TileReader
from security.tlog.tile import WIDTH

_COSIGNATURE = 8 + 64
"""Bytes of a C2SP cosignature: time and Ed25519 signature."""
_PLAIN = ("kind", "caller", "role", "actor", "keyId", "purpose", "legalBasis", "case")
_COUNTS = ("subjects", "records")


@dataclass(frozen=True, slots=True)
class LogFiles:
    """The log named `origin` in `directory`; of one that `ended` files may be lost."""

    origin: str
    directory: Path
    ended: bool = False

    def told(
        self, rows: Sequence[Mapping[str, Any]], members: frozenset[str]
    ) -> list[dict[str, Any]]:
        """The entries of some rows of the index, whose places descend.

        An entry of an ended log whose bundle is lost is told as the index has it, without its text
        and proof. Raises LogError LOG_INDEX_DIVERGED when the log does not say what the index says.
        """
        heads = self._heads()
        bundles: dict[int, list[bytes]] = {}
        entries = []
        for row in rows:
            number, at = divmod(row["index"], WIDTH)
            if number not in bundles:
                bundles.clear()  # rows descend, so a bundle is never needed again
                bundles[number] = self._bundle(number, heads[0].size if heads else 0)
            if at < len(bundles[number]):
                data = bundles[number][at]
                if leaf_hash(data) != row["leaf"]:
                    raise _diverged()
                proving = self._proving(row, heads, members)
                entries.append(
                    {**_told(row, orjson.loads(data)), "entry": data.decode(), **proving}
                )
            elif self.ended:
                entries.append(_told(row, _indexed(row)))
            else:
                raise _diverged()
        return entries

    def _heads(self) -> list[_Head]:
        """The newest head, and after it the last one that witnesses cosigned."""
        served = served_checkpoint(self.directory)
        if served is None:
            return []
        cosigned = cosigned_checkpoint(self.directory, self.origin)
        return [_Head.of(one) for one in (served, cosigned.bytes() if cosigned else None) if one]

    def _bundle(self, number: int, size: int) -> list[bytes]:
        if number * WIDTH >= size:
            return []
        try:
            return TileReader(self.directory).entries(number, size)
        except LogError:
            if self.ended:
                return []
            raise

    def _proving(
        self, row: Mapping[str, Any], heads: Sequence[_Head], members: frozenset[str]
    ) -> dict[str, Any]:
        if not members & {"proof", "witnesses"}:
            return {}
        # The head that witnesses cosigned proves more than a newer one that they did not.
        covering = heads[-1] if row["index"] < heads[-1].size else heads[0]
        told: dict[str, Any] = {"witnesses": witnessed(covering.note)}
        if "proof" in members:
            try:
                path = TileReader(self.directory).inclusion(row["index"], covering.size)
            except LogError:
                if self.ended:
                    return told
                raise
            told["proof"] = ReceiptStatus(
                ReceiptState.SEALED, row["leaf"], row["index"], path, covering.note.decode()
            ).to_tlog_proof()
        return told


@dataclass(frozen=True, slots=True)
class _Head:
    note: bytes
    size: int

    @classmethod
    def of(cls, note: bytes) -> _Head:
        return cls(note, Checkpoint.parse(Note.parse(note).text).size)


def _told(row: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    """What an entry says itself, and beside it what the index adds."""
    counts = {name: (entry.get(name) or {}).get("count", 0) for name in _COUNTS}
    return {
        "log": row["log"],
        "index": row["index"],
        "leaf": row["leaf"].hex(),
        "time": entry["time"],
        **{name: entry.get(name) for name in _PLAIN},
        "caller": entry.get("caller") or "",
        "correlation": entry.get("correlation"),
        "outcome": entry.get("decision") or "ALLOWED",
        "decision": entry.get("reason") or entry.get("decision") or "ALLOWED",
        "status": entry.get("status") or 0,
        "rows": entry.get("rows") or 0,
        **counts,
        "policyVersion": entry.get("policyVersion") or "",
        "callerName": row["caller_name"],
        "unit": row["unit"],
        "persons": row["persons"],
        "types": sorted(row["types"] or ()),
        "witnesses": [],
        "proof": None,
        "entry": None,
    }


def _indexed(row: Mapping[str, Any]) -> dict[str, Any]:
    """An entry as far as the index holds it."""
    same = ("kind", "caller", "role", "actor", "purpose", "correlation", "decision", "reason")
    return {
        "time": timestamp(row["time"].timestamp()),
        **{name: row[name] or None for name in (*same, "status", "rows")},
        "case": row["case_number"],
        **{name: {"count": row[name]} for name in _COUNTS},
    }


def _diverged() -> LogError:
    return LogError(
        "LOG_INDEX_DIVERGED",
        "The index does not say what the log says: make it again with"
        " `xinqiao audit review rebuild`, and tell the auditor.",
    )


def witnessed(note: bytes) -> list[dict[str, Any]]:
    """Who cosigned a checkpoint, and when: its cosignature lines (C2SP tlog-cosignature), as the
    node verified and kept them; whoever relies on them verifies them with the witnesses' keys."""
    return [
        {"name": line.name, "time": datetime.fromtimestamp(cosigned_at(line.signature), UTC)}
        for line in Note.parse(note).signatures
        if len(line.signature) == _COSIGNATURE
    ]
