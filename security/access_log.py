"""The access log as the pipeline uses it: durable before an answer leaves, or no answer.

Appends queue up; one committer per worker writes what is waiting in one statement and one
commit. A lone append is committed at once; while a commit runs the next batch gathers, and when
several came together it waits a moment for those that are under way.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import asyncpg

from client.receipt import MAX_DELAY, Receipt
from security.entry import Entry
from security.errors import KeyFileError, LogUnavailableError, ReplayedError
from security.evidence import Evidence, EvidenceKeys
from security.pending import Pending, pack
from security.signature import Once

MAX_QUEUE = 8192
"""Appends that may wait at one time; more are refused at once."""
MAX_QUEUE_BYTES = 64 * 1024 * 1024
BATCH = 512
TIMEOUT = 5.0
"""Seconds after which a commit counts as failed."""
PAUSE = 1.0
"""Seconds after a commit that took too long in which nothing is even tried."""
LONGEST_WAIT = 5.0
"""Seconds that an entry may wait for its seal before nothing new is promised."""
_LINGER = 0.1
"""Seconds that the committer keeps its connection when nothing comes."""
_GATHERING = 0.002
"""Longest time in seconds that a batch waits for what is on its way to it."""

_log = logging.getLogger("xinqiao.access_log")

Use = tuple[int, bytes]

# A nonce that was used already fails the statement, and with it nothing is stored.
_STORE = """
WITH used AS (
    INSERT INTO used_nonce (hour, digest) SELECT * FROM unnest($4::smallint[], $5::bytea[])
)
INSERT INTO access_batch (log, leaves, payload) VALUES ($1, $2, $3)
"""
_WAITING = """
SELECT min(id) AS first, max(id) AS last FROM access_batch WHERE log = $1 AND changed_at IS NULL
"""
_CLAIM = """
INSERT INTO used_nonce (hour, digest) SELECT * FROM unnest($1::smallint[], $2::bytea[])
ON CONFLICT DO NOTHING RETURNING hour, digest
"""


@dataclass(slots=True)
class _Waiting:
    entry: Pending
    use: Use | None
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
        self.longest_wait = LONGEST_WAIT  # seconds
        self._pool = pool
        self._node = node
        self._keys = keys
        self._clock = clock
        self._waiting: deque[_Waiting] = deque()
        self._bytes = 0
        self._committer: asyncio.Task[None] | None = None
        self._idle: asyncio.Future[None] | None = None  # the committer waits for more by this
        self._enough = 1  # so many entries end its wait
        self._under_way = 0  # requests that have begun and not ended
        self._late = 0  # of these, those that a batch has waited for in vain
        self._together = False  # the last batch was of several
        self._looks: deque[tuple[float, int]] = deque()
        self._behind = False
        self._refusing = 0.0

    async def look_at_sealing(self, connection: Any, now: float) -> None:
        """Refuse from now on when entries wait too long for their seal, or take them again.

        Call it about once a second; `now` is monotonic. A receipt promises its entry's place
        within two seconds: when nothing is sealed the node must not go on promising.
        """
        waiting = await connection.fetchrow(_WAITING, self.origin, timeout=TIMEOUT)
        looks = self._looks
        looks.append((now, waiting["last"] or 0))
        while len(looks) > 1 and looks[1][0] <= now - self.longest_wait:
            looks.popleft()
        since, last = looks[0]
        first = waiting["first"]
        self._behind = first is not None and first <= last and since <= now - self.longest_wait

    @contextmanager
    def request(self) -> Iterator[None]:
        """A request that will append: a batch of several may wait a moment for it."""
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    async def append(self, entry: Entry, evidence: Evidence, once: Once | None = None) -> Receipt:
        """Store an access and give its receipt once it is committed.

        `once` is the nonce that this access uses up. Raises ReplayedError (`REPLAYED`) when it
        was used before (nothing is stored then: append the denial), LogUnavailableError
        (`LOG_UNAVAILABLE`) when the entry could not be stored or too many are waiting.
        """
        if len(self._waiting) >= MAX_QUEUE or self._bytes >= MAX_QUEUE_BYTES:
            raise LogUnavailableError("Too many requests wait for the access log: ask again later.")
        loop = asyncio.get_running_loop()
        if self._behind:
            raise LogUnavailableError("The access log is not being sealed: ask again later.")
        if loop.time() < self._refusing:
            raise LogUnavailableError("The access log does not answer: ask again later.")
        now = self._clock()
        try:
            recorded = self._keys.record(entry, evidence, node=self._node, time=now)
        except (OSError, KeyFileError) as error:  # a month's key is made with its first entry
            _log.error("no entry can be made: %s", error)
            raise LogUnavailableError(
                "The access log's keys cannot be read or made: ask again later."
            ) from error
        size = recorded.size
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.append(_Waiting(recorded, _use(once), size, done))
        self._bytes += size
        if self._committer is None:
            self._committer = asyncio.create_task(self._commit_waiting())
        elif self._idle is not None and len(self._waiting) >= self._enough:
            _wake(self._idle)
        await done
        return Receipt(recorded.leaf, int(now), MAX_DELAY, self.origin, entry.request_body)

    async def claim(self, once: Once) -> None:
        """Use up a nonce before anything is done, for requests that change something.

        Raises ReplayedError or LogUnavailableError; append the access without `once` then.
        """
        use = _use(once)
        assert use is not None
        try:
            fresh = await _claimed(self._pool, [use])
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
            raise LogUnavailableError from None
        if not fresh:
            raise ReplayedError

    async def _commit_waiting(self) -> None:
        try:
            while self._waiting:
                await self._commit_on_one()
        finally:
            self._committer = None
            self._fail_waiting()

    async def _commit_on_one(self) -> None:
        """Commit on one connection until nothing more comes or it fails.

        A pool spends a task on each return, more than an entry costs.
        """
        try:
            async with asyncio.timeout(TIMEOUT):
                connection = await self._pool.acquire()
        except Exception as error:
            if isinstance(error, TimeoutError):
                self._refusing = asyncio.get_running_loop().time() + PAUSE
            self._fail_waiting()
            return
        try:
            while self._waiting or await self._next(_LINGER):
                if self._together:
                    await self._coming()
                if not await self._commit(connection, self._gathered()):
                    break
        finally:
            await self._pool.release(connection)

    async def _next(self, seconds: float, enough: int = 1) -> bool:
        """Wait until so many entries are there, and tell whether any is."""
        loop = asyncio.get_running_loop()
        self._idle = idle = loop.create_future()
        self._enough = enough
        timer = loop.call_later(seconds, _wake, idle)
        try:
            await idle
        finally:
            timer.cancel()
            self._idle = None
        return bool(self._waiting)

    async def _coming(self) -> None:
        """Wait for requests that began a moment ago: each commit costs more than many entries."""
        await asyncio.sleep(0)  # those that the last commit answered end
        enough = min(BATCH, self._under_way - self._late)
        if len(self._waiting) < enough:
            await self._next(_GATHERING, enough)
        self._late = max(0, self._under_way - len(self._waiting))

    def _fail_waiting(self) -> None:
        for item in self._waiting:
            _settle(item, LogUnavailableError())
        self._waiting.clear()
        self._bytes = 0

    def _gathered(self) -> list[_Waiting]:
        """Take what the next commit stores; whoever has left since is not among it."""
        batch: list[_Waiting] = []
        size = 0
        while self._waiting and len(batch) < BATCH and size < MAX_QUEUE_BYTES // 4:
            item = self._waiting.popleft()
            self._bytes -= item.size
            size += item.size
            if not item.done.done():
                batch.append(item)
        return batch

    async def _commit(self, connection: Any, batch: list[_Waiting]) -> bool:
        """Store a batch and settle it; False when the connection is not to be used again."""
        if not batch:
            return True
        self._together = len(batch) > 1
        try:
            async with asyncio.timeout(TIMEOUT):
                stored = await self._store(connection, batch)
        except BaseException as error:
            for item in batch:
                _settle(item, LogUnavailableError())
            if isinstance(error, TimeoutError):
                # What waits behind it would wait as long again, and so would what comes next.
                self._fail_waiting()
                self._refusing = asyncio.get_running_loop().time() + PAUSE
            if not isinstance(error, Exception):
                raise
            return False
        for item in batch:
            _settle(item, None if item.entry.leaf in stored else ReplayedError())
        return True

    async def _store(self, connection: Any, batch: list[_Waiting]) -> set[bytes]:
        """Store what may be stored in one commit and give the leaves of that."""
        uses: dict[Use, _Waiting] = {}
        stored = [one for one in batch if one.use is None or uses.setdefault(one.use, one) is one]
        # In one order everywhere: workers that claim the same nonces cannot block one another.
        ordered = sorted(uses)
        try:
            await self._insert(connection, stored, ordered)
        except asyncpg.UniqueViolationError:
            async with connection.transaction():
                fresh = await _claimed(connection, ordered)
                stored = [one for one in stored if one.use is None or one.use in fresh]
                if stored:
                    await self._insert(connection, stored, [])
        return {one.entry.leaf for one in stored}

    async def _insert(self, connection: Any, items: list[_Waiting], uses: list[Use]) -> None:
        hours, digests = [use[0] for use in uses], [use[1] for use in uses]
        leaves, payload = pack([one.entry for one in items])
        await connection.execute(_STORE, self.origin, leaves, payload, hours, digests)


async def _claimed(connection: Any, uses: list[Use]) -> set[Use]:
    """Use nonces up and give those that were fresh."""
    hours, digests = [use[0] for use in uses], [use[1] for use in uses]
    rows = await connection.fetch(_CLAIM, hours, digests, timeout=TIMEOUT)
    return {(row["hour"], row["digest"]) for row in rows}


def _use(once: Once | None) -> Use | None:
    """The hour of the day and the digest by which a nonce of a key is known."""
    if once is None:
        return None
    return once.hour, sha256(f"{once.key_id}\n{once.nonce}".encode()).digest()[:16]


def _wake(idle: "asyncio.Future[None]") -> None:
    if not idle.done():
        idle.set_result(None)


def _settle(item: _Waiting, error: Exception | None) -> None:
    if item.done.done():
        return
    if error is None:
        item.done.set_result(None)
    else:
        item.done.set_exception(error)
