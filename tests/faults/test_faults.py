"""No log, no answer: the quick part of the fault matrix. `make faults` runs all of it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from service.home import open_folder
from service.postgres import PostgresServer
from service.process import end, held
from tests.faults import database as databases
from tests.faults import files, kills
from tests.faults.asking import BODY
from tests.faults.node import FaultNode
from tests.faults.trial import Row
from tests.programs import need
from tests.service.cities import free_port

pytestmark = pytest.mark.timeout(200)


@pytest.fixture(scope="module")
def node(home: Path) -> Iterator[FaultNode]:
    """A node that only these tests hurt."""
    root = open_folder(home / "faults", 0o711)
    with FaultNode(root) as running:
        running.start()
        yield running


@pytest.fixture
def tracing() -> None:
    """Faults of system calls are injected by strace."""
    need("strace")


def _sound(row: Row) -> None:
    # How long a start takes is `make faults` to judge, on a quiet machine.
    row.recovery = 0.0
    assert row.verdict.answered
    assert not row.failures(), row


def test_kill_9_of_the_node_loses_no_answer(node: FaultNode) -> None:
    _sound(kills.kill_node(node, 1))


def test_postgresql_stopped_under_load_loses_no_answer(node: FaultNode) -> None:
    row = kills.stop_postgres(node, 1)
    _sound(row)
    assert row.verdict.refused


def test_a_database_that_is_away_is_said_so_on_every_road(node: FaultNode) -> None:
    roads = [f"/log/access/receipt/{'0' * 64}", f"/log/audit/receipt/{'0' * 64}"]
    with held(node.home.run / "postgres.start"):  # so that nobody starts it again
        for one in PostgresServer(node.home).processes():
            end(one, signal.SIGKILL, 20)
        printed = len(node.printed_all())
        with httpx.Client(base_url=node.url, trust_env=False, timeout=20) as http:
            told = [http.get(road) for road in roads]
            told.append(http.post("/graphql", content=BODY))
            time.sleep(0.3)  # what /ready tells is 0.2 s old at most
            told.insert(0, http.get("/ready"))
    node.wait_ready()
    codes = [one.json()["errors"][0]["extensions"]["code"] for one in told]
    assert codes == ["STORE_UNAVAILABLE"] * 3 + ["LOG_UNAVAILABLE"]
    assert {(one.status_code, one.headers["retry-after"]) for one in told} == {(503, "1")}
    since = node.printed_all()[printed:]
    assert "Exception in ASGI" not in since
    assert "a request failed" not in since


def test_a_node_is_served_by_one_process(node: FaultNode) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "service.start", "serve", "benxi"],
        env={**node.environment, "XINQIAO_BENXI_PORT": str(free_port())},
        cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert second.returncode == 2
    assert "NODE_RUNNING: " in second.stderr
    assert "Traceback" not in second.stderr


def test_a_harness_that_could_not_fail_would_prove_nothing(node: FaultNode) -> None:
    row = databases.lying_node(node)
    assert row.unlogged
    assert not Row("as if it were sound", row.verdict).passed


def test_a_full_disk_under_the_sealer_is_survived(
    tracing: None, database: str, tmp_path: Path
) -> None:
    with files.Bed(database, tmp_path) as bed:
        _sound(files.failing_calls(bed, ("ENOSPC",), step=9))


def test_a_sealer_that_dies_at_any_call_is_followed_by_one_that_goes_on(
    tracing: None, database: str, tmp_path: Path
) -> None:
    with files.Bed(database, tmp_path) as bed:
        _sound(files.dying_calls(bed, step=13))
