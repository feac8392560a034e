"""Groups of subjects over the whole graph: components and communities, from arrays of ties.

A component is what is tied together in whatever direction; a ring what can be gone round in the
direction of its ties (`graph.snapshot.circle.components`); a community what is tied more closely
within than chance would have it: Leiden (Traag et al. 2019), modularity, with a fixed seed, so
that the same graph gives the same communities.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from graph.snapshot.column import Array

SEED = 20201022
_ITERATIONS = 10


@dataclass(frozen=True)
class Groups:
    """Groups, largest first, among equals that of the lowest place: the members of group g are
    `members[start[g]:start[g + 1]]`, sorted."""

    start: Array
    members: Array

    def __len__(self) -> int:
        return len(self.start) - 1

    def at(self, number: int) -> Array:
        """The members of one group, by place."""
        found: Array = self.members[self.start[number] : self.start[number + 1]]
        return found


def grouped(labelled: tuple[Array, Array], least: int, most: int | None = None) -> Groups:
    """The groups of at least `least` members, at most `most` groups, of sorted places and the
    label of each."""
    places, label = labelled
    if not len(places):
        return Groups(np.zeros(1, np.int64), np.zeros(0, np.int64))
    order = np.argsort(label, kind="stable")
    count = np.bincount(label)
    begin = np.cumsum(count) - count
    lowest = places[order[np.minimum(begin, len(order) - 1)]]
    chosen = np.lexsort((lowest, -count))
    chosen = chosen[count[chosen] >= max(least, 1)][:most]
    size = count[chosen]
    start = np.concatenate([[0], np.cumsum(size)])
    at = np.repeat(begin[chosen] - start[:-1], size) + np.arange(int(start[-1]))
    return Groups(start, places[order[at]])


def numbered(*ends: Array) -> tuple[Array, ...]:
    """The places among these, sorted, and each array by number among them."""
    size = max((int(one.max()) + 1 for one in ends if len(one)), default=0)
    known = np.zeros(size, bool)
    for one in ends:
        known[one] = True
    number = np.cumsum(known) - 1
    return np.flatnonzero(known), *(number[one] for one in ends)


def components(source: Array, target: Array) -> tuple[Array, Array]:
    """The places that are tied to any, sorted, and the weak component of each."""
    places, near, far = numbered(source, target)
    if not len(places):
        return places, places
    size = len(places)
    graph = csr_array((np.ones(len(near), np.int8), (near, far)), shape=(size, size))
    _, label = connected_components(graph, directed=True, connection="weak")
    return places, label.astype(np.int64)


class Uniting:
    """Weak components of ties that come in blocks: 9 bytes a place, however many ties there are.

    Ties are merged by the roots of their ends (a disjoint-set forest), each block at once.
    """

    def __init__(self, size: int) -> None:
        self._above = np.arange(size)
        self._tied = np.zeros(size, bool)

    def unite(self, source: Array, target: Array) -> None:
        """Take in a block of ties."""
        self._tied[source] = True
        self._tied[target] = True
        near, far = self._root(source), self._root(target)
        apart = near != far
        roots, label = components(near[apart], far[apart])
        if len(roots):
            # Roots are sorted: the first with a label is the lowest of its component.
            _, first = np.unique(label, return_index=True)
            self._above[roots] = roots[first[label]]

    def components(self) -> tuple[Array, Array]:
        """As `components` of all ties that were taken in."""
        places = np.flatnonzero(self._tied)
        _, label = np.unique(self._root(places), return_inverse=True)
        return places, label

    def _root(self, places: Array) -> Array:
        found = self._above[places]
        while not np.array_equal(found, higher := self._above[found]):
            found = higher
        self._above[places] = found
        return found


def communities(source: Array, target: Array, resolution: float) -> tuple[Array, Array]:
    """The places that are tied to any, sorted, and the community of each.

    Several ties between two subjects count once. Needs igraph, which is GPL and therefore an
    extra of its own; raises ImportError without it.
    """
    import igraph

    places, near, far = numbered(source, target)
    if not len(places):
        return places, places
    size = len(places)
    low, high = np.minimum(near, far), np.maximum(near, far)
    pairs = np.unique(low[low != high] * size + high[low != high])
    igraph.set_random_number_generator(random.Random(SEED))
    graph = igraph.Graph(n=size, edges=np.column_stack([pairs // size, pairs % size]))
    found = graph.community_leiden(
        objective_function="modularity", resolution=resolution, n_iterations=_ITERATIONS
    )
    return places, np.array(found.membership, np.int64)
