"""The sealer: gives pending entries their place in the log and signs its head.

One per node and log, by advisory lock, fence and file lock. The steps of a seal, each safe to
die in: files of the larger tree written and synced; (size, root) advanced by compare-and-swap in
the transaction that moves the entries from pending to sealed; head signed and published. A head
is signed only after its (size, root) is durable, so two signed heads never contradict.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import asyncpg

from client.merkle import EMPTY_ROOT, leaf_hash
from security.errors import LogError
from security.tlog.checkpoint import Checkpoint
from security.tlog.log import TileLog
from security.tlog.note import NoteSigner
from security.tlog.reader import TileReader
from security.tlog.tile import WIDTH

INTERVAL = 0.25
"""Seconds between two looks at what is pending."""
RETRY = 1.0
BATCH = 4096

_log = logging.getLogger("xinqiao.sealer")

_LOCK = "SELECT pg_try_advisory_lock(hashtextextended('xinqiao sealer ' || $1, 0))"
_CREATE = (
    "INSERT INTO log_state (log, size, root, fence) VALUES ($1, 0, $2, 0) ON CONFLICT DO NOTHING"
)
_FENCE = "UPDATE log_state SET fence = fence + 1 WHERE log = $1 RETURNING size, root, fence"
_PENDING = "SELECT id, leaf, entry FROM access_pending WHERE log = $1 ORDER BY id LIMIT $2"
_ADVANCE = """
UPDATE log_state SET size = $5, root = $6, updated_at = now()
 WHERE log = $1 AND size = $2 AND root = $3 AND fence = $4 RETURNING true
"""
_PUBLISH = "UPDATE log_state SET checkpoint = $3 WHERE log = $1 AND size = $2"
_MOVE = """
WITH gone AS (
    DELETE FROM access_pending WHERE id = ANY ($1::bigint[])
    RETURNING id, log, leaf, subjects, records, coordinates
), placed AS (
    SELECT gone.*, $2::bigint + place.ordinality - 1 AS index,
           NULLIF(coordinates, '') AS named
      FROM gone JOIN unnest($1::bigint[]) WITH ORDINALITY AS place (id) USING (id)
), sealed AS (
    INSERT INTO access_sealed (leaf, log, index, coordinates)
    SELECT leaf, log, index, sha256(convert_to(named, 'UTF8')) FROM placed
), fields AS (
    INSERT INTO coordinate_set (digest, coordinates)
    SELECT DISTINCT sha256(convert_to(named, 'UTF8')), string_to_array(named, E'\\n')
      FROM placed WHERE named IS NOT NULL
    ON CONFLICT DO NOTHING
), subjects AS (
    INSERT INTO access_subject (audit_ref, leaf)
    SELECT substr(subjects, at, 16), leaf
      FROM placed, generate_series(1, octet_length(subjects), 16) AS at
    ON CONFLICT DO NOTHING
), records AS (
    INSERT INTO access_record (record_id, leaf)
    SELECT encode(substr(records, at, 16), 'hex')::uuid, leaf
      FROM placed, generate_series(1, octet_length(records), 16) AS at
    ON CONFLICT DO NOTHING
)
SELECT count(*) FROM placed
"""
_REIMPORT = """
WITH gone AS (DELETE FROM access_pending WHERE log = $1 AND leaf = ANY ($2::bytea[]))
INSERT INTO access_sealed (leaf, log, index)
SELECT leaf, $1, $3::bigint + ordinality - 1
  FROM unnest($2::bytea[]) WITH ORDINALITY AS entry (leaf)
ON CONFLICT DO NOTHING
"""
_LACKING = """
SELECT count(*) FROM access_sealed s
 WHERE s.log = $1 AND s.index >= $2
   AND NOT EXISTS (SELECT FROM evidence e WHERE e.leaf = s.leaf)
