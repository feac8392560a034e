"""A graph filled at once equals the store, is followed from there, and survives a kill."""

from __future__ import annotations

import asyncio
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from graph.connection import GraphConnection
from graph.projection import Projection
from graph.verification import verify
from service.home import NodeHome, open_folder
from service.neo4j import Neo4jServer, report_option
from service.neo4j_import import fill_first, import_graph, never_filled
from service.neo4j_swap import complete, filling, holds, is_complete, take_over
from service.process import ServerError
from tests.graph.town import Town
from tests.service.cities import BRIEF

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
        # Whoever filled it was killed; the importer that it had started goes on.
        half = filling(node.neo4j)
        half.mkdir(parents=True)
        (half / "half").touch()
        words = [sys.executable, "-c", "import time; time.sleep(600)", report_option(half)]
        orphan = await asyncio.create_subprocess_exec(*words)
        assert never_filled(node)
        await connection.execute("ANALYZE subject, relation")
        assert not await fill_first(node, connect, asyncio.Event())  # a small store
        assert orphan.returncode is None
        assert await fill_first(node, connect, asyncio.Event(), least=1)
        assert await orphan.wait() == -signal.SIGKILL
        assert not never_filled(node)
        with Neo4jServer(node, java_options=BRIEF.split()) as server:
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

    put(filling(tmp_path), "half")
    assert not is_complete(tmp_path)
    assert not holds(tmp_path)
    put(tmp_path, "old")
    assert holds(tmp_path)
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
