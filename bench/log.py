"""The access log alone: entries a second, its latency with more workers and while it seals, a soak.

    python -m bench.log DSN [--soak COUNT]

DSN is an empty database. Workers and the sealer are processes of their own, as in a node that has
several; `--soak` commits and seals so many entries and shows what memory that takes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, cast

import asyncpg
import uvloop

from bench.load import family_seconds, processor_seconds
from bench.signature import access
from bench.table import Cell, Table
from security.access_log import AccessLog
from security.evidence import EvidenceKeys
from security.keys import KeyFolder
from security.pending import Pending
from security.sealer import Sealer
from security.signature import Once
from store.migrations import migrate
from store.pool import open_pool

ORIGIN = "xinqiao.bench/access"
_WAITING = 64  # appends under way in all workers together


class Prepared(EvidenceKeys):
    """Gives entries that were made before the clock started: what is left is the commit."""

    def __init__(self, made: Iterator[Pending]) -> None:
        self._made = made

    def record(self, *_: object, **__: object) -> Pending:
        return next(self._made)


async def work(dsn: str, folder: Path, count: int, waiting: int, run: str, prepared: bool) -> None:
    """One worker: append when told to, print what it took as JSON."""
    entry, evidence = access(b"b" * 600)
    keys = EvidenceKeys(KeyFolder(folder / "keys"))
    now = time.time()
    if prepared:
        made = [keys.record(entry, evidence, node="bench", time=now) for _ in range(count)]
        keys = Prepared(iter(made))
    pool = await open_pool(dsn, max_size=2)
    log = AccessLog(pool, ORIGIN, "bench", keys)
    numbers = iter(range(count))
    kept = -(-count // 50_000)  # a soak keeps no more than so many times
    times = array("d", bytes(8 * -(-count // kept)))  # made now, so that memory tells of the log

    async def ask() -> None:
        for number in numbers:
            began = time.perf_counter()
            await log.append(entry, evidence, Once(run, f"{number:024}", 0))
            if number % kept == 0:
                times[number // kept] = time.perf_counter() - began

    await pool.fetchval("SELECT count(*) FROM access_batch")
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(ask() for _ in range(waiting)))
    wall, spent = time.perf_counter() - began, time.process_time() - cpu
    ordered = sorted(times)
    print(
        json.dumps(
            {
                "wall": wall,
                "cpu": spent / count * 1e6,
                "p50": ordered[len(ordered) // 2] * 1e6,
                "p99": ordered[int(len(ordered) * 0.99)] * 1e6,
            }
        )
    )
    await pool.close()


async def seal(dsn: str, folder: Path) -> None:
    """Seal until standard input ends."""
    stop = asyncio.Event()
    signer = KeyFolder(folder / "keys").note_signer(ORIGIN, "bench-access")
    sealer = Sealer(lambda: asyncpg.connect(dsn), folder / "log", signer)

    async def wait() -> None:
        await asyncio.to_thread(sys.stdin.read)
        stop.set()

    waiting = asyncio.create_task(wait())
    print("ready", flush=True)
    await sealer.run(stop)
    await waiting


@contextmanager
def _process(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.log", *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise SystemExit("a process of the benchmark does not start")
        yield process
    finally:
        process.terminate()
        process.wait(30)


class Bench:
    """A migrated database and a folder; `postmaster` is its server's process."""

    def __init__(self, dsn: str, folder: Path, postmaster: int = 0) -> None:
        self.dsn = dsn
        self.folder = folder
        self.postmaster = postmaster

    def appended(
        self, count: int, workers: int = 1, waiting: int = _WAITING, prepared: bool = False
    ) -> dict[str, float]:
        """So many entries by so many workers: rate, latencies, CPU an entry."""
        with ExitStack() as opened:
            each = max(1, waiting // workers)
            asked = [
                opened.enter_context(
                    _process(
                        "--worker", self.dsn, self.folder, count // workers, each,
                        f"run-{os.urandom(6).hex()}", int(prepared),
                    )
                )
                for _ in range(workers)
            ]  # fmt: skip
            before = family_seconds(self.postmaster)
            for process in asked:
                assert process.stdin is not None
                print(file=process.stdin, flush=True)
            found = []
            for process in asked:
                assert process.stdout is not None
                found.append(cast(dict[str, float], json.loads(process.stdout.readline())))
            spent = family_seconds(self.postmaster) - before
        return {
            "rate": count / max(one["wall"] for one in found),
            "cpu": sum(one["cpu"] for one in found) / workers,
            "postgres": spent / count * 1e6,
            "p50": max(one["p50"] for one in found),
            "p99": max(one["p99"] for one in found),
        }

    @contextmanager
    def sealing(self) -> Iterator[subprocess.Popen[str]]:
        """The sealer in a process of its own."""
        with _process("--sealer", self.dsn, self.folder) as process:
            yield process


def measure(dsn: str, folder: Path, count: int, postmaster: int = 0) -> list[Table]:
    """Rates, and latencies side by side."""
    asyncio.run(migrate(dsn))
    bench = Bench(dsn, folder, postmaster)
    rows: list[tuple[Cell, ...]] = []

    def row(name: str, found: dict[str, float]) -> None:
        values = (found[of] for of in ("rate", "p50", "p99", "cpu", "postgres"))
        rows.append((name, *values))

    row("1 worker, 1 waiting", bench.appended(count // 40, waiting=1))
    row("1 worker, 64 waiting", bench.appended(count))
    row("1 worker, 1,024 waiting, entries made inside", bench.appended(count, waiting=1024))
    row(
        "the same, committing entries that were made beforehand",
        bench.appended(count, waiting=1024, prepared=True),
    )
    row("8 workers, 64 waiting", bench.appended(count, workers=8))
    with bench.sealing() as sealer:
        time.sleep(1)  # what the rows above left is sealed as well; wait for that
        _drained(bench)
        before = processor_seconds(sealer.pid), family_seconds(postmaster)
        _ = bench.appended(count)
        _drained(bench)
        sealed = (processor_seconds(sealer.pid) - before[0]) / count * 1e6
        row("1 worker, 64 waiting, while sealing", bench.appended(count))
    rows.append(("sealing one entry, in the sealer", None, None, None, sealed, None))
    columns = ("what", "entries/s", "p50 µs", "p99 µs", "worker CPU µs", "PostgreSQL CPU µs")
    return [Table("The access log: entries with evidence, nonce and lists", columns, rows)]


def _drained(bench: Bench, seconds: float = 120) -> None:
    async def pending() -> Any:
        connection = await asyncpg.connect(bench.dsn)
        try:
            return await connection.fetchval("SELECT count(*) FROM access_batch")
        finally:
            await connection.close()

    deadline = time.monotonic() + seconds
    while asyncio.run(pending()) and time.monotonic() < deadline:
        time.sleep(0.1)


def soak(dsn: str, folder: Path, count: int, steps: int = 10) -> Table:
    """Commit and seal so many entries; memory of worker and sealer after each tenth."""
    asyncio.run(migrate(dsn))
    bench = Bench(dsn, folder)
    rows: list[tuple[Cell, ...]] = []
    with (
        bench.sealing() as sealer,
        _process("--worker", dsn, folder, count, 256, "soak", 0) as worker,
    ):
        assert worker.stdin is not None
        print(file=worker.stdin, flush=True)
        began = time.monotonic()
        for step in range(1, steps + 1):
            while worker.poll() is None and (done := _sealed(folder)) < count * step // steps:
                time.sleep(0.2)
                if time.monotonic() - began > 7200:
                    raise SystemExit("the soak takes too long")
            taken = time.monotonic() - began
            rows.append((f"{done:,}", done / taken, _megabytes(worker.pid), _megabytes(sealer.pid)))
            print(rows[-1], file=sys.stderr, flush=True)
    return Table(
        "Soak: entries committed and sealed",
        ("entries", "sealed/s so far", "worker MB", "sealer MB"),
        rows,
    )


def _sealed(folder: Path) -> int:
    try:
        return int((folder / "log" / "checkpoint").read_text().split("\n")[1])
    except OSError:
        return 0


def _megabytes(pid: int) -> float | None:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    return int(text.partition("VmRSS:")[2].split()[0]) / 1024


def main() -> None:
    """Measure, or be one of the processes that are measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worker", nargs=6)
    parser.add_argument("--sealer", nargs=2)
    parser.add_argument("--soak", type=int)
    parser.add_argument("--count", type=int, default=40_000)
    parser.add_argument("dsn", nargs="?")
    asked = parser.parse_args()
    if asked.worker:
        dsn, folder, count, waiting, run, prepared = asked.worker
        uvloop.run(work(dsn, Path(folder), int(count), int(waiting), run, prepared == "1"))
    elif asked.sealer:
        uvloop.run(seal(asked.sealer[0], Path(asked.sealer[1])))
    else:
        with tempfile.TemporaryDirectory() as name:
            if asked.soak:
                print(soak(asked.dsn, Path(name), asked.soak).markdown())
            else:
                for table in measure(asked.dsn, Path(name), asked.count):
                    print(table.markdown())


if __name__ == "__main__":
    main()
