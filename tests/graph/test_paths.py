"""Paths from Neo4j: scope and meaning on every step, hubs said, evidence behind each step."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import neo4j
import pytest

from graph.connection import GraphConnection
from graph.layout import EdgeKind
from graph.path import Budget
from graph.paths import Following, Meaning, Paths, find_paths
from graph.projection import Projection
from graph.reader import GraphReader
from graph.walk import Limit
from tests.graph.town import SHENYANG, Town

TODAY = dt.date(2026, 6, 30)
FOLLOWING = Following(TODAY, frozenset(EdgeKind), frozenset("O"))
BUDGET = Budget(8, 1_000, 50)
# What the graph plans for the first time takes a busy machine seconds; no test here is of time.
SECONDS = 60.0


async def ask(
    graph: GraphConnection,
    start: UUID,
    end: UUID,
    *,
    count: int = 3,
    budget: Budget = BUDGET,
    **follow: Any,
) -> Paths:
    following = replace(FOLLOWING, **follow)
    reader = GraphReader(graph, SECONDS)
    return await reader.paths(start, end, count=count, following=following, budget=budget)


class Watched(GraphConnection):
    """Counts the rows of lists that come back and the questions asked."""

    def __init__(self, inner: GraphConnection) -> None:
        self.inner = inner
        self.asked: list[tuple[str, int]] = []

    async def read(self, statement: str, parameters: Any, **how: Any) -> list[neo4j.Record]:
        self.asked.append((statement, len(parameters["asked"].get("frontier", ()))))
        return await self.inner.read(statement, parameters, **how)


async def test_a_path_over_the_border_with_evidence_and_origin(
    town: Town, projection: Projection, graph: GraphConnection
) -> None:  # X27: A ← H ← P, P represents Z
    async with town.transaction():
        a, h, z = [await town.company(code) for code in ("XD0000011", "XD000002X", "XD0000038")]
        p = await town.person("1")
        first = await town.holds(h, a, "0.6")
        second = await town.holds(p, h, "0.51", origin=SHENYANG)
        third = await town.relation("LEGAL_REP_OF", p, z, origin=SHENYANG)
    await projection.catch_up(30)
    found = await ask(graph, a, z)
    assert found.paths == ((a, h, p, z),)
    assert {edge.id: edge.origin for edge in found.edges} == {
        first: "210500",
        second: SHENYANG,
        third: SHENYANG,
    }
    assert found.truncated == ()
    assert found.position == str(await projection.catch_up(30))

    closed = {"NATURAL_PERSON": Limit.CASE_REQUIRED}
    without = await ask(graph, a, z, closed=closed)
    assert without.paths == ()
    assert {cut.reason for cut in without.truncated} == {Limit.CASE_REQUIRED}
    # What is asked was planned before, and by no list of its own: a plan is for one length of it.
    planned, asked = Watched(graph), Watched(graph)
    await GraphReader(planned).warm([frozenset(EdgeKind)])
    await ask(asked, a, z)
    await GraphReader(asked, SECONDS).neighbourhood(
        [a],
        hops=2,
        kinds=None,
        as_of=TODAY,
        max_nodes=3,
        max_fan=5,
        allowed_kinds=frozenset(EdgeKind),
        allowed_classes=frozenset("O"),
    )
    assert {said for said, _ in asked.asked} == {said for said, _ in planned.asked}
    assert all(set(re.findall(r"\$\w+", said)) == {"$asked"} for said, _ in asked.asked)
    # A person that was asked about is an end, and ends are not passed but reached.
    assert (await ask(graph, a, p, closed=closed)).paths == ((a, h, p),)
    assert (await ask(graph, a, z, budget=Budget(2, 1_000, 50))).truncated[0].reason == "LEVELS"


async def test_kinds_days_and_meaning_decide_which_edges_are_followed(
    town: Town, projection: Projection, graph: GraphConnection
) -> None:
    async with town.transaction():
        a, b, c = [await town.company(code) for code in ("XD0000011", "XD000002X", "XD0000038")]
        p = await town.person("1")
        await town.holds(a, b, "0.5", valid_to=dt.date(2025, 1, 1))
        await town.holds(a, c, "0.51")
        await town.holds(c, b, "0.500001")
        await town.relation("OFFICER_OF", p, a)
        await town.relation("OFFICER_OF", p, b)
    await projection.catch_up(30)
    assert (await ask(graph, a, b)).paths[0][1:-1] in {(c,), (p,)}
    assert (await ask(graph, a, b, as_of=dt.date(2024, 1, 1))).paths[0] == (a, b)
    assert (await ask(graph, a, b, kinds=frozenset({"OFFICER_OF"}))).paths == ((a, p, b),)
    for meaning, between in ((Meaning.CONTROL, c), (Meaning.MANAGEMENT, p), (Meaning.OWNERSHIP, c)):
        assert (await ask(graph, a, b, meaning=meaning)).paths == ((a, between, b),)
    then = await ask(graph, a, b, meaning=Meaning.CONTROL, as_of=dt.date(2024, 1, 1))
    assert then.paths == ((a, c, b),)  # one half is not more than one half
    assert (await ask(graph, a, b, meaning=Meaning.DEBT)).paths == ()


async def test_a_path_through_a_restricted_person_is_as_no_path(
    town: Town, projection: Projection, graph: GraphConnection
) -> None:  # W25, X29
    async with town.transaction():
        a, b, c, near, far = [
            await town.company(code)
            for code in ("XD0000011", "XD000002X", "XD0000038", "XD0000046", "XD0000054")
        ]
        bridge = await town.person("1")
        for firm in (a, c):  # both have one open neighbour that leads nowhere
            await town.holds(near if firm == a else far, firm, "0.5")
        hidden = {"class": "R"}
        await town.relation("HOLDS", bridge, a, **hidden)
        await town.relation("OFFICER_OF", bridge, b, **hidden)
    await projection.catch_up(30)
    told = []
    for start, end in ((a, b), (c, b)):
        watched = Watched(graph)
        found = await find_paths(
            watched, start, end, count=3, following=FOLLOWING, budget=BUDGET, seconds=SECONDS
        )
        told.append(
            (
                found.paths,
                found.truncated,
                len(found.nodes),
                found.edges,
                found.hubs,
                found.position,
                watched.asked,
            )
        )
    assert told[0] == told[1]
    assert told[0][0] == ()
    opened = await ask(graph, a, b, classes=frozenset("OR"))
    assert opened.paths == ((a, bridge, b),)
    assert (await ask(graph, a, b, classes=frozenset("OR"), barred=frozenset({bridge}))).paths == ()
    edge = frozenset({opened.edges[0].id})
    assert (await ask(graph, a, b, classes=frozenset("OR"), hidden=edge)).paths == ()
    async with graph.transaction() as transaction:
        await (await transaction.run("MATCH (n:Person) SET n.class = 'R'")).consume()
    assert (await ask(graph, a, b, classes=frozenset("OR"))).paths == ()


async def test_hubs_are_counted_over_what_the_caller_sees(
    town: Town, projection: Projection, graph: GraphConnection
) -> None:  # W26, X29
    async with town.transaction():
        agent = await town.person("agent")
        firms = [await town.company(f"XD{n:07d}") for n in range(40)]
        for n, firm in enumerate(firms):
            await town.relation("LEGAL_REP_OF", agent, firm, **{"class": "O" if n < 3 else "G"})
    await projection.catch_up(30)
    small = Budget(8, 1_000, 39)
    both = frozenset("OG")
    found = await ask(graph, *firms[:2], budget=small, classes=both)
    assert (found.paths, found.hubs) == ((), (agent,))
    assert {cut.reason for cut in found.truncated} == {Limit.FAN}
    assert (await ask(graph, *firms[:2], budget=small)).paths == ((firms[0], agent, firms[1]),)
    asked = await ask(graph, *firms[:2], budget=Budget(8, 1_000, 40), classes=both)
    assert asked.paths == ((firms[0], agent, firms[1]),)


async def test_links_in_a_group_and_from_one(
    town: Town, projection: Projection, graph: GraphConnection
) -> None:
    async with town.transaction():
        a, b, c, alone = [
            await town.company(code)
            for code in ("XD0000011", "XD000002X", "XD0000038", "XD0000046")
        ]
        await town.holds(a, b, "0.5")
        await town.holds(b, c, "0.5")
    await projection.catch_up(30)
    reader = GraphReader(graph, SECONDS)

    async def links(subjects: Sequence[UUID], centre: UUID | None = None) -> set[tuple[UUID, ...]]:
        found = await reader.links(subjects, centre=centre, following=FOLLOWING, budget=BUDGET)
        return {min(path, path[::-1]) for path in found.paths}

    def told(*path: UUID) -> tuple[UUID, ...]:
        return min(path, path[::-1])

    assert await links([a, b, c, alone]) == {told(a, b), told(b, c), told(a, b, c)}
    assert await links([a, b, c, alone], centre=c) == {told(b, c), told(a, b, c)}
    assert await links([alone, uuid4()]) == set()
    for wrong in ([a], [uuid4() for _ in range(51)]):
        with pytest.raises(ValueError, match="subjects"):
            await links(wrong)
    with pytest.raises(ValueError, match="ends"):
        await ask(graph, a, a)
