"""Paths and links, compared with the definition on small random graphs."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from graph.errors import GraphTimeout
from graph.path import Beside, Budget, Known, Path, shortest_links, shortest_paths
from graph.walk import Limit, Truncation

FIRM, PERSON = "LEGAL_ENTITY", "NATURAL_PERSON"
Edges = list[tuple[int, int]]


def name(number: int) -> str:
    return f"{number:02d}"


class Graph:
    """Tells what lies beside nodes of a small graph in memory, as Neo4j does."""

    def __init__(self, edges: Edges, persons: frozenset[int] = frozenset()) -> None:
        self.at: dict[str, list[str]] = defaultdict(list)
        self.category = {name(n): PERSON if n in persons else FIRM for n in range(100)}
        self.patience = 1_000
        for one, other in edges:
            self.at[name(one)].append(name(other))
            if one != other:
                self.at[name(other)].append(name(one))

    async def look(self, frontier: Sequence[str], fan: int) -> list[Beside]:
        self.patience -= 1
        if self.patience < 0:
            raise GraphTimeout
        return [
            Beside(
                id_,
                None
                if len(self.at[id_]) > fan
                else {far: self.category[far] for far in self.at[id_]},
            )
            for id_ in frontier
        ]

    def known(self, budget: Budget, *ends: int, closed: bool = False) -> Known:
        return Known(
            self.look,
            budget,
            frozenset(map(name, ends)),
            {PERSON: Limit.CASE_REQUIRED} if closed else {},
            {name(end): self.category[name(end)] for end in ends},
        )

    def simple_paths(self, start: str, end: str, budget: Budget, closed: bool) -> list[Path]:
        """All simple paths that the definition allows, by brute force."""
        found: list[Path] = []

        def go(path: list[str]) -> None:
            if path[-1] == end:
                found.append(tuple(path))
                return
            here = path[-1]
            if len(path) > budget.max_length:
                return
            if here != start and (
                len(self.at[here]) > budget.max_fan or (closed and self.category[here] == PERSON)
            ):
                return
            for far in sorted(set(self.at[here])):
                if far not in path:
                    go([*path, far])

        go([start])
        return sorted(found, key=lambda path: (len(path), path))


EDGES = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=24)
PERSONS = st.frozensets(st.integers(2, 9))


@given(EDGES, PERSONS, st.integers(1, 8), st.integers(1, 6), st.integers(1, 10), st.booleans())
def test_the_shortest_simple_paths_are_those_of_the_definition(
    edges: Edges, persons: frozenset[int], length: int, fan: int, count: int, closed: bool
) -> None:
    graph = Graph(edges, persons)
    budget = Budget(length, 1_000, fan)
    known = graph.known(budget, 0, 1, closed=closed)
    found, _ = asyncio.run(shortest_paths(known, name(0), name(1), count))
    assert list(found) == graph.simple_paths(name(0), name(1), budget, closed)[:count]


@given(EDGES, st.integers(1, 8), st.integers(1, 6), st.integers(1, 10))
def test_what_is_missing_is_said(edges: Edges, length: int, fan: int, count: int) -> None:
    graph = Graph(edges)
    known = graph.known(Budget(length, 1_000, fan), 0, 1)
    found, truncated = asyncio.run(shortest_paths(known, name(0), name(1), count))
    unbounded = graph.simple_paths(name(0), name(1), Budget(99, 1_000, 1_000), closed=False)
    if len(found) < count and len(found) < len(unbounded):
        assert truncated
    if not graph.at[name(0)]:
        assert truncated == ()


@given(EDGES, st.integers(1, 8), st.integers(2, 6))
def test_every_linked_pair_has_its_first_shortest_path(
    edges: Edges, length: int, group: int
) -> None:
    graph = Graph(edges)
    budget = Budget(length, 1_000, 1_000)
    pairs = [(name(one), name(other)) for one, other in combinations(range(group), 2)]
    known = graph.known(budget, *range(group))
    found, _ = asyncio.run(shortest_links(known, list(map(name, range(group))), pairs))
    for pair in pairs:
        paths = graph.simple_paths(*pair, budget, closed=False)
        assert found.get(pair) == (paths[0] if paths else None)


def test_a_hub_between_two_firms_is_not_passed_unless_asked_for() -> None:  # W26
    spokes = [(2, n) for n in (0, 1, *range(10, 50))]
    around = [(0, 3), (3, 4), (4, 1)]
    graph = Graph([*spokes, *around])
    known = graph.known(Budget(8, 1_000, 39), 0, 1)
    found, truncated = asyncio.run(shortest_paths(known, name(0), name(1), 5))
    assert found == (("00", "03", "04", "01"),)
    assert Truncation(2, Limit.FAN) in truncated
    assert list(known.hubs) == ["02"]
    through = graph.known(Budget(8, 1_000, 50), 0, 1)
    found, truncated = asyncio.run(shortest_paths(through, name(0), name(1), 5))
    assert found[0] == ("00", "02", "01")
    assert Limit.FAN not in {one.reason for one in truncated}


def test_a_hub_that_is_asked_about_is_found_from_its_other_side() -> None:
    graph = Graph([(0, n) for n in range(2, 40)] + [(39, 1)])
    known = graph.known(Budget(8, 1_000, 5, max_end=10), 0, 1)
    found, truncated = asyncio.run(shortest_paths(known, name(0), name(1), 2))
    assert found == (("00", "39", "01"),)
    assert Limit.FAN in {one.reason for one in truncated}


def test_budgets_and_time_are_said() -> None:
    chain = [(n, n + 1) for n in range(2, 20)] + [(0, 2), (20, 1)]
    graph = Graph(chain)
    known = graph.known(Budget(8, 1_000, 5), 0, 1)
    assert asyncio.run(shortest_paths(known, name(0), name(1), 1)) == (
        (),
        (Truncation(9, Limit.LEVELS),),
    )
    few = graph.known(Budget(8, 3, 5), 0, 1)
    assert Limit.NODES in {
        one.reason for one in asyncio.run(shortest_paths(few, name(0), name(1), 1))[1]
    }
    graph.patience = 2
    late = graph.known(Budget(8, 1_000, 5), 0, 1)
    assert asyncio.run(shortest_paths(late, name(0), name(1), 1))[1] == (Truncation(3, Limit.TIME),)


def test_a_search_that_computes_leaves_others_their_turn_and_ends_in_time() -> None:
    """Two crowds that nothing ties: everything is known at once, and looked through for long."""
    crowds = [pair for base in (0, 40) for pair in combinations(range(base, base + 40), 2)]
    budget, ends = Budget(6, 1_000, 100), (*range(5), *range(40, 45))
    turns = 0

    async def search(known: Known) -> tuple[object, tuple[Truncation, ...]]:
        async def others() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        beside = asyncio.create_task(others())
        try:
            pairs = [(name(one), name(far)) for one, far in combinations(ends, 2)]
            return await shortest_links(known, sorted(map(name, ends)), pairs)
        finally:
            beside.cancel()

    found, truncated = asyncio.run(search(Graph(crowds).known(budget, *ends)))
    assert turns > len(ends)
    assert truncated == ()
    known = Graph(crowds).known(budget, *ends)
    known.late = lambda: turns > 10
    turns = 0
    late, truncated = asyncio.run(search(known))
    assert Limit.TIME in {one.reason for one in truncated}
    assert late != found


def test_a_dense_graph_does_not_hang() -> None:
    dense = [(one, other) for one, other in combinations(range(2, 30), 2)]
    graph = Graph([*dense, (0, 2), (1, 40)])  # no way from 0 to 1
    known = graph.known(Budget(8, 1_000, 50), 0, 1)
    found, _ = asyncio.run(shortest_paths(known, name(0), name(1), 10))
    assert found == ()
