"""Receipts on disk: every answer with its question, so that a node can be held to them later.

One SQLite file that only its owner can read. What was asked and answered is never changed; beside
it stands what was found when the log was asked for its proof.
"""

import json
import os
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from client.answer import verify_response
from client.errors import ClientError
from client.exchange import Answer, Inclusion
from client.keys import NodeKeys
from client.question import Question
from client.receipt import Receipt

_SCHEMA = """
CREATE TABLE IF NOT EXISTS kept (
  leaf BLOB PRIMARY KEY, at REAL NOT NULL, log TEXT NOT NULL, receipt TEXT NOT NULL,
  question TEXT NOT NULL, question_body BLOB NOT NULL,
  answer TEXT NOT NULL, answer_body BLOB NOT NULL, node_keys TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS checked (
  leaf BLOB NOT NULL REFERENCES kept, at REAL NOT NULL, problem TEXT,
  log TEXT, "index" INTEGER, size INTEGER, root BLOB
);
CREATE INDEX IF NOT EXISTS checked_by_leaf ON checked (leaf, at);
CREATE TRIGGER IF NOT EXISTS kept_stays BEFORE UPDATE ON kept
BEGIN SELECT RAISE(ABORT, 'what was kept stays as it is'); END;
CREATE TRIGGER IF NOT EXISTS checked_stays BEFORE UPDATE ON checked
BEGIN SELECT RAISE(ABORT, 'what was found stays as it is'); END;
"""


class Prover(Protocol):
    """What asks a log for its proof: a `Client`."""

    def check_receipt(self, receipt: Receipt, patience: float = ...) -> Inclusion: ...


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer as it was kept: `at` is when, in Unix seconds."""

    leaf: bytes
    at: float
    receipt: Receipt
    question: Question
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    node_keys: NodeKeys

    def verify(self) -> None:
        """Verify it again as it was when it came; raises ClientError as `verify_response`."""
        verify_response(
            self.question, self.status, self.headers, self.body, self.node_keys, now=self.at
        )


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check of one kept answer found: where it stands, or the problem's code."""

    leaf: bytes
    problem: str | None
    index: int | None = None
    size: int | None = None


class ReceiptStore:
    """The receipts of one caller, in one file; made when it is not there.

    For one process at a time or several: each answer is on disk when `keep` returns.
    """

    def __init__(self, path: Path) -> None:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._file = sqlite3.connect(path, isolation_level=None, timeout=30)
        self._file.execute("PRAGMA journal_mode = WAL")
        self._file.execute("PRAGMA synchronous = FULL")
        self._file.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def keep(self, answer: Answer[Any], node_keys: NodeKeys) -> None:
        """Keep a verified answer; one that does not verify is no evidence and is left out."""
        if answer.receipt is None or answer.question is None or answer.reply is None:
            return
        question, reply = answer.question, answer.reply
        self._file.execute(
            "INSERT OR IGNORE INTO kept VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                answer.receipt.leaf,
                time.time(),
                answer.receipt.log,
                answer.receipt.header(),
                json.dumps([question.method, question.target_uri, question.headers]),
                question.body,
                json.dumps([reply.status, reply.headers]),
                reply.body,
                node_keys.to_json(),
            ),
        )

    def __iter__(self) -> Iterator[KeptAnswer]:
        """Give what was kept, oldest first."""
        rows = self._file.execute(
            "SELECT leaf, at, receipt, question, question_body, answer, answer_body, node_keys"
            " FROM kept ORDER BY at"
        )
        for leaf, at, receipt, asked, asked_body, told, told_body, keys in rows.fetchall():
            method, target, headers = json.loads(asked)
            parsed = Receipt.parse(receipt)
            status, answer_headers = json.loads(told)
            yield KeptAnswer(
                leaf,
                at,
                parsed,
                Question(method, target, _pairs(headers), asked_body, parsed.body),
                status,
                _pairs(answer_headers),
                told_body,
                NodeKeys.from_json(keys),
            )

    def __len__(self) -> int:
        count: int = self._file.execute("SELECT count(*) FROM kept").fetchone()[0]
        return count

    def unproven(self) -> int:
        """Count what no check has found in its log yet."""
        count: int = self._file.execute(
            "SELECT count(*) FROM kept WHERE leaf NOT IN"
            " (SELECT leaf FROM checked WHERE problem IS NULL)"
        ).fetchone()[0]
        return count

    def check(
        self, node: Prover, *, again: bool = False, patience: float = 10.0
    ) -> Iterator[Checked]:
        """Verify what was kept and hold the node's log to it; give what was found, oldest first.

        What was found before is left out unless `again`: then the log must show the entry at the
        same place, in a log that has not become shorter (`PROOF_INVALID` otherwise). A problem is
        kept with its code, and the answer with it is evidence against the node.
        """
        proven = {
            leaf: (log, index, size)
            for leaf, log, index, size in self._file.execute(
                'SELECT leaf, log, "index", max(size) FROM checked WHERE problem IS NULL'
                " GROUP BY leaf"
            )
        }
        for kept in self:
            before = proven.get(kept.leaf)
            if before is not None and not again:
                continue
            try:
                kept.verify()
                found = node.check_receipt(kept.receipt, patience)
                if before is not None and before[0] == found.log:
                    _still_there(before, found)
            except ClientError as error:
                if error.code == "NODE_UNREACHABLE":
                    raise
                yield self._note(kept.leaf, Checked(kept.leaf, error.code), None)
            else:
                size = found.checkpoint.size
                yield self._note(kept.leaf, Checked(kept.leaf, None, found.index, size), found)

    def _note(self, leaf: bytes, checked: Checked, found: Inclusion | None) -> Checked:
        self._file.execute(
            "INSERT INTO checked VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                leaf,
                time.time(),
                checked.problem,
                None if found is None else found.log,
                checked.index,
                checked.size,
                None if found is None else found.checkpoint.root,
            ),
        )
        return checked


def _still_there(before: tuple[str, int, int], found: Inclusion) -> None:
    _, index, size = before
    if found.index != index or found.checkpoint.size < size:
        raise ClientError(
            "PROOF_INVALID", "Keep the receipts: the log shows another past than it did before."
        )


def _pairs(told: list[list[str]]) -> tuple[tuple[str, str], ...]:
    return tuple([(name, value) for name, value in told])
