"""X39, access rules §7: cells below five are hidden, and cannot be computed from what is shown.

The attack is linear algebra by somebody who has the answers: every figure that is shown is an
equation over the finest cells, of whatever values are seen anywhere. It is done here with whole
numbers modulo a prime, and knows nothing of how cells are chosen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from resolvers.suppression import (
    MAX_WORK,
    SMALLEST,
    TOTAL,
    Budget,
    Cell,
    Protected,
    TooManyHidden,
    bounded,
    determined,
    levels,
    protect,
    tables,
)

_PRIME = (1 << 61) - 1


@st.composite
def _finest(draw: st.DrawFn) -> dict[Cell, int]:
    """Some cells over one to three attributes, most small; the first may have two levels."""
    sizes = draw(st.lists(st.integers(2, 4), min_size=1, max_size=3))
    deep = draw(st.booleans())
    places = [
        tuple(((str(v // 2), str(v)) if deep and not i else (str(v),)) for i, v in enumerate(place))
        for place in product(*map(range, sizes))
    ]
    counts = draw(
        st.lists(
            st.one_of(st.just(0), st.integers(1, 4), st.integers(5, 9), st.integers(10, 60)),
            min_size=len(places),
            max_size=len(places),
        ).filter(any)
    )
    return {place: count for place, count in zip(places, counts, strict=True) if count}


def depths(finest: Mapping[Cell, int]) -> tuple[int, ...]:
    return levels(next(iter(finest)))


def cube(finest: Mapping[Cell, int], among: tuple[int, ...] | None = None) -> dict[Cell, int]:
    """All totals of the cells, down to these levels only when some are named."""
    cells: dict[Cell, int] = {}
    for cell, count in finest.items():
        for cut in tables(among or depths(finest)):
            key = tuple(path[:level] for path, level in zip(cell, cut, strict=True))
            cells[key] = cells.get(key, 0) + count
    return cells


def computed(known: Iterable[Cell], wanted: Iterable[Cell], finest: Iterable[Cell]) -> set[Cell]:
    """Those of the wanted cells that are sums and differences of the known ones.

    The values that attributes may have, those of all cells, are no secret.
    """
    paths: list[dict[tuple[str | None, ...], None]] = []
    for cell in finest:
        paths = paths or [{} for _ in cell]
        for one, path in zip(paths, cell, strict=True):
            one[path] = None
    places = list(product(*paths))

    def row(cell: Cell) -> list[int]:
        return [
            int(all(path[: len(at)] == at for at, path in zip(cell, place, strict=True)))
            for place in places
        ]

    pivots: dict[int, list[int]] = {}

    def reduced(line: list[int]) -> list[int]:
        for column, pivot in pivots.items():
            if line[column]:
                times = line[column]
                line = [(a - times * b) % _PRIME for a, b in zip(line, pivot, strict=True)]
        return line

    for cell in known:
        line = reduced(row(cell))
        column = next((i for i, value in enumerate(line) if value), None)
        if column is not None:
            inverse = pow(line[column], -1, _PRIME)
            pivots[column] = [value * inverse % _PRIME for value in line]
    return {cell for cell in wanted if not any(reduced(row(cell)))}


def _small(counts: Mapping[Cell, int]) -> set[Cell]:
    return {cell for cell, count in counts.items() if count < SMALLEST}


@given(_finest())
@settings(max_examples=150)
def test_no_small_cell_can_be_computed_from_one_answer(finest: dict[Cell, int]) -> None:
    counts = cube(finest)
    told = protect(counts, depths(finest))
    shown = counts.keys() - told.hidden
    assert not _small(counts) & shown
    assert not computed(shown, _small(counts), finest)


@given(_finest())
@settings(max_examples=60)
def test_no_cell_that_is_named_as_hidden_can_be_computed(finest: dict[Cell, int]) -> None:
    told = protect(counts := cube(finest), depths(finest))
    assert not computed(counts.keys() - told.hidden, told.listed, finest)


@given(_finest())
@settings(max_examples=60)
def test_answers_of_other_shapes_agree_and_give_nothing_away_together(
    finest: dict[Cell, int],
) -> None:
    """Every table by itself, each decided without the finer ones."""
    shown: set[Cell] = set()
    hidden: set[Cell] = set()
    for cut in tables(depths(finest)):
        part = cube(finest, cut) if any(cut) else {}
        told = protect(part, cut)
        hidden |= told.hidden
        shown |= part.keys() - told.hidden
    assert not shown & hidden
    assert not computed(shown, _small(cube(finest)), finest)


@given(_finest())
@settings(max_examples=60)
def test_answers_without_their_common_refinement_give_nothing_away(
    finest: dict[Cell, int],
) -> None:
    """Tables by two of three attributes each, whose common table nobody asked for."""
    whole = depths(finest)
    shown: set[Cell] = set()
    small: set[Cell] = set()
    for out in range(len(whole)):
        cut = tuple(0 if i == out else depth for i, depth in enumerate(whole))
        part = cube(finest, cut) if any(cut) else {}
        shown |= part.keys() - protect(part, cut).hidden
        small |= _small(part)
    assert not computed(shown, small, finest)


def test_the_attack_finds_what_only_small_cells_hide() -> None:
    """What the tests above rest on: hiding only what is small gives it away."""
    finest: dict[Cell, int] = {(("a",),): 3, (("b",),): 20, (("c",),): 30}
    counts = cube(finest)
    small: Cell = (("a",),)
    assert computed(counts.keys() - {small}, [small], finest) == {small}
    assert protect(counts, (1,)).hidden == {small, (("b",),)}


def test_a_district_is_not_what_its_city_has_beside_the_others() -> None:
    """The districts' table hides the small one with the smallest of all; its city needs more."""
    finest: dict[Cell, int] = {
        (("1", "a"),): 48, (("1", "b"),): 48, (("1", "c"),): 3, (("2", "d"),): 6, (("2", "e"),): 60
    }  # fmt: skip
    told = protect(counts := cube(finest), (2,))
    assert told.hidden == {(("1", "c"),), (("1", "a"),)}
    assert not computed(counts.keys() - told.hidden, told.hidden, finest)


