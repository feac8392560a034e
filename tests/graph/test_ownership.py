"""Integrated ownership: worked numbers, exact solving, walks that never return, invariances."""

from __future__ import annotations

import random
import tracemalloc
from fractions import Fraction
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph import high, ownership
from graph.errors import GraphTooLarge
from graph.holding import Basis, Company, Finding, Holding, Holdings, Statement, together
from graph.ownership import integrated, paths

Edges = dict[tuple[int, int], Fraction]


def holdings(
    *edges: tuple[int, int, object], unknown: tuple[tuple[int, int], ...] = ()
) -> Holdings:
    """Equity from (holder, company, share), and of unknown shares (holder, company)."""
    told = [
        Statement(UUID(int=n), h, c, "x", Fraction(str(s)), Fraction(str(s)))
        for n, (h, c, s) in enumerate(edges)
    ]
    told += [
        Statement(UUID(int=1000 + n), h, c, "x", Fraction(0), Fraction(1))
        for n, (h, c) in enumerate(unknown)
    ]
    return together(told, {}, Basis.EQUITY)


def shares(found: Holdings, company: int) -> dict[int, object]:
    return {owner.node: owner.low for owner in integrated(found, company).owners}


A, B, C, P, Q, R = range(6)
TWO = ((P, A, "0.7"), (B, A, "0.3"), (Q, B, "0.6"), (A, B, "0.4"))
THREE = (
    (C, A, "0.2"), (A, B, "0.5"), (B, C, "0.5"),
    (P, A, "0.8"), (Q, B, "0.5"), (R, C, "0.5"),
)  # fmt: skip


def test_two_ways_add_up() -> None:
    found = shares(holdings((P, A, 1), (A, C, "0.2"), (P, B, "0.8"), (B, C, "0.4")), C)
    assert found[P] == Fraction(52, 100)


def test_w03_two_firms_hold_each_other() -> None:
    found = holdings(*TWO)
    assert shares(found, A) | {B: None} == {P: Fraction(35, 44), Q: Fraction(9, 44), B: None}
    assert shares(found, B) | {A: None} == {P: Fraction(14, 44), Q: Fraction(30, 44), A: None}


def test_w04_three_firms_in_a_circle() -> None:
    found = holdings(*THREE)
    for company, wanted in ((A, (16, 1, 2)), (B, (8, 10, 1)), (C, (4, 5, 10))):
        seen = shares(found, company)
        assert [seen[owner] for owner in (P, Q, R)] == [Fraction(n, 19) for n in wanted]


def test_a_loop_counts_once() -> None:
    """Where the plain sum of all walks would say 0.625."""
    assert shares(holdings((A, B, "0.5"), (B, A, "0.4")), B)[A] == Fraction(1, 2)


def test_w05_a_closed_circle_is_undetermined() -> None:
    closed = integrated(holdings((A, B, 1), (B, A, 1)), A)
    assert (closed.determined, closed.circle, closed.owners) == (False, (A, B), ())
    below = integrated(holdings((A, B, 1), (B, A, 1), (A, C, "0.4"), (P, C, "0.6")), C)
    assert below.determined
    assert below.undetermined == ((A, B),)
    assert {o.node: (o.low, o.ultimate) for o in below.owners} == {
        P: (Fraction(6, 10), True),
        A: (Fraction(4, 10), True),
    }


def test_a_share_of_nothing_closes_no_circle() -> None:
    # A and B hold each other; what A leaves for C is nothing, though C is stated to hold some.
    for unknown in ((), ((C, A),)):
        told = [(A, B, 1), (B, A, 1), (A, C, "0.1"), (P, C, "0.9")]
        told += [] if unknown else [(C, A, 0)]
        found = integrated(holdings(*told, unknown=unknown), C)
        assert (found.determined, found.undetermined) == (True, ((A, B),))
        assert {one.node: one.low for one in found.owners} == {
            P: Fraction(9, 10),
            A: Fraction(1, 10),
        }


def test_w06_treasury_shares() -> None:
    found = holdings((P, A, "0.95"), (A, A, "0.05"))
    (owner,) = integrated(found, A).owners
    assert (owner.node, owner.direct_low, owner.low) == (P, Fraction(95, 100), 1)
    assert found.findings[A] == {Finding.TREASURY_SHARES}
    told = [s for held in found.of.values() for one in held for s in one.shown]
    votes = together(told, {}, Basis.VOTES)
    assert [(one.holder, one.low) for one in votes.of[A]] == [(P, 1)]


