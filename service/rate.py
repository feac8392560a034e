"""How often somebody may ask: token buckets in memory that all workers of a node share.

The memory is an anonymous file (memfd_create(2)) that a worker inherits by its number. It is a
table of buckets found by a keyed hash; of those in one row the one unused for longest gives way.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from struct import Struct

from store.pool import Clock

_BUCKET = Struct("=Qdd")  # whose it is (0: free), tokens, time of the last request
_PER_ROW = 8
_ROW = _BUCKET.size * _PER_ROW
_KEY = 16
_HELD = 4096  # askers of whom a process holds a part of the budget
_OWED = 60  # minutes' budgets that may be owed
_SECOND = 10_000  # what a second of PostgreSQL's costs,
_UNTIMED = 0.1  # but for the first part of it


class RateTable:
    """Buckets of 65,536 askers at most: 1.5 MiB, of which only what is used is ever real.

    `descriptor` is that of another process's table, inherited; without it the table is new, of
    so many rows of eight buckets.
    """

    def __init__(self, descriptor: int | None = None, rows: int = 8192) -> None:
        made = descriptor is None
        self.descriptor = os.memfd_create("xinqiao-rates") if descriptor is None else descriptor
        if made:
            os.ftruncate(self.descriptor, _KEY + _ROW * rows)
        size = os.fstat(self.descriptor).st_size
        self._rows = (size - _KEY) // _ROW
        self._memory = mmap.mmap(self.descriptor, size)
        if made:
            self._memory[:_KEY] = os.urandom(_KEY)
        self._key = self._memory[:_KEY]

    def take(
        self,
        asker: bytes,
        now: float,
        per_second: float,
        burst: float,
        amount: float = 1.0,
        debt: float = 0.0,
    ) -> float:
        """Take tokens from the asker's bucket: 0, or the seconds until there are so many.

        With `debt` they are taken in any case, until so many are owed. `now` is monotonic, which
        is one clock for all processes of the machine.
        """
        hashed = blake2b(asker, digest_size=16, key=self._key).digest()
        row = int.from_bytes(hashed[8:]) % self._rows
        tag = int.from_bytes(hashed[:8]) or 1
        start = _KEY + row * _ROW
        with self._alone(row):
            found = list(_BUCKET.iter_unpack(self._memory[start : start + _ROW]))
            at = next((i for i, bucket in enumerate(found) if bucket[0] == tag), None)
            if at is None:
                at = min(range(_PER_ROW), key=lambda i: (found[i][0] != 0, found[i][2]))
                level = burst
            else:
                _, level, since = found[at]
                now = max(now, since)
                level = min(burst, level + (now - since) * per_second)
            admitted = level >= amount or debt > 0
            if admitted:
                level = min(burst, max(level - amount, min(level, -debt)))
            _BUCKET.pack_into(self._memory, start + at * _BUCKET.size, tag, level, now)
        return 0.0 if admitted else (amount - level) / per_second

    @contextmanager
    def _alone(self, row: int) -> Iterator[None]:
        # Locks of POSIX are a process's own, also on a descriptor that it inherited; the kernel
        # takes them from one that ends.
        fcntl.lockf(self.descriptor, fcntl.LOCK_EX, 1, row)
        try:
            yield
        finally:
            fcntl.lockf(self.descriptor, fcntl.LOCK_UN, 1, row)


class RateLimit:
    """`burst` requests of one asker at once, `per_minute` over time; `of` says what is limited."""

    def __init__(self, of: str, per_minute: int, burst: int, table: RateTable) -> None:
        self._of = of
        self._per_second = per_minute / 60
        self._burst = float(burst)
        self._table = table

    def admit(self, asker: str, now: float) -> bool:
        """Whether a request of this asker at this time (seconds, monotonic) may pass."""
        return self.wait(asker, now) == 0

    def wait(self, asker: str, now: float) -> float:
        """As `admit`: 0, or the seconds until a request may pass."""
        whose = f"{self._of}\n{asker}".encode()
        return self._table.take(whose, now, self._per_second, self._burst)


class Budget:
    """What each asker may spend in a minute (0: anything), and on one question (`ceiling`), which
    is never more than a minute has.

    A process takes a hundredth from the table and spends that by itself, so that most questions
    cost no system call; what it holds when the asker is gone is lost to nobody else.
    """

    def __init__(self, of: str, per_minute: int, ceiling: int, table: RateTable) -> None:
        self.ceiling = min(ceiling, per_minute) if per_minute else ceiling
        self._of = of
        self._per_second = per_minute / 60
        self._burst = float(per_minute)
        self._table = table
        self._held: dict[str, float] = {}

    def spend(self, asker: str, cost: int, now: float) -> float:
        """Spend, at this time (seconds, monotonic): 0, or the seconds to wait first."""
        if not self._per_second:
            return 0.0
        held = self._held.get(asker, 0.0)
        if held >= cost:
            self._held[asker] = held - cost
            return 0.0
        whose, needed = f"{self._of}\n{asker}".encode(), cost - held
        for amount in (max(needed, self._burst / 100), needed):
            wait = self._table.take(whose, now, self._per_second, self._burst, amount)
            if wait == 0:
                if asker not in self._held and len(self._held) >= _HELD:
                    self._held.pop(next(iter(self._held)))
                self._held[asker] = held + amount - cost
                return 0.0
        return wait

    def owe(self, asker: str, cost: int, now: float) -> None:
        """Take this much whether it is there or not; at most an hour's budget is owed."""
        if self._per_second:
            needed = cost - self._held.pop(asker, 0.0)
            whose, most = f"{self._of}\n{asker}".encode(), _OWED * self._burst
            self._table.take(whose, now, self._per_second, self._burst, needed, debt=most)


class Allowance:
    """The budget of one asker, for one question whose reads the clock times."""

    __slots__ = ("_asker", "_budget", "_clock", "ceiling")

    def __init__(self, budget: Budget, asker: str, clock: Clock) -> None:
        self.ceiling = budget.ceiling
        self._budget = budget
        self._asker = asker
        self._clock = clock

    def spend(self, cost: int, /) -> float:
        """Spend now: 0, or the seconds to wait first."""
        return self._budget.spend(self._asker, cost, time.monotonic())

    def settle(self, cost: int, /) -> None:
        """Take what PostgreSQL was at work beyond the cost: it grows with what is stored as well,
        which the cost does not know."""
        seconds = self._clock.seconds - _UNTIMED
        if seconds > 0 and (owed := round(seconds * _SECOND) - cost) > 0:
            self._budget.owe(self._asker, owed, time.monotonic())
