"""The search of a neighbourhood, compared with the definition on small random graphs."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from graph.errors import GraphTimeout
from graph.layout import EdgeKind
from graph.walk import Expansion, Found, Limit, NeighbourEdge, Truncation, walk

CATEGORY = "LEGAL_ENTITY"
Pairs = list[tuple[int, int, EdgeKind]]


def node(number: int) -> UUID:
    return UUID(int=number + 1)


def edge(number: int, source: int, target: int, kind: EdgeKind) -> NeighbourEdge:
    return NeighbourEdge(
        id=UUID(int=1_000 + number),
        kind=kind,
        source=node(source),
        target=node(target),
        origin="210500",
        share_min=None,
        share_max=None,
        position=None,
        guarantee_kind=None,
        amount=None,
        currency=None,
        loan_id=None,
        valid_from=None,
        valid_to=None,
    )


class Graph:
    """Expands nodes of a small graph in memory, as Neo4j does."""

    def __init__(self, pairs: Pairs, max_fan: int, patience: int = 100) -> None:
        self.at: dict[UUID, list[tuple[NeighbourEdge, UUID]]] = defaultdict(list)
        self.max_fan, self.patience = max_fan, patience
        for number, (source, target, kind) in enumerate(pairs):
            one = edge(number, source, target, kind)
            self.at[one.source].append((one, one.target))
            if source != target:
                self.at[one.target].append((one, one.source))

    async def expand(
        self, frontier: Sequence[UUID], within: frozenset[UUID] | None
    ) -> list[Expansion]:
        self.patience -= 1
        if self.patience < 0:
            raise GraphTimeout
        return [
            Expansion(
                id_,
                len(self.at[id_]),
                tuple(
                    Found(one, far, CATEGORY)
                    for one, far in self.at[id_]
                    if len(self.at[id_]) <= self.max_fan and (within is None or far in within)
                ),
            )
            for id_ in reversed(frontier)
        ]


def searched(pairs: Pairs, hops: int, max_nodes: int, max_fan: int, patience: int = 100):  # type: ignore[no-untyped-def]
    graph = Graph(pairs, max_fan, patience)
    return asyncio.run(walk(graph.expand, {node(0): CATEGORY}, hops, max_nodes, max_fan))


def distances(pairs: Pairs, hops: int, max_fan: int) -> dict[UUID, int]:
    """The definition, slowly: shortest distances over nodes that may be expanded."""
    degree: dict[int, int] = defaultdict(int)
    for source, target, _ in pairs:
        for end in {source, target}:
            degree[end] += 1
    found = {0: 0}
    for far in range(1, hops + 1):
        for near in [n for n, d in found.items() if d == far - 1 and degree[n] <= max_fan]:
            for source, target, _ in pairs:
                if near in (source, target):
                    found.setdefault(target if source == near else source, far)
    return {node(number): far for number, far in found.items()}


graphs = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 9), st.sampled_from(EdgeKind)), max_size=30
)


@given(graphs, st.integers(0, 4), st.integers(1, 8))
def test_nodes_are_those_within_the_distance(pairs: Pairs, hops: int, max_fan: int) -> None:
    nodes, edges, truncated = searched(pairs, hops, 100, max_fan)
    assert {one.id: one.distance for one in nodes} == distances(pairs, hops, max_fan)
    known = {one.id for one in nodes}
    assert all(one.source in known and one.target in known for one in edges)
    assert len({one.id for one in edges}) == len(edges)
    if not any(limit.reason is Limit.FAN for limit in truncated):
        inside = [p for p in pairs if node(p[0]) in known and node(p[1]) in known]
        if not truncated:
            assert len(edges) == len(inside)


@given(graphs, st.integers(0, 4), st.integers(1, 10), st.integers(1, 8))
def test_nothing_is_missing_without_being_said(
    pairs: Pairs, hops: int, max_nodes: int, max_fan: int
) -> None:
    nodes, edges, truncated = searched(pairs, hops, max_nodes, max_fan)
    assert len(nodes) <= max_nodes
    for one in nodes:
        here = [e for e in edges if one.id in (e.source, e.target)]
        assert one.expanded == (len(here) == one.degree)
    assert all(one.expanded for one in nodes) == (not truncated)


@given(graphs, st.integers(0, 4), st.integers(1, 10), st.integers(1, 8), st.randoms())
def test_the_answer_does_not_depend_on_the_order_of_edges_found(
    pairs: Pairs, hops: int, max_nodes: int, max_fan: int, random
) -> None:  # type: ignore[no-untyped-def]
    first = searched(pairs, hops, max_nodes, max_fan)
    graph = Graph(pairs, max_fan)
    for there in graph.at.values():
        random.shuffle(there)
    again = asyncio.run(walk(graph.expand, {node(0): CATEGORY}, hops, max_nodes, max_fan))
    assert first == again


@given(graphs, st.integers(1, 4), st.integers(0, 4))
def test_time_that_runs_out_keeps_what_was_found(pairs: Pairs, hops: int, patience: int) -> None:
    whole = searched(pairs, hops, 100, 100)
    cut = searched(pairs, hops, 100, 100, patience)
    assert set(cut[1]) <= set(whole[1])
    if cut[:2] != whole[:2]:
        assert Limit.TIME in {limit.reason for limit in cut[2]}


def test_hub_is_shown_with_its_degree_and_not_expanded() -> None:
    star: Pairs = [(0, 1, EdgeKind.HOLDS), *((1, n, EdgeKind.HOLDS) for n in range(2, 40))]
    nodes, edges, truncated = searched(star, 3, 100, 10)
    assert [(one.distance, one.degree, one.expanded) for one in nodes] == [
        (0, 1, True),
        (1, 39, False),
    ]
    assert len(edges) == 1
    assert truncated == (Truncation(2, Limit.FAN),)


def test_chain_of_guarantees_stops_at_the_levels_and_says_so() -> None:  # W12
    chain: Pairs = [(n, n + 1, EdgeKind.GUARANTEES) for n in range(30)]
    nodes, _, truncated = searched(chain, 4, 100, 10)
    assert [one.distance for one in nodes] == [0, 1, 2, 3, 4]
    assert [one.expanded for one in nodes] == [True, True, True, True, False]
    assert truncated == (Truncation(5, Limit.LEVELS),)


def test_self_holding_is_one_edge() -> None:  # W06
    nodes, edges, truncated = searched([(0, 0, EdgeKind.HOLDS)], 1, 100, 10)
    assert [(one.degree, one.expanded) for one in nodes] == [(1, True)]
    assert len(edges) == 1
    assert truncated == ()


class People(Graph):
    """The same, with some nodes of another category."""

    persons: frozenset[UUID] = frozenset()

    async def expand(
        self, frontier: Sequence[UUID], within: frozenset[UUID] | None
    ) -> list[Expansion]:
        assert not self.persons & set(frontier)
        told = await super().expand(frontier, within)
        return [
            Expansion(
                one.id,
                one.degree,
                tuple(
                    step._replace(category="NATURAL_PERSON") if step.far in self.persons else step
                    for step in one.found
                ),
            )
            for one in told
        ]


def test_closed_nodes_are_shown_with_their_edges_and_not_followed() -> None:
    # Person 1 holds 0, 2 and 3; 2 holds 0: 3 is reached through the person only.
    pairs = [(1, 0, EdgeKind.HOLDS), (1, 2, EdgeKind.HOLDS), (1, 3, EdgeKind.HOLDS)]
    graph = People([*pairs, (2, 0, EdgeKind.HOLDS)], max_fan=10)
    graph.persons = frozenset({node(1)})
    shut = {"NATURAL_PERSON": Limit.CASE_REQUIRED}
    nodes, edges, truncated = asyncio.run(walk(graph.expand, {node(0): CATEGORY}, 2, 10, 10, shut))
    assert {(one.id, one.degree, one.expanded) for one in nodes} == {
        (node(0), 2, True),
        (node(1), None, False),
        (node(2), 2, True),
    }
    assert {(one.source, one.target) for one in edges} == {
        (node(1), node(0)),
        (node(2), node(0)),
        (node(1), node(2)),
    }
    assert truncated == (Truncation(2, Limit.CASE_REQUIRED),)