def test_a_bridge_between_two_rings_is_hidden_by_more() -> None:
    """Every line hides two or more, and still one cell follows from a difference of sums."""
    ring = {("a", "1"): 3, ("a", "2"): 9, ("b", "1"): 9, ("b", "2"): 3,
            ("c", "3"): 3, ("c", "4"): 9, ("d", "3"): 9, ("d", "4"): 3}  # fmt: skip
    filled = {(r, c): 50 for r in "abcd" for c in "1234"}
    cells = {**filled, **ring, ("b", "3"): 4}
    finest: dict[Cell, int] = {((r,), (c,)): count for (r, c), count in cells.items()}
    told = protect(counts := cube(finest), (1, 1))
    assert (("b",), ("3",)) in told.hidden
    assert len(told.hidden) > len(ring) + 1
    assert not computed(counts.keys() - told.hidden, told.hidden, finest)


@pytest.mark.parametrize(
    ("parts", "hidden", "listed"),
    [
        ((10, 20), 0, 0),
        ((1, 20, 30), 2, 2),
        ((2, 2, 9), 3, 3),  # two and two of four could be one each of two: the third goes too
        ((1, 1, 1, 1, 1), 5, 0),  # named they would be one each
        ((4, 4), 2, 2),
    ],
)
def test_a_line_hides_at_least_two_that_could_be_anything_from_one_to_five(
    parts: tuple[int, ...], hidden: int, listed: int
) -> None:
    told = protect(cube({((str(i),),): count for i, count in enumerate(parts)}), (1,))
    assert (len(told.hidden), len(told.listed)) == (hidden, listed)


def ranges(told: Protected, finest: dict[Cell, int]) -> dict[Cell, tuple[float, float]]:
    """Of each small cell that is named the least and the most that it may hold: whatever is shown
    is so, and what is named is not empty."""
    counts = cube(finest)
    values = [dict.fromkeys(paths) for paths in zip(*finest, strict=True)]
    places = list(product(*values))

    def row(cell: Cell) -> list[int]:
        return [
            int(all(path[: len(at)] == at for at, path in zip(cell, place, strict=True)))
            for place in places
        ]

    shown = [cell for cell in counts if cell not in told.hidden]
    named = sorted(told.listed)
    known: dict[str, Any] = {
        "A_eq": [row(cell) for cell in shown],
        "b_eq": [counts[cell] for cell in shown],
        "A_ub": [[-one for one in row(cell)] for cell in named],
        "b_ub": [-1] * len(named),
    }
    found = {}
    for cell in _small(counts) & told.listed:
        least, most = (
            linprog([sign * one for one in row(cell)], **known).fun * sign for sign in (1, -1)
        )
        found[cell] = round(least, 6), round(most, 6)
    return found


@given(_finest().filter(lambda finest: len(depths(finest)) > 1))
@settings(max_examples=25)
def test_no_small_cell_is_told_by_what_the_others_must_hold(finest: dict[Cell, int]) -> None:
    told = protect(cube(finest), depths(finest))
    assert all(least < most for least, most in ranges(told, finest).values())


def _two_of_two() -> tuple[dict[Cell, int], frozenset[Cell]]:
    """A table, and its cells that are hidden where each line hides enough."""
    few = {
        "11": 3, "12": 9, "21": 9, "22": 3, "13": 1, "24": 1, "33": 6, "44": 6, "35": 2, "45": 4
    }  # fmt: skip
    cells = {row + column: 50 for row in "1234" for column in "12345"} | few
    finest: dict[Cell, int] = {((at[0],), (at[1],)): count for at, count in cells.items()}
    return finest, frozenset(((at[0],), (at[1],)) for at in few)


