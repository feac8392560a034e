"""No log, no answer: the quick part of the fault matrix. `make faults` runs all of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.home import open_folder
from tests.faults import database as databases
from tests.faults import files, kills
from tests.faults.node import FaultNode
from tests.faults.trial import Row
from tests.programs import need

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
