"""Cost of verifying a log and of proving an entry: `python -m bench.proof [ENTRIES] [LOG SIZE]`.

Verifying is done in a process of its own, which reports its CPU time and its peak memory.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.table import Cell, Table
from client.log_proof import LogProof
from client.merkle import leaf_hash
from security.entry import Entry, Lists
from security.evidence import Evidence, EvidenceKeys
from security.keys import KeyFolder
from security.recomputation import OpenedEvidence, opened
from security.tlog.log import TileLog
from security.tlog.note import NoteSigner
from security.tlog.reader import TileReader
from security.tlog.tile import WIDTH
from security.tlog.verify import evidence_path, export_log

_SIGNER = NoteSigner("xinqiao.bench/access", Ed25519PrivateKey.from_private_bytes(bytes(32)))
_ENTRY_SIZE = 1_400  # bytes of an access entry, as the demo's are
_BATCH = 65_536
_VERIFY = """
import json, sys, time
from pathlib import Path
from security.tlog.verify import verify_export
verdict = verify_export(Path(sys.argv[1]))
status = Path("/proc/self/status").read_text()
peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
print(json.dumps([verdict.exit_status, time.process_time(), peak]))
"""
_GO = Path(__file__).parents[1] / "tests" / "outside"


def grow(folder: Path, size: int, entry_size: int) -> TileLog:
    """A log of synthetic entries of about this many bytes; nothing of it need survive a crash."""
    filler = b"x" * max(0, entry_size - 10)
    with patch("os.fsync"):
        log = TileLog.open(folder, _SIGNER)
        for start in range(0, size, _BATCH):
            end = min(start + _BATCH, size)
            log.append([b"%010d" % number + filler for number in range(start, end)])
    return log


def verification(folder: Path, size: int) -> Table:
    """Verifying an export of `size` entries, with the bare hashes and Go's verifier beside."""
    grow(folder / "log", size, _ENTRY_SIZE).close()
    export_log(folder / "log", folder / "export", [_SIGNER.verifier.text])
    shutil.rmtree(folder / "log")
    export = folder / "export"
    rows: list[tuple[Cell, ...]] = []
    seconds, memory = _verified(export)
    rows.append(("`audit verify`", seconds, size / seconds, memory))
    for name, figures in (
        ("Go: sumdb/tlog, merkle", _go(export)),
        ("SHA-256 alone", _bare(export)),
    ):
        if figures is not None:
            rows.append((name, figures, size / figures, None))
    columns = ("program", "CPU seconds", "entries/s", "peak MiB")
    return Table(f"Verifying {size:,} entries of {_ENTRY_SIZE} bytes offline", columns, rows)


