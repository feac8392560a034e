"""Kill -9 of the node, of a worker; PostgreSQL stopped under load."""

from __future__ import annotations

import os
import signal
import time
from functools import partial

from tests.faults.node import FaultNode
from tests.faults.trial import Row, trial


def kill_node(node: FaultNode, rounds: int) -> Row:
    """Kill -9 of the node's process, which seals and, without workers, answers; then a start."""
    return _again(
        rounds,
        lambda number: trial(
            node,
            f"kill -9 of the node's process{_with_workers(node)}",
            partial(node.stop, signal.SIGKILL),
            lambda: float(node.start()) and None,
            before=0.5 + 0.13 * number,
        ),
    )


def kill_worker(node: FaultNode, rounds: int) -> Row:
    """Kill -9 of workers, which the node's process starts again; nobody else helps."""

    def kill() -> None:
        for pid in node.workers()[:2]:
            os.kill(pid, signal.SIGKILL)

    return _again(
        rounds,
        lambda number: trial(
            node,
            f"kill -9 of two workers of {len(node.workers())}",
            kill,
            lambda: None,
            before=0.5 + 0.13 * number,
            after=2.0,
        ),
    )


def stop_postgres(node: FaultNode, rounds: int) -> Row:
    """PostgreSQL stopped at once (`pg_ctl stop -m immediate`) under load, started 1 s later."""
    return _again(
        rounds,
        lambda number: trial(
            node,
            f"PostgreSQL: immediate stop under load{_with_workers(node)}",
            node.crash_postgres,
            node.start_postgres,
            before=0.5 + 0.13 * number,
            during=1.0,
        ),
    )


def pause_node(node: FaultNode, seconds: float = 3.0) -> Row:
    """The sealer's process stands still, its database session is ended: it must not seal on."""

    def stand() -> None:
        assert node.process is not None
        node.process.send_signal(signal.SIGSTOP)
        node.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
            " AND pid <> pg_backend_pid()"
        )
        time.sleep(seconds)

    def go_on() -> None:
        assert node.process is not None
        node.process.send_signal(signal.SIGCONT)

    return trial(node, "the sealer stands still and loses its session", stand, go_on)


def _again(rounds: int, once: object) -> Row:
    assert callable(once)
    row: Row = once(0)
    for number in range(1, rounds):
        row.add(once(number))
    return row


def _with_workers(node: FaultNode) -> str:
    count = int(node.settings.get("workers", "1"))
    return f" ({count} workers)" if count > 1 else ""
