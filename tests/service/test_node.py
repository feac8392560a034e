"""What a node survives: kills, a dead graph, a log that cannot be written, a restart."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import httpx
import pytest

from client.question import sign_request
from service.enrolment import identity_key
from service.home import NodeHome
from service.neo4j import Neo4jServer
from service.postgres import PostgresServer
from tests.service.cities import LoneNode

pytestmark = pytest.mark.timeout(400)

FINBENCH = Path(__file__).parents[1] / "data" / "finbench"


def _dsn(node: LoneNode) -> str:
    return PostgresServer(NodeHome(node.root, "benxi")).dsn


async def _execute(node: LoneNode, *statements: str) -> None:
    connection = await asyncpg.connect(_dsn(node))
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def _value(node: LoneNode, statement: str) -> object:
    connection = await asyncpg.connect(_dsn(node))
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


def test_no_log_no_answer(lone_node: LoneNode) -> None:
    document = "{ regions(first: 3) { nodes { name } } }"
    with lone_node.client() as client:
        assert client.query(document).require().data["regions"]
        asyncio.run(_execute(lone_node, "ALTER TABLE access_batch RENAME TO hidden"))
        try:
            answer = client.query(document)
        finally:
            asyncio.run(_execute(lone_node, "ALTER TABLE hidden RENAME TO access_batch"))
        assert answer.status == 503
        assert answer.data is None
        assert answer.errors[0]["extensions"]["code"] == "LOG_UNAVAILABLE"
        assert client.query(document).require().data["regions"]


def test_a_neo4j_that_ends_is_started_again_and_the_rest_goes_on(lone_node: LoneNode) -> None:
    document = """
    { regions(first: 1) { nodes { name } }
      neighbourhood(subject: "finbench-company:423") { nodes { distance } } }
    """
    lone_node.xinqiao("import", str(FINBENCH), "--report", str(lone_node.root))
    with lone_node.client(identity="analyst") as client:
        for process in Neo4jServer(NodeHome(lone_node.root, "benxi")).processes():
            os.kill(process.pid, signal.SIGKILL)
        answer = client.query(document, purpose="P12").require()
        assert answer.data["regions"]["nodes"]
        assert answer.data["neighbourhood"] is None
        assert answer.errors[0]["extensions"]["code"] == "GRAPH_UNAVAILABLE"
        lone_node.wait_for(
            lambda: not client.query(document, purpose="P12").require().errors, seconds=180
        )


def test_a_replay_is_refused_after_a_restart_and_kill_9_is_survived(lone_node: LoneNode) -> None:
    url = f"{lone_node.url('benxi')}/graphql"
    body = json.dumps({"query": "{ __typename }"}).encode()
    key = identity_key(lone_node.root, "analyst")
    question = sign_request(key, "POST", url, body, now=time.time(), purpose="P12")

    def send() -> httpx.Response:
        return httpx.post(url, headers=list(question.headers), content=body, trust_env=False)

    first = send()
    assert first.status_code == 200, first.text
    lone_node.stop(signal.SIGKILL)
    lone_node.start()
    second = send()
    assert second.status_code == 401
    assert second.json()["errors"][0]["extensions"]["code"] == "REPLAYED"


def test_a_postgresql_that_ends_by_itself_is_started_again(lone_node: LoneNode) -> None:
    with lone_node.client() as client:
        before = client.query("{ __typename }").require()
        client.check_receipt(before.receipt)
        for process in PostgresServer(NodeHome(lone_node.root, "benxi")).processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        lone_node.wait_for(lambda: client.query("{ __typename }").status == 200)
        client.check_receipt(before.receipt)
        client.check_receipt(client.query("{ __typename }").require().receipt)


def test_ctrl_c_stops_the_node_and_its_servers(lone_node: LoneNode) -> None:
    node_home = NodeHome(lone_node.root, "benxi")
    lone_node.stop(signal.SIGINT)  # every other stop of these tests is by SIGTERM
    try:
        assert not PostgresServer(node_home).processes()
        assert not Neo4jServer(node_home).processes()
    finally:
        lone_node.start()


def test_finbench_is_imported_with_every_line_accounted_for(lone_node: LoneNode) -> None:
    status, summary = lone_node.xinqiao("import", str(FINBENCH), "--report", str(lone_node.root))
    lines = 967 + 1957 + 1640 + 3394 + 435 + 916 + 3465 + 1141 + 2324
    assert status == 0
    assert summary["lines"] == lines
    assert summary["accepted"] + summary["with_findings"] == lines
    assert summary["rejected"] == 0
    counts = """
    SELECT json_build_object(
      'companies', (SELECT count(*) FROM identifier WHERE scheme = 'finbench-company'),
      'persons', (SELECT count(*) FROM identifier WHERE scheme = 'finbench-person'),
      'loans', (SELECT count(*) FROM identifier WHERE scheme = 'finbench-loan'),
      'HOLDS', (SELECT count(*) FROM relation WHERE kind = 'HOLDS' AND direction = 'OUT'),
      'GUARANTEES', (SELECT count(*) FROM relation WHERE kind = 'GUARANTEES' AND direction = 'OUT'),
      'BORROWS', (SELECT count(*) FROM relation WHERE kind = 'BORROWS' AND direction = 'OUT'))
    """
    found = json.loads(str(asyncio.run(_value(lone_node, counts))))
    assert found == {
        "companies": 967,
        "persons": 1957,
        "loans": 3465,
        "HOLDS": 1640 + 3394,
        "GUARANTEES": 435 + 916,
        "BORROWS": 1141 + 2324,
    }
    document = """
    { organisation(code: "finbench-company:599") {
        holders(first: 50) { edges { shareMin holder {
          name ... on Organisation {
            codes { scheme value } holders(first: 50) { edges { holder { name } } } } } } } } }
    """
    _, found = lone_node.ask(document, as_="analyst", purpose="P12")
    edges = found["answer"]["data"]["organisation"]["holders"]["edges"]
    stated = {
        row.split("|")[0]: row.split("|")[2]
        for row in (FINBENCH / "CompanyInvestCompany.csv").read_text().splitlines()
        if row.split("|")[1] == "599"
    }
    shares = {
        code["value"]: edge["shareMin"]
        for edge in edges
        for code in edge["holder"].get("codes", [])
    }
    assert shares == stated
    above = [edge["holder"]["holders"]["edges"] for edge in edges if "codes" in edge["holder"]]
    assert any(above), "a holder two levels up is found"


def test_a_node_process_cannot_read_the_other_nodes_keys(lone_node: LoneNode) -> None:
    script = """
import sys
from pathlib import Path
from service.home import NodeHome
from service.sandbox import landlock_version
from service.serve import confine_node
root = Path(sys.argv[1])
own = root / "benxi" / "keys" / "answer.pem"
others = [root / "shenyang" / "keys" / "answer.pem", root / "identities" / "analyst.pem"]
assert confine_node(root, NodeHome(root, "benxi")) or not landlock_version()
own.read_bytes()
for path in others:
    try:
        path.read_bytes()
    except PermissionError:
        print("closed")
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(lone_node.root)],
        env=lone_node.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["closed", "closed"]
