"""Bodies are counted once in each cell, by marks that add up."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from resolvers.distinct import Cut, Order, cuts_of, cuts_on, orders_of

Said = tuple[tuple[int, ...], ...]
TWO = st.tuples(st.integers(0, 1), st.integers(0, 1))


def cell(said: Said, cut: Cut) -> Said:
    return tuple([path[:level] for path, level in zip(said, cut, strict=False)])


def marked(order: Order, records: list[tuple[int, Said]], attributes: int) -> Counter[Cut]:
    """How many records are the first of their body in a cell of each cut, seen in an order."""
    cuts = cuts_on(order, attributes)
    found = Counter(dict.fromkeys(cuts, 0))
    before: list[Said] | None = None
    body = None

    def steps(said: Said) -> list[Said]:
        return [cell(said, cut) for cut in cuts]

    def level_by_level(record: tuple[int, Said]) -> tuple[int, list[int]]:
        told = zip(order, cuts[1:], strict=True)
        return record[0], [record[1][at][cut[at] - 1] for at, cut in told]

    for one, said in sorted(records, key=level_by_level):
        known = before if one == body else None
        for step, cut in enumerate(cuts):
            found[cut] += known is None or steps(said)[: step + 1] != known[: step + 1]
        body, before = one, steps(said)
    return found


@given(
    st.lists(st.tuples(st.integers(0, 3), st.tuples(TWO, TWO)), max_size=30),
    st.sampled_from([(), (1,), (2,), (1, 1), (1, 2), (2, 1), (2, 2)]),
)
def test_the_first_records_of_bodies_count_each_body_once(
    records: list[tuple[int, Said]], depths: Cut
) -> None:
    """Records say two levels of two attributes, as a list of a kind and a month of a year."""
    found: dict[Cut, int] = {}
    for order in orders_of(depths):
        found |= marked(order, records, len(depths))
    assert found == {
        cut: len({(body, cell(said, cut)) for body, said in records}) for cut in cuts_of(depths)
    }


def test_there_are_no_more_orders_than_cuts_need() -> None:
    assert orders_of(()) == [()]
    assert orders_of((2,)) == [(0, 0)]
    assert orders_of((1, 1)) == [(0, 1), (1,)]
    assert (len(orders_of((2, 1))), len(orders_of((2, 2)))) == (2, 3)
