"""Paths and links: limits of the role, what the store holds back, answers that tell nothing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any
from uuid import UUID

from graph.errors import GraphUnavailable
from graph.path import Budget
from graph.paths import Following, Meaning, Paths
from graph.walk import Limit, NeighbourNode
from tests.resolvers.test_neighbourhood import A, edge, uid

B, E, UNKNOWN = "91210100XD00000022", "91210500XD00000055", "91210500XD00000099"
DOCUMENT = """query($a: String!, $b: String!) { paths(from: $a, to: $b) {
  asOf truncated { reason stage } missing
  nodes { key hub party { __typename name } }
  paths { length nodes steps { source target edges {
    kind source target shareMin originRegion statements { originRegion shareMin } } } } } }"""


class Graph:
    """A graph that shows a path which the store no longer does, until it is told to leave it."""

    def __init__(self, *, broken: bool = False) -> None:
        self.broken = broken
        self.asked: list[tuple[Following, Budget]] = []
        self.ways = ((("b", "e", "a"), "GUARANTEES"), (("b", "a"), "HOLDS"))

    async def paths(
        self, start: UUID, end: UUID, *, count: int, following: Following, budget: Budget
    ) -> Paths:
        return self._found([start, end], following, budget)

    async def links(
        self, subjects: Sequence[UUID], *, centre: UUID | None, following: Following, budget: Budget
    ) -> Paths:
        return self._found(subjects, following, budget)

    def _found(self, ends: Sequence[UUID], following: Following, budget: Budget) -> Paths:
        if self.broken:
            raise GraphUnavailable
        self.asked.append((following, budget))
        ways = [
            (path, kind) for path, kind in self.ways if following.barred.isdisjoint(map(uid, path))
        ]
        ids = dict.fromkeys([*ends, *(uid(name) for path, _ in ways for name in path)])
        edges = {
            one.id: one
            for path, kind in ways
            for source, target in pairwise(path)
            for one in [edge(kind, source, target, "0.6")]
        }
        return Paths(
            following.as_of,
            "7",
            tuple(tuple(map(uid, path)) for path, _ in ways),
            tuple(NeighbourNode(id_, "LEGAL_ENTITY", 0, None, True) for id_ in ids),
            tuple(edges.values()),
            (),
            (),
        )


async def test_a_path_over_what_the_store_does_not_show_is_searched_again_without(ask: Any) -> None:
    graph = Graph()
    asked = await ask(DOCUMENT, "PCITY", graph=graph, a=B, b=A)
    assert asked.errors == []
    found = asked.data["paths"]
    assert len(graph.asked) > 1
    assert found["paths"] == [
        {
            "length": 1,
            "nodes": ["n0", "n1"],
            "steps": [
                {
                    "source": "n0",
                    "target": "n1",
                    "edges": [
                        {
                            "kind": "HOLDS",
                            "source": "n0",
                            "target": "n1",
                            "shareMin": "0.6",
                            "originRegion": "210500",
                            "statements": [{"originRegion": "210500", "shareMin": "0.6"}],
                        }
                    ],
                }
            ],
        }
    ]
    assert found["nodes"][0]["party"]["name"] == "沈阳乙控股有限公司"
    assert len(asked.answer.disclosure.subjects) == 16 * len(found["nodes"])


async def test_what_is_not_there_and_what_is_not_to_be_seen_are_answered_alike(ask: Any) -> None:
    hidden = await ask(DOCUMENT, "PCITY", graph=Graph(), a=A, b="finbench-person:755")
    unknown = await ask(DOCUMENT, "PCITY", graph=Graph(), a=A, b="finbench-person:999")
    assert hidden.data == unknown.data == {"paths": None}
    assert hidden.answer.body == unknown.answer.body
    assert unknown.answer.disclosure.not_found == ("finbench-person:999",)


async def test_limits_are_those_of_the_role(ask: Any) -> None:
    deep = '{ paths(from: "%s", to: "%s", maxLength: %d, first: %d) { position } }'

    async def codes(role: str, length: int, first: int = 1, to: str = B) -> list[str]:
        asked = await ask(deep % (A, to, length, first), role, graph=Graph())
        return list(asked.codes)

    assert await codes("PUB", 1) == ["FORBIDDEN"]
    assert await codes("AUDITOR", 1) == ["FORBIDDEN"]
    assert await codes("ANALYST", 8) == []
    assert await codes("ANALYST", 9) == ["LENGTH_LIMIT"]
    assert await codes("PCITY", 4) == []
    assert await codes("PCITY", 5) == ["LENGTH_LIMIT"]
    assert await codes("ANALYST", 4, 11) == ["BUDGET_LIMIT"]
    assert await codes("ANALYST", 4, 1, A) == ["SUBJECTS_EQUAL"]
    many = ", ".join(f'"{n}"' for n in range(51))
    document = "{ links(subjects: [%s]) { position } }"
    assert (await ask(document % many, "PCITY", graph=Graph())).codes == ["BUDGET_LIMIT"]
    assert (await ask(document % f'"{A}"', "PCITY", graph=Graph())).codes == ["BUDGET_LIMIT"]
    assert (await ask(deep % (A, B, 2, 1), "PCITY", graph=Graph(broken=True))).codes == [
        "GRAPH_UNAVAILABLE"
    ]


async def test_a_department_starts_from_its_matter_only(ask: Any) -> None:
    document = '{ paths(from: "%s", to: "%s", maxLength: 2) { missing } }'
    of_matter = {"matter": frozenset({uid("a")})}
    inside = await ask(document % (A, B), "DEPT", graph=Graph(), case="1", grounds=of_matter)
    assert inside.data == {"paths": {"missing": []}}
    outside = await ask(document % (B, A), "DEPT", graph=Graph(), case="1", grounds=of_matter)
    assert outside.data == {"paths": None}


async def test_scope_and_wishes_reach_the_search(ask: Any) -> None:
    document = f"""{{ paths(from: "{A}", to: "{B}", kinds: [HOLDS, BORROWS], meaning: CONTROL,
        maxFan: 7, maxLength: 3) {{ position }} }}"""
    graph = Graph()
    barred = {"barred": frozenset({uid("z")})}
    await ask(document, "PCITY", graph=graph, grounds=barred)
    following, budget = graph.asked[0]
    assert following.kinds == {"HOLDS"}  # a partner city does not see who borrows
    assert following.classes == {"O", "G"}
    assert following.barred == {uid("z")}
    assert following.meaning is Meaning.CONTROL
    assert following.closed == {}
    assert (budget.max_length, budget.max_fan, budget.max_end) == (3, 7, 10_000)
    await ask(document, "ANALYST", graph=graph)
    assert graph.asked[-1][0].closed == {"NATURAL_PERSON": Limit.CASE_REQUIRED}


async def test_links_name_who_is_missing(ask: Any) -> None:
    document = '{ links(subjects: ["%s", "%s", "%s"]) { missing paths { length } } }'
    asked = await ask(document % (A, B, UNKNOWN), "PCITY", graph=Graph())
    assert asked.data["links"]["missing"] == [UNKNOWN]
    assert asked.answer.disclosure.not_found == (UNKNOWN,)
    assert [path["length"] for path in asked.data["links"]["paths"]] == [1]
    alone = await ask(document % (A, UNKNOWN, "x"), "PCITY", graph=Graph())
    assert alone.data == {"links": None}
