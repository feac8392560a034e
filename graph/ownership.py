"""Integrated ownership 穿透持股: what each owner holds of a company, directly and through others.

Definition (Brioschi, Buzzacchi and Colombo 1989; Baldone, Brioschi and Paleari 1997): A[i, j] is
i's direct fraction of j, V = (I - A)⁻¹, Y[i, j] = V[i, j] / V[i, i] for i ≠ j. It is the chance
that a walk from the company to an owner, to an owner of that, … ever meets i: nothing is counted
twice, however holdings turn in circles. Closures of up to `EXACT` holdings are solved in rational
numbers, larger ones in double precision.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from math import prod

import numpy as np

from graph.component import components
from graph.errors import GraphTooLarge
from graph.high import highs
from graph.holding import ONE, ZERO, Holding, Holdings

EXACT = 400  # holdings
_EXACT_CIRCLE = 16  # firms of a circle solved in rational numbers
_DENSE_CIRCLE = 1_500  # firms of a circle of which every member's own circle is solved
_LARGEST_CIRCLE = 30_000_000  # firms times further holdings: some ten seconds and 200 MB
_LARGEST = 1e9  # V[i, i] beyond which a circle counts as closed in double precision
_STEPS = 4_000  # looks at nodes while paths of one owner are drawn

Number = Fraction | float


@dataclass(frozen=True, slots=True)
class Owner:
    """What an owner holds: directly and integrated, each from low to high; equal when known.

    `ultimate` is true of whoever nobody is known to own: persons, state organs, firms whose
    holders are not known or not followed.
    """

    node: int
    low: Number
    high: Number
    direct_low: Fraction
    direct_high: Fraction
    ultimate: bool


@dataclass(frozen=True)
class Ownership:
    """The owners of a company, greatest share first.

    `circle` are the firms of a closed circle that the company itself belongs to: nobody outside
    owns it, and its shares are undetermined. `undetermined` are further circles above it, shown
    as owners whose own owners are not determined. `unknown` is what no ultimate owner is known
    to hold.
    """

    company: int
    owners: tuple[Owner, ...]
    unknown: Number
    circle: tuple[int, ...] = ()
    undetermined: tuple[tuple[int, ...], ...] = ()

    @property
    def determined(self) -> bool:
        return not self.circle


def integrated(holdings: Holdings, company: int) -> Ownership:
    """The integrated ownership of a company, from the holdings of all that it is held by.

    Raises GraphTooLarge for a circle of thousands of firms that is densely held.
    """
    of = holdings.of
    blocks = components([company], lambda node: [one.holder for one in of.get(node, ())])
    blocks.reverse()  # the company first, then its owners, …
    known = blocks if all(one.low for held in of.values() for one in held) else _known(of, blocks)
    exact = sum(map(len, of.values())) <= EXACT
    flow: dict[int, Number] = {company: ONE if exact else 1.0}
    own: dict[int, Number] = {}  # V[i, i] of firms in circles
    undetermined: list[tuple[int, ...]] = []
    for block in known:
        inside = frozenset(block)
        loops = any(one.holder in inside and one.low for node in block for one in of.get(node, ()))
        if loops:
            solved = _circle(block, of, flow, exact)
            if solved is None:
                if company in inside:
                    return Ownership(company, (), ONE, tuple(block))
                undetermined.append(tuple(block))
                continue  # what flows in stays there
            flow.update(solved[0])
            own.update(solved[1])
        for node in block:
            reached = flow.get(node, ZERO)
            if not reached:
                continue
            for one in of.get(node, ()):
                if one.holder not in inside and one.low:
                    share: Number = one.low if exact else float(one.low)
                    flow[one.holder] = flow.get(one.holder, ZERO) + reached * share
    closed = {node for block in undetermined for node in block}
    nodes = [node for block in blocks for node in block if node != company]
    most = {} if holdings.exact else highs(holdings, company, blocks, nodes, closed)
    direct = {one.holder: one for one in of.get(company, ())}
    owners = []
    for node in nodes:
        low = flow.get(node, ZERO) / own.get(node, ONE)
        high = max(low, most.get(node, low))
        if high > 0:
            stake = direct.get(node)
            owners.append(
                Owner(
                    node,
                    low,
                    high,
                    stake.low if stake else ZERO,
                    stake.high if stake else ZERO,
                    node in closed or not of.get(node),
                )
            )
    owners.sort(key=lambda owner: (-owner.low, -owner.high, owner.node))
    held = sum((owner.low for owner in owners if owner.ultimate), ZERO)
    left: Number = ZERO if held > 1 else 1 - held
    return Ownership(company, tuple(owners), left, (), tuple(undetermined))


def _known(of: Mapping[int, Sequence[Holding]], blocks: Sequence[Sequence[int]]) -> list[list[int]]:
    """The circles that known shares make; a share of nothing, or that may be nothing, closes none.

    The company first, then its owners.
    """
    starts = [node for block in blocks for node in block]
    found = components(
        starts[::-1], lambda node: [one.holder for one in of.get(node, ()) if one.low]
    )
    return found[::-1]


def _circle(
    block: Sequence[int],
    of: Mapping[int, Sequence[Holding]],
    flow: Mapping[int, Number],
    exact: bool,
) -> tuple[dict[int, Number], dict[int, Number]] | None:
    """What flows through the firms of a circle, and V[i, i] of each; None when it is closed.

    Closed also means oversubscribed: shares above 1 that feed on themselves have no solution with
    shares of at least nothing.
    """
    at = {node: place for place, node in enumerate(block)}
    if exact and len(block) <= _EXACT_CIRCLE:
        inverse = _inverse(block, of, at)
        if inverse is None or any(value < 0 for row in inverse for value in row):
            return None
        if any(row[place] < 1 for place, row in enumerate(inverse)):
            return None
        into = [flow.get(node, ZERO) for node in block]
        through = {
            node: sum((value * b for value, b in zip(inverse[at[node]], into, strict=True)), ZERO)
            for node in block
        }
        return through, {node: inverse[at[node]][at[node]] for node in block}
    return _circle_in_double(block, of, at, flow)


def _inverse(
    block: Sequence[int], of: Mapping[int, Sequence[Holding]], at: Mapping[int, int]
) -> list[list[Fraction]] | None:
    """(I - A)⁻¹ on the firms of a circle by Gauss and Jordan, None when there is none."""
    size = len(block)
    table = [
        [Fraction(i == j) for j in range(size)] + [Fraction(i == j) for j in range(size)]
        for i in range(size)
    ]
    for node in block:
        for one in of.get(node, ()):
            if one.holder in at:
                table[at[one.holder]][at[node]] -= one.low
    for pivot in range(size):
        best = next((row for row in range(pivot, size) if table[row][pivot]), None)
        if best is None:
            return None
        table[pivot], table[best] = table[best], table[pivot]
        scale = table[pivot][pivot]
        table[pivot] = [value / scale for value in table[pivot]]
        for row in range(size):
            factor = table[row][pivot]
            if row != pivot and factor:
                table[row] = [a - factor * b for a, b in zip(table[row], table[pivot], strict=True)]
    return [row[size:] for row in table]


def _circle_in_double(
    block: Sequence[int],
    of: Mapping[int, Sequence[Holding]],
    at: Mapping[int, int],
    flow: Mapping[int, Number],
) -> tuple[dict[int, Number], dict[int, Number]] | None:
    into = np.array([float(flow.get(node, 0)) for node in block])
    entries = [
        (at[one.holder], at[node], float(one.low))
        for node in block
        for one in of.get(node, ())
        if one.holder in at and one.low
    ]
    size = len(block)
    if size > _DENSE_CIRCLE:
        return _large_circle(block, entries, into)
    matrix = np.eye(size)
    for i, j, share in entries:
        matrix[i, j] -= share
    try:
        inverse = np.linalg.inv(matrix)
    except np.linalg.LinAlgError:
        return None
    own = np.diag(inverse)
    if not np.isfinite(inverse).all() or inverse.min() < -1e-9 or own.max() > _LARGEST:
        return None
    through = inverse @ into
    return (
        dict(zip(block, through.tolist(), strict=True)),
        dict(zip(block, own.tolist(), strict=True)),
    )


def _large_circle(
    block: Sequence[int], entries: Sequence[tuple[int, int, float]], into: np.ndarray
) -> tuple[dict[int, Number], dict[int, Number]] | None:
    """A circle of very many firms: solved once; V[i, i] of the firms that most flows through."""
    if len(block) * (len(entries) - len(block)) > _LARGEST_CIRCLE:
        raise GraphTooLarge(
            f"a circle of {len(block)} firms is held too densely: ask about one outside of it"
        )
    from scipy.sparse import csc_array, eye_array
    from scipy.sparse.linalg import splu

    size = len(block)
    rows, columns, shares = (np.array(part) for part in zip(*entries, strict=True))
    matrix = csc_array(eye_array(size) - csc_array((shares, (rows, columns)), shape=(size, size)))
    try:
        factors = splu(matrix)
    except RuntimeError:  # exactly singular
        return None
    through = factors.solve(into)
    if not np.isfinite(through).all() or through.min() < -1e-9 or through.max() > _LARGEST:
        return None
    own = np.ones(size)
    for place in np.argsort(-through)[:_DENSE_CIRCLE]:
        unit = np.zeros(size)
        unit[place] = 1.0
        own[place] = factors.solve(unit)[place]
    return (
        dict(zip(block, through.tolist(), strict=True)),
        dict(zip(block, own.tolist(), strict=True)),
    )


@dataclass(frozen=True, slots=True)
class Path:
    """One way from an owner down to the company, and what it contributes when walked once."""

    share: Number
    steps: tuple[Holding, ...]  # the owner's holding first


def paths(
    holdings: Holdings, company: int, owner: int, most: int, steps_at_most: int = _STEPS
) -> tuple[tuple[Path, ...], bool]:
    """The greatest contributions of simple paths between an owner and a company, at most `most`;
    and whether there are more.

    Circles on the way add to what each path contributes: the sum over paths is then less than the
    integrated share.
    """
    beneath = _beneath(holdings, company, owner)
    found: list[Path] = []
    order = count()
    waiting: list[tuple[float, int, int, tuple[Holding, ...], float]] = [
        (-1.0, next(order), company, (), 1.0)
    ]
    for _ in range(steps_at_most):
        if not waiting:
            return tuple(found), False
        _, _, node, steps, share = heapq.heappop(waiting)
        if node == owner:
            if len(found) == most:
                return tuple(found), True
            found.append(Path(prod((step.low for step in steps), start=ONE), steps[::-1]))
            continue
        passed = {company, *(step.holder for step in steps)}
        for one in holdings.by(node, beneath):
            if one.high > 0 and one.holder not in passed:
                contribution = share * float(one.low)  # in rational numbers only what is found
                rank = -contribution if contribution else -1e-15 * float(one.high)
                heapq.heappush(
                    waiting, (rank, next(order), one.holder, (*steps, one), contribution)
                )
    return tuple(found), True


def _beneath(holdings: Holdings, company: int, owner: int) -> set[int]:
    """The firms through which something of the company leads to the owner."""
    held = holdings.held
    found, frontier = {owner}, [owner]
    while frontier:
        for below in held.get(frontier.pop(), ()):
            if below not in found:
                found.add(below)
                if below != company:
                    frontier.append(below)
    return found
