"""A graph filled at once equals the store, is followed from there, and survives a kill."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import PIPE
from functools import partial
from pathlib import Path
from signal import SIGKILL
from typing import Any

import asyncpg
import pytest

from graph.connection import GraphConnection
from graph.projection import Projection
from graph.verification import verify
from service.graph_filling import fill, has_none
from service.home import NodeHome, open_folder
from service.neo4j import Neo4jServer
from service.neo4j_import import WORTHWHILE, import_graph
from service.neo4j_swap import complete, filling, take_over
from service.process import ServerError
from service.settings import load_settings
from tests.graph.town import Town

pytestmark = pytest.mark.timeout(300)


async def test_an_imported_graph_is_the_store_and_is_followed(home: Path, database: str) -> None:
    node = NodeHome(open_folder(home / "import", 0o711), "benxi").create()
    connect: Any = partial(asyncpg.connect, database)
    connection = await connect()
    try:
        town = Town(connection)
        async with town.transaction():
            firm = await town.company("XD0000011", '引号"逗号,换行\n公司 \\')
            shop = await town.company("XD000002X", " 空格 ")
            person = await town.person("1")
            loan = await town.loan("7")
            await town.holds(person, firm, "0.6")
            await town.holds(firm, shop, "0.123456789012")
            await town.holds(firm, firm, "0.05")
            await town.relation("OFFICER_OF", person, firm, position="")
            await town.relation("BORROWS", firm, loan, loan_id=loan)
            gone = await town.holds(shop, firm, "0.1")
        await town.withdraw(gone)
        settings = load_settings(node, {}, label="本溪", region="210500", port=8000)
        assert not has_none(settings, node)  # a store made by the same start holds nothing
        (open_folder(node.postgres, 0o700) / "PG_VERSION").write_text("18")
        assert has_none(settings, node)
        assert not await fill(node, database)  # too small to be worth a Java
        assert has_none(settings, node)
        await connection.execute(
            "UPDATE pg_class SET reltuples = $1 WHERE relname = 'subject'", WORTHWHILE
        )
        mark = f"--report-file={filling(node.neo4j) / 'import.report'}"
        former = await asyncio.create_subprocess_exec("sh", "-c", "read x; :", mark, stdin=PIPE)
        assert await fill(node, database)
        assert await former.wait() == -SIGKILL  # left by a start that was killed
        assert not has_none(settings, node)
        with Neo4jServer(node) as server:
            address = server.address
            async with GraphConnection(address.uri, address.user, address.password) as graph:
                report = await verify(connect, graph, seconds=60)
                assert report.ok, report.to_json()
                assert (report.nodes.neo4j, report.relationships.neo4j) == (4, 5)
                await town.holds(shop, firm, "0.2")
                await Projection(connect, graph).catch_up(30)
                assert (await verify(connect, graph, seconds=60)).relationships.neo4j == 6
            with pytest.raises(ServerError) as caught:
                await import_graph(node, connect)
            assert caught.value.code == "NEO4J_RUNNING"
    finally:
        await connection.close()


def test_a_filling_takes_the_place_of_the_data_whole_or_not_at_all(tmp_path: Path) -> None:
    def put(folder: Path, what: str) -> None:
        for part in ("databases", "transactions"):
            place = folder / "data" / part / "neo4j"
            place.mkdir(parents=True, exist_ok=True)
            (place / "store").write_text(what)

    def held() -> set[str]:
        return {
            (tmp_path / "data" / part / "neo4j" / "store").read_text()
            for part in ("databases", "transactions")
        }

    put(tmp_path, "old")
    put(filling(tmp_path), "half")
    assert not take_over(tmp_path)  # killed while it was filled
    assert held() == {"old"}
    assert not filling(tmp_path).exists()
    put(filling(tmp_path), "new")
    complete(tmp_path)
    # Killed after the first of both folders was moved.
    (tmp_path / "data/transactions/neo4j/store").unlink()
    (tmp_path / "data/transactions/neo4j").rmdir()
    (filling(tmp_path) / "data/transactions/neo4j").rename(tmp_path / "data/transactions/neo4j")
    assert take_over(tmp_path)
    assert held() == {"new"}
    assert not take_over(tmp_path)
    assert held() == {"new"}
