"""Risk propagation: each subject passes on once, nothing is counted twice, walks as networkx."""

from __future__ import annotations

from itertools import pairwise

import networkx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.risk import DAMPING, Channels, Model, spread

Edge = tuple[int, int, float]
edges = st.lists(
    st.tuples(st.integers(0, 7), st.integers(0, 7), st.sampled_from([0.1, 0.3, 0.5, 0.8])),
    max_size=24,
)


def made(pairs: list[Edge]) -> Channels:
    source, target, weight = (np.array([one[n] for one in pairs]) for n in range(3))
    number = np.arange(len(pairs))
    return Channels(
        source.astype(np.int64), target.astype(np.int64), weight.astype(float), number * 0, number
    )


def scores(
    pairs: list[Edge], model: Model = Model.DEBTRANK, seeds: tuple[int, ...] = (0,)
) -> dict[int, float]:
    found = spread(made(pairs), seeds, model)
    return dict(zip(found.places.tolist(), found.score.tolist(), strict=True))


def strongest(pairs: list[Edge]) -> dict[tuple[int, int], float]:
    found: dict[tuple[int, int], float] = {}
    for source, target, weight in pairs:
        if source != target:
            found[source, target] = max(weight, found.get((source, target), 0))
    return found


@given(edges)
def test_each_subject_passes_its_distress_on_once(pairs: list[Edge]) -> None:
    """DebtRank written down plainly: Battiston et al., Scientific Reports 2, 541 (2012)."""
    weight = strongest(pairs)
    distress, active, done = {0: 1.0}, {0}, set[int]()
    while active:
        gain: dict[int, float] = {}
        for source in active:
            for (one, target), factor in weight.items():
                if one == source:
                    gain[target] = gain.get(target, 0) + factor * distress[source]
        done |= active
        for node, more in gain.items():
            distress[node] = min(1, distress.get(node, 0) + more)
        active = {node for node in distress if node not in done}
    assert scores(pairs) == pytest.approx(distress)


@given(edges)
def test_a_walk_from_the_seed_is_that_of_networkx(pairs: list[Edge]) -> None:
    graph = networkx.DiGraph()
    graph.add_node(0)
    graph.add_weighted_edges_from((s, t, w) for (s, t), w in strongest(pairs).items())
    reached = {0} | networkx.descendants(graph, 0)
    expected = networkx.pagerank(
        graph.subgraph(reached), DAMPING, {0: 1}, dangling={0: 1}, tol=1e-13, max_iter=10_000
    )
    found = scores(pairs, Model.PAGERANK)
    assert {node: found.get(node, 0) for node in reached} == pytest.approx(expected, abs=1e-9)
    assert sum(found.values()) == pytest.approx(1)


@given(edges, st.sampled_from(Model))
def test_every_score_is_told_with_a_way_from_a_seed(pairs: list[Edge], model: Model) -> None:
    found = spread(made(pairs), (0, 1), model)
    via = dict(zip(found.places.tolist(), found.via.tolist(), strict=True))
    for place in via:
        way = [place]
        while via[way[-1]] >= 0:
            way.append(int(found.channels.source[via[way[-1]]]))
            assert len(way) < 20
        assert way[-1] in (0, 1)
        assert all((other, one) in strongest(pairs) for one, other in pairwise(way))


def test_what_two_registers_state_of_one_tie_counts_once() -> None:
    assert scores([(0, 1, 0.5)]) == scores([(0, 1, 0.5), (0, 1, 0.5), (0, 1, 0.3)])


def test_a_circle_multiplies_nothing() -> None:
    found = scores([(0, 1, 0.5), (1, 2, 0.5), (2, 0, 0.5)])
    assert found == {0: 1.0, 1: 0.5, 2: 0.25}


def test_w11_whoever_stands_for_a_debtor_is_hit_and_then_those_who_stand_for_it() -> None:
    ring = [((place + 1) % 5, place, 0.8) for place in range(5)]
    assert scores(ring) == pytest.approx({0: 1, 4: 0.8, 3: 0.64, 2: 0.512, 1: 0.4096})


def test_weights_of_zero_and_no_edges_are_no_trouble() -> None:
    assert scores([]) == {0: 1.0}
    assert scores([], Model.PAGERANK) == {0: 1.0}
    assert scores([(0, 1, 0.0)]) == {0: 1.0}
