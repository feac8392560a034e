"""Every write, fsync and rename of a seal, failed or died in, one after the other.

The sealer runs in a process of its own; entries are appended by this one. Each seal crosses the
edge of a tile, so it writes everything that a seal can write.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Self

import asyncpg

from client.note import VerifierKey
from client.receipt import Receipt
from security.access_log import AccessLog
from security.entry import Entry
from security.evidence import Evidence, EvidenceKeys
from security.keys import KeyFolder
from security.tlog.reader import TileReader
from store.migrations import migrate
from tests.faults.judge import Reply, head_size, judge, read_entries
from tests.faults.node import ROOT, injected, wait_traced
from tests.faults.trial import Row
from tests.faults.watch import Watch

ORIGIN = "xinqiao.faults/access"
ENTRIES = 257
CALLS = ("write", "fsync", "rename", "mkdir", "sendto")
"""What a seal does to its files; `sendto` is what it says to PostgreSQL."""
_PATIENCE = 12.0
_DIGEST = sha256(b"body").digest()
_ENTRY = Entry(
    kind="QUERY",
    caller="shenyang",
    role="PCITY",
    decision="ALLOWED",
    status=200,
    policy_version="2026-1",
    data_version="42",
    request_body=_DIGEST,
    response_body=_DIGEST,
)
_EVIDENCE = Evidence(b"base", bytes(64), "{ organisation { name } }", b"{}")


class Sealing:
    """A sealer's process."""

    def __init__(self, dsn: str, folder: Path, origin: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.sealing", str(folder), origin],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(dsn.encode() + b"\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == b"ready\n"

    def begin(self) -> None:
        """Seal from now on."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        """Kill -9, unless it has died already."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait(10)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


class Bed:
    """A log with its own database, whose sealer may be hurt; `dsn` is of an empty database."""

    def __init__(self, dsn: str, folder: Path, origin: str = ORIGIN) -> None:
        self.dsn = dsn
        self.folder = folder
        self.origin = origin
        self.replies: list[Reply] = []
        self.watch = Watch(folder / "log")
        self._keys = KeyFolder(folder / "keys")
        self._runner = asyncio.Runner()
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None

    def __enter__(self) -> Self:
        self._runner.run(self._open())
        self.watch.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.watch.__exit__(kind, error, trace)
        if self._pool is not None:
            self._runner.run(self._pool.close())
        self._runner.close()

    @property
    def key(self) -> VerifierKey:
        return self._keys.note_signer(self.origin, "access-note").verifier

    async def _open(self) -> None:
        await migrate(self.dsn)
        self._pool = await asyncpg.create_pool(self.dsn, min_size=1, max_size=2)
        self._log = AccessLog(self._pool, self.origin, "faults", EvidenceKeys(self._keys))

    def append(self, count: int = ENTRIES) -> None:
        """Log accesses and keep their receipts, as answers would."""

        async def log() -> list[Receipt]:
            given = (self._log.append(_ENTRY, _EVIDENCE) for _ in range(count))
            return list(await asyncio.gather(*given))

        sent = time.time()
        receipts = self._runner.run(log())
        came = time.time()
        self.replies += [Reply(sent, came, 200, True, True, receipt=one) for one in receipts]

    def sealed(self) -> bool:
        """Whether the published head holds every receipt."""
        note = TileReader(self.folder / "log").checkpoint()
        return note is not None and head_size(note) >= len(self.replies)

    def wait(self, sealing: Sealing | None = None, seconds: float = _PATIENCE) -> bool:
        """Wait until all is sealed, or the sealer dies; whether all is sealed."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.sealed():
                return True
            if sealing is not None and sealing.process.poll() is not None:
                return self.sealed()
            time.sleep(0.005)
        return False

    def verdict(self, name: str) -> Row:
        """Judge all that was logged here."""

        async def places() -> list[tuple[bytes, int]]:
            assert self._pool is not None
            rows = await self._pool.fetch("SELECT leaf, index FROM access_sealed")
            return [(row["leaf"], row["index"]) for row in rows]

        found = self._runner.run(places())
        entries = read_entries(self.folder / "log")
        # When each entry is sealed depends on when its sealer was started again; the recovery
        # that the scenarios measure says how long that took.
        verdict = judge(
            self.replies, self.watch.sightings, entries, self.key, places=found, mended=time.time()
        )
        return Row(name, verdict)


def calls_of_a_seal(bed: Bed) -> Counter[str]:
    """How often a seal makes each system call that is failed below."""
    sealing, trace = Sealing(bed.dsn, bed.folder, bed.origin), bed.folder / "trace"
    sealing.begin()
    try:
        bed.append()
        bed.wait()
        with _traced(sealing.process.pid, trace):
            bed.append()
            bed.wait()
            time.sleep(0.05)
    finally:
        sealing.kill()
    found = Counter(
        name
        for line in trace.read_text().splitlines()
        for name in CALLS
        if f" {name}(" in line or f" {name}at(" in line
    )
    trace.unlink()
    return found


@contextmanager
def _traced(pid: int, trace: Path) -> Iterator[None]:
    calls = ",".join(CALLS)
    command = ["strace", "-qq", "-f", "-e", f"trace={calls}", "-o", str(trace), "-p", str(pid)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as tracer:
        wait_traced([pid])
        try:
            yield
        finally:
            tracer.terminate()
            tracer.wait(10)


def failing_calls(bed: Bed, errors: tuple[str, ...] = ("EIO", "ENOSPC"), step: int = 1) -> Row:
    """Let each write, fsync and rename of a seal fail once: the sealer goes on by itself."""
    counts = calls_of_a_seal(bed)
    slowest, trials, stuck = 0.0, 0, 0
    sealing = Sealing(bed.dsn, bed.folder, bed.origin)
    sealing.begin()
    try:
        for call in ("write", "fsync", "rename"):
            for nth in range(1, counts[call] + 1, step):
                for error in errors:
                    with injected([sealing.process.pid], f"{call}:error={error}:when={nth}"):
                        bed.append()
                        began = time.monotonic()
                        stuck += not bed.wait(sealing)
                    slowest = max(slowest, time.monotonic() - began)
                    trials += 1
    finally:
        sealing.kill()
    row = bed.verdict(f"{' and '.join(errors)} at each write, fsync, rename of a seal")
    row.trials, row.recovery = trials, slowest
    if stuck:
        row.problems.append(f"{stuck} seals did not come about")
    return row


def dying_calls(bed: Bed, step: int = 1) -> Row:
    """Kill -9 the sealer at each system call of a seal; another start must go on."""
    counts = calls_of_a_seal(bed)
    slowest, trials, died, stuck = 0.0, 0, 0, 0
    for call in CALLS:
        # What start-up says to PostgreSQL comes before what a seal says.
        last = counts[call] + (12 if call == "sendto" else 1)
        for nth in range(1, last + 1, step):
            sealing = Sealing(bed.dsn, bed.folder, bed.origin)
            try:
                with injected([sealing.process.pid], f"{call}:signal=KILL:when={nth}"):
                    bed.append()
                    sealing.begin()
                    bed.wait(sealing)
            finally:
                died += sealing.process.poll() is not None
                sealing.kill()
            trials += 1
            began = time.monotonic()
            stuck += not _sealed_by_another(bed)
            slowest = max(slowest, time.monotonic() - began)
    row = bed.verdict("kill -9 of the sealer at each system call of a seal")
    row.trials, row.recovery = trials, slowest
    row.remark = f"{died} died"
    if stuck:
        row.problems.append(f"{stuck} times the next sealer did not go on")
    if not died:
        row.problems.append("no sealer died: nothing was tried")
    return row


def _sealed_by_another(bed: Bed) -> bool:
    sealing = Sealing(bed.dsn, bed.folder, bed.origin)
    sealing.begin()
    try:
        return bed.wait()
    finally:
        sealing.kill()


def two_sealers(bed: Bed, seconds: float = 4.0) -> Row:
    """Two sealers over one log; the one that seals is killed again and again."""
    pair = [Sealing(bed.dsn, bed.folder, bed.origin) for _ in range(2)]
    slowest, kills = 0.0, 0
    for one in pair:
        one.begin()
    try:
        bed.append(1)
        bed.wait()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            bed.append(100)
            time.sleep(0.03)
            pair[kills % 2].kill()
            bed.append(100)
            began = time.monotonic()
            pair[kills % 2] = Sealing(bed.dsn, bed.folder, bed.origin)
            pair[kills % 2].begin()
            bed.wait()
            slowest, kills = max(slowest, time.monotonic() - began), kills + 1
        row = bed.verdict("two sealers, each killed in turn")
    finally:
        for one in pair:
            one.kill()
    row.trials, row.recovery = kills, slowest
    return row
