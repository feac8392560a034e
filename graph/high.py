"""The most that each owner may hold of a company: unknown shares dealt in its favour.

In each company unknown shares are at most what its known shares leave. The chance to meet the owner
is maximised column by column until nothing changes (value iteration); without circles once through
is enough. Whoever nobody holds is met where it holds and nowhere else, and needs no column.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from graph.holding import Holding, Holdings

_COLUMNS = 1_500  # owners of which the most that they may hold is worked out at once
_CELLS = 10_000_000  # numbers held for them: fewer at once where many firms are held
_TURNS = 2_000
_SOLVED = 64  # firms of a circle that is solved when turning round in it does not end
_CLOSE = 1e-14

Values = Mapping[int, np.ndarray]


def highs(
    holdings: Holdings,
    company: int,
    blocks: Sequence[Sequence[int]],
    nodes: Sequence[int],
    closed: Collection[int],
) -> dict[int, float]:
    """The most that each of these nodes may hold of a company.

    `blocks` are the circles of who holds it, the company first; of what is `closed` nobody is met.
    """
    firms = {
        node: _Firm.of(held, holdings.of, closed)
        for node, held in holdings.of.items()
        if held and node not in closed
    }
    inner = [[node for node in block if node in firms] for block in reversed(blocks)]
    columns = max(1, min(_COLUMNS, _CELLS // max(1, len(firms))))
    found: dict[int, float] = {}
    for begin in range(0, len(nodes), columns):
        column = {node: at for at, node in enumerate(nodes[begin : begin + columns])}
        value = _values([block for block in inner if block], firms, column)
        most = value.get(company, np.zeros(len(column)))
        found |= {node: round(float(most[at]), 12) for node, at in column.items()}
    return found


@dataclass(frozen=True)
class _Firm:
    """What is known of the shares in a firm and what may be added: of firms that are held
    themselves, and of all others; `left` is what is to be dealt."""

    firms: Mapping[int, tuple[float, float]]
    others: Mapping[int, tuple[float, float]]
    left: float

    @classmethod
    def of(
        cls,
        held: Sequence[Holding],
        of: Mapping[int, Sequence[Holding]],
        closed: Collection[int],
    ) -> _Firm:
        firms: dict[int, tuple[float, float]] = {}
        others: dict[int, tuple[float, float]] = {}
        left = 1.0
        for one in held:
            within = firms if of.get(one.holder) and one.holder not in closed else others
            within[one.holder] = float(one.low), float(one.high - one.low)
            left -= float(one.low)
        return cls(firms, others, max(left, 0.0))

    def direct(self, column: Mapping[int, int]) -> Iterator[tuple[int, float, float]]:
        """Column, known share and what may be added of the others that have a column."""
        if len(self.others) <= len(column):
            for holder, (low, room) in self.others.items():
                if holder in column:
                    yield column[holder], low, room
        else:
            for holder, at in column.items():
                if holder in self.others:
                    yield at, *self.others[holder]

    @cached_property
    def free(self) -> list[tuple[int, float]]:
        """The firms to which shares may be dealt, and how much."""
        return [(holder, room) for holder, (_, room) in self.firms.items() if room > 0]

    def dealt(self, value: Values, column: Mapping[int, int]) -> np.ndarray:
        """The chance to meet each of the columns, shares dealt to whom it is greatest."""
        total = np.zeros(len(column))
        rest = np.full(len(column), self.left)
        for holder, (low, _) in self.firms.items():
            if low:
                total += low * value[holder]
        for at, low, room in self.direct(column):
            taken = min(room, self.left)  # nothing is worth more than the owner itself
            total[at] += low + taken
            rest[at] -= taken
        if not self.free or not self.left:
            return total
        rooms = np.array([most for _, most in self.free])
        worth = np.array([value[holder] for holder, _ in self.free])
        order = np.argsort(-worth, axis=0, kind="stable")
        for rank in range(len(self.free)):
            chosen = order[rank]
            taken = np.minimum(rooms[chosen], rest)
            total += taken * worth[chosen, np.arange(len(column))]
            rest -= taken
        return total

    def weights(self, worth: Mapping[int, float], owner: int) -> dict[int, float]:
        """The shares that are best for one owner, by what the firms are worth to it."""
        found = {holder: low for holder, (low, _) in self.firms.items()}
        rest = self.left
        if owner in self.others:
            low, room = self.others[owner]
            taken = min(room, rest)
            found[owner] = low + taken
            rest -= taken
        for holder, room in sorted(self.free, key=lambda one: -worth[one[0]]):
            taken = min(room, rest)
            found[holder] += taken
            rest -= taken
        return found


def _values(
    blocks: Sequence[Sequence[int]], firms: Mapping[int, _Firm], column: Mapping[int, int]
) -> dict[int, np.ndarray]:
    """The best chance to meet each of the columns from each firm, owners before what they own."""
    value: dict[int, np.ndarray] = {}
    for block in blocks:
        for node in block:
            value[node] = np.zeros(len(column))
            if node in column:
                value[node][column[node]] = 1.0
        circle = len(block) > 1 or block[0] in firms[block[0]].firms
        moving = np.zeros(len(column), bool)
        for _ in range(_TURNS if circle else 1):
            moving[:] = False
            for node in block:
                best = np.minimum(firms[node].dealt(value, column), 1.0)
                if node in column:
                    best[column[node]] = 1.0
                moving |= np.abs(best - value[node]) >= _CLOSE
                value[node] = best
            if not moving.any():
                break
        if circle and moving.any():
            _end(block, firms, column, value, moving)
    return value


def _end(
    block: Sequence[int],
    firms: Mapping[int, _Firm],
    column: Mapping[int, int],
    value: dict[int, np.ndarray],
    moving: np.ndarray,
) -> None:
    """Where firms hold nearly all of each other, turning round gains little at a time and much in
    the end: the best shares are held fast and solved, or all is said to be possible."""
    for owner, at in column.items():
        if not moving[at]:
            continue
        best = _solved(block, firms, owner, {node: float(value[node][at]) for node in value})
        for place, node in enumerate(block):
            value[node][at] = 1.0 if best is None else max(best[place], value[node][at])


def _solved(
    block: Sequence[int], firms: Mapping[int, _Firm], owner: int, worth: dict[int, float]
) -> np.ndarray | None:
    """The best chances by policy iteration, None where there is no solution."""
    if len(block) > _SOLVED:
        return None
    place = {node: at for at, node in enumerate(block)}
    for _ in range(_SOLVED):
        matrix, right = np.eye(len(block)), np.zeros(len(block))
        for node, at in place.items():
            if node == owner:
                right[at] = 1.0
                continue
            for holder, share in firms[node].weights(worth, owner).items():
                if holder in place:
                    matrix[at, place[holder]] -= share
                else:
                    right[at] += share * (1.0 if holder == owner else worth[holder])
        try:
            found: np.ndarray = np.linalg.solve(matrix, right)
        except np.linalg.LinAlgError:
            return None
        if not np.isfinite(found).all() or found.min() < -1e-9 or found.max() > 1 + 1e-9:
            return None
        change = max(abs(found[at] - worth[node]) for node, at in place.items())
        worth.update({node: float(found[at]) for node, at in place.items()})
        if change < _CLOSE * 100:
            return found
    return None
