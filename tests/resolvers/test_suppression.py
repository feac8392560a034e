"""X39, access rules §7: cells below five are hidden, and cannot be computed from what is shown.

The attack is linear algebra by somebody who has the answers: every figure that is shown is an
equation over the finest cells, of whatever values are seen anywhere. It is done here with whole
numbers modulo a prime, and knows nothing of how cells are chosen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resolvers.suppression import (
    MAX_WORK,
    SMALLEST,
    TOTAL,
    Budget,
    Cell,
    TooManyHidden,
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
