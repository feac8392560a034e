"""The projection (issue: graph): Neo4j follows PostgreSQL through the outbox, whatever happens."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from graph import checkpoint as stored
from graph.checkpoint import Position, Stage
from graph.connection import GraphConnection
from graph.errors import GraphBehind, GraphUnavailable
from graph.projection import Projection
from graph.verification import verify
from tests.graph.town import BENXI, SHENYANG, STAMP, Town


async def rows(graph: GraphConnection, statement: str, **parameters: Any) -> list[dict[str, Any]]:
    return [dict(row) for row in await graph.read(statement, parameters, seconds=10)]


async def edges(graph: GraphConnection) -> dict[str, dict[str, Any]]:
    found = await rows(
        graph, "MATCH (a)-[r]->(b) RETURN a.id AS a, b.id AS b, r AS r, type(r) AS k"
    )
    return {
        row["r"]["id"]: dict(row["r"]) | {"ends": (row["a"], row["b"]), "kind": row["k"]}
        for row in found
    }


async def test_what_the_store_says_is_in_the_graph(
    town: Town, projection: Projection, graph: GraphConnection
) -> None:
    async with town.transaction():
        steel = await town.company("XD0000011", "本溪钢材有限公司")
        owner = await town.person("1")
        credit = await town.loan("L1")
        held = await town.holds(
            owner, steel, "0.123456789012", valid_from=dt.date(2020, 1, 2), position=None
        )
        await town.relation("BORROWS", steel, credit, amount=500000, currency="CNY")
    await projection.catch_up(30)

    nodes = {row["n"]["id"]: row for row in await rows(
        graph, "MATCH (n:Subject) RETURN n, labels(n) AS labels"
    )}  # fmt: skip
    assert set(nodes) == {str(steel), str(owner), str(credit)}
    assert set(nodes[str(steel)]["labels"]) == {"Subject", "Party", "Organisation"}
    assert set(nodes[str(owner)]["labels"]) == {"Subject", "Party", "Person"}
    assert set(nodes[str(credit)]["labels"]) == {"Subject", "Loan"}
    assert nodes[str(steel)]["n"]["name"] == "本溪钢材有限公司"
    found = (await edges(graph))[str(held)]
    assert found["ends"] == (str(owner), str(steel))
    assert found["kind"] == "HOLDS"
    assert found["share_min"] == found["share_max"] == "0.123456789012"  # exact, not a float
    assert found["valid_from"] == "2020-01-02"
    assert found["origin"] == BENXI


async def test_names_of_persons_stay_out_of_the_graph(
    town: Town, projection: Projection, graph: GraphConnection
) -> None:
    async with town.transaction():
        await town.person("1", "欧阳无名")
    await projection.catch_up(30)
    [row] = await rows(graph, "MATCH (n:Person) RETURN properties(n) AS p")
    assert "欧阳无名" not in str(row)


async def test_two_cities_statements_of_one_edge_are_both_kept(
    town: Town, projection: Projection, graph: GraphConnection
) -> None:
    async with town.transaction():
        owner, firm = await town.company("XD0000011"), await town.company("XD000002X")
        here = await town.holds(owner, firm, "0.6", origin=BENXI)
        there = await town.holds(owner, firm, "0.51", origin=SHENYANG)
    await projection.catch_up(30)
    found = await edges(graph)
    assert {id_: edge["origin"] for id_, edge in found.items()} == {
        str(here): BENXI,
        str(there): SHENYANG,
    }


async def test_changes_withdrawals_and_moves_follow(
    town: Town, projection: Projection, graph: GraphConnection
) -> None:
    async with town.transaction():
        owner, firm, other = [
            await town.company(code) for code in ("XD0000011", "XD000002X", "XD0000038")
        ]
        held = await town.holds(owner, firm, "0.6")
        gone = await town.holds(other, firm, "0.4")
    await projection.catch_up(30)

    later = STAMP + dt.timedelta(days=1)
    async with town.transaction():
        await town.holds(owner, firm, "0.7", stamp=later)
        await town.withdraw(gone)
        await town.company("XD000002X", "新名有限公司", stamp=later)
    await projection.catch_up(30)
    found = await edges(graph)
    assert set(found) == {str(held)}
    assert found[str(held)]["share_min"] == "0.7"
    [row] = await rows(graph, "MATCH (n {id: $id}) RETURN n.name AS name", id=str(firm))
    assert row["name"] == "新名有限公司"

    # A merge of subjects moves a relation without changing its id.
    await town.connection.execute(
        "UPDATE relation SET subject_id = $2 WHERE relation_id = $1 AND direction = 'OUT'",
        held,
        other,
    )
    await town.touch("RELATION", held, other)
    await projection.catch_up(30)
    assert (await edges(graph))[str(held)]["ends"] == (str(other), str(firm))


async def test_a_row_of_a_slow_transaction_is_not_skipped(
    town: Town, projection: Projection, graph: GraphConnection, connect: Callable[[], Any]
) -> None:
    slow = await connect()
    late = Town(slow)
    transaction = slow.transaction()
    await transaction.start()
    first = await late.company("XD0000011")  # takes its place in the outbox, commits last
    second = await town.company("XD000002X")
    with pytest.raises(GraphBehind):
        await projection.catch_up(0.5)
    assert (await projection.status()).behind > 0
    await transaction.commit()
    await slow.close()
    await projection.catch_up(30)
    assert {row["id"] for row in await rows(graph, "MATCH (n:Subject) RETURN n.id AS id")} == {
        str(first),
        str(second),
    }


async def test_two_projectors_at_once_do_no_harm(
    town: Town, projection: Projection, connect: Callable[[], Any], graph: GraphConnection
) -> None:
    async with town.transaction():
        firms = [await town.company(f"XD{n:07d}") for n in range(300)]
    async with town.transaction():
        for near, far in pairwise(firms):
            await town.holds(near, far, "0.5")
    other = Projection(connect, graph, batch=30)
    await asyncio.gather(projection.catch_up(60), other.catch_up(60), other.rebuild())
    report = await verify(connect, graph)
    assert report.ok
    assert (report.nodes.neo4j, report.relationships.neo4j) == (300, 299)


async def test_it_follows_by_itself_and_stops_when_told(
    town: Town, projection: Projection, graph: GraphConnection
) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(projection.run(stop, interval=60))
    for _ in range(200):  # until it listens
        await asyncio.sleep(0.05)
        found = await rows(graph, stored.READ)
        if found and found[0]["checkpoint"].get("stage") == "FOLLOWING":
            break
    await asyncio.sleep(0.3)
    async with town.transaction():  # its NOTIFY wakes: the interval is a minute
        await town.company("XD0000011")
    for _ in range(200):
        await asyncio.sleep(0.05)
        if await rows(graph, "MATCH (n:Subject) RETURN n"):
            break
    else:
        pytest.fail("the change did not reach the graph")
    stop.set()
    await asyncio.wait_for(running, 30)


async def test_rebuild_makes_the_same_graph_while_the_store_is_written(
    town: Town, projection: Projection, graph: GraphConnection, connect: Callable[[], Any]
) -> None:
    async with town.transaction():
        firms = [await town.company(f"XD{n:07d}") for n in range(200)]
        for near, far in pairwise(firms):
            await town.holds(near, far, "0.5")
    await projection.catch_up(30)
    async with graph.transaction() as transaction:  # somebody meddled
        await (await transaction.run("MATCH (n:Subject) WITH n LIMIT 50 DETACH DELETE n")).consume()

    done = asyncio.Event()

    async def write() -> None:
        number = 1000
        while not done.is_set():
            async with town.transaction():
                firm = await town.company(f"XD{number:07d}")
                await town.holds(firm, firms[number % 200], "0.1")
            number += 1
            await asyncio.sleep(0.01)

    writing = asyncio.create_task(write())
    await projection.rebuild()
    done.set()
    await writing
    assert (await verify(connect, graph)).ok


async def test_rebuild_that_is_cut_off_is_finished_by_whoever_follows(
    town: Town, projection: Projection, graph: GraphConnection, connect: Callable[[], Any]
) -> None:
    async with town.transaction():
        firms = [await town.company(f"XD{n:07d}") for n in range(120)]
        for near, far in pairwise(firms):
            await town.holds(near, far, "0.5")
    seen: list[Stage] = []

    class Cut(Exception):
        pass

    def cut(step: Any) -> None:
        seen.append(step.checkpoint.stage)
        if len(seen) == at:
            raise Cut

    for at in range(1, 9):  # noqa: B007 - read by cut
        seen.clear()
        with pytest.raises(Cut):
            await projection.rebuild(cut)
    assert Stage.FILLING_EDGES in seen
    await projection.catch_up(30)
    assert (await verify(connect, graph)).ok


async def test_graph_of_another_store_is_refilled_not_continued(
    town: Town, projection: Projection, graph: GraphConnection, connect: Callable[[], Any]
) -> None:
    firm = await town.company("XD0000011")
    await projection.catch_up(30)
    async with graph.transaction() as transaction:
        await (
            await transaction.run(
                "MATCH (c:Checkpoint) SET c.source = 'elsewhere', c.seq = c.seq + 100"
                " CREATE (:Subject {id: 'stranger'})"
            )
        ).consume()
    await projection.catch_up(30)
    assert [row["id"] for row in await rows(graph, "MATCH (n:Subject) RETURN n.id AS id")] == [
        str(firm)
    ]


async def test_store_restored_to_an_earlier_day_refills_the_graph(
    town: Town, projection: Projection, graph: GraphConnection
) -> None:
    await town.company("XD0000011")
    await projection.catch_up(30)
    async with graph.transaction() as transaction:  # as if the graph had seen a later store
        await (await transaction.run(
            "MATCH (c:Checkpoint) SET c.xid = c.xid + 1000000 CREATE (:Subject {id: 'future'})"
        )).consume()  # fmt: skip
    await projection.catch_up(30)
    assert len(await rows(graph, "MATCH (n:Subject) RETURN n")) == 1


async def test_stopped_neo4j_is_said_quickly(connect: Callable[[], Any]) -> None:
    async with GraphConnection("bolt://127.0.0.1:9", "neo4j", "x") as nowhere:
        async with asyncio.timeout(60):
            with pytest.raises(GraphUnavailable) as caught:
                await Projection(connect, nowhere).catch_up(60)
        assert caught.value.code == "GRAPH_UNAVAILABLE"


def test_position_is_opaque_and_ordered() -> None:
    assert Position.parse(str(Position(753, 156))) == Position(753, 156)
    assert Position(1, 900) < Position(2, 1)
    with pytest.raises(ValueError, match="position"):
        Position.parse("753/156")