def evidence(folder: Path, size: int) -> Table:
    """The same with each entry recomputed from its opened evidence."""
    keys = EvidenceKeys(KeyFolder(folder / "keys"))
    kept = Evidence(
        b"x" * 600, bytes(64), "", b"{}", Lists(bytes(64), bytes(64), ("Organisation.name",) * 6)
    )
    asked = Entry(
        kind="QUERY",
        caller="shenyang",
        role="PCITY",
        decision="ALLOWED",
        status=200,
        policy_version="2026-1",
        data_version="42",
        request_body=bytes(32),
        response_body=bytes(32),
        request_signature=bytes(64),
        purpose="P1",
    )
    export = folder / "export"
    with TileLog.open(folder / "log", _SIGNER) as log:
        for first in range(0, size, WIDTH):
            made = [
                keys.record(asked, kept, node="bench", time=time.time())
                for _ in range(min(WIDTH, size - first))
            ]
            log.append([one.entry for one in made])
            lines = []
            for index, one in enumerate(made, first):
                key = keys.entry_key(one.leaf, one.month, one.wrapped_key)
                lines.append(OpenedEvidence(index, key, opened(key, one.ciphertext)).line())
            path = folder / "lines" / evidence_path(first // WIDTH)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"".join(lines))
    export_log(folder / "log", export, [_SIGNER.verifier.text])
    (folder / "lines" / "evidence").rename(export / "evidence")
    seconds, memory = _verified(export)
    rows: list[tuple[Cell, ...]] = [("`audit verify`", seconds, size / seconds, memory)]
    columns = ("program", "CPU seconds", "entries/s", "peak MiB")
    return Table(f"Verifying {size:,} entries and their evidence offline", columns, rows)


def proving(folder: Path, size: int, rounds: int = 300) -> Table:
    """A proof of one entry of a log of `size`, read from disk each time."""
    log = grow(folder / "large", size, 20)
    note = log.reader.checkpoint() or b""
    log.close()
    reader = TileReader(folder / "large")
    step = max(1, size // rounds)
    took: list[float] = []
    for index in range(0, size, step):
        start = time.perf_counter()
        proof = LogProof(index, reader.inclusion(index, size), note)
        took.append(time.perf_counter() - start)
        proof.verify(leaf_hash(reader.entry(index, size)), [_SIGNER.verifier])
    took.sort()
    figures = [1e3 * took[len(took) // 2], 1e3 * took[int(len(took) * 0.99)]]
    start = time.perf_counter()
    reader.find(leaf_hash(reader.entry(size - 1, size)), size)
    found = 1e3 * (time.perf_counter() - start)
    rows: list[tuple[Cell, ...]] = [
        ("proof by index", *figures),
        ("index of the last leaf hash, from the tiles alone", found, None),
        ("reading and hashing three tiles", _three_tiles(folder / "large"), None),
    ]
    return Table(f"One entry of {size:,}", ("what", "median ms", "p99 ms"), rows)


def _verified(export: Path) -> tuple[float, float]:
    """CPU seconds and peak MiB of `audit verify` in a process of its own."""
    ran = subprocess.run(
        [sys.executable, "-c", _VERIFY, str(export)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    status, seconds, memory = json.loads(ran.stdout)
    if status:
        raise SystemExit("the export does not verify")
    return seconds, memory


def _three_tiles(folder: Path) -> float:
    tiles = sorted((folder / "tile").glob("[0-9]*/**/000"))[:3]
    start = time.perf_counter()
    for path in tiles:
        data = path.read_bytes()
        for at in range(0, len(data), 64):
            hashlib.sha256(b"\x01" + data[at : at + 64]).digest()
    return 1e3 * (time.perf_counter() - start)


def _bare(export: Path) -> float:
    """CPU seconds of hashing the bundles' bytes, whole, and reading the tiles."""
    start = time.process_time()
    for path in (export / "tile").rglob("*"):
        if path.is_file():
            hashlib.sha256(path.read_bytes()).digest()
    return time.process_time() - start


def _go(export: Path) -> float | None:
    """CPU seconds of the Go verifier of tests/outside; None where there is no Go."""
    if shutil.which("go") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "verify")
        built = subprocess.run(
            ["go", "build", "-o", program, "./verify"],
            cwd=_GO,
            env={**os.environ, "GOFLAGS": "-mod=readonly -buildvcs=false"},
            capture_output=True,
            check=False,
        )
        if built.returncode:
            return None
        before = os.times()
        subprocess.run([program, str(export)], check=True, capture_output=True)
        after = os.times()
    return (
        after.children_user - before.children_user + after.children_system - before.children_system
    )


def measure(folder: Path, entries: int = 1_000_000, size: int = 10_000_000) -> Iterator[Table]:
    """All tables; needs about 2 GB below `folder` for a million entries."""
    for name, table in (
        ("verification", lambda: verification(folder / "verification", entries)),
        ("evidence", lambda: evidence(folder / "evidence", max(1, entries // 20))),
        ("proving", lambda: proving(folder / "proving", size)),
    ):
        yield table()
        shutil.rmtree(folder / name)


if __name__ == "__main__":
    sizes = [int(text.replace("_", "")) for text in sys.argv[1:]]
    with tempfile.TemporaryDirectory(dir=os.environ.get("XINQIAO_HOME")) as scratch:
        for one in measure(Path(scratch), *sizes):
            print(one.markdown(), flush=True)
