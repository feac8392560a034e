"""Receipts on disk: every answer with its question, so that a node can be held to them later.

One SQLite file that only its owner can read. What was asked and answered is never changed; beside
it stands what was found when the log was asked for its proof.
"""

import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
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

    @property
    def node_keys(self) -> NodeKeys: ...

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
        found = verify_response(
            self.question, self.status, self.headers, self.body, self.node_keys, now=self.at
        )
        if found.receipt != self.receipt or self.leaf != self.receipt.leaf:
            raise _changed()


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check of one kept answer found: where it stands, or the problem's code."""

    leaf: bytes
    problem: str | None
    index: int | None = None
    size: int | None = None


class NotKeptError(ClientError):
    """`RECEIPT_STORE`: an answer that came, and holds, could not be kept; `answer` is it."""

    def __init__(self, told: ClientError, answer: Answer[Any]) -> None:
        super().__init__(told.code, told.message)
        self.answer = answer


@contextmanager
def _usable() -> Iterator[None]:
    """ClientError `RECEIPT_STORE` for what the file or the disk does not let happen."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise ClientError(
            "RECEIPT_STORE",
            f"Make room, or name a file of receipts that can be read and written: {error}.",
        ) from None


class ReceiptStore:
    """The receipts of one caller in one file, made when it is not there; of every node it asks.

    For one thread and process at a time or several: each answer is on disk when `keep` returns.
    Everything raises ClientError `RECEIPT_STORE` when the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        with _usable():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._file = sqlite3.connect(
                path, isolation_level=None, timeout=30, check_same_thread=False
            )
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

    def keep(self, answer: Answer[Any], node_keys: NodeKeys, at: float | None = None) -> None:
        """Keep a verified answer; one that does not verify is no evidence and is left out.

        `at` is when it was verified, in Unix seconds, now when it is not given. Raises
        NotKeptError, which has the answer.
        """
        if answer.receipt is None or answer.question is None or answer.reply is None:
            return
        question, reply = answer.question, answer.reply
        try:
            self._execute(
                "INSERT OR IGNORE INTO kept VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                answer.receipt.leaf,
                time.time() if at is None else at,
                answer.receipt.log,
                answer.receipt.header(),
                json.dumps([question.method, question.target_uri, question.headers]),
                question.body,
                json.dumps([reply.status, reply.headers]),
                reply.body,
                node_keys.to_json(),
            )
        except ClientError as error:
            raise NotKeptError(error, answer) from None

    def _execute(self, statement: str, *values: Any) -> list[Any]:
        with _usable():
            return self._file.execute(statement, values).fetchall()

    def __iter__(self) -> Iterator[KeptAnswer]:
        """Give what was kept, oldest first."""
        for leaf in self._leaves():
            yield self._kept(leaf)

    def _leaves(self) -> list[bytes]:
        return [leaf for (leaf,) in self._execute("SELECT leaf FROM kept ORDER BY at")]

    def _kept(self, leaf: bytes) -> KeptAnswer:
        ((at, receipt, asked, asked_body, told, told_body, keys),) = self._execute(
            "SELECT at, receipt, question, question_body, answer, answer_body, node_keys"
            " FROM kept WHERE leaf = ?",
            leaf,
        )
        try:
            method, target, headers = json.loads(asked)
            parsed = Receipt.parse(receipt)
            status, answer_headers = json.loads(told)
            return KeptAnswer(
                leaf,
                at,
                parsed,
                Question(method, target, _pairs(headers), asked_body, parsed.body),
                status,
                _pairs(answer_headers),
                told_body,
                NodeKeys.from_json(keys),
            )
        except (ValueError, TypeError):
            raise _changed() from None

    def __len__(self) -> int:
        ((count,),) = self._execute("SELECT count(*) FROM kept")
        return int(count)

    def unproven(self) -> int:
        """Count what no check has found in its log yet."""
        ((count,),) = self._execute(
            "SELECT count(*) FROM kept WHERE leaf NOT IN"
            " (SELECT leaf FROM checked WHERE problem IS NULL)"
        )
        return int(count)

    def check(
        self, node: Prover, *, again: bool = False, patience: float = 10.0
    ) -> Iterator[Checked]:
        """Verify what this node answered and hold its log to it; give what was found, oldest first.

        What was found before is left out unless `again`: then the log must show the entry at the
        same place, in a log that has not become shorter (`PROOF_INVALID` otherwise). A problem is
        kept with its code, and the answer with it is evidence against the node.
        """
        proven = {
            leaf: (log, index, size)
            for leaf, log, index, size in self._execute(
                'SELECT leaf, log, "index", max(size) FROM checked WHERE problem IS NULL'
                " GROUP BY leaf"
            )
        }
        names = {_node_of(log) for log in node.node_keys.logs}
        for leaf in self._leaves():
            before = proven.get(leaf)
            if before is not None and not again:
                continue
            try:
                kept = self._kept(leaf)
                if _node_of(kept.receipt.log) not in names:
                    continue  # another node promised it: this one's log says nothing of it
                kept.verify()
                found = node.check_receipt(kept.receipt, patience)
                if before is not None and before[0] == found.log:
                    _still_there(before, found)
            except ClientError as error:
                if error.code in ("NODE_UNREACHABLE", "RECEIPT_STORE"):
                    raise
                yield self._note(leaf, Checked(leaf, error.code), None)
            else:
                size = found.checkpoint.size
                yield self._note(leaf, Checked(leaf, None, found.index, size), found)

    def _note(self, leaf: bytes, checked: Checked, found: Inclusion | None) -> Checked:
        self._execute(
            "INSERT INTO checked VALUES (?, ?, ?, ?, ?, ?, ?)",
            leaf,
            time.time(),
            checked.problem,
            None if found is None else found.log,
            checked.index,
            checked.size,
            None if found is None else found.checkpoint.root,
        )
        return checked


def _changed() -> ClientError:
    """What is said of an answer that is not what was kept."""
    return ClientError("RECEIPT_MISMATCH", "Do not use it: the file of receipts was changed.")


def _node_of(log: str) -> str:
    """The node's part of a log's origin (`xinqiao.benxi/access`)."""
    return log.rpartition("/")[0]


def _still_there(before: tuple[str, int, int], found: Inclusion) -> None:
    _, index, size = before
    if found.index != index or found.checkpoint.size < size:
        raise ClientError(
            "PROOF_INVALID", "Keep the receipts: the log shows another past than it did before."
        )


def _pairs(told: list[list[str]]) -> tuple[tuple[str, str], ...]:
    return tuple([(name, value) for name, value in told])
