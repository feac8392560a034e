"""Neighbourhood from Neo4j: budgets, scope during the search, evidence, honest truncation."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from graph.connection import GraphConnection
from graph.errors import GraphUnavailable
from graph.layout import EdgeKind
from graph.neighbourhood import Neighbourhood
from graph.projection import Projection
from graph.reader import GraphReader
from graph.walk import Limit, Truncation
from tests.graph.town import BENXI, SHENYANG, Town

TODAY = dt.date(2026, 6, 30)
ALL = frozenset(EdgeKind)


async def ask(graph: GraphConnection, *subjects: UUID, **asked: Any) -> Neighbourhood:
    budget: dict[str, Any] = {
        "hops": 1,
        "kinds": None,
        "as_of": TODAY,
        "max_nodes": 100,
        "max_fan": 50,
        "allowed_kinds": ALL,
        "allowed_classes": frozenset("O"),
    }
    return await GraphReader(graph, seconds=10).neighbourhood(subjects, **{**budget, **asked})


async def test_holder_two_levels_up_with_share_origin_and_evidence(
    town: Town, projection: Projection, graph: GraphConnection
) -> None:  # X27
    async with town.transaction():
        firm = await town.company("XD0000011")
        holding = await town.company("XD000002X", origin=SHENYANG)
        owner = await town.person("1")
        first = await town.holds(
            holding, firm, "0.6", valid_from=dt.date(2020, 1, 1), valid_to=dt.date(2030, 1, 1)
        )
        second = await town.relation(
            "HOLDS",
            owner,
            holding,
            origin=SHENYANG,
            share_min=Decimal(0),
            share_max=Decimal("0.51"),
        )
    await projection.catch_up(30)

    near = await ask(graph, firm)
    assert [(one.id, one.distance) for one in near.nodes] == [(firm, 0), (holding, 1)]
    assert [one.expanded for one in near.nodes] == [True, False]
    assert near.truncated == (Truncation(2, Limit.LEVELS),)

    whole = await ask(graph, firm, hops=2)
    assert [(one.id, one.category, one.degree) for one in whole.nodes] == [
        (firm, "LEGAL_ENTITY", 1),
        (holding, "LEGAL_ENTITY", 2),
        (owner, "NATURAL_PERSON", 1),
    ]
    assert whole.truncated == ()
    assert whole.as_of == TODAY
    assert whole.position == str(await projection.catch_up(30))
    low, high = whole.edges
    assert (low.id, low.kind, low.source, low.target, low.origin) == (
        first, EdgeKind.HOLDS, holding, firm, BENXI,
    )  # fmt: skip
    assert (low.share_min, low.valid_from, low.valid_to) == (
        Decimal("0.6"),
        dt.date(2020, 1, 1),
        dt.date(2030, 1, 1),
    )
    assert (high.id, high.source, high.origin) == (second, owner, SHENYANG)
    assert (high.share_min, high.share_max) == (Decimal(0), Decimal("0.51"))


async def test_both_cities_statements_of_one_edge_are_shown(
    town: Town, projection: Projection, graph: GraphConnection
) -> None:
    async with town.transaction():
        firm, owner = await town.company("XD0000011"), await town.company("XD000002X")
        await town.holds(owner, firm, "0.6", origin=BENXI)
        await town.holds(owner, firm, "0.51", origin=SHENYANG)
    await projection.catch_up(30)
    found = await ask(graph, firm)
    assert {(one.origin, one.share_min) for one in found.edges} == {
        (BENXI, Decimal("0.6")),
        (SHENYANG, Decimal("0.51")),
    }


async def test_edges_are_in_force_on_the_day_asked_about(
    town: Town, projection: Projection, graph: GraphConnection
) -> None:
    async with town.transaction():
        firm, old, new = [
            await town.company(code) for code in ("XD0000011", "XD000002X", "XD0000038")
        ]
        await town.holds(old, firm, "1", valid_to=dt.date(2024, 5, 1))
        await town.holds(new, firm, "1", valid_from=dt.date(2024, 5, 1))
    await projection.catch_up(30)

    async def holders(day: dt.date) -> set[UUID]:
        return {one.source for one in (await ask(graph, firm, as_of=day)).edges}

    assert await holders(dt.date(2024, 4, 30)) == {old}
    assert await holders(dt.date(2024, 5, 1)) == {new}  # not in force on the last day itself


async def test_what_the_caller_may_not_see_is_as_if_it_were_not_there(
    town: Town, projection: Projection, graph: GraphConnection
) -> None:  # X29, W25
    async with town.transaction():
        firm, beyond, open_ = [
            await town.company(code) for code in ("XD0000011", "XD000002X", "XD0000038")
        ]
        bridge = await town.person("1")
        await town.holds(open_, firm, "0.5")
        await town.relation("HOLDS", bridge, firm, **{"class": "R"})
        await town.holds(bridge, beyond, "0.5")
        await town.relation("GUARANTEES", open_, beyond, **{"class": "G"})
    await projection.catch_up(30)
    found = await ask(graph, firm, hops=4)
    assert {one.id for one in found.nodes} == {firm, open_}
    assert {one.id: one.degree for one in found.nodes} == {firm: 1, open_: 1}
    assert found.truncated == ()  # nothing hints at what is hidden

    wider = await ask(graph, firm, hops=4, allowed_classes=frozenset("OG"))
    assert {one.id for one in wider.nodes} == {firm, open_, beyond, bridge}
    assert {one.kind for one in wider.edges} == {EdgeKind.HOLDS, EdgeKind.GUARANTEES}

    # A kind that is asked for but not allowed adds nothing.
    narrow = {"allowed_classes": frozenset("OG"), "allowed_kinds": frozenset({"HOLDS"})}
    assert {
        one.id for one in (await ask(graph, firm, hops=4, kinds=frozenset(ALL), **narrow)).nodes
    } == {firm, open_}
    nothing = await ask(graph, firm, kinds=frozenset({"GUARANTEES"}), **narrow)
    assert [(one.id, one.degree, one.expanded) for one in nothing.nodes] == [(firm, 0, True)]
    assert nothing.truncated == ()

    firms = frozenset({"LEGAL_ENTITY"})
    without = await ask(graph, beyond, allowed_classes=frozenset("OG"), allowed_categories=firms)
    assert {one.id for one in without.nodes} == {beyond, open_}


async def test_a_district_meets_of_what_is_not_open_what_touches_it(
    town: Town, projection: Projection, graph: GraphConnection
) -> None:  # X29
    async with town.transaction():
        firm = await town.company("XD0000011", region="210504")
        near = await town.company("XD000002X", region="210503")
        far, open_ = await town.company("XD0000038"), await town.company("XD0000046")
        await town.relation("GUARANTEES", near, firm, **{"class": "G"})
        await town.relation("GUARANTEES", far, near, **{"class": "G"})
        await town.holds(open_, near, "0.5")
    await projection.catch_up(30)
    all_ = {"hops": 2, "allowed_classes": frozenset("OG")}
    found = await ask(graph, firm, **all_, regions=frozenset({"210504"}))
    assert {one.id for one in found.nodes} == {firm, near, open_}
    assert {one.id: one.degree for one in found.nodes}[near] == 2
    city = await ask(graph, firm, **all_, regions=frozenset({"210500", "210503", "210504"}))
    assert (
        {one.id for one in city.nodes}
        == {firm, near, open_, far}
        == {one.id for one in (await ask(graph, firm, **all_)).nodes}
    )
    # It moves, and the graph follows.
    async with town.transaction():
        await town.company("XD0000011", region="210502")
    await projection.catch_up(30)
    moved = await ask(graph, firm, **all_, regions=frozenset({"210504"}))
    assert ({one.id for one in moved.nodes}, moved.truncated) == ({firm}, ())


async def test_restricted_subjects_are_never_passed(
    town: Town, projection: Projection, graph: GraphConnection
) -> None:  # access rules §2: R, no graph traversal
    async with town.transaction():
        firm, owner = await town.company("XD0000011"), await town.person("1")
        await town.holds(owner, firm, "1")
    await projection.catch_up(30)
    async with graph.transaction() as transaction:
        await (await transaction.run("MATCH (n:Person) SET n.class = 'R'")).consume()
    found = await ask(graph, firm, allowed_classes=frozenset("OGARI"))
    assert [(one.id, one.degree) for one in found.nodes] == [(firm, 0)]


async def test_hub_is_shown_with_its_degree_but_not_expanded(
    town: Town, projection: Projection, graph: GraphConnection
) -> None:  # W26
    async with town.transaction():
        agent = await town.person("agent")
        firms = [await town.company(f"XD{n:07d}") for n in range(40)]
        for firm in firms:
            await town.relation("LEGAL_REP_OF", agent, firm)
    await projection.catch_up(30)
    found = await ask(graph, firms[0], hops=3, max_fan=39)
    assert [(one.id, one.degree, one.expanded) for one in found.nodes] == [
        (firms[0], 1, True),
        (agent, 40, False),
    ]
    assert found.truncated == (Truncation(2, Limit.FAN),)
    assert len((await ask(graph, firms[0], hops=3, max_fan=40)).nodes) == 41


async def test_node_budget_cuts_the_same_nodes_every_time(
    town: Town, projection: Projection, graph: GraphConnection
) -> None:
    async with town.transaction():
        firm = await town.company("XD0000011")
        owners = [await town.person(str(n)) for n in range(20)]
        for owner in owners:
            await town.relation("OFFICER_OF", owner, firm, position="董事")
        first = await town.company("XD000002X")
        await town.holds(first, firm, "1")
    await projection.catch_up(30)
    found = await ask(graph, firm, hops=2, max_nodes=6)
    assert [one.id for one in found.nodes] == [firm, first, *sorted(owners)[:4]]
    assert found.truncated == (Truncation(1, Limit.NODES),)
    assert found == await ask(graph, firm, hops=2, max_nodes=6)


async def test_cross_holdings_self_holdings_and_several_starts(
    town: Town, projection: Projection, graph: GraphConnection
) -> None:  # W03, W05, W06
    async with town.transaction():
        a, b = await town.company("XD0000011"), await town.company("XD000002X")
        await town.holds(a, b, "0.4")
        await town.holds(b, a, "0.3")
        await town.holds(a, a, "0.05")
    await projection.catch_up(30)
    found = await ask(graph, a, hops=4)
    assert {one.id: one.degree for one in found.nodes} == {a: 3, b: 2}
    assert len(found.edges) == 3
    assert found.truncated == ()
    both = await ask(graph, a, b, hops=0)
    assert [one.distance for one in both.nodes] == [0, 0]
    assert len(both.edges) == 3


async def test_time_that_runs_out_is_said(
    town: Town, projection: Projection, graph: GraphConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with town.transaction():
        a, b = await town.company("XD0000011"), await town.company("XD000002X")
        await town.holds(a, b, "0.4")
    await projection.catch_up(30)
    clock = iter([0.0, 1.0, 99.0, 99.0])
    monkeypatch.setattr("graph.neighbourhood.monotonic", lambda: next(clock))
    found = await ask(graph, a, hops=2)
    assert {one.id for one in found.nodes} == {a, b}
    assert [(one.degree, one.expanded) for one in found.nodes] == [(1, True), (None, False)]
    assert found.truncated == (Truncation(2, Limit.TIME),)


async def test_subject_the_graph_does_not_know_is_left_out(
    town: Town, projection: Projection, graph: GraphConnection
) -> None:
    await projection.catch_up(30)
    assert (await ask(graph, uuid4())).nodes == ()


async def test_graph_that_is_not_whole_gives_no_answer(
    town: Town, projection: Projection, graph: GraphConnection
) -> None:
    firm = await town.company("XD0000011")
    with pytest.raises(GraphUnavailable):
        await ask(graph, firm)
    await projection.catch_up(30)
    assert (await ask(graph, firm)).nodes
    async with graph.transaction() as transaction:
        await (
            await transaction.run("MATCH (c:Checkpoint) SET c.stage = 'FILLING_EDGES'")
        ).consume()
    with pytest.raises(GraphUnavailable) as caught:
        await ask(graph, firm)
    assert caught.value.code == "GRAPH_UNAVAILABLE"


async def test_budgets_out_of_range_are_refused(graph: GraphConnection) -> None:
    for budget in ({"hops": 5}, {"hops": -1}, {"max_nodes": 0}, {"max_fan": 0}):
        with pytest.raises(ValueError, match="hops"):
            await ask(graph, uuid4(), **budget)


async def test_x29_what_is_barred_changes_nothing_that_is_said_of_the_search(
    town: Town, projection: Projection, graph: GraphConnection
) -> None:
    async with town.transaction():
        firm, seen, barred, beyond = [await town.company(f"XD000010{n}") for n in range(4)]
        await town.holds(seen, firm, "0.3")
        await town.holds(barred, firm, "0.7")
        hidden = await town.holds(beyond, firm, "0.0001")
        await town.holds(beyond, barred, "1")
    await projection.catch_up(30)
    without: dict[str, Any] = {"barred": frozenset({barred}), "hidden": frozenset({hidden})}
    for budget in ({}, {"hops": 2}, {"max_nodes": 2}, {"max_fan": 1}):
        found = await ask(graph, firm, **budget, **without)
        assert [(one.id, one.degree, one.expanded) for one in found.nodes] == [
            (firm, 1, True),
            (seen, 1, True),
        ], budget
        assert len(found.edges) == 1
        assert found.truncated == (), budget
