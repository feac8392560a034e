"""What of a snapshot a caller may walk: nodes and edges outside it are as if they were not there.

Applied while walking, never afterwards, so that what is hidden changes neither degrees nor counts
nor truncation (access rules §7, X29). What leaves is rechecked in the store all the same.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from graph.layout import EdgeKind
from graph.snapshot.column import CATEGORIES, CLASSES, Array, Rows
from graph.snapshot.view import Snapshot
from graph.walk import Limit

_OPEN = CLASSES.index("O")
NO_LIMITS: Mapping[str, Limit] = {}


@dataclass(frozen=True)
class Mask:
    """The scope of one question.

    `day` is when edges must be in force, None for whenever; `categories` are those to which edges
    may lead, None for all; `closed` are shown where edges lead to them and never walked on from;
    `barred` are places of subjects that are not there for the caller. `regions` are those of the
    caller's district, None for all: of what is not open it sees what touches them.
    """

    day: dt.date | None
    kinds: frozenset[str]
    classes: frozenset[str]
    categories: frozenset[str] | None = None
    closed: Mapping[str, Limit] = field(default_factory=lambda: NO_LIMITS)
    barred: tuple[int, ...] = ()
    regions: frozenset[str] | None = None

    @property
    def whole(self) -> bool:
        """Whether no holder that the store knows is hidden by it."""
        return shows_all_holders(self.classes, self.categories, self.regions, self.barred)


def shows_all_holders(
    classes: Collection[str],
    categories: Collection[str] | None,
    regions: Collection[str] | None,
    barred: Collection[object],
) -> bool:
    """Whether a scope of these hides no holder that the store knows."""
    everywhere = categories is None and regions is None
    return everywhere and not barred and {"O", "G"} <= {*classes}


@dataclass(frozen=True)
class View:
    """A snapshot under a mask: the only way in which analyses walk it."""

    snapshot: Snapshot
    mask: Mask

    def incoming(self, kind: EdgeKind, nodes: Array) -> Rows:
        """The visible rows that end at these nodes."""
        if kind not in self.mask.kinds or not len(nodes):
            return np.zeros(0, np.int64)
        return self._kept(kind, self.snapshot.tables[kind].incoming(nodes))

    def outgoing(self, kind: EdgeKind, nodes: Array) -> Rows:
        """The visible rows that start at these nodes."""
        if kind not in self.mask.kinds or not len(nodes):
            return np.zeros(0, np.int64)
        return self._kept(kind, self.snapshot.tables[kind].outgoing(nodes))

    def rows(self, kind: EdgeKind) -> Rows:
        """All visible rows of a kind, for questions about the whole graph."""
        if kind not in self.mask.kinds:
            return np.zeros(0, np.int64)
        return self._kept(kind, self.snapshot.tables[kind].rows())

    def blocks(self, kind: EdgeKind, size: int) -> Iterator[Rows]:
        """All visible rows of a kind, out of `size` rows at a time, to bound memory."""
        if kind in self.mask.kinds:
            for rows in self.snapshot.tables[kind].blocks(size):
                yield self._kept(kind, rows)

    def column(self, kind: EdgeKind, name: str, rows: Rows) -> Array:
        """The values of a column in these rows."""
        return self.snapshot.tables[kind].column(name, rows)

    def limit(self, node: int) -> Limit | None:
        """Why nobody walks on from a node, None when the caller may."""
        if not self.mask.closed:
            return None
        code = int(self.snapshot.nodes.column("category", np.array([node]))[0])
        return self.mask.closed.get(CATEGORIES[code])

    @cached_property
    def _classes(self) -> Array:
        return np.array([name in self.mask.classes for name in CLASSES])

    @cached_property
    def _categories(self) -> Array | None:
        if self.mask.categories is None:
            return None
        return np.array([name in self.mask.categories for name in CATEGORIES])

    @cached_property
    def _inside(self) -> Array:
        """By code of a region, whether it is of the caller's district."""
        regions = self.mask.regions or frozenset()
        return np.array([False, *(one in regions for one in self.snapshot.texts["region"])])

    def _kept(self, kind: EdgeKind, rows: Rows) -> Rows:
        if not len(rows):
            return rows
        table, mask = self.snapshot.tables[kind], self.mask
        kept = self._classes[table.column("class", rows)]
        if mask.day is not None:
            day = mask.day.toordinal()
            kept &= table.column("valid_from", rows) <= day
            kept &= day < table.column("valid_to", rows)
        if mask.regions is not None:
            closed = np.flatnonzero(kept & (table.column("class", rows) != _OPEN))
            ends = [table.column(end, rows[closed]) for end in ("source", "target")]
            of = [self._inside[self.snapshot.nodes.column("region", at)] for at in ends]
            kept[closed] = of[0] | of[1]
        if self._categories is not None or mask.barred:
            for end in ("source", "target"):
                at = table.column(end, rows)
                if self._categories is not None:
                    kept &= self._categories[self.snapshot.nodes.column("category", at)]
                if mask.barred:
                    kept &= ~np.isin(at, mask.barred)
        return rows[kept]
