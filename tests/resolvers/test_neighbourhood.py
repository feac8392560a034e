"""The neighbourhood: what the graph finds is rechecked and filled by the store."""

# ruff: noqa: UP031 - GraphQL is full of braces.

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_DNS, UUID, uuid5

import pytest

from graph.errors import GraphUnavailable
from graph.layout import EdgeKind
from graph.neighbourhood import Neighbourhood
from graph.walk import Limit, NeighbourEdge, NeighbourNode, Truncation

A = "91210500XD00000011"


def uid(name: str) -> UUID:
    return uuid5(NAMESPACE_DNS, name)


def edge(kind: str, source: str, target: str, share: str | None = None) -> NeighbourEdge:
    fraction = None if share is None else Decimal(share)
    return NeighbourEdge(
        id=uid(f"{kind}{source}{target}"),
        kind=EdgeKind(kind),
        source=uid(source),
        target=uid(target),
        origin="210500",
        share_min=fraction,
        share_max=fraction,
        position=None,
        guarantee_kind=None,
        amount=None,
        currency=None,
        loan_id=None,
        valid_from=None,
        valid_to=None,
    )


class Graph:
    """A graph that knows more than it may tell: the store must hold it back."""

    def __init__(self, broken: bool = False) -> None:
        self.asked: dict[str, Any] = {}
        self.broken = broken
        self.nodes: tuple[tuple[str, int], ...] = (("a", 0), ("b", 1), ("e", 1), ("p", 1))
        self.edges = (
            edge("HOLDS", "b", "a", "0.600"),
            edge("HOLDS", "p", "a", "0.4"),
            edge("GUARANTEES", "a", "e"),
        )

    async def neighbourhood(self, subject_ids: Sequence[UUID], **budget: Any) -> Neighbourhood:
        if self.broken:
            raise GraphUnavailable
        self.asked = {"subject_ids": subject_ids, **budget}
        return Neighbourhood(
            as_of=budget["as_of"],
            position="7",
            nodes=tuple(
                NeighbourNode(uid(name), "LEGAL_ENTITY", distance, 2, distance == 0)
                for name, distance in self.nodes
            ),
            edges=self.edges,
            truncated=(Truncation(1, Limit.LEVELS),),
        )


DOCUMENT = (
    """query($s: String!) { neighbourhood(subject: $s) { asOf position truncated { reason stage }
    nodes { key distance expanded party { __typename name ... on Organisation { uscc } } }
    edges { relationId kind source target shareMin originRegion } }
    organisation(code: "%s") { name } }"""
    % A
)


async def test_what_the_caller_may_not_see_is_dropped_with_its_edges(ask: Any) -> None:
    graph = Graph()
    asked = await ask(DOCUMENT, graph=graph, hops=1, s=A)
    assert asked.errors == []
    found = asked.data["neighbourhood"]
    assert [node["party"] for node in found["nodes"]] == [
        {"__typename": "Organisation", "name": "本溪甲制造有限公司", "uscc": A},
        {"__typename": "Organisation", "name": "沈阳乙控股有限公司", "uscc": "91210100XD00000022"},
        {"__typename": "Person", "name": "欧阳*"},
    ]
    assert [(e["kind"], e["source"], e["target"], e["shareMin"]) for e in found["edges"]] == [
        ("HOLDS", "n1", "n0", "0.6"),
        ("HOLDS", "n2", "n0", "0.4"),
    ]
    assert found["truncated"] == [{"reason": "LEVELS", "stage": 1}]
    assert found["asOf"] == "2026-06-30"
    assert graph.asked["allowed_classes"] == {"O"}
    assert "GUARANTEES" not in graph.asked["allowed_kinds"]
    assert len(asked.answer.disclosure.subjects) == 48
    assert asked.answer.lane == "MIXED"
    office = await ask(DOCUMENT, "ANALYST", graph=Graph(), s=A)
    assert len(office.data["neighbourhood"]["edges"]) == 3


async def test_a_department_is_told_no_degree_at_its_last_level(ask: Any) -> None:
    """X29: closed relations beyond it would be counted there."""
    document = (
        "query($s: String!) { neighbourhood(subject: $s, hops: 2) { nodes { distance degree } } }"
    )
    graph = Graph()
    graph.nodes = (("a", 0), ("b", 1), ("c", 2))
    graph.edges = (edge("HOLDS", "b", "a", "0.600"), edge("HOLDS", "c", "b", "1"))
    for role, grounds, far in (
        ("DEPT", {"matter": frozenset({uid("a")})}, None),
        ("ANALYST", {}, 2),
    ):
        asked = await ask(document, role, graph=graph, grounds=grounds, s=A)
        assert asked.errors == []
        nodes = asked.data["neighbourhood"]["nodes"]
        assert [(one["distance"], one["degree"]) for one in nodes] == [(0, 2), (1, 2), (2, far)]


