"""Firms that hold each other in circles, found over the whole graph at once.

Definition: strongly connected components of firm → firm holdings of more than one firm, and firms
that hold themselves.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from graph.layout import EdgeKind
from graph.snapshot.column import CATEGORIES, FIRMS, Array
from graph.snapshot.view import Circles, Snapshot

_BLOCK = 4_000_000  # holdings looked at together
_FIRMS = tuple(map(CATEGORIES.index, FIRMS))


def components(source: Array, target: Array) -> tuple[Array, Array]:
    """Places in circles, sorted, and the component of each, numbered by its lowest place."""
    if not len(source):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    # Only those that hold or are held among firms are numbered: far fewer than all subjects.
    places, ends = np.unique(np.concatenate([source, target]), return_inverse=True)
    near, far = ends[: len(source)], ends[len(source) :]
    loops = np.unique(near[near == far])
    size = len(places)
    graph = csr_array((np.ones(len(near), np.int8), (near, far)), shape=(size, size))
    _, label = connected_components(graph, directed=True, connection="strong")
    inside = np.union1d(np.flatnonzero(np.bincount(label)[label] > 1), loops)
    if not len(inside):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    _, first, component = np.unique(label[inside], return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return places[inside].astype(np.int64), rank[component]


def between_firms(snapshot: Snapshot) -> tuple[Array, Array]:
    """The holdings of firms in firms, both ends; read in blocks, so that memory beside the
    snapshot grows with what is kept alone."""
    table = snapshot.tables[EdgeKind.HOLDS]
    firm = np.isin(snapshot.nodes.column("category"), _FIRMS)
    sources, targets = [], []
    for rows in table.blocks(_BLOCK):
        source, target = table.column("source", rows), table.column("target", rows)
        kept = firm[source] & firm[target]
        sources.append(source[kept])
        targets.append(target[kept])
    return np.concatenate(sources), np.concatenate(targets)


def find_circles(snapshot: Snapshot) -> Circles:
    """The circles of a snapshot: lookups by firm, members by component."""
    firms, component = components(*between_firms(snapshot))
    order = np.argsort(component, kind="stable")
    count = np.bincount(component) if len(component) else np.zeros(0, np.int64)
    start = np.concatenate([[0], np.cumsum(count)])
    return Circles(start, firms[order], firms, component)
