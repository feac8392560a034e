"""How many operations each lane answered, and why they came there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from enum import StrEnum

from resolvers.answer import Lane


class Reason(StrEnum):
    """Why an operation was answered in its lane."""

    STORED = "STORED"  # stored data, compiled
    PARTS = "PARTS"  # root fields that no statement answers, or introspection
    UNCOMPILED = "UNCOMPILED"  # a shape that the compiler cannot express
    REFUSED_BY_STORE = "REFUSED_BY_STORE"  # a statement that PostgreSQL does not take
    FAILED = "FAILED"  # a read that failed: run again field by field, so that errors have a path


class LaneCount:
    """Counts of one process since it started."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[Lane, Reason]] = Counter()

    def add(self, lane: Lane, reason: Reason) -> None:
        """Count one operation."""
        self._counts[lane, reason] += 1

    def __iter__(self) -> Iterator[tuple[Lane, Reason, int]]:
        for (lane, reason), count in sorted(self._counts.items()):
            yield lane, reason, count

    def of(self, lane: Lane, reason: Reason) -> int:
        """How many operations were answered so."""
        return self._counts[lane, reason]
