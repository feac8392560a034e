"""Company groups 企业族群: firms under one head, found over the whole graph at once.

Definition: a firm belongs to whoever holds more than one half of it, as openly registered, and a
branch to its head office; the head of a group is who is above all of them, a firm, a state organ
or a person. Firms that hold each other in a circle of majorities are headed by the one of lowest
id. A head with nobody below it is no group.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np

from graph.layout import EdgeKind
from graph.snapshot.column import SHARE_SCALE, UNKNOWN, Array
from graph.snapshot.mask import Mask, View
from graph.snapshot.view import Snapshot

_KINDS = frozenset({EdgeKind.HOLDS.value, EdgeKind.BRANCH_OF.value})
_HALF = SHARE_SCALE // 2


@dataclass(frozen=True)
class Groups:
    """Members by place, heads among them, with the place of the head of each."""

    members: Array
    heads: Array


def find_groups(snapshot: Snapshot, day: dt.date) -> Groups:
    """The groups of a snapshot on a day; memory beside it is about 30 bytes a subject."""
    view = View(snapshot, Mask(day=day, kinds=_KINDS, classes=frozenset({"O"})))
    holders, companies, shares = _stakes(view)
    branches = view.rows(EdgeKind.BRANCH_OF)
    # A head office outweighs every holding; of two statements the greater share, the lower id.
    under = np.concatenate(
        [
            companies,
            view.column(EdgeKind.BRANCH_OF, "source", branches),
        ]
    )
    above = np.concatenate(
        [
            holders,
            view.column(EdgeKind.BRANCH_OF, "target", branches),
        ]
    )
    weight = np.concatenate(
        [
            shares,
            np.full(len(branches), 2 * SHARE_SCALE, np.int64),
        ]
    )
    return grouped(under, above, weight, len(snapshot.nodes))


def _stakes(view: View) -> tuple[Array, Array, Array]:
    """Holder, company and share of all stakes of more than one half: several statements of one
    city about a holder and a company are parts of one stake."""
    rows = view.rows(EdgeKind.HOLDS)
    rows = rows[view.column(EdgeKind.HOLDS, "share_min", rows) != UNKNOWN]
    column = [view.column(EdgeKind.HOLDS, name, rows) for name in ("target", "source", "origin")]
    order = np.lexsort(column[::-1])
    company, holder, origin = (one[order] for one in column)
    share = view.column(EdgeKind.HOLDS, "share_min", rows)[order].astype(np.int64)
    first = np.ones(len(order), bool)
    for one in (company, holder, origin):
        first[1:] &= one[1:] == one[:-1]
    first[1:] = ~first[1:]
    begin = np.flatnonzero(first)
    total = np.add.reduceat(share, begin) if len(begin) else share
    large = total > _HALF
    at = begin[large]
    return holder[at], company[at], total[large]


def grouped(under: Array, above: Array, weight: Array, size: int) -> Groups:
    """The groups of a forest with circles: each place follows its heaviest tie upwards."""
    parent = np.arange(size)
    proper = under != above
    under, above, weight = under[proper], above[proper], weight[proper]
    order = np.lexsort((-above, weight, under))  # the last of each place is its heaviest
    parent[under[order]] = above[order]
    root = _roots(parent)
    count = np.bincount(root, minlength=size)
    inside = np.flatnonzero(count[root] > 1)
    return Groups(inside, root[inside])


def _roots(parent: Array) -> Array:
    """The top above each place; of a circle its lowest place."""
    far = parent
    for _ in range(int(np.ceil(np.log2(max(len(parent), 2)))) + 1):
        far = far[far]
    # Whoever stands where long ways end is a top, or turns in a circle.
    turning = np.unique(far[parent[far] != far])
    if len(turning):
        lowest = _circles(parent, turning)
        parent = parent.copy()
        parent[turning] = lowest
        far = parent
        for _ in range(int(np.ceil(np.log2(max(len(parent), 2)))) + 1):
            far = far[far]
    return far


def _circles(parent: Array, turning: Array) -> Array:
    """For each place on a circle the lowest place of that circle."""
    lowest = np.empty(len(turning), np.int64)
    at = {int(place): number for number, place in enumerate(turning)}
    done = np.zeros(len(turning), bool)
    for place in turning.tolist():
        if done[at[place]]:
            continue
        circle = [place]
        while (following := int(parent[circle[-1]])) != place:
            circle.append(following)
        for one in circle:
            if one in at:
                lowest[at[one]] = min(circle)
                done[at[one]] = True
    return lowest
