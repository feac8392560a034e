"""The fault matrix: `python -m tests.faults [--only TEXT] [--quick] [--write]`, or `make faults`.

Prints one row per fault and ends with 1 when any of them is not as it must be. `--write` puts
the table into docs/faults.md.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import asyncpg

from bench.home import private_home
from service.home import NodeHome, open_folder
from service.postgres import PostgresServer
from tests.faults import database, files, kills
from tests.faults.judge import Verdict
from tests.faults.node import FaultNode
from tests.faults.trial import Row

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
BEGIN, END = "<!-- figures: `make faults WRITE=1` -->", "<!-- end of figures -->"
HEADS = (
    "fault",
    "trials",
    "answered",
    "refused",
    "unlogged",
    "lost, reported",
    "gaps, doubles",
    "heads",
    "inconsistent",
    "recovery s",
    "late s",
    "",
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of the matrix is run."""

    rounds: int
    step: int

    def on_nodes(self) -> list[tuple[str, dict[str, str], Callable[[FaultNode], Row]]]:
        """Faults of a whole node: name, settings, what to do. In this order, on one home."""
        rounds, four = self.rounds, {"workers": "4"}
        return [
            ("kill -9 node", {}, partial(kills.kill_node, rounds=rounds)),
            ("kill -9 node, 4 workers", four, partial(kills.kill_node, rounds=rounds)),
            ("kill -9 worker", four, partial(kills.kill_worker, rounds=rounds)),
            ("sealer stands still", four, kills.pause_node),
            ("postgres stop", {}, partial(kills.stop_postgres, rounds=rounds)),
            ("postgres stop, 4 workers", four, partial(kills.stop_postgres, rounds=rounds)),
            ("postgres ENOSPC", {}, partial(database.failing_wal, error="ENOSPC")),
            ("postgres EIO", {}, partial(database.failing_wal, error="EIO")),
            ("log files EIO", {}, database.failing_log_files),
            ("log locked", {}, database.locked_log),
            ("log locked, 4 workers", four, database.locked_log),
            ("clock", {}, database.clock_set_back),
            ("restore", {}, database.restored_database),
            ("log write removed", {}, database.lying_node),
            ("restore, files lost", {}, database.lost_files),
        ]

    def on_files(self) -> list[tuple[str, Callable[[files.Bed], Row]]]:
        """Faults of a sealer and its files."""
        return [
            ("failing calls", partial(files.failing_calls, step=self.step)),
            ("dying calls", partial(files.dying_calls, step=self.step)),
            ("two sealers", files.two_sealers),
        ]


def run(root: Path, plan: Plan, only: str) -> Iterator[Row]:
    """Run what is wanted, each node fault on one home that grows older by it."""
    wanted = [one for one in plan.on_files() if re.search(only, one[0])]
    if wanted:
        with PostgresServer(NodeHome(root, "bed")) as server:
            for number, (name, scenario) in enumerate(wanted):
                dsn = asyncio.run(_new_database(server, f"bed_{number}"))
                folder = open_folder(root / f"bed-{number}", 0o700)
                with files.Bed(dsn, folder) as bed:
                    yield _tried(name, partial(scenario, bed))
    for name, settings, act in plan.on_nodes():
        if re.search(only, name):
            with FaultNode(root, **settings) as node:
                yield _tried(name, partial(_on, node, act))


def _on(node: FaultNode, act: Callable[[FaultNode], Row]) -> Row:
    node.start()
    return act(node)


def _tried(name: str, scenario: Callable[[], Row]) -> Row:
    try:
        return scenario()
    except Exception as error:
        row = Row(name, Verdict())
        row.problems.append(f"{type(error).__name__}: {error}".partition("\n")[0])
        return row


async def _new_database(server: PostgresServer, name: str) -> str:
    connection = await asyncpg.connect(server.dsn)
    try:
        await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()
    return server.dsn_of(name)


def cells(row: Row) -> list[str]:
    """A row of the table as texts."""
    verdict = row.verdict
    faults = verdict.faults
    doubles = sum(count for what, count in faults.items() if "gap" in what or "dup" in what)
    return [
        row.name,
        str(row.trials),
        f"{verdict.answered:,}",
        f"{verdict.refused:,}",
        str(row.unlogged),
        str(row.lost_reported),
        str(doubles),
        str(verdict.heads),
        str(faults["inconsistent heads"]),
        f"{row.recovery:.1f}",
        f"{max(0.0, verdict.slowest_seal):.1f}",
        row.remark + ("" if row.passed else f" FAILED: {'; '.join(row.failures())}"),
    ]


def table(rows: list[Row]) -> str:
    """The figures as a Markdown table."""
    lines = [f"| {' | '.join(HEADS)} |", "|---" + "|--:" * (len(HEADS) - 2) + "|---|"]
    lines += [f"| {' | '.join(cells(row))} |" for row in rows]
    return "\n".join(lines) + "\n"


def write(text: str) -> None:
    """Put the table into docs/faults.md."""
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    machine = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    when = time.strftime("%Y-%m-%d", time.gmtime())
    PAGE.write_text(
        f"{before}{BEGIN}\n{when}, {machine}:\n\n{text}\n{END}{after}", encoding="utf-8"
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--only", default="", help="faults whose short name matches this pattern")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, every third call")
    parser.add_argument("--write", action="store_true", help="put the table into docs/faults.md")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    plan = Plan(1, 3) if given.quick else Plan(5, 1)
    rows = []
    with private_home() as root:
        for row in run(root, plan, given.only):
            rows.append(row)
            sys.stderr.write(f"{'ok  ' if row.passed else 'BAD '} {' | '.join(cells(row))}\n")
            sys.stderr.flush()
    sys.stdout.write(table(rows))
    if given.write:
        write(table(rows))
    return 0 if rows and all(row.passed for row in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
