"""Guarantees: rings, cycles, chains and exposure, against plain enumeration."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise, permutations
from uuid import UUID

import networkx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.debt import Guarantees, Pledge, Way
from graph.exposure import Loan, exposure
from graph.guarantee_circle import LONGEST_CYCLE, chain, cycles, rings

RING_OF_FIVE = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 0)]


def uid(number: int) -> UUID:
    return UUID(int=number + 1)


def made(
    pairs: list[tuple[int, int]],
    *,
    loans: dict[int, int] | None = None,
    amounts: dict[int, str] | None = None,
) -> Guarantees:
    """Guarantees between numbers; `loans` and `amounts` are those of the pair at a place."""
    size = max((max(pair) for pair in pairs), default=0) + 1
    pledges = tuple(
        Pledge(
            uid(1000 + place),
            guarantor,
            debtor,
            uid(2000 + loans[place]) if loans and place in loans else None,
            Decimal(amounts[place]) if amounts and place in amounts else None,
            "CNY",
            "210500",
        )
        for place, (guarantor, debtor) in enumerate(pairs)
    )
    return Guarantees("1", "s", tuple(map(uid, range(size))), ("LEGAL_ENTITY",) * size, pledges)


def loan(number: int, amount: str | None, currency: str = "CNY") -> tuple[UUID, Loan]:
    known = None if amount is None else Decimal(amount)
    return uid(2000 + number), Loan(uid(2000 + number), known, known, currency)


graphs = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=16)


@given(graphs)
def test_rings_are_strong_components(pairs: list[tuple[int, int]]) -> None:
    graph = networkx.DiGraph(pairs)
    expected = sorted(
        sorted(one)
        for one in networkx.strongly_connected_components(graph)
        if len(one) > 1 or any(graph.has_edge(node, node) for node in one)
    )
    assert sorted(rings(made(pairs))) == expected


@given(graphs)
def test_cycles_through_the_subject_are_all_there_are(pairs: list[tuple[int, int]]) -> None:
    edges = set(pairs)
    expected = {
        (0, *way)
        for length in range(LONGEST_CYCLE)
        for way in permutations(range(1, 7), length)
        if {*zip((0, *way), (*way, 0), strict=True)} <= edges
    }
    found = cycles(made(pairs), 1_000_000)
    assert found.complete
    assert set(found.found) == expected
    assert [len(one) for one in found.found] == sorted(len(one) for one in found.found)
    few = cycles(made(pairs), 2)
    assert few.found == found.found[:2]
    assert few.complete == (len(expected) <= 2)


@given(graphs)
def test_a_chain_is_the_longest_of_the_shortest_ways(pairs: list[tuple[int, int]]) -> None:
    graph = networkx.DiGraph(pairs)
    graph.add_node(0)
    far = networkx.single_source_shortest_path_length(graph, 0)
    way = chain(made(pairs).stands_for())
    assert way[0] == 0
    assert len(way) - 1 == max(far.values()) == far[way[-1]]
    assert all(graph.has_edge(one, other) for one, other in pairwise(way))


@given(graphs, st.sampled_from(Way))
def test_what_hangs_on_hidden_guarantees_is_gone(pairs: list[tuple[int, int]], way: Way) -> None:
    whole = made(pairs)
    seen = {one.id for one in whole.pledges[::2]}
    graph = networkx.MultiDiGraph(pairs[::2])
    graph.add_node(0)
    followed = {Way.UP: graph.reverse(), Way.DOWN: graph, Way.BOTH: graph.to_undirected()}[way]
    reached = {0} | networkx.descendants(followed, 0)
    left = [one for one in whole.pledges if one.id in seen]
    assert whole.only(seen, way).pledges == tuple(
        one for one in left if {one.guarantor, one.debtor} <= reached
    )


def test_w11_a_ring_of_five_counts_each_loan_once() -> None:
    amounts = ("2000000", "3000000", "1500000", "2500000", "1000000")
    ring = made(RING_OF_FIVE, loans={place: place for place in range(5)})
    known = dict(loan(place, amount) for place, amount in enumerate(amounts))
    found = exposure(ring, known, {})
    (total,) = found.totals
    assert (found.loans, total.amount, total.unknown) == (5, Decimal(10_000_000), 0)
    assert found.guaranteed == (1, 2, 3, 4)
    assert [one.own for one in found.claims].count(True) == 1
    assert rings(ring) == [[0, 1, 2, 3, 4]]
    assert cycles(ring, 10).found == ((0, 1, 2, 3, 4),)


def test_a_loan_with_several_guarantors_counts_once() -> None:
    twice = made([(0, 1), (0, 2), (2, 1)], loans={0: 7, 2: 7}, amounts={1: "40"})
    found = exposure(twice, dict([loan(7, "100")]), {})
    (total,) = found.totals
    assert (total.claims, total.amount) == (2, Decimal(140))


def test_what_two_cities_state_without_a_loan_counts_once() -> None:
    told = made([(0, 1), (0, 1), (0, 1)], amounts={0: "40", 1: "40", 2: "50"})
    ours, theirs, further = told.pledges
    both = replace(told, pledges=(ours, theirs._replace(origin="210100"), further))
    assert exposure(both, {}, {}).totals[0].amount == Decimal(90)
    assert [len(one.pledges) for one in exposure(both, {}, {}).claims] == [1, 2]


def test_two_guarantees_of_one_city_for_the_same_amount_are_two() -> None:
    ours = made([(0, 1), (0, 1), (0, 2), (0, 2)], amounts={0: "100", 1: "100"})
    theirs = tuple(
        one._replace(id=uid(3000 + place), origin="210100")
        for place, one in enumerate(ours.pledges[:1])
    )
    found = exposure(replace(ours, pledges=ours.pledges + theirs), {}, {})
    assert [(one.claims, one.amount, one.unknown) for one in found.totals] == [(4, 200, 2)]
    assert [len(one.pledges) for one in found.claims] == [2, 1, 1, 1]


def test_guarantees_without_loan_and_amount_count_what_the_debtor_borrowed() -> None:
    chain_ = made([(0, 1), (1, 2)])
    known = dict([loan(1, "10"), loan(2, "20", "USD"), loan(3, None)])
    borrowed = {1: [uid(2001)], 2: [uid(2001), uid(2002), uid(2003)]}
    found = exposure(chain_, known, borrowed)
    assert [(one.currency, one.amount, one.unknown) for one in found.totals] == [
        ("CNY", Decimal(10), 1),
        ("USD", Decimal(20), 0),
    ]
    assert found.loans == 3
    unknown = exposure(chain_, {}, {})
    assert (unknown.totals[0].unknown, unknown.totals[0].amount) == (2, 0)


@pytest.mark.parametrize("hidden", [False, True])
def test_a_guarantor_stands_for_what_it_says_where_the_loan_is_not_seen(hidden: bool) -> None:
    one = made([(0, 1), (2, 1), (0, 2)], loans={0: 1, 1: 1}, amounts={0: "30", 1: "50", 2: "5"})
    found = exposure(one, {} if hidden else dict([loan(1, "80")]), {})
    assert found.totals[0].amount == Decimal(55 if hidden else 85)


def test_w12_a_long_chain_is_no_deep_stack() -> None:
    pairs = [(place, place + 1) for place in range(15_000)]
    long = made(pairs, amounts={place: "1" for place in range(15_000) if place != 9})
    assert len(chain(long.stands_for())) == 15_001
    assert rings(long) == []
    assert cycles(long, 10).found == ()
    found = exposure(long, {}, {})
    assert (found.totals[0].amount, found.totals[0].unknown) == (Decimal(14_999), 1)


def test_a_dense_circle_is_not_enumerated() -> None:
    dense = made([(one, other) for one in range(60) for other in range(60) if one != other])
    found = cycles(dense, 20)
    assert len(found.found) == 20
    assert not found.complete
