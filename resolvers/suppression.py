"""Small cells of a table of counts, and which others must go so that they cannot be computed.

A cell of fewer than five bodies is not published (access rules §7, X39); nor is a cell that would
give one away. Whether a cell is published depends on the cell and the data alone, never on which
question asks: every table over a set of attributes is decided after all tables over fewer of
them, and takes their decisions as they are. So two answers about the same data never contradict
each other, and a small body of one cannot be had by subtracting another.

In each table:

1. a cell below five, or below an unpublished cell of a smaller table, is hidden;
2. along each line (the cells that add up to one published cell) the hidden ones are at least two
   and together hold at least four more than one body each, so that each of them may be anything
   from one to five; where one body may be in several of them, one alone holds five, so that what
   they hold together is of five bodies; the smallest cells of the line are hidden until that is so;
3. no hidden cell follows from the published ones by linear algebra, nor because every cell that is
   named holds one body at least: where one does, the smallest cell beside it is hidden too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from itertools import product
from typing import Any, Final

import numpy as np
from scipy.linalg import solve_triangular

SMALLEST: Final = 5
"""Fewer bodies than these are not told (access rules §7)."""

MAX_WORK: Final = 3_000_000_000
"""Multiplications that may be spent on one set of tables: about half a second of one core."""

_MILLISECONDS: Final = 50_000_000
"""Multiplications that take a few: SciPy lets no other thread run meanwhile, NumPy does."""

MAX_LOOKS: Final = 9_000
"""Times that a hidden cell may be looked at in one set of tables: half a second and more."""

MAX_STEPS: Final = 4_000
"""Steps of the simplex method that may be spent on one set of tables: up to a second."""


Path = tuple[str | None, ...]
"""Where a cell stands on one attribute, from the widest value to the narrowest (a city, then a
district in it). Empty: the cell is a total over the attribute. None: the value is not known."""

Cell = tuple[Path, ...]
"""One path for each attribute."""

Order = tuple[bool, bool, int, tuple[tuple[tuple[int, str], ...], ...]]
"""By what cells of a table are put in order; the same as long as the table is."""

TOTAL: Final[Path] = ()


class TooManyHidden(Exception):
    """Tables have more hidden cells than can be judged within the bounds."""


@dataclass
class Budget:
    """What may still be spent on judging; it is asked before anything is computed."""

    work: int = MAX_WORK
    looks: int = MAX_LOOKS
    steps: int = MAX_STEPS

    def spend(self, *, work: int = 0, looks: int = 0, steps: int = 0) -> None:
        """Raises TooManyHidden when that is more than is left."""
        self.work -= work
        self.looks -= looks
        self.steps -= steps
        if self.work < 0 or self.looks < 0 or self.steps < 0:
            raise TooManyHidden


@dataclass(frozen=True, slots=True)
class Protected:
    """`hidden` cells have no figures; of them the `listed` ones may be named."""

    hidden: frozenset[Cell]
    listed: frozenset[Cell]


def levels(cell: Cell) -> tuple[int, ...]:
    """How far a cell is divided along each attribute."""
    return tuple([len(path) for path in cell])


def parent(cell: Cell, attribute: int) -> Cell:
    """The total that a cell is part of along one attribute."""
    return (*cell[:attribute], cell[attribute][:-1], *cell[attribute + 1 :])


def tables(depths: Sequence[int]) -> list[tuple[int, ...]]:
    """Every table up to these depths, the coarser ones first."""
    return sorted(product(*[range(depth + 1) for depth in depths]), key=lambda one: (sum(one), one))


def protect(
    counts: Mapping[Cell, int],
    depths: Sequence[int],
    budget: Budget | None = None,
    *,
    shared: Collection[int] = (),
    summed: Mapping[Cell, int] | None = None,
) -> Protected:
    """What of a table and all its totals is not published.

    `counts` has every cell that is not empty, with the bodies in it, for every table up to these
    depths. Along attributes that are `shared` a body may be in several cells; `summed` are
    figures that add up along all of them, at least one for each body (its records).

    Raises TooManyHidden when they have too many hidden cells to be judged within a second: small
    cells are counted before any is judged, and each step before it is taken.
    """
    budget = budget or Budget()
    budget.spend(looks=sum(count < SMALLEST for count in counts.values()))
    by_table: dict[tuple[int, ...], dict[Cell, int]] = {}
    for cell, count in counts.items():
        by_table.setdefault(levels(cell), {})[cell] = count
    hidden: set[Cell] = set()
    unlisted: set[Cell] = set()
    for chosen in tables(depths):
        cells = by_table.get(chosen, {})
        table = _Table(chosen, cells, hidden, budget, frozenset(shared), summed)
        hidden |= table.settled()
        unlisted |= table.unlisted()
    return Protected(frozenset(hidden), frozenset(hidden - unlisted))


@dataclass
class _Table:
    """The cells of one table, and what is hidden of the coarser ones."""

    levels: tuple[int, ...]
    cells: Mapping[Cell, int]
    above: set[Cell]
    budget: Budget
    shared: frozenset[int]
    summed: Mapping[Cell, int] | None
    hidden: set[Cell] = field(default_factory=set)
    unnamed: set[Cell] = field(default_factory=set)
    lines: dict[Cell, list[Cell]] = field(default_factory=dict)
    orders: dict[Cell, Order] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.attributes = [i for i, level in enumerate(self.levels) if level]

    def settled(self) -> set[Cell]:
        """The hidden cells of this table."""
        for cell, count in self.cells.items():
            parents = [parent(cell, attribute) for attribute in self.attributes]
            for one in parents:
                self.lines.setdefault(one, []).append(cell)
            if count < SMALLEST or any(one in self.above for one in parents):
                self.hidden.add(cell)
        # list.sort empties a list while it asks for keys, and a key asks how long the list is.
        for total, members in self.lines.items():
            self.lines[total] = sorted(members, key=self._order)
        self._settle_lines(set(self.lines))
        while more := self._beside(self._computable()) or self._beside(self._least()):
            self.hidden |= more
            self._settle_lines({parent(cell, a) for cell in more for a in self.attributes})
        while told := self._least():
            self.unnamed.update(told)
        return self.hidden

    def unlisted(self) -> set[Cell]:
        """Hidden cells that are not even named: those under a hidden total, and those of lines
        that show nothing or too little to hide in, or of which one is told by being named."""
        found = set(self.unnamed)
        for total, members in self.lines.items():
            hidden = [cell for cell in members if cell in self.hidden]
            if hidden and (total in self.above or not self._safe(total, hidden)):
                found.update(hidden)
        return found

    def _order(self, cell: Cell) -> Order:
        """What is hidden first to hide others: what hides at all, known values, small counts."""
        found = self.orders.get(cell)
        if found is None:
            unknown = any(None in path for path in cell)
            found = self._alone(cell), unknown, self.cells[cell], _by_name(cell)
            self.orders[cell] = found
        return found

    def _alone(self, cell: Cell) -> bool:
        """Whether the cell is all there is of a published total: hiding it hides nothing."""
        return any(
            len(self.lines[total]) == 1
            for attribute in self.attributes
            if (total := parent(cell, attribute)) not in self.above
        )

    def _safe(self, total: Cell, hidden: list[Cell]) -> bool:
        hiding = [self.cells[cell] for cell in hidden if not self._alone(cell)]
        if len(hiding) < 2 or sum(hiding) - len(hiding) < SMALLEST - 1:
            return False
        return not self._repeating(total) or max(hiding) >= SMALLEST

    def _repeating(self, total: Cell) -> bool:
        """Whether a body may be in several cells of this table that the total is made of."""
        return any(len(total[at]) < self.levels[at] for at in self.shared)

    def _settle_lines(self, pending: set[Cell]) -> None:
        queue = [(_by_name(total), total) for total in pending if total not in self.above]
        heapify(queue)
        while queue:
            _, total = heappop(queue)
            members = self.lines[total]
            hidden = [cell for cell in members if cell in self.hidden]
            if not hidden or self._safe(total, hidden):
                continue
            for cell in members:
                if cell in self.hidden:
                    continue
                self.hidden.add(cell)
                hidden.append(cell)
                for attribute in self.attributes:
                    one = parent(cell, attribute)
                    if one not in self.above:
                        heappush(queue, (_by_name(one), one))
                if self._safe(total, hidden):
                    break

    def _equations(self, unknown: list[Cell]) -> dict[Cell, list[int]]:
        """Of each published total that hides something: its hidden cells, as places in `unknown`.

        Left out are totals that published totals below them add up to.
        """
        members: dict[Cell, list[int]] = {}
        telling: dict[Cell, set[int]] = {}
        for place, cell in enumerate(unknown):
            for attribute in self.attributes:
                members.setdefault(parent(cell, attribute), []).append(place)
        frontier = [total for total in members if total in self.above]
        while frontier:
            below: set[Cell] = set()
            for total in frontier:
                for attribute, level in enumerate(levels(total)):
                    if level:
                        one = parent(total, attribute)
                        telling.setdefault(one, set()).add(attribute)
                        below.add(one)
            frontier = [total for total in below if total in self.above]
        wanted = {
            total
            for total, split in telling.items()
            if total not in self.above
            and total not in members
            and all(
                attribute in split
                for attribute in self.attributes
                if len(total[attribute]) < self.levels[attribute]
            )
        }
        for place, cell in enumerate(unknown):
            for total in _totals(cell) if wanted else ():
                if total in wanted:
                    members.setdefault(total, []).append(place)
        return {total: places for total, places in members.items() if total not in self.above}

    def _computable(self) -> list[Cell]:
        """The hidden cells that follow from the published ones, smallest first."""
        if len(self.attributes) < 2 or not self.hidden:
            return []
        self.budget.spend(looks=len(self.hidden) * len(self.attributes))
        unknown = sorted(self.hidden, key=self._order)
        equations = list(self._equations(unknown).values())
        return [unknown[place] for place in determined(len(unknown), equations, self.budget)]

    def _least(self) -> list[Cell]:
        """The hidden cells that can hold no more than what each that is named must hold."""
        if len(self.attributes) < 2 or not self.hidden:
            return []
        unknown = sorted(self.hidden, key=self._order)
        named = [int(cell not in unnamed) for unnamed in [self.unlisted()] for cell in unknown]
        equations = self._equations(unknown)
        own = [places for total, places in equations.items() if not self._repeating(total)]
        systems = [(self.cells, own)]
        if self.summed is not None:
            systems.append((self.summed, list(equations.values())))
        found: set[int] = set()
        for counts, sums in systems:
            above = [counts[cell] - least for cell, least in zip(unknown, named, strict=True)]
            found.update(bounded(above, sums, self.budget))
        return [unknown[place] for place in sorted(found)]

    def _beside(self, told: Iterable[Cell]) -> set[Cell]:
        """Of each of these the smallest published cell that shares a published line with it."""
        found: set[Cell] = set()
        for cell in told:
            shown = [
                one
                for attribute in self.attributes
                if (total := parent(cell, attribute)) not in self.above
                for one in self.lines[total]
                if one not in self.hidden
            ]
            if shown:
                found.add(min(shown, key=self._order))
        return found


def _totals(cell: Cell) -> Iterator[Cell]:
    """Every total that a cell is part of, itself among them."""
    for cut in product(*[range(len(path) + 1) for path in cell]):
        yield tuple([path[:level] for path, level in zip(cell, cut, strict=True)])


def _by_name(cell: Cell) -> tuple[tuple[tuple[int, str], ...], ...]:
    return tuple([tuple([(0, "") if one is None else (1, one) for one in path]) for path in cell])


def determined(
    unknowns: int, equations: list[list[int]], budget: Budget | None = None
) -> list[int]:
    """The unknowns that sums of unknowns determine, whatever the sums are.

    `equations` name the unknowns of each sum. Unknowns that are in the same sums cannot be told
    apart; a sum that has such unknowns to itself says nothing of any other and is left out. Of
    what remains, an unknown is determined when its unit vector lies in the row space: then its
    projection on that space has length one. Raises TooManyHidden beyond the budget.
    """
    where: list[list[int]] = [[] for _ in range(unknowns)]
    for number, places in enumerate(equations):
        for place in places:
            where[place].append(number)
    classes: dict[tuple[int, ...], list[int]] = {}
    for place, numbers in enumerate(where):
        classes.setdefault(tuple(numbers), []).append(place)
    left = [set[int]() for _ in equations]  # the classes in each sum that remains
    sums = [set(numbers) for numbers in classes]
    hiding = [len(places) > 1 for places in classes.values()]
    for one, found_in in enumerate(classes):
        for number in found_in:
            left[number].add(one)
    gone: set[int] = set()
    pending = [one for one, numbers in enumerate(sums) if len(numbers) == 1]
    while pending:
        one = pending.pop()
        if len(sums[one]) != 1:
            continue
        [number] = sums[one]
        alone = [other for other in left[number] if len(sums[other]) == 1]
        if len(alone) < 2 and not hiding[one]:
            continue
        gone.add(number)
        for other in left[number]:
            sums[other].discard(number)
            if len(sums[other]) == 1:
                pending.append(other)
            if other in alone:
                hiding[other] = True
    kept = [number for number in range(len(equations)) if number not in gone]
    if not kept:
        return []
    singles = [places[0] if len(places) == 1 else None for places in classes.values()]
    found: list[int] = []
    parts = list(_parts(kept, left))
    (budget or Budget()).spend(
        work=sum(len(part) ** 2 * (len(part) // 3 + 2 * len(members)) for members, part in parts)
    )
    for members, part in parts:
        at = {one: row for row, one in enumerate(members)}
        matrix = np.zeros((len(members), len(part)))
        for column, number in enumerate(part):
            matrix[[at[one] for one in left[number]], column] = 1.0
        for row in _fixed(matrix):
            single = singles[members[row]]
            if single is not None:
                found.append(single)
    return sorted(found)


def bounded(
    above: Sequence[int], equations: Sequence[Sequence[int]], budget: Budget | None = None
) -> list[int]:
    """The unknowns that are at their least values in every solution, as they are in the true one.

    `above` says how far each unknown is above its least value, `equations` name the unknowns of
    each sum. Solutions may be stretched: what can be above its least value at all can be so by
    one, together with all others that can. Raises TooManyHidden beyond the budget.
    """
    asked = [place for place, more in enumerate(above) if not more]
    if not asked or not equations:
        return []
    # Loaded where it is asked for: a fifth of a second and 20 MB of every process.
    from scipy.optimize import linprog
    from scipy.sparse import csr_array

    rows = [number for number, places in enumerate(equations) for _ in places]
    columns = [place for places in equations for place in places]
    lifted = {place: len(above) + number for number, place in enumerate(asked)}
    for number, places in enumerate(equations):
        for place in places:
            if place in lifted:
                rows.append(number)
                columns.append(lifted[place])
    values = [1.0] * len(rows)
    stretch = len(above) + len(asked)
    for number, places in enumerate(equations):
        rows.append(number)
        columns.append(stretch)
        values.append(-float(sum(above[place] for place in places)))
    budget = budget or Budget()
    solved = linprog(
        [0.0] * len(above) + [-1.0] * len(asked) + [0.0],
        A_eq=csr_array((values, (rows, columns)), shape=(len(equations), stretch + 1)),
        b_eq=[0.0] * len(equations),
        bounds=[(0, None)] * len(above) + [(0, 1)] * len(asked) + [(1, None)],
        method="highs-ds",
        options={"maxiter": budget.steps},
    )
    budget.spend(steps=int(solved.nit) if solved.status == 0 else budget.steps + 1)
    return [place for place, column in lifted.items() if solved.x[column] < 0.5]


def _fixed(matrix: np.ndarray[Any, np.dtype[np.float64]]) -> list[int]:
    """The rows whose unit vector lies in the space of the columns.

    The squared length of its projection is one exactly then. Sums may repeat each other, so a
    ridge of 1e-10 keeps them apart; it takes less than 1e-7 from a length of one.
    """
    gram = matrix.T @ matrix
    gram[np.diag_indices_from(gram)] += 1e-10
    half = np.linalg.cholesky(gram)
    step = max(_MILLISECONDS // len(half) ** 2, 8)
    lengths = [
        np.square(solve_triangular(half, some.T, lower=True, check_finite=False)).sum(axis=0)
        for some in np.split(matrix, range(step, len(matrix), step))
    ]
    return [int(row) for row in np.flatnonzero(np.concatenate(lengths) > 1 - 1e-6)]


def _parts(kept: list[int], left: list[set[int]]) -> Iterator[tuple[list[int], list[int]]]:
    """The parts of a system that share no unknown: the classes and the sums of each."""
    holders: dict[int, list[int]] = {}
    for number in kept:
        for one in left[number]:
            holders.setdefault(one, []).append(number)
    seen: set[int] = set()
    for start in kept:
        if start in seen:
            continue
        seen.add(start)
        part, members, pending = [start], set[int](), [start]
        while pending:
            for one in left[pending.pop()]:
                if one in members:
                    continue
                members.add(one)
                fresh = [number for number in holders[one] if number not in seen]
                seen.update(fresh)
                part += fresh
                pending += fresh
        yield sorted(members), part