def test_what_was_paid_in_is_no_share_of_it_while_a_holder_is_missing() -> None:
    """x29: else who may not see persons would read 100 % where a firm holds 40 %."""
    told = [
        Statement(
            UUID(int=n), holder, A, "x", Fraction(share), Fraction(share), paid=Fraction(paid)
        )
        for n, (holder, share, paid) in enumerate(((B, "0.4", "400"), (P, "0.6", "100")))
    ]
    whole = together(told, {}, Basis.PAID)
    assert [one.low for one in whole.of[A]] == [Fraction(4, 5), Fraction(1, 5)]
    part = together(told[:1], {}, Basis.PAID)
    assert [(one.low, one.high) for one in part.of[A]] == [(0, 1)]
    income = together(told[:1], {}, Basis.INCOME)
    assert [(one.low, one.high) for one in income.of[A]] == [(Fraction(2, 5), Fraction(2, 5))]
    assert income.findings[A] == {Finding.PAID_UNKNOWN, Finding.SUM_BELOW_ONE}


def test_w10_sums_are_tolerated_or_flagged_and_never_normalised() -> None:
    short = holdings((P, A, "0.3332"), (Q, A, "0.3333"), (R, A, "0.3332"))
    assert A not in short.findings
    long = holdings((P, A, "0.3335"), (Q, A, "0.3335"), (R, A, "0.3334"))
    assert long.findings[A] == {Finding.SUM_ABOVE_ONE}
    assert sum(shares(long, A).values()) == Fraction(10004, 10000)  # type: ignore[arg-type]
    gap = holdings((P, A, "0.5"))
    assert gap.findings[A] == {Finding.SUM_BELOW_ONE}
    assert integrated(gap, A).unknown == Fraction(1, 2)


def test_shares_above_one_in_a_circle_have_no_solution() -> None:
    found = integrated(holdings((A, B, "1.2"), (B, A, "0.9"), (P, A, "0.5")), A)
    assert found.circle == (A, B)


def test_unknown_shares_are_intervals_within_what_is_left() -> None:
    found = integrated(holdings((P, A, "0.7"), unknown=((Q, A), (R, A))), A)
    seen = {o.node: (o.low, float(o.high)) for o in found.owners}
    assert seen == {P: (Fraction(7, 10), 0.7), Q: (0, 0.3), R: (0, 0.3)}
    above = integrated(holdings((B, A, "0.5"), (P, A, "0.2"), (P, B, "0.4"), unknown=((P, B),)), A)
    (owner,) = [o for o in above.owners if o.node == P]
    assert (owner.low, float(owner.high)) == (Fraction(4, 10), 0.7)
    # What the better of two firms may hold is not left for the other.
    both = holdings((Q, A, "0.4"), (P, B, 1), (P, C, "0.5"), (R, C, "0.5"),
                    unknown=((B, A), (C, A)))  # fmt: skip
    highs = {o.node: float(o.high) for o in integrated(both, A).owners}
    assert highs == {Q: 0.4, B: 0.6, C: 0.6, P: 0.6, R: 0.3}


def test_every_owner_has_a_high_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    told = holdings(unknown=tuple((n, 0) for n in range(1, 9)))
    few = integrated(told, 0).owners
    monkeypatch.setattr(high, "_COLUMNS", 3)  # 1,500 at once
    assert integrated(told, 0).owners == few
    assert [one.high for one in few] == [1] * 8


def test_thousands_whose_shares_are_not_stated_are_asked_for_what_they_hold_alone() -> None:
    told = holdings(unknown=tuple((n, A) for n in range(10, 3_010)))
    tracemalloc.start()
    found = integrated(told, A)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert {one.high for one in found.owners} == {1.0}
    assert most < 20_000_000  # a column for each of them in each would be 72 MB