def test_two_cells_of_two_bodies_together_are_not_one_each() -> None:
    """X39: no cell follows from sums, but the sum of two does, and both are named.

    All that rows 1 and 2 hide, less all that columns 1 and 2 hide, is (1, 3) and (2, 4): two
    bodies. Then what is beside them follows too: (3, 3) and (3, 5), (4, 4) and (4, 5).
    """
    finest, few = _two_of_two()
    attacked = ranges(Protected(few, few), finest)
    for row, column in (("1", "3"), ("2", "4"), ("3", "5"), ("4", "5")):
        count = finest[(row,), (column,)]
        assert attacked[(row,), (column,)] == (count, count)
    told = protect(cube(finest), (1, 1))
    assert few < told.hidden
    assert all(least < most for least, most in ranges(told, finest).values())


def test_months_of_the_same_few_bodies_are_hidden_with_a_month_of_more() -> None:
    """Two bodies with records in each of four months: what these months hold together follows
    from the year, and is of two bodies; of parts without a body in common it would be of eight."""
    finest: dict[Cell, int] = {((str(month),),): 2 for month in range(4)}
    finest |= {(("8",),): 7, (("9",),): 20}
    few = set(finest) - {(("8",),), (("9",),)}
    assert protect(cube(finest), (1,)).hidden == few
    assert protect(cube(finest), (1,), shared=[0]).hidden == {*few, (("8",),)}


def test_where_bodies_do_not_add_up_their_records_do() -> None:
    finest, few = _two_of_two()
    counts = cube(finest)
    told = protect(counts, (1, 1), shared=[0, 1], summed=counts)
    assert few < told.hidden
    assert all(least < most for least, most in ranges(told, finest).values())


def test_what_is_at_its_least_in_every_solution_is_found_within_the_budget() -> None:
    square = [[0, 1], [2, 3], [0, 2], [1, 3]]
    assert bounded([0, 4, 4, 0], square) == []
    assert bounded([0, 4, 4, 0], [*square, [0, 3]]) == [0, 3]
    assert bounded([0, 0, 4, 1], [[0, 1], [2, 3]]) == [0, 1]
    assert bounded([1, 4, 4, 1], square, Budget(steps=0)) == []
    with pytest.raises(TooManyHidden):
        bounded([0, 4, 4, 0, 0, 7, 2, 0], [*square, [4, 5, 3], [6, 7, 2], [5, 6]], Budget(steps=0))


def test_what_is_not_known_is_a_value_and_no_total() -> None:
    told = protect(cube({((None,),): 3, (("b",),): 20, (("c",),): 30}), (1,))
    assert told.hidden == {((None,),), (("b",),)}
    assert (TOTAL,) not in told.hidden


def test_a_table_of_districts_and_months_is_judged_within_its_bounds() -> None:
    """W01: the shape of a demo city, most cells small."""
    finest: dict[Cell, int] = {
        (("21", "2105", f"{district:02}"), (f"{month // 12}", f"{month:02}")): 1
        + (district * 7 + month * 5) % 6
        for district in range(20)
        for month in range(48)
        if (district * 31 + month * 17) % 3
    }
    told = protect(counts := cube(finest), depths(finest))
    assert _small(counts) <= told.hidden


def test_more_small_cells_than_can_be_judged_are_refused_before_any_is() -> None:
    counts = cube(
        {
            ((str(a),), (str(b),), (str(c),)): 1
            for a in range(21)
            for b in range(21)
            for c in range(21)
        }
    )
    budget = Budget()
    with pytest.raises(TooManyHidden):
        protect(counts, (1, 1, 1), budget)
    assert budget.work == MAX_WORK


def test_algebra_beyond_its_budget_is_refused_before_it_is_done() -> None:
    square = [[a * 4 + b for b in range(4)] for a in range(4)]
    square += [[a * 4 + b for a in range(4)] for b in range(4)]
    lines = [*square, [0, 5], [5, 10], [10, 15]]
    with pytest.raises(TooManyHidden):
        determined(16, lines, Budget(work=1))
    assert determined(16, lines, Budget()) == determined(16, lines)


def test_what_is_hidden_does_not_depend_on_the_order_in_which_cells_were_counted() -> None:
    """The store gives them in any: two answers that hid other cells told what both hid.

    The cell of 9 is alone in its column: hidden last, for it hides nothing.
    """
    rows = (("9", "14", "14"), ("0", "14", "4"))
    finest: dict[Cell, int] = {
        ((str(row),), (str(column),)): int(count)
        for row, told in enumerate(rows)
        for column, count in enumerate(told)
        if count != "0"
    }
    counts = cube(finest)
    told = protect(counts, (1, 1))
    assert (("0",), ("0",)) not in told.hidden
    cells = list(counts.items())
    for start in range(len(cells)):
        turned = [*cells[start:], *cells[:start]]
        assert protect(dict(turned), (1, 1)) == protect(dict(turned[::-1]), (1, 1)) == told
