"""A base and its changes made from what PostgreSQL gave: ids become places, rows are sorted."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from graph.layout import EdgeKind
from graph.snapshot.column import EDGE, NODE, Array, empty
from graph.snapshot.folder import Base, Delta
from graph.snapshot.table import index_of
from graph.snapshot.view import Circles, places

Read = Mapping[str, Array]
Found = Callable[[Array, Array], Array]


def nodes_of(read: Read) -> dict[str, Array]:
    """The columns of nodes, in the order read."""
    return {name: read[name].astype(dtype, copy=False) for name, dtype in NODE.items()}


def edges_of(kind: EdgeKind, read: Read, find: Found) -> dict[str, Array]:
    """The columns of edges with places for ids; an edge with an unknown end is left out."""
    source = find(read["source_hi"], read["source_lo"])
    target = find(read["target_hi"], read["target_lo"])
    known = (source >= 0) & (target >= 0)
    ends = {"source": source, "target": target}
    if "loan" in EDGE[kind]:
        ends["loan"] = find(read["loan_hi"], read["loan_lo"])
    found = {}
    for name, dtype in EDGE[kind].items():
        values = ends[name] if name in ends else read[name]
        if not known.all():
            values = values[known]
        found[name] = values.astype(dtype, copy=False)
    return found


def base_of(nodes: Read, edges: Mapping[EdgeKind, Read]) -> Base:
    """A base from columns of nodes sorted by id and of edges in any order."""
    size = len(nodes["id_hi"])
    sorted_, outward, inward, by_id = {}, {}, {}, {}
    for kind, columns in edges.items():
        order = np.argsort(columns["source"], kind="stable")
        sorted_[kind] = {name: values[order] for name, values in columns.items()}
        outward[kind] = index_of(sorted_[kind]["source"], size, in_order=True)
        inward[kind] = index_of(sorted_[kind]["target"], size)
        by_id[kind] = np.argsort(sorted_[kind]["id_hi"], kind="stable").astype("i4")
    return Base(dict(nodes), sorted_, outward, inward, by_id)


def rows_of_ids(base: Base, kind: EdgeKind, high: Array, low: Array) -> Array:
    """The rows of the base with these relations' ids, those that there are, sorted."""
    columns, order = base.edges[kind], base.by_id[kind]
    if not len(high) or not len(order):
        return np.zeros(0, np.int64)
    # The ids in order are looked up by binary search without copying the column.
    left = _search(columns["id_hi"], order, high)
    found = []
    for place, (one, other) in zip(left, zip(high, low, strict=True), strict=True):
        at = int(place)
        while at < len(order) and columns["id_hi"][order[at]] == one:
            if columns["id_lo"][order[at]] == other:
                found.append(int(order[at]))
            at += 1
    return np.unique(np.array(found, np.int64))


def _search(values: Array, order: Array, wanted: Array) -> Array:
    low, high = np.zeros(len(wanted), np.int64), np.full(len(wanted), len(order), np.int64)
    while (open_ := low < high).any():
        middle = (low + high) // 2
        smaller = values[order[np.minimum(middle, len(order) - 1)]] < wanted
        low = np.where(open_ & smaller, middle + 1, low)
        high = np.where(open_ & ~smaller, middle, high)
    return low


def no_changes() -> Delta:
    """The changes right after a base was made."""
    return Delta(
        empty(NODE),
        np.zeros(0, np.int64),
        empty(NODE),
        {kind: empty(columns) for kind, columns in EDGE.items()},
        {kind: np.zeros(0, np.int64) for kind in EDGE},
        None,
    )


def with_nodes(base: Base, delta: Delta, read: Read) -> tuple[Delta, Array]:
    """The changes with these subjects as they are now, and the new place of each added one.

    Places of added subjects move when others come between them: `moved[k]` is where place k of
    the added ones has gone.
    """
    now = nodes_of(read)
    known = places(base.nodes["id_hi"], base.nodes["id_lo"], now["id_hi"], now["id_lo"])
    at, kept = known[known >= 0], ~np.isin(delta.changed, known)
    changed = np.concatenate([delta.changed[kept], at])
    order = np.argsort(changed)
    values = {
        name: np.concatenate([delta.values[name][kept], now[name][known >= 0]])[order]
        for name in NODE
    }
    fresh = {name: column[known < 0] for name, column in now.items()}
    before = places(
        fresh["id_hi"], fresh["id_lo"], delta.added_nodes["id_hi"], delta.added_nodes["id_lo"]
    )
    stay = before < 0
    joined = {name: np.concatenate([delta.added_nodes[name][stay], fresh[name]]) for name in NODE}
    sort = np.lexsort((joined["id_lo"], joined["id_hi"]))
    joined = {name: column[sort] for name, column in joined.items()}
    moved = places(
        joined["id_hi"], joined["id_lo"], delta.added_nodes["id_hi"], delta.added_nodes["id_lo"]
    )
    found = Delta(joined, changed[order], values, delta.added, delta.dead, delta.circles)
    return found, moved


def with_edges(
    base: Base,
    delta: Delta,
    moved: Array,
    touched: tuple[Array, Array],
    read: Mapping[EdgeKind, Mapping[str, Array]],
) -> Delta:
    """The changes with these relations as they are now; of those touched, others are gone."""
    size = len(base.nodes["id_hi"])
    high, low = touched
    order = np.lexsort((low, high))
    gone_high, gone_low = high[order], low[order]
    added, dead = {}, {}
    for kind, now in read.items():
        before = delta.added[kind]
        kept = places(gone_high, gone_low, before["id_hi"], before["id_lo"]) < 0
        joined = {}
        for name, values in before.items():
            column = values[kept]
            if name in ("source", "target", "loan") and len(moved):
                later = column >= size
                column = column.copy()
                column[later] = moved[column[later] - size] + size
            joined[name] = np.concatenate([column, now[name]])
        added[kind] = joined
        dead[kind] = np.union1d(delta.dead[kind], rows_of_ids(base, kind, high, low))
    circles = _moved(delta.circles, moved, size)
    return Delta(delta.added_nodes, delta.changed, delta.values, added, dead, circles)


def _moved(circles: Circles | None, moved: Array, size: int) -> Circles | None:
    """The same circles after added subjects have moved."""
    if circles is None or not len(moved) or not (circles.firms >= size).any():
        return circles

    def shifted(at: Array) -> Array:
        later = at >= size
        found = at.copy()
        found[later] = moved[at[later] - size] + size
        return found

    firms = shifted(circles.firms)
    order = np.argsort(firms)
    return Circles(
        circles.start,
        shifted(circles.members),
        firms[order],
        circles.component[order],
    )