@pytest.mark.parametrize("solved", [64, 0])
def test_a_high_in_a_circle_that_turns_for_long_is_no_less_than_the_truth(
    solved: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A and B hold all but a ten-thousandth of each other: of what is left P may have one half."""
    monkeypatch.setattr(high, "_SOLVED", solved)
    told = ((B, A, "0.9999"), (A, B, "0.9999"), (Q, B, "0.0001"))
    found = integrated(holdings(*told, unknown=((P, A),)), A)
    (highest,) = [one.high for one in found.owners if one.node == P]
    exact = Fraction(1, 10_000) / (1 - Fraction(9999, 10_000) ** 2)
    assert highest == (pytest.approx(float(exact), abs=1e-9) if solved else 1.0)


def test_a_circle_of_thousands_is_refused_when_it_is_dense(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ownership, "EXACT", 0)
    monkeypatch.setattr(ownership, "_DENSE_CIRCLE", 20)
    monkeypatch.setattr(ownership, "_LARGEST_CIRCLE", 1_000)

    def circle(ties: int) -> Holdings:
        steps = range(1, 1 + ties)
        return holdings(*((n, (n + step) % 40, "0.01") for n in range(40) for step in steps))

    assert integrated(circle(1), 0).determined
    with pytest.raises(GraphTooLarge, match="BUDGET_LIMIT"):
        integrated(circle(2), 0)


def test_a_high_stops_at_the_whole_or_at_its_low() -> None:
    # B is stated to be held by 1.2 in all; what is unknown in A leaves no more than the whole.
    stated = ((P, B, "0.7"), (Q, B, "0.5"), (B, A, "0.5"))
    found = integrated(holdings(*stated, unknown=((P, A),)), A)
    shares = {one.node: (one.low, one.high) for one in found.owners}
    assert shares[P] == (Fraction(7, 20), pytest.approx(0.85))
    stated = ((P, A, "0.7"), (B, A, "0.7"), (P, B, "0.9"))
    twice = integrated(holdings(*stated, unknown=((Q, B),)), A)
    assert {one.node: one.high for one in twice.owners}[P] == Fraction(133, 100)


def test_both_cities_tell_of_one_holding_once() -> None:
    def told(origin: str, share: str, id_: int) -> Statement:
        return Statement(UUID(int=id_), P, A, origin, Fraction(share), Fraction(share))

    both = together(
        [told("210100", "0.6", 1), told("210500", "0.7", 2)],
        {A: Company(home="210500")},
        Basis.EQUITY,
    )
    (one,) = both.of[A]
    assert (one.low, one.shown[0].origin, one.others[0].origin) == (
        Fraction(7, 10),
        "210500",
        "210100",
    )
    assert Finding.STATEMENTS_DIFFER in both.findings[A]
    parallel = together([told("210500", "0.3", 1), told("210500", "0.2", 2)], {}, Basis.EQUITY)
    assert parallel.of[A][0].low == Fraction(1, 2)


def test_paths_tell_what_each_way_contributes() -> None:
    found = holdings((P, A, 1), (A, C, "0.2"), (P, B, "0.8"), (B, C, "0.4"))
    ways, more = paths(found, C, P, 10)
    assert [(way.share, [s.holder for s in way.steps]) for way in ways] == [
        (Fraction(32, 100), [P, B]),
        (Fraction(2, 10), [P, A]),
    ]
    assert not more
    assert paths(found, C, P, 1)[1]
    ways, _ = paths(holdings(*TWO), A, Q, 10)
    assert [way.share for way in ways] == [Fraction(18, 100)]  # 9/44 with the turns of the circle


def test_a_thousand_firms_in_a_chain_and_in_a_circle() -> None:
    chain = holdings(*((n, n + 1, "0.999") for n in range(1000)))
    assert float(shares(chain, 1000)[0]) == pytest.approx(0.999**1000, abs=1e-12)  # type: ignore[arg-type]
    ring = holdings(*((n, (n + 1) % 700, "0.9") for n in range(700)), (900, 0, "0.1"))
    assert float(shares(ring, 0)[900]) == pytest.approx(0.1 / (1 - 0.9**700))  # type: ignore[arg-type]


@st.composite
def networks(draw: st.DrawFn, firms: int = 5, persons: int = 3, *, whole: bool = False) -> Edges:
    """Random holdings, circles and self-holdings among them; `whole`: every column sums to 1."""
    edges: Edges = {}
    for company in range(firms):
        holders = draw(
            st.lists(st.integers(0, firms + persons - 1), min_size=1, max_size=4, unique=True)
        )
        if whole and all(h < firms for h in holders):
            holders[0] = firms
        weights = [draw(st.integers(1, 9)) for _ in holders]
        rest = 0 if whole else draw(st.integers(1, 9))
        total = sum(weights) + rest
        for holder, weight in zip(holders, weights, strict=True):
            edges[holder, company] = Fraction(weight, total)
    return edges


def told(edges: Edges, rename: dict[int, int] | None = None) -> Holdings:
    at = rename or {}
    found: dict[int, list[Holding]] = {}
    for (h, c), share in edges.items():
        h, c = at.get(h, h), at.get(c, c)
        found.setdefault(c, []).append(Holding(h, c, share, share))
    return Holdings(Basis.EQUITY, {c: tuple(held) for c, held in found.items()})


def solved(edges: Edges, size: int) -> list[list[Fraction]]:
    """V = (I - A)⁻¹ by rational elimination over all nodes."""
    table = [
        [Fraction(i == j) - edges.get((i, j), Fraction(0)) for j in range(size)]
        + [Fraction(i == j) for j in range(size)]
        for i in range(size)
    ]
    for pivot in range(size):
        row = next(r for r in range(pivot, size) if table[r][pivot])
        table[pivot], table[row] = table[row], table[pivot]
        table[pivot] = [value / table[pivot][pivot] for value in table[pivot]]
        for other in range(size):
            if other != pivot and table[other][pivot]:
                factor = table[other][pivot]
                table[other] = [
                    a - factor * b for a, b in zip(table[other], table[pivot], strict=True)
                ]
    return [row[size:] for row in table]


@given(networks())
@settings(max_examples=60)
def test_it_is_what_the_matrix_gives_in_rationals_and_in_doubles(edges: Edges) -> None:
    inverse = solved(edges, 8)
    for company in range(5):
        wanted = {
            i: inverse[i][company] / inverse[i][i]
            for i in range(8)
            if i != company and inverse[i][company]
        }
        assert shares(told(edges), company) == wanted
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ownership, "EXACT", 0)
            rough = shares(told(edges), company)
        assert rough.keys() == wanted.keys()
        for node, share in wanted.items():
            assert float(rough[node]) == pytest.approx(float(share), abs=1e-12)  # type: ignore[arg-type]


@given(networks(whole=True), st.integers(0, 4), st.integers(0, 2**32))
@settings(max_examples=8)
def test_it_is_how_often_a_walk_meets_the_owner(edges: Edges, company: int, seed: int) -> None:
    above: dict[int, list[tuple[int, float]]] = {}
    for (holder, held), share in edges.items():
        above.setdefault(held, []).append((holder, float(share)))
    draw, walks = random.Random(seed), 3_000
    met: dict[int, int] = {}
    for _ in range(walks):
        node, seen = company, set()
        for _ in range(200):
            if node not in above:
                break
            holders = above[node]
            node = draw.choices([h for h, _ in holders], [w for _, w in holders])[0]
            seen.add(node)
        for node in seen - {company}:
            met[node] = met.get(node, 0) + 1
    for node, share in shares(told(edges), company).items():
        assert met.get(node, 0) / walks == pytest.approx(float(share), abs=0.06)  # type: ignore[arg-type]


@given(networks(whole=True))
@settings(max_examples=60)
def test_outside_owners_hold_all_where_nothing_is_closed(edges: Edges) -> None:
    for company in range(5):
        found = integrated(told(edges), company)
        if found.determined and not found.undetermined:
            assert sum(o.low for o in found.owners if o.node >= 5) == 1
            assert found.unknown == 0


@given(networks(), st.integers(0, 4), st.integers(5, 7))
@settings(max_examples=60)
def test_more_for_an_owner_is_never_less(edges: Edges, company: int, owner: int) -> None:
    before = shares(told(edges), company).get(owner, Fraction(0))
    total = sum(share for (_, c), share in edges.items() if c == company)
    more = dict(edges)
    more[owner, company] = edges.get((owner, company), Fraction(0)) + (1 - total) / 2
    assert shares(told(more), company).get(owner, Fraction(0)) >= before  # type: ignore[operator]


@given(networks(), st.permutations(range(8)))
@settings(max_examples=40)
def test_names_do_not_matter(edges: Edges, order: list[int]) -> None:
    rename = dict(enumerate(order))
    for company in range(5):
        one = integrated(told(edges), company)
        other = integrated(told(edges, rename), rename[company])
        assert {rename[o.node]: o.low for o in one.owners} == {o.node: o.low for o in other.owners}
        assert one.determined == other.determined


@given(networks(), st.integers(0, 4))
@settings(max_examples=40)
def test_highs_bound_every_way_to_deal_the_unknown(edges: Edges, company: int) -> None:
    unknown = {pair for pair in edges if sum(pair) % 3 == 0}
    low = {pair: (Fraction(0) if pair in unknown else share) for pair, share in edges.items()}
    found: dict[int, list[Statement]] = {}
    for n, ((h, c), share) in enumerate(low.items()):
        high = Fraction(1) if (h, c) in unknown else share
        found.setdefault(c, []).append(Statement(UUID(int=n), h, c, "x", share, high))
    interval = integrated(
        together([s for t in found.values() for s in t], {}, Basis.EQUITY), company
    )
    real = shares(told(edges), company)
    if interval.determined and not interval.undetermined:
        bounds = {o.node: (o.low, o.high) for o in interval.owners}
        for node, share in real.items():
            least, most = bounds[node]
            assert float(least) - 1e-9 <= float(share) <= float(most) + 1e-9  # type: ignore[arg-type]