"""


class StopSignal(Protocol):
    """What tells the sealer to end, for example an asyncio.Event."""

    def is_set(self) -> bool: ...

    async def wait(self) -> object: ...


@dataclass(frozen=True, slots=True)
class Recovery:
    """What start-up found: sealed entries that an older database had lost and took back from the
    files, and how many of them have no evidence any more."""

    reimported: int = 0
    without_evidence: int = 0


class Sealer:
    """Seals the log whose origin is the signer's name into `directory`.

    `connect` opens a database connection of the sealer's own, whose session holds the lock.
    """

    def __init__(
        self,
        connect: "Callable[[], Awaitable[asyncpg.Connection[Any]]]",
        directory: Path,
        signer: NoteSigner,
    ) -> None:
        self._connect = connect
        self._directory = directory
        self._signer = signer
        self._connection: asyncpg.Connection[Any] | None = None
        self._log: TileLog | None = None
        self._fence = 0
        self._emptied_hour = -1

    @property
    def origin(self) -> str:
        """The log's origin."""
        return self._signer.name

    async def run(self, stop: StopSignal, interval: float = INTERVAL) -> None:
        """Seal until told to stop; start again after any failure, wait while another seals."""
        while not stop.is_set():
            pause = interval
            try:
                if self._log is None and not await self.start():
                    pause = RETRY
                elif self._log is not None:
                    while await self.seal() == BATCH:
                        pass
                    await self._empty_nonces()
            except Exception:
                _log.exception("sealing %s failed, starting again", self.origin)
                await self.close()
                pause = RETRY
            try:
                await asyncio.wait_for(stop.wait(), pause)
            except TimeoutError:
                continue
        await self.close()

    async def start(self) -> Recovery | None:
        """Take the log and recover it; None while another sealer has it.

        Raises LogError `LOG_FILES_LOST` or `LOG_DIVERGED` when files and database contradict.
        """
        connection = await self._connect()
        try:
            if not await connection.fetchval(_LOCK, self.origin):
                await connection.close()
                return None
            await connection.execute(_CREATE, self.origin, EMPTY_ROOT)
            state = await connection.fetchrow(_FENCE, self.origin)
            if state is None:
                raise LogError("LOG_DIVERGED", "Restore the table log_state: its row is gone.")
            size, root, self._fence = state["size"], state["root"], state["fence"]
            recovery = Recovery()
            head = self._signed_head()
            if head is not None and head.size > size:
                recovery = await self._reimport(connection, size, root, head)
                size, root = head.size, head.root
            self._log = TileLog.open(self._directory, self._signer, size, root)
            note = self._log.reader.checkpoint() or b""
            await connection.execute(_PUBLISH, self.origin, size, note.decode())
        except BaseException:
            connection.terminate()
            raise
        self._connection = connection
        return recovery

    async def seal(self) -> int:
        """Seal what is pending, at most 4,096 entries, and give their number.

        Raises LogError `LOG_FENCED` when another sealer has advanced the log.
        """
        connection, log = self._connection, self._log
        if connection is None or log is None:
            raise LogError("LOG_NOT_STARTED", "Start the sealer first.")
        rows = await connection.fetch(_PENDING, self.origin, BATCH)
        whole = [row for row in rows if leaf_hash(row["entry"]) == row["leaf"]]
        if len(whole) < len(rows):
            _log.critical(
                "%d pending entries of %s were changed and stay unsealed: inform the auditor",
                len(rows) - len(whole),
                self.origin,
            )
        if not whole:
            return 0
        staged = await asyncio.to_thread(log.stage, [row["entry"] for row in whole])
        async with connection.transaction():
            advanced = await connection.fetchval(
                _ADVANCE, self.origin, log.size, log.root, self._fence, staged.size, staged.root
            )
            moved = await connection.fetchval(_MOVE, [row["id"] for row in whole], log.size)
            if not advanced or moved != len(whole):
                raise LogError("LOG_FENCED", "Another sealer has the log: this one starts again.")
        note = await asyncio.to_thread(log.commit, staged)
        await connection.execute(_PUBLISH, self.origin, log.size, note.decode())
        return len(whole)

    async def close(self) -> None:
        """Give the log to another sealer."""
        if self._log is not None:
            self._log.close()
            self._log = None
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    def _signed_head(self) -> Checkpoint | None:
        note = TileReader(self._directory).checkpoint()
        return None if note is None else Checkpoint.open(note, self._signer.verifier)

    async def _reimport(
        self,
        connection: "asyncpg.Connection[Any]",
        size: int,
        root: bytes,
        head: Checkpoint,
    ) -> Recovery:
        """Bring an older database up to the signed head from the sealed bundles."""
        reader = TileReader(self._directory)
        if reader.root(size) != root or reader.root(head.size) != head.root:
            raise LogError("LOG_DIVERGED", "Restore the database that belongs to the log's files.")
        async with connection.transaction():
            for number in range(size // WIDTH, -(-head.size // WIDTH)):
                skipped = max(0, size - number * WIDTH)
                leaves = [leaf_hash(e) for e in reader.entries(number, head.size)[skipped:]]
                await connection.execute(_REIMPORT, self.origin, leaves, number * WIDTH + skipped)
            await connection.fetchval(
                _ADVANCE, self.origin, size, root, self._fence, head.size, head.root
            )
            lacking = await connection.fetchval(_LACKING, self.origin, size)
        recovery = Recovery(head.size - size, int(lacking))
        _log.error(
            "%s: the database was older than the log; %d sealed entries taken back from the files,"
            " %d of them without evidence; entries that were pending then are lost",
            self.origin,
            recovery.reimported,
            recovery.without_evidence,
        )
        return recovery

    async def _empty_nonces(self) -> None:
        """Once an hour, empty the partitions of all hours but the last, this and the next."""
        hour = int(time.time()) // 3600
        connection = self._connection
        if hour == self._emptied_hour or connection is None:
            return
        used = {(hour + offset) % 24 for offset in (-1, 0, 1)}
        for stale in sorted(set(range(24)) - used):
            table = f"nonce_{stale:02}"
            if await connection.fetchval(f"SELECT EXISTS (SELECT FROM {table})"):
                await connection.execute(f"TRUNCATE {table}")
        self._emptied_hour = hour


def coordinate_set(disclosed: tuple[str, ...], masked: tuple[str, ...]) -> bytes:
    """Give the digest by which `coordinate_set` knows a set of fields; masked ones begin with ~."""
    return sha256("\n".join([*disclosed, *(f"~{name}" for name in masked)]).encode()).digest()
