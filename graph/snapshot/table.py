"""Relations of one kind as arrays, found from either end: a base and what has changed since.

A row is a number: below the size of the base it is one of the base, from there on one of the
changes. The base is read-only and may be a mapped file; the changes are small and in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from graph.layout import EdgeKind
from graph.snapshot.column import Array, Rows


@dataclass(frozen=True, slots=True)
class Index:
    """Where the rows of each node stand: `order[start[n]:start[n + 1]]`, None when in order."""

    start: Array
    order: Array | None

    def rows(self, nodes: Array) -> Rows:
        """The rows of these nodes, node by node."""
        if not len(nodes):
            return np.zeros(0, np.int64)
        first = self.start[nodes].astype(np.int64)
        count = self.start[nodes + 1].astype(np.int64) - first
        total = int(count.sum())
        before = np.cumsum(count) - count
        places = np.arange(total) + np.repeat(first - before, count)
        found: Rows = places if self.order is None else self.order[places].astype(np.int64)
        return found


def index_of(ends: Array, nodes: int, *, in_order: bool = False) -> Index:
    """The index of rows by one of their ends; `in_order` when they are sorted by it."""
    count = np.bincount(ends, minlength=nodes) if len(ends) else np.zeros(nodes, np.int64)
    start = np.zeros(nodes + 1, np.int32 if len(ends) < 2**31 else np.int64)
    np.cumsum(count, out=start[1:])
    if in_order:
        return Index(start, None)
    return Index(start, np.argsort(ends, kind="stable").astype(start.dtype))


def _searched(ends: Array, order: Array, nodes: Array) -> Rows:
    """The rows of these nodes in few rows without an index by node."""
    in_order = ends[order]
    first = np.searchsorted(in_order, nodes, "left")
    count = np.searchsorted(in_order, nodes, "right") - first
    before = np.cumsum(count) - count
    places = np.arange(int(count.sum())) + np.repeat(first - before, count)
    found: Rows = order[places].astype(np.int64)
    return found


@dataclass(frozen=True)
class Table:
    """All relations of one kind at one position."""

    kind: EdgeKind
    base: Mapping[str, Array]
    outward: Index
    inward: Index
    nodes: int  # of the base
    added: Mapping[str, Array]
    dead: Rows  # rows of the base that are withdrawn or stand changed among the added, sorted
    _out_order: Array
    _in_order: Array

    @classmethod
    def of(
        cls,
        kind: EdgeKind,
        base: Mapping[str, Array],
        outward: Index,
        inward: Index,
        added: Mapping[str, Array],
        dead: Rows,
    ) -> Table:
        """A table on its base and changes."""
        return cls(
            kind,
            base,
            outward,
            inward,
            len(outward.start) - 1,
            added,
            dead,
            np.argsort(added["source"], kind="stable"),
            np.argsort(added["target"], kind="stable"),
        )

    @property
    def size(self) -> int:
        """How many relations it holds."""
        return len(self.base["source"]) - len(self.dead) + len(self.added["source"])

    def rows(self) -> Rows:
        """Every row."""
        base = len(self.base["source"])
        alive = np.arange(base + len(self.added["source"]))
        return np.delete(alive, self.dead) if len(self.dead) else alive

    def blocks(self, size: int) -> Iterator[Rows]:
        """Every row, `size` at a time; at least one block."""
        whole = len(self.base["source"]) + len(self.added["source"])
        for first in range(0, max(whole, 1), size):
            rows = np.arange(first, min(first + size, whole))
            low, high = np.searchsorted(self.dead, (first, first + size))
            yield np.delete(rows, self.dead[low:high] - first) if high > low else rows

    def outgoing(self, nodes: Array) -> Rows:
        """The rows that start at these nodes, node by node; a node once named, once."""
        return self._found(nodes, self.outward, self.added["source"], self._out_order)

    def incoming(self, nodes: Array) -> Rows:
        """The rows that end at these nodes, node by node."""
        return self._found(nodes, self.inward, self.added["target"], self._in_order)

    def column(self, name: str, rows: Rows | None = None) -> Array:
        """The values of a column in these rows, in all of them when not given."""
        base, added = self.base[name], self.added[name]
        if rows is None:
            if not len(added) and not len(self.dead):
                return base
            kept = np.delete(base, self.dead) if len(self.dead) else base
            return np.concatenate([kept, added])
        size = len(base)
        if not len(added):
            return base[rows]
        later = rows >= size
        if not later.any():
            return base[rows]
        found = np.empty(len(rows), base.dtype)
        found[~later] = base[rows[~later]]
        found[later] = added[rows[later] - size]
        return found

    def _found(self, nodes: Array, index: Index, ends: Array, order: Array) -> Rows:
        nodes = np.asarray(nodes, np.int64)
        old = nodes if not len(nodes) or nodes.max() < self.nodes else nodes[nodes < self.nodes]
        rows = index.rows(old)
        if len(self.dead):
            places = np.searchsorted(self.dead, rows)
            places[places == len(self.dead)] = 0
            rows = rows[self.dead[places] != rows]
        if len(ends):
            more = _searched(ends, order, nodes)
            if len(more):
                rows = np.concatenate([rows, more + len(self.base["source"])])
        return rows