async def test_a_stopped_graph_fails_its_field_alone(ask: Any) -> None:
    for graph in (None, Graph(broken=True)):
        asked = await ask(DOCUMENT, "PCITY", graph=graph, s=A)
        assert asked.data == {"neighbourhood": None, "organisation": {"name": "本溪甲制造有限公司"}}
        assert asked.errors[0]["path"] == ["neighbourhood"]
        assert asked.codes == ["GRAPH_UNAVAILABLE"]


async def test_an_unseen_subject_has_no_neighbourhood(ask: Any) -> None:
    for subject in ("91210500XD00000055", "nobody", "finbench-person:755"):
        asked = await ask(DOCUMENT, graph=Graph(), hops=1, s=subject)
        assert asked.data["neighbourhood"] is None
        assert asked.errors == []
        assert asked.answer.disclosure.not_found == (subject,)


async def test_budgets_are_those_of_the_role(ask: Any) -> None:
    deep = '{ neighbourhood(subject: "%s", hops: %d, maxNodes: %d) { position } }'
    assert (await ask(deep % (A, 2, 10), graph=Graph())).codes == ["FORBIDDEN"]
    assert (await ask(deep % (A, 5, 10), "ANALYST", graph=Graph())).codes == ["HOPS_LIMIT"]
    assert (await ask(deep % (A, 0, 10), "PCITY", graph=Graph())).codes == ["HOPS_LIMIT"]
    assert (await ask(deep % (A, 1, 10**6), "PCITY", graph=Graph())).codes == ["BUDGET_LIMIT"]
    assert (await ask(deep % (A, 4, 10), "ANALYST", graph=Graph())).errors == []


async def test_persons_are_shown_and_walked_through_with_a_case_only(ask: Any) -> None:
    graph = Graph()
    deep = '{ neighbourhood(subject: "%s", hops: 2, asOf: "2026-01-01") { position } }' % A
    await ask(deep, "ANALYST", graph=graph)
    assert graph.asked["allowed_categories"] is None
    assert graph.asked["closed"] == {"NATURAL_PERSON": Limit.CASE_REQUIRED}
    assert graph.asked["as_of"] == dt.date(2026, 1, 1)
    await ask(deep, "ANALYST", case="1", graph=graph)
    assert graph.asked["closed"] == {}


async def test_a_search_starts_from_a_person_by_code_with_a_case(ask: Any) -> None:
    document = '{ neighbourhood(subject: "finbench-person:755") { nodes { distance } } }'
    graph = Graph()
    found = await ask(document, "ANALYST", case="1", graph=graph)
    assert found.errors == []
    assert graph.asked["subject_ids"] == [uid("p")]
    assert (await ask(document, "ANALYST", graph=Graph())).codes == ["CASE_REQUIRED"]
    unknown = await ask(document.replace("755", "none"), "ANALYST", graph=Graph())
    assert unknown.codes == ["CASE_REQUIRED"]
    assert (await ask(document, "PCITY", graph=Graph())).data == {"neighbourhood": None}


async def test_an_unknown_share_is_bounded_as_in_the_list_of_holders(ask: Any) -> None:
    graph = Graph()
    graph.nodes = (("b", 0), ("c", 1), ("d", 1))
    graph.edges = (edge("HOLDS", "c", "b"), edge("HOLDS", "d", "b", "0.25"))
    found = await ask(
        """{ neighbourhood(subject: "91210100XD00000022") { edges { shareMax } }
        organisation(code: "91210100XD00000022") { holders { edges { shareMax } } } }""",
        "ANALYST",
        graph=graph,
    )
    listed = [one["shareMax"] for one in found.data["organisation"]["holders"]["edges"]]
    assert [one["shareMax"] for one in found.data["neighbourhood"]["edges"]] == ["0.75", "0.25"]
    assert set(listed) == {"0.75", "0.25"}


@pytest.mark.parametrize("role", ["PUB", "AUDITOR"])
async def test_the_public_and_auditors_do_not_search_the_graph(ask: Any, role: str) -> None:
    document = '{ neighbourhood(subject: "%s") { position } }'
    known = await ask(document % A, role, graph=Graph())
    unknown = await ask(document % "nobody", role, graph=Graph())
    assert known.codes == ["FORBIDDEN"]
    assert known.answer.body == unknown.answer.body


async def test_whom_a_barred_subject_became_part_of_is_barred_in_the_search(
    ask: Any, pool: Any
) -> None:
    await pool.execute(
        "INSERT INTO subject (subject_id, category, merged_into) VALUES ($1, 'LEGAL_ENTITY', $2)",
        uid("former b"),
        uid("b"),
    )
    try:
        barred = frozenset({uid("former b")})
        graph = Graph()
        graph.nodes, graph.edges = (("a", 0),), ()
        asked = await ask(DOCUMENT, "ANALYST", graph=graph, s=A, grounds={"barred": barred})
        assert asked.errors == []
        assert graph.asked["barred"] == {uid("former b"), uid("b")}
    finally:
        await pool.execute("DELETE FROM subject WHERE subject_id = $1", uid("former b"))
