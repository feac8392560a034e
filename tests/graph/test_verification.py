"""`graph verify`: every difference between store and graph is found, and no false one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.connection import GraphConnection
from graph.drift import Difference, Drift, Entity, Sums, bucket_of, compare
from graph.errors import GraphUnavailable
from graph.projection import Projection
from graph.repair import repair
from graph.verification import verify
from tests.graph.town import Town

TURN_ROUND = """
MATCH (a)-[r:HOLDS {id: $id}]->(b)
WITH a, b, r, properties(r) AS content
DELETE r
CREATE (b)-[turned:HOLDS]->(a)
SET turned = content
"""


async def meddle(graph: GraphConnection, statement: str, **parameters: Any) -> None:
    """Change the graph behind the projection's back; Neo4j may end either of two that deadlock."""
    for patience in range(20, -1, -1):
        try:
            async with graph.transaction() as transaction:
                await (await transaction.run(statement, parameters)).consume()
            return
        except GraphUnavailable:
            if not patience:
                raise
            await asyncio.sleep(0.05)


@pytest.fixture
async def chain(town: Town, projection: Projection) -> list[Any]:
    async with town.transaction():
        firms = [await town.company(f"XD{n:07d}") for n in range(60)]
        held = [await town.holds(near, far, "0.5") for near, far in pairwise(firms)]
    await projection.catch_up(30)
    return held


async def test_equal_graph_is_ok(
    chain: list[Any], graph: GraphConnection, connect: Callable[[], Any]
) -> None:
    report = await verify(connect, graph)
    assert report.to_json() == {
        "ok": True,
        "position": report.position,
        "nodes": {"postgres": 60, "neo4j": 60},
        "relationships": {"postgres": 59, "neo4j": 59},
        "buckets": [],
        "differences": 0,
        "differing": [],
        "in_flight": 0,
    }


@pytest.mark.parametrize(
    ("statement", "entity", "drift"),
    [
        ("MATCH ()-[r {id: $id}]->() DELETE r", Entity.RELATIONSHIP, Drift.MISSING),
        (
            "MATCH ()-[r {id: $id}]->() SET r.share_min = '0.6'",
            Entity.RELATIONSHIP,
            Drift.DIFFERENT,
        ),
        ("MATCH ()-[r {id: $id}]->() SET r.class = 'G'", Entity.RELATIONSHIP, Drift.DIFFERENT),
        ("MATCH ()-[r {id: $id}]->() REMOVE r.origin", Entity.RELATIONSHIP, Drift.DIFFERENT),
        (TURN_ROUND, Entity.RELATIONSHIP, Drift.DIFFERENT),
        (
            "MATCH (a)-[r:HOLDS {id: $id}]->(b) CREATE (a)-[:HOLDS {id: $other}]->(b)",
            Entity.RELATIONSHIP,
            Drift.EXTRA,
        ),
        (
            "MATCH (a)-[r {id: $id}]->(b) CREATE (a)-[:KNOWS]->(b)",
            Entity.RELATIONSHIP,
            Drift.EXTRA,
        ),
        ("CREATE (:Subject {id: $other})", Entity.NODE, Drift.EXTRA),
        ("MATCH (n)-[{id: $id}]->() SET n.name = '别名'", Entity.NODE, Drift.DIFFERENT),
        ("MATCH (n)-[{id: $id}]->() REMOVE n:Organisation", Entity.NODE, Drift.DIFFERENT),
    ],
)
async def test_one_meddled_thing_is_found(
    chain: list[Any],
    graph: GraphConnection,
    connect: Callable[[], Any],
    statement: str,
    entity: Entity,
    drift: Drift,
) -> None:
    other = "00000000-0000-4000-8000-000000000001"
    await meddle(graph, statement, id=str(chain[7]), other=other)
    report = await verify(connect, graph)
    assert not report.ok
    assert {(one.entity, one.drift) for one in report.differing} == {(entity, drift)}
    assert report.differences == 1
    if entity is Entity.RELATIONSHIP and drift is not Drift.EXTRA:
        assert report.differing[0].id == str(chain[7])


async def test_writes_that_go_on_are_no_drift(
    chain: list[Any],
    town: Town,
    graph: GraphConnection,
    connect: Callable[[], Any],
    projection: Projection,
) -> None:
    stop = asyncio.Event()

    async def write() -> None:
        number = 1000
        while not stop.is_set():
            async with town.transaction():
                firm = await town.company(f"XD{number % 1100:07d}", f"第{number}有限公司")
                await town.holds(firm, await town.company("XD0000000"), "0.1", key=str(number))
            number += 1

    work = [asyncio.create_task(write()), asyncio.create_task(projection.run(stop, 0.05))]
    try:
        for _ in range(4):
            report = await verify(connect, graph, seconds=0.2)
            assert report.ok, report.differing
        await meddle(graph, "MATCH ()-[r {id: $id}]->() DELETE r", id=str(chain[7]))
        report = await verify(connect, graph, seconds=0.2)
        assert report.differing == (Difference(Entity.RELATIONSHIP, str(chain[7]), Drift.MISSING),)
    finally:
        stop.set()
        await asyncio.gather(*work)


ids = st.integers(0, 2**128 - 1).map(lambda n: f"{n:032x}")
sides = st.dictionaries(ids, st.integers(0, 2**128 - 1), max_size=20)


@given(sides, sides, st.randoms())
def test_sums_differ_just_where_ids_do(
    one: dict[str, int], other: dict[str, int], random: Any
) -> None:
    def sums(side: dict[str, int]) -> Sums:
        made = Sums()
        for id_, digest in random.sample(sorted(side.items()), len(side)):
            made.add(id_, digest)
        return made

    differing, in_flight = compare(one, other, frozenset(), Entity.NODE)
    assert in_flight == 0
    assert sums(one).differing(sums(other)) == {bucket_of(found.id) for found in differing}
    assert sums(one).differing(sums(one)) == set()


async def test_drift_of_every_kind_is_found_and_mended(
    town: Town, projection: Projection, graph: GraphConnection, connect: Callable[[], Any]
) -> None:
    async with town.transaction():
        a, b = await town.company("XD0000011"), await town.company("XD000002X")
        p = await town.person("1")
        held = await town.holds(a, b, "0.5")
        led = await town.relation("LEGAL_REP_OF", p, a)
        await town.holds(p, b, "0.25")
    await projection.catch_up(30)
    async with graph.transaction() as transaction:
        for statement in (
            "MATCH (n {id: $b}) DETACH DELETE n",
            "MATCH (n {id: $a}) SET n.name = 'x', n:Person",
            "MATCH ()-[r {id: $led}]->() SET r.class = 'R'",
            "MATCH (p {id: $p}), (a {id: $a}) CREATE (p)-[:HOLDS {id: randomUUID()}]->(a)",
            "CREATE (:Subject {id: 'stranger'})",
            "CREATE (:Subject {id: randomUUID()})",
            "MATCH (p {id: $p}), (a {id: $a}) CREATE (p)-[:OWNS]->(a)",
        ):
            given = {"a": str(a), "b": str(b), "p": str(p), "led": str(led), "held": str(held)}
            await (await transaction.run(statement, given)).consume()
    before, after = await repair(connect, graph)
    assert before.differences >= 7
    assert after.ok, after.to_json()
    assert (after.nodes.neo4j, after.relationships.neo4j) == (3, 3)
    again = await repair(connect, graph)
    assert again[0].ok
