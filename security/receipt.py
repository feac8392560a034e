"""What became of a receipt: index, inclusion proof and checkpoint, as any reader may ask."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from asyncpg import Record

from client.log_proof import LogProof
from client.receipt import Receipt
from security.tlog.checkpoint import Checkpoint
from security.tlog.cosigned import cosigned_checkpoint
from security.tlog.note import Note
from security.tlog.reader import TileReader

__all__ = ["Receipt", "ReceiptState", "ReceiptStatus", "receipt_status"]


class ReceiptState(StrEnum):
    """Where an entry is."""

    PENDING = "pending"
    SEALED = "sealed"
    UNKNOWN = "unknown"
    ENDED = "ended"
    """Sealed in a log that ended with its files: its last signed head is all that is left."""
    LOST = "lost"
    """Promised, overdue and not there: the signed answer with its receipt is the proof."""


@dataclass(frozen=True, slots=True)
class ReceiptStatus:
    """An entry's state; once sealed its index, audit path and the signed checkpoint."""

    state: ReceiptState
    leaf: bytes
    index: int | None = None
    proof: tuple[bytes, ...] = ()
    checkpoint: str | None = None
    log: str | None = None

    def overdue(self, receipt: Receipt, now: float) -> "ReceiptStatus":
        """Judge by the receipt itself: what is unknown after its delay is lost.

        `now` is Unix seconds.
        """
        if self.state is ReceiptState.UNKNOWN and now > receipt.time + receipt.delay:
            return replace(self, state=ReceiptState.LOST)
        return self

    def to_json(self) -> dict[str, object]:
        """Give the answer of `/log/access/receipt/<leaf>` (leaf in hex)."""
        answer: dict[str, object] = {"state": str(self.state), "leaf": self.leaf.hex()}
        if self.log is not None:
            answer["log"] = self.log
        if self.state is ReceiptState.ENDED:
            answer["checkpoint"] = self.checkpoint
        if self.index is not None:
            answer["index"] = self.index
            answer["proof"] = [b64encode(sibling).decode() for sibling in self.proof]
            answer["checkpoint"] = self.checkpoint
        return answer

    def to_tlog_proof(self) -> str | None:
        """Write as a C2SP tlog-proof; None before the entry is sealed."""
        if self.index is None or self.checkpoint is None:
            return None
        return LogProof(self.index, self.proof, self.checkpoint.encode()).text()


class Connection(Protocol):
    """What the question needs of an asyncpg connection or pool."""

    async def fetchrow(self, query: str, *args: object) -> Record | None: ...


async def receipt_status(
    connection: Connection,
    directory: Path,
    origin: str,
    leaf: bytes,
    *,
    ended: Sequence[str] = (),
) -> ReceiptStatus:
    """Tell what became of an entry; `directory` holds the files of the log named `origin`.

    `ended` are the logs that it succeeded, whose files are lost.
    The proof leads to the last head that witnesses cosigned when that covers the entry, else to
    the newest.
    """
    row = await connection.fetchrow(
        """
        SELECT s.index, s.log, l.checkpoint,
               s.index IS NULL AND EXISTS (
                   SELECT FROM access_batch b WHERE b.log = $1 AND position($2 IN b.leaves) > 0
               ) AS waits
          FROM (SELECT $1::text AS log) one
          LEFT JOIN access_sealed s ON s.leaf = $2 AND (s.log = $1 OR s.log = ANY ($3::text[]))
          LEFT JOIN log_state l ON l.log = COALESCE(s.log, $1)
        """,
        origin,
        leaf,
        list(ended),
    )
    if row is None or (row["index"] is None and not row["waits"]):
        return ReceiptStatus(ReceiptState.UNKNOWN, leaf)
    note = row["checkpoint"]
    if row["log"] not in (None, origin):
        return ReceiptStatus(ReceiptState.ENDED, leaf, checkpoint=note, log=row["log"])
    size = 0 if not note else Checkpoint.parse(Note.parse(note.encode()).text).size
    if row["index"] is None or row["index"] >= size:
        return ReceiptStatus(ReceiptState.PENDING, leaf)
    cosigned = cosigned_checkpoint(directory, origin)
    if cosigned is not None:
        witnessed = Checkpoint.parse(cosigned.text).size
        if row["index"] < witnessed <= size:
            note, size = cosigned.bytes().decode(), witnessed
    proof = TileReader(directory).inclusion(row["index"], size)
    log = origin if ended else None
    return ReceiptStatus(ReceiptState.SEALED, leaf, row["index"], proof, note, log)
