"""What became of a receipt: index, inclusion proof and checkpoint, as any reader may ask."""

from base64 import b64encode
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from asyncpg import Record

from client.receipt import Receipt
from security.tlog.checkpoint import Checkpoint
from security.tlog.note import Note
from security.tlog.reader import TileReader

__all__ = ["Receipt", "ReceiptState", "ReceiptStatus", "receipt_status"]


class ReceiptState(StrEnum):
    """Where an entry is."""

    PENDING = "pending"
    SEALED = "sealed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ReceiptStatus:
    """An entry's state; once sealed its index, audit path and the signed checkpoint."""

    state: ReceiptState
    leaf: bytes
    index: int | None = None
    proof: tuple[bytes, ...] = ()
    checkpoint: str | None = None

    def to_json(self) -> dict[str, object]:
        """Give the answer of `/log/access/receipt/<leaf>` (leaf in hex)."""
        answer: dict[str, object] = {"state": str(self.state), "leaf": self.leaf.hex()}
        if self.index is not None:
            answer["index"] = self.index
            answer["proof"] = [b64encode(sibling).decode() for sibling in self.proof]
            answer["checkpoint"] = self.checkpoint
        return answer

    def to_tlog_proof(self) -> str | None:
        """Write as a C2SP tlog-proof; None before the entry is sealed."""
        if self.index is None or self.checkpoint is None:
            return None
        path = "".join(f"{b64encode(sibling).decode()}\n" for sibling in self.proof)
        return f"c2sp.org/tlog-proof@v1\nindex {self.index}\n{path}\n{self.checkpoint}"


class Connection(Protocol):
    """What the question needs of an asyncpg connection or pool."""

    async def fetchrow(self, query: str, *args: object) -> Record | None: ...


async def receipt_status(
    connection: Connection, directory: Path, origin: str, leaf: bytes
) -> ReceiptStatus:
    """Tell what became of an entry; `directory` holds the files of the log named `origin`."""
    row = await connection.fetchrow(
        """
        SELECT s.index, l.checkpoint,
               EXISTS (SELECT FROM evidence e WHERE e.leaf = $2 AND e.log = $1) AS kept
          FROM (SELECT $1::text AS log) one
          LEFT JOIN access_sealed s ON s.leaf = $2 AND s.log = $1
          LEFT JOIN log_state l ON l.log = $1
        """,
        origin,
        leaf,
    )
    if row is None or (row["index"] is None and not row["kept"]):
        return ReceiptStatus(ReceiptState.UNKNOWN, leaf)
    note = row["checkpoint"]
    size = 0 if not note else Checkpoint.parse(Note.parse(note.encode()).text).size
    if row["index"] is None or row["index"] >= size:
        return ReceiptStatus(ReceiptState.PENDING, leaf)
    proof = TileReader(directory).inclusion(row["index"], size)
    return ReceiptStatus(ReceiptState.SEALED, leaf, row["index"], proof, note)
