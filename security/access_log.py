"""The access log as the pipeline uses it: durable before an answer leaves, or no answer.

Appends queue up; one committer per worker writes what is waiting in one statement and one
commit. A lone append is committed at once, and while a commit runs the next batch gathers.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import asyncpg

from client.receipt import MAX_DELAY, Receipt
from security.entry import Entry
from security.errors import LogUnavailableError, ReplayedError
from security.evidence import Evidence, EvidenceKeys, Recorded
from security.signature import Once

MAX_QUEUE = 8192
"""Appends that may wait at one time; more are refused at once."""
MAX_QUEUE_BYTES = 64 * 1024 * 1024
BATCH = 512
TIMEOUT = 5.0
"""Seconds after which a commit counts as failed."""

# The OR keeps PostgreSQL from planning a join: it hashes the claimed leaves once, whatever the
# size of the batch.
_STORE = """
WITH item AS MATERIALIZED (
    SELECT * FROM unnest($2::smallint[], $3::text[], $4::text[], $5::bytea[], $6::bytea[],
                         $7::bytea[], $8::bytea[], $9::text[], $10::text[], $11::bytea[],
                         $12::bytea[])
        AS i (hour, key_id, nonce, leaf, entry, subjects, records, coordinates, month,
              wrapped_key, ciphertext)
), claimed AS (
    INSERT INTO nonce (hour, key_id, nonce, leaf)
    SELECT hour, key_id, nonce, leaf FROM item WHERE hour IS NOT NULL
    ON CONFLICT DO NOTHING RETURNING leaf
), passed AS MATERIALIZED (
    SELECT * FROM item WHERE hour IS NULL OR leaf IN (SELECT leaf FROM claimed)
), kept AS (
    INSERT INTO evidence (leaf, log, month, wrapped_key, ciphertext)
    SELECT leaf, $1, month, wrapped_key, ciphertext FROM passed
), queued AS (
    INSERT INTO access_pending (log, leaf, entry, subjects, records, coordinates)
    SELECT $1, leaf, entry, subjects, records, coordinates FROM passed
)
SELECT leaf FROM passed
"""
_CLAIM = """
INSERT INTO nonce (hour, key_id, nonce, leaf) VALUES ($1, $2, $3, '')
ON CONFLICT DO NOTHING RETURNING true
"""


@dataclass(slots=True)
class _Waiting:
    recorded: Recorded
    once: Once | None
    size: int
    done: "asyncio.Future[None]"


class AccessLog:
    """One worker's end of the log named `origin`; `pool` is an asyncpg pool.

    `clock` gives Unix time in seconds.
    """

    def __init__(
        self,
        pool: "asyncpg.Pool[Any]",
        origin: str,
        node: str,
        keys: EvidenceKeys,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.origin = origin
        self._pool = pool
        self._node = node
        self._keys = keys
        self._clock = clock
        self._waiting: deque[_Waiting] = deque()
        self._bytes = 0
        self._committer: asyncio.Task[None] | None = None

    async def append(self, entry: Entry, evidence: Evidence, once: Once | None = None) -> Receipt:
        """Store an access and give its receipt once it is committed.

        `once` is the nonce that this access uses up. Raises ReplayedError (`REPLAYED`) when it
        was used before (nothing is stored then: append the denial), LogUnavailableError
        (`LOG_UNAVAILABLE`) when the entry could not be stored or too many are waiting.
        """
        if len(self._waiting) >= MAX_QUEUE or self._bytes >= MAX_QUEUE_BYTES:
            raise LogUnavailableError("Too many requests wait for the access log: ask again later.")
        now = self._clock()
        recorded = self._keys.record(entry, evidence, node=self._node, time=now)
        lists = recorded.lists
        size = (
            len(recorded.entry)
            + len(recorded.ciphertext)
            + len(lists.subjects)
            + len(lists.records)
        )
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(recorded, once, size, done))
        self._bytes += size
        if self._committer is None:
            self._committer = asyncio.create_task(self._commit_waiting())
        await done
        return Receipt(recorded.leaf, int(now), MAX_DELAY, self.origin, entry.request_body)

    async def claim(self, once: Once) -> None:
        """Use up a nonce before anything is done, for requests that change something.

        Raises ReplayedError or LogUnavailableError; append the access without `once` then.
        """
        try:
            fresh = await self._pool.fetchval(
                _CLAIM, once.hour, once.key_id, once.nonce, timeout=TIMEOUT
            )
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
            raise LogUnavailableError from None
        if fresh is None:
            raise ReplayedError

    async def _commit_waiting(self) -> None:
        try:
            while self._waiting:
                batch: list[_Waiting] = []
                size = 0
                while self._waiting and len(batch) < BATCH and size < MAX_QUEUE_BYTES // 4:
                    item = self._waiting.popleft()
                    self._bytes -= item.size
                    size += item.size
                    if not item.done.done():
                        batch.append(item)
                if batch:
                    await self._commit(batch)
        finally:
            self._committer = None
            for item in self._waiting:
                _settle(item, LogUnavailableError())
            self._waiting.clear()
            self._bytes = 0

    async def _commit(self, batch: list[_Waiting]) -> None:
        try:
            stored = await self._store(batch)
        except BaseException as error:
            for item in batch:
                _settle(item, LogUnavailableError())
            if not isinstance(error, Exception):
                raise
            return
        for item in batch:
            _settle(item, None if item.recorded.leaf in stored else ReplayedError())

    async def _store(self, batch: list[_Waiting]) -> set[bytes]:
        taken: set[tuple[str, str]] = set()
        firsts = []
        for item in batch:
            if item.once is not None:
                use = (item.once.key_id, item.once.nonce)
                if use in taken:
                    continue
                taken.add(use)
            firsts.append(item)
        recorded = [item.recorded for item in firsts]
        once = [item.once for item in firsts]
        columns: list[list[object]] = [
            [None if o is None else o.hour for o in once],
            [None if o is None else o.key_id for o in once],
            [None if o is None else o.nonce for o in once],
            [r.leaf for r in recorded],
            [r.entry for r in recorded],
            [r.lists.subjects for r in recorded],
            [r.lists.records for r in recorded],
            ["\n".join([*r.lists.disclosed, *(f"~{m}" for m in r.lists.masked)]) for r in recorded],
            [r.month for r in recorded],
            [r.wrapped_key for r in recorded],
            [r.ciphertext for r in recorded],
        ]
        async with asyncio.timeout(TIMEOUT), self._pool.acquire() as connection:
            rows = await connection.fetch(_STORE, self.origin, *columns)
        return {row["leaf"] for row in rows}


def _settle(item: _Waiting, error: Exception | None) -> None:
    if item.done.done():
        return
    if error is None:
        item.done.set_result(None)
    else:
        item.done.set_exception(error)
