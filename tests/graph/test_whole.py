"""Groups over the whole graph, against networkx, and communities that come out the same."""

from __future__ import annotations

import networkx
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from graph.whole import Uniting, communities, components, grouped

ties = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=40)


def _ends(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    found = np.array(pairs, np.int32).reshape(-1, 2)
    return found[:, 0], found[:, 1]


@given(ties, st.integers(1, 4), st.integers(1, 5))
def test_groups_are_the_largest_components(
    pairs: list[tuple[int, int]], least: int, most: int
) -> None:
    graph = networkx.Graph(pairs)
    expected = sorted(
        (sorted(one) for one in networkx.connected_components(graph) if len(one) >= least),
        key=lambda one: (-len(one), one[0]),
    )
    found = grouped(components(*_ends(pairs)), least, most)
    assert [found.at(number).tolist() for number in range(len(found))] == expected[:most]


@given(ties, st.integers(1, 9))
def test_components_are_the_same_of_ties_that_come_in_blocks(
    pairs: list[tuple[int, int]], block: int
) -> None:
    source, target = _ends(pairs)
    uniting = Uniting(31)
    for begin in range(0, len(pairs), block):
        uniting.unite(source[begin : begin + block], target[begin : begin + block])
    found, expected = grouped(uniting.components(), 1), grouped(components(source, target), 1)
    assert found.start.tolist() == expected.start.tolist()
    assert found.members.tolist() == expected.members.tolist()


def test_communities_are_the_cliques_that_one_tie_joins() -> None:
    left = [(a, b) for a in range(6) for b in range(6) if a != b]
    right = [(a + 10, b + 10) for a, b in left]
    found = grouped(communities(*_ends([*left, *right, (0, 10), (3, 3)]), 1.0), 1)
    assert [found.at(number).tolist() for number in range(len(found))] == [
        list(range(6)),
        list(range(10, 16)),
    ]


def test_what_nothing_ties_is_no_group() -> None:
    assert len(grouped(components(*_ends([])), 1)) == 0
    assert len(grouped(communities(*_ends([]), 1.0), 1)) == 0
    alone = grouped(components(*_ends([(5, 5)])), 1)
    assert alone.at(0).tolist() == [5]
