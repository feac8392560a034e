"""The sealer: gives pending entries their place in the log and signs its head.

One per node and log, by advisory lock, fence and file lock. The steps of a seal, each safe to
die in: files of the larger tree written and synced; (size, root) advanced by compare-and-swap in
the transaction that moves the entries from pending to sealed; head signed and published. A head
is signed only after its (size, root) is durable, so two signed heads never contradict.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import asyncpg

from client.merkle import EMPTY_ROOT, leaf_hash
from security.errors import LogError
from security.event import append_event
from security.pending import LEAF, Batch
from security.sealed import place, repeated, take_back
from security.tlog.checkpoint import Checkpoint, open_own
from security.tlog.log import TileLog
from security.tlog.note import NoteSigner
from security.tlog.reader import TileReader
from security.tlog.tile import WIDTH

INTERVAL = 0.25
"""Seconds between two looks at what is pending."""
RETRY = 1.0
"""Seconds until another try while another seals or sealing keeps failing; the first is sooner."""
_FIRST_RETRY = 0.1
BATCH = 4096
_BATCH_BYTES = 16 * 1024 * 1024
_AT_ONCE = 256  # entries whose rows are made in one go: about 3 ms

_log = logging.getLogger("xinqiao.sealer")

_LOCK = "SELECT pg_try_advisory_lock(hashtextextended('xinqiao sealer ' || $1, 0))"
_CREATE = (
    "INSERT INTO log_state (log, size, root, fence) VALUES ($1, 0, $2, 0) ON CONFLICT DO NOTHING"
)
_FENCE = "UPDATE log_state SET fence = fence + 1 WHERE log = $1 RETURNING size, root, fence"
# The lengths of what lies aside are known without reading it.
_PENDING = """
SELECT id, leaves, payload
  FROM (SELECT *, sum(octet_length(leaves)) OVER w AS entries,
               sum(octet_length(payload)) OVER w AS size, row_number() OVER w AS nth
          FROM (SELECT * FROM access_batch WHERE log = $1 AND changed_at IS NULL
                 ORDER BY id LIMIT $2) oldest
        WINDOW w AS (ORDER BY id ROWS UNBOUNDED PRECEDING)) b
 WHERE nth = 1 OR (entries <= 32 * $2 AND size <= $3)
 ORDER BY id
"""
_ADVANCE = """
UPDATE log_state SET size = $5, root = $6, updated_at = now()
 WHERE log = $1 AND size = $2 AND root = $3 AND fence = $4 RETURNING true
"""
# The head's file is on disk, and the next start publishes it again: nobody waits for this commit.
_PUBLISH = """
WITH later AS (SELECT set_config('synchronous_commit', 'off', true))
UPDATE log_state SET checkpoint = $3 FROM later WHERE log = $1 AND size = $2
"""
_TAKE = "DELETE FROM access_batch WHERE id = ANY ($1::bigint[]) RETURNING id"
_MARK = "UPDATE access_batch SET changed_at = now() WHERE id = ANY ($1::bigint[])"
_REIMPORT = """
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
    `node` is who says so in the entry that tells of a restored database.
    """

    def __init__(
        self,
        connect: "Callable[[], Awaitable[asyncpg.Connection[Any]]]",
        directory: Path,
        signer: NoteSigner,
        *,
        node: str = "",
    ) -> None:
        self._connect = connect
        self._directory = directory
        self._signer = signer
        self._node = node
        self._connection: asyncpg.Connection[Any] | None = None
        self._log: TileLog | None = None
        self._fence = 0
        self._emptied_hour = -1
        self._behind = False  # the last seal left entries for the next

    @property
    def origin(self) -> str:
        """The log's origin."""
        return self._signer.name

    async def run(self, stop: StopSignal, interval: float = INTERVAL) -> None:
        """Seal until told to stop; start again after any failure, wait while another seals."""
        again = _FIRST_RETRY
        while not stop.is_set():
            pause = interval
            try:
                if self._log is None:
                    pause = RETRY if await self.start() is None else 0
                else:
                    while await self.seal() and self._behind:
                        pass
                    await self._empty_nonces()
                    again = _FIRST_RETRY
            except Exception:
                _log.exception("sealing %s failed, starting again", self.origin)
                await self.close()
                pause, again = again, min(2 * again, RETRY)
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
        batches = []
        for row in await self._oldest(connection):
            batches.append(Batch.of(row))
            await asyncio.sleep(0)  # the process answers meanwhile
        taken = [batch for batch in batches if not batch.changed]
        changed = [batch for batch in batches if batch.changed]
        whole = [entry for batch in batches for entry in batch.whole]
        if not batches:
            return 0
        staged = await asyncio.to_thread(log.stage, [one.entry for one in whole])
        try:
            async with connection.transaction():
                advanced = await connection.fetchval(
                    _ADVANCE, self.origin, log.size, log.root, self._fence, staged.size, staged.root
                )
                gone = await connection.fetch(_TAKE, [batch.id for batch in taken])
                if changed:
                    await connection.execute(_MARK, [batch.id for batch in changed])
                if not advanced or len(gone) != len(taken):
                    raise LogError(
                        "LOG_FENCED", "Another sealer has the log: this one starts again."
                    )
                for at in range(0, len(whole), _AT_ONCE):
                    part = whole[at : at + _AT_ONCE]
                    await place(connection, self.origin, log.size + at, part)
        except asyncpg.UniqueViolationError:
            twice = await repeated(connection, batches)
            await connection.execute(_MARK, twice)
            if not twice:
                raise
            _log.critical(
                "%d batches of %s hold entries that the log has already: inform the auditor",
                len(twice),
                self.origin,
            )
            return 0
        if changed:
            _log.critical(
                "%d pending entries of %s were changed and stay unsealed: inform the auditor",
                sum(batch.changed for batch in changed),
                self.origin,
            )
        if not whole:
            return 0
        note = await asyncio.to_thread(log.commit, staged)
        await connection.execute(_PUBLISH, self.origin, log.size, note.decode())
        return len(whole)

    async def _oldest(self, connection: "asyncpg.Connection[Any]") -> Sequence[asyncpg.Record]:
        rows = await connection.fetch(_PENDING, self.origin, BATCH, _BATCH_BYTES)
        found = sum(len(row["leaves"]) for row in rows) // LEAF
        size = sum(len(row["payload"]) for row in rows)
        self._behind = found > BATCH // 2 or size > _BATCH_BYTES // 2
        return rows

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
        return None if note is None else open_own(note, self._signer)

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
            await take_back(connection, self.origin)
            lacking = await connection.fetchval(_LACKING, self.origin, size)
            recovery = Recovery(head.size - size, int(lacking))
            detail = {
                "size": size,
                "reimported": recovery.reimported,
                "withoutEvidence": recovery.without_evidence,
            }
            await append_event(connection, self.origin, self._node, "LOG_RESTORED", detail)
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
            table = f"used_nonce_{stale:02}"
            if await connection.fetchval(f"SELECT EXISTS (SELECT FROM {table})"):
                await connection.execute(f"TRUNCATE {table}")
        self._emptied_hour = hour
