"""A snapshot of the graph 图快照 as a reader has it: who is where, and what ties them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np

from graph.checkpoint import Position
from graph.layout import EdgeKind
from graph.snapshot.column import Array
from graph.snapshot.table import Table

_HALF = 1 << 64


def split(ids: Iterable[UUID]) -> tuple[Array, Array]:
    """The halves of ids as two arrays."""
    raw = np.frombuffer(b"".join([id_.bytes for id_ in ids]), ">u8").reshape(-1, 2)
    return raw[:, 0].astype("u8"), raw[:, 1].astype("u8")


def joined(high: Any, low: Any) -> UUID:
    """The id of two halves."""
    return UUID(int=int(high) * _HALF + int(low))


def places(high: Array, low: Array, of_high: Array, of_low: Array) -> Array:
    """Where ids stand among sorted ids, -1 where they do not."""
    found = np.full(len(of_high), -1, np.int64)
    if not len(high) or not len(of_high):
        return found
    # In their order, so that the search stays in the processor's cache: of millions, a seventh.
    order = np.argsort(of_high)
    wanted, rest = of_high[order], of_low[order]
    left = np.searchsorted(high, wanted)
    at = np.minimum(left, len(high) - 1)
    after = np.minimum(at + 1, len(high) - 1)
    hit = high[at] == wanted
    several = hit & (after > at) & (high[after] == wanted)
    here = np.where(hit & ~several & (low[at] == rest), at, -1)
    for place in np.flatnonzero(several):  # 64 bits in common: as good as never
        begin, end = left[place], np.searchsorted(high, wanted[place], "right")
        same = np.flatnonzero(low[begin:end] == rest[place])
        if len(same):
            here[place] = begin + same[0]
    found[order] = here
    return found


@dataclass(frozen=True)
class Nodes:
    """Subjects by place: those of the base sorted by id, behind them those added since.

    `changed` are places of the base whose columns stand in `values` instead, sorted.
    """

    base: Mapping[str, Array]
    added: Mapping[str, Array]  # sorted by id among themselves
    changed: Array
    values: Mapping[str, Array]

    def __len__(self) -> int:
        return len(self.base["id_hi"]) + len(self.added["id_hi"])

    def places(self, high: Array, low: Array) -> Array:
        """The places of ids, -1 where a subject is not known."""
        found = places(self.base["id_hi"], self.base["id_lo"], high, low)
        if len(self.added["id_hi"]):
            more = places(self.added["id_hi"], self.added["id_lo"], high, low)
            found = np.where(more >= 0, more + len(self.base["id_hi"]), found)
        return found

    def column(self, name: str, at: Array | None = None) -> Array:
        """The values of a column at these places, at all of them when not given."""
        base, added = self.base[name], self.added[name]
        size = len(base)
        if at is None:
            found = np.concatenate([base, added]) if len(added) or len(self.changed) else base
            if len(self.changed):
                found[self.changed] = self.values[name]
            return found
        at = np.asarray(at, np.int64)
        if not len(added) and not len(self.changed):
            return base[at]
        later = at >= size
        found = np.empty(len(at), base.dtype)
        found[~later] = base[at[~later]]
        found[later] = added[at[later] - size]
        if len(self.changed):
            where = np.searchsorted(self.changed, at)
            where[where == len(self.changed)] = 0
            hit = self.changed[where] == at
            found[hit] = self.values[name][where[hit]]
        return found


@dataclass(frozen=True)
class Snapshot:
    """The graph of one source at one position; immutable, shared by whoever holds it.

    `id` names this state and no other: answers and stored results carry it. Texts are by table;
    code k + 1 is place k.
    """

    id: str
    source: str
    position: Position
    nodes: Nodes
    tables: Mapping[EdgeKind, Table]
    texts: Mapping[str, Sequence[str]]
    circles: Circles | None = None

    def place_of(self, id_: UUID) -> int | None:
        """The place of a subject, None when it is not known."""
        found = int(self.nodes.places(*split([id_]))[0])
        return None if found < 0 else found

    def places_of(self, ids: Sequence[UUID]) -> Array:
        """The places of subjects, -1 where one is not known."""
        return self.nodes.places(*split(ids)) if ids else np.zeros(0, np.int64)

    def ids_at(self, places_: Array) -> list[UUID]:
        """The ids of the subjects at these places."""
        high, low = self.nodes.column("id_hi", places_), self.nodes.column("id_lo", places_)
        return [joined(*half) for half in zip(high.tolist(), low.tolist(), strict=True)]

    def relation_ids(self, kind: EdgeKind, rows: Array) -> list[UUID]:
        """The ids of relations, the evidence in the store."""
        table = self.tables[kind]
        high, low = table.column("id_hi", rows), table.column("id_lo", rows)
        return [joined(*half) for half in zip(high.tolist(), low.tolist(), strict=True)]

    def text(self, table: str, code: int) -> str | None:
        """The text of a code, None where nothing was stated."""
        known = self.texts[table]
        return known[code - 1] if 0 < code <= len(known) else None


@dataclass(frozen=True)
class Circles:
    """Circular holdings 循环持股 of the whole graph, found once per snapshot.

    Components of firms that hold each other, over holdings of every day and class: whoever asks
    looks within one of them only. `members[start[c]:start[c + 1]]` are the firms of component c,
    `firms` all members sorted with their component in `component`.
    """

    start: Array
    members: Array
    firms: Array
    component: Array

    def around(self, place: int) -> Array:
        """The firms of the component of a firm, none when it is in no circle."""
        at = int(np.searchsorted(self.firms, place))
        if at == len(self.firms) or self.firms[at] != place:
            return np.zeros(0, np.int64)
        number = int(self.component[at])
        return np.asarray(self.members[self.start[number] : self.start[number + 1]], np.int64)
