"""Risk propagation 风险传导: how far trouble of some subjects reaches, and through what.

Two models. DebtRank (Battiston et al. 2012): each subject passes its distress on once, so that a
circle multiplies nothing; what a subject takes is at most 1. Personalised PageRank: the share of
time that a walk from the seeds spends at each subject, damping 0.85. Edges carry risk one way or
both, with a decay for each kind and direction; between two subjects the strongest edge counts and
no other, however many cities and registers state it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

import numpy as np
from scipy.sparse import csr_array

from graph.layout import EdgeKind
from graph.snapshot.column import SHARE_SCALE, UNKNOWN, Array
from graph.snapshot.mask import View
from graph.snapshot.table import index_of
from graph.walk import Limit, Truncation
from graph.whole import numbered

DAMPING = 0.85
MAX_NODES = 20_000
_TOLERANCE = 1e-12
_STEPS = 200


class Model(StrEnum):
    """How risk spreads."""

    DEBTRANK = "DEBTRANK"
    PAGERANK = "PAGERANK"


class Course(StrEnum):
    """One way in which trouble passes along a kind of relation."""

    DEBTOR_TO_GUARANTOR = "DEBTOR_TO_GUARANTOR"
    COMPANY_TO_HOLDER = "COMPANY_TO_HOLDER"
    HOLDER_TO_COMPANY = "HOLDER_TO_COMPANY"
    BRANCH_TO_HEAD = "BRANCH_TO_HEAD"
    HEAD_TO_BRANCH = "HEAD_TO_BRANCH"
    FIRM_TO_REPRESENTATIVE = "FIRM_TO_REPRESENTATIVE"
    REPRESENTATIVE_TO_FIRM = "REPRESENTATIVE_TO_FIRM"
    FIRM_TO_OFFICER = "FIRM_TO_OFFICER"
    OFFICER_TO_FIRM = "OFFICER_TO_FIRM"


# Assumptions of this product and not of any rule: an answer states those that it used.
DECAY: Mapping[Course, float] = MappingProxyType(
    {
        Course.DEBTOR_TO_GUARANTOR: 0.8,
        Course.COMPANY_TO_HOLDER: 0.5,  # times the share
        Course.HOLDER_TO_COMPANY: 0.3,  # times the share
        Course.BRANCH_TO_HEAD: 0.9,
        Course.HEAD_TO_BRANCH: 0.9,
        Course.FIRM_TO_REPRESENTATIVE: 0.3,
        Course.REPRESENTATIVE_TO_FIRM: 0.3,
        Course.FIRM_TO_OFFICER: 0.1,
        Course.OFFICER_TO_FIRM: 0.1,
    }
)
# Kind of relation, and whether the course runs from its source to its target.
_RUNS: Mapping[Course, tuple[EdgeKind, bool]] = MappingProxyType(
    {
        Course.DEBTOR_TO_GUARANTOR: (EdgeKind.GUARANTEES, False),
        Course.COMPANY_TO_HOLDER: (EdgeKind.HOLDS, False),
        Course.HOLDER_TO_COMPANY: (EdgeKind.HOLDS, True),
        Course.BRANCH_TO_HEAD: (EdgeKind.BRANCH_OF, True),
        Course.HEAD_TO_BRANCH: (EdgeKind.BRANCH_OF, False),
        Course.FIRM_TO_REPRESENTATIVE: (EdgeKind.LEGAL_REP_OF, False),
        Course.REPRESENTATIVE_TO_FIRM: (EdgeKind.LEGAL_REP_OF, True),
        Course.FIRM_TO_OFFICER: (EdgeKind.OFFICER_OF, False),
        Course.OFFICER_TO_FIRM: (EdgeKind.OFFICER_OF, True),
    }
)
COURSES = tuple(Course)


@dataclass(frozen=True)
class Channels:
    """Where risk can pass: one row an edge and course, between places of the snapshot.

    `row` is the relation's row in the table of its kind.
    """

    source: Array
    target: Array
    weight: Array
    course: Array  # place in COURSES
    row: Array

    def __len__(self) -> int:
        return len(self.source)

    def only(self, kept: Array) -> Channels:
        """The channels that a mask keeps."""
        return Channels(
            self.source[kept],
            self.target[kept],
            self.weight[kept],
            self.course[kept],
            self.row[kept],
        )

    def strongest(self) -> Channels:
        """Of the channels between two subjects, one way, the one of greatest weight."""
        if not len(self):
            return self
        pair = self.source.astype(np.int64) * (int(self.target.max()) + 1) + self.target
        order = np.argsort(pair, kind="stable")
        again = np.flatnonzero(pair[order[1:]] == pair[order[:-1]])
        if len(again):  # few: only these are compared
            shared = np.unique(np.concatenate([again, again + 1]))
            some = order[shared]
            rank = np.lexsort((self.row[some], self.course[some], -self.weight[some], pair[some]))
            order[shared] = some[rank]
        first = np.ones(len(order), bool)
        first[again + 1] = False
        kept = order[first]
        return self.only(kept[self.source[kept] != self.target[kept]])


def joined(parts: Sequence[Channels]) -> Channels:
    """All these channels, in their order."""
    if not parts:
        none = np.zeros(0, np.int64)
        return Channels(none, none, np.zeros(0), np.zeros(0, np.int8), none)
    return Channels(
        *(
            np.concatenate([getattr(one, name) for one in parts])
            for name in ("source", "target", "weight", "course", "row")
        )
    )


@dataclass(frozen=True)
class Reach:
    """The channels around the seeds, and what was cut off."""

    channels: Channels
    hubs: tuple[int, ...]
    truncated: tuple[Truncation, ...]


@dataclass(frozen=True)
class Impact:
    """What reaches each subject: places, greatest first, and through which channel most of it.

    `via` is the row of the channel in `channels`, -1 for a seed.
    """

    channels: Channels
    places: Array
    score: Array
    via: Array


def channels(view: View, decay: Mapping[Course, float], nodes: Array | None = None) -> Channels:
    """The channels that lead on from these places, from all of them when not given."""
    parts: list[Channels] = []
    for course, factor in decay.items():
        kind, forward = _RUNS[course]
        if factor <= 0:
            continue
        if nodes is None:
            rows = view.rows(kind)
        elif forward:
            rows = view.outgoing(kind, nodes)
        else:
            rows = view.incoming(kind, nodes)
        ends = view.column(kind, "source", rows), view.column(kind, "target", rows)
        source, target = ends if forward else ends[::-1]
        weight = np.full(len(rows), factor)
        if kind is EdgeKind.HOLDS:
            weight *= _share(view, rows)
        code = np.full(len(rows), COURSES.index(course), np.int8)
        parts.append(Channels(source, target, weight, code, rows))
    return joined(parts)


def _share(view: View, rows: Array) -> Array:
    """Known shares as stated, an unknown one by its lower bound."""
    low = view.column(EdgeKind.HOLDS, "share_min", rows)
    found: Array = np.where(low == UNKNOWN, 0, np.minimum(low, SHARE_SCALE)) / SHARE_SCALE
    return found


def reach(
    view: View, seeds: Sequence[int], decay: Mapping[Course, float], *, steps: int, max_fan: int
) -> Reach:
    """The channels within `steps` of the seeds; a subject of more than `max_fan` of them ends
    the way, unless it is a seed."""
    known = set(seeds)
    frontier = np.unique(np.array(sorted(known), np.int64))
    found: list[Channels] = []
    hubs: set[int] = set()
    truncated: set[Truncation] = set()
    for step in range(1, steps + 2):
        if step > 1:
            reasons = {int(place): view.limit(int(place)) for place in frontier}
            truncated.update(Truncation(step, why) for why in reasons.values() if why)
            frontier = np.array([p for p, why in reasons.items() if why is None], np.int64)
        if not len(frontier):
            break
        here = channels(view, decay, frontier)
        here = here.only(here.weight > 0)
        places, count = np.unique(here.source, return_counts=True)
        if step > 1:
            wide = places[count > max_fan]
            if len(wide):
                hubs.update(wide.tolist())
                truncated.add(Truncation(step, Limit.FAN))
                here = here.only(~np.isin(here.source, wide))
        new = np.setdiff1d(here.target, np.array(sorted(known), np.int64))
        if step > steps:
            if len(new):
                truncated.add(Truncation(step, Limit.LEVELS))
            found.append(here.only(np.isin(here.target, np.array(sorted(known), np.int64))))
            break
        if len(known) + len(new) > MAX_NODES:
            truncated.add(Truncation(step, Limit.NODES))
            break
        found.append(here)
        known.update(new.tolist())
        frontier = new
    return Reach(joined(found), tuple(sorted(hubs)), tuple(sorted(truncated)))


def spread(found: Channels, seeds: Sequence[int], model: Model) -> Impact:
    """What reaches whom; scores from 0 to 1, seeds among them."""
    edges = found.strongest()
    begun = np.unique(np.array(seeds, np.int64))
    places, source, target, start = numbered(edges.source, edges.target, begun)
    size = len(places)
    if model is Model.DEBTRANK:
        score, via = _debtrank(source, target, edges.weight, start, size)
    else:
        score = _pagerank(source, target, edges.weight, start, size)
        via = _strongest_way(source, target, edges.weight, score, start, size)
    order = np.lexsort((places, -score))
    order = order[score[order] > _TOLERANCE]
    return Impact(edges, places[order], score[order], via[order])


def _debtrank(
    source: Array, target: Array, weight: Array, seeds: Array, size: int
) -> tuple[Array, Array]:
    score = np.zeros(size)
    score[seeds] = 1
    via = np.full(size, -1, np.int64)
    best = np.zeros(size)
    passed = np.zeros(size, bool)
    active = np.zeros(size, bool)
    active[seeds] = True
    leading_on = index_of(source, size)
    while active.any():
        nodes = np.flatnonzero(active)
        at = leading_on.rows(nodes)
        given = weight[at] * score[source[at]]
        gain = np.bincount(target[at], given, minlength=size)
        passed |= active
        _note_best(via, best, target[at], given, at, score >= 1)
        score = np.minimum(1, score + gain)
        active = (score > _TOLERANCE) & ~passed
    via[seeds] = -1
    return score, via


def _note_best(
    via: Array, best: Array, target: Array, given: Array, edge: Array, full: Array
) -> None:
    """Note for each target the edge that gave it most, in one step or an earlier one."""
    most = np.zeros(len(best))
    np.maximum.at(most, target, given)
    winning = np.flatnonzero(given == most[target])
    lowest = np.full(len(best), np.iinfo(np.int64).max)
    np.minimum.at(lowest, target[winning], edge[winning])
    top = winning[edge[winning] == lowest[target[winning]]]
    better = (given[top] > best[target[top]]) & ~full[target[top]]
    via[target[top][better]] = edge[top][better]
    best[target[top][better]] = given[top][better]


def _pagerank(source: Array, target: Array, weight: Array, seeds: Array, size: int) -> Array:
    out = np.bincount(source, weight, minlength=size)
    chance = np.divide(weight, out[source], out=np.zeros(len(weight)), where=out[source] > 0)
    steps = csr_array((chance, (target, source)), shape=(size, size))
    home = np.zeros(size)
    home[seeds] = 1 / len(seeds)
    score = home.copy()
    for _ in range(_STEPS):
        moved = DAMPING * (steps @ score)
        following: Array = moved + (1 - moved.sum()) * home
        if np.abs(following - score).sum() < _TOLERANCE:
            return following
        score = following
    return score


def _strongest_way(
    source: Array, target: Array, weight: Array, score: Array, seeds: Array, size: int
) -> Array:
    """For each subject the edge by which most comes from a subject nearer to the seeds."""
    far = np.full(size, size + 1)
    far[seeds] = 0
    frontier, step = seeds, 0
    leading_on = index_of(source, size)
    while len(frontier):
        step += 1
        at = leading_on.rows(frontier)
        new = np.unique(target[at])
        frontier = new[far[new] > size]
        far[frontier] = step
    nearer = np.flatnonzero(far[source] < far[target])
    via, best = np.full(size, -1, np.int64), np.zeros(size)
    given = weight[nearer] * score[source[nearer]]
    _note_best(via, best, target[nearer], given, nearer, np.zeros(size, bool))
    return via
