"""How long the demo world takes to write and to import, and what it needs.

    python -m bench.world [DSN]

DSN names an empty, migrated database that may be filled with Benxi's part of M.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from bench.table import Cell, Table
from schema.records import kinds
from security.field_encryption import FieldCipher
from security.keys import KeyFolder
from store.intake import import_paths
from store.pool import open_pool

# The kernel keeps a peak for each program that runs: what a process was before counts in none.
_WRITE = """
import sys
from service.world.__main__ import main
main(sys.argv[1:])
with open("/proc/self/status") as status:
    print(next(line.split()[1] for line in status if line.startswith("VmHWM")))
"""


def written(size: str, folder: Path) -> tuple[Cell, ...]:
    """Write a world in a process of its own; size, seconds, rows, lines, files, MB, peak MB."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _WRITE, "--size", size, "--out", str(folder)],
        check=True,
        capture_output=True,
        text=True,
    )
    taken = time.perf_counter() - began
    peak = int(done.stdout.split()[-1]) / 1024
    manifest = json.loads((folder / "manifest.json").read_bytes())
    feeds = [file for file in manifest["files"] if file["path"].startswith("feeds/")]
    return (
        size,
        taken,
        sum(manifest["counts"].values()),
        sum(file["rows"] for file in feeds),
        len(feeds),
        sum(file["bytes"] for file in manifest["files"]) / 1e6,
        peak,
    )


def measure(folder: Path, sizes: str = "SM") -> Table:
    """Write each size into a folder of its name."""
    return Table(
        "Writing the demo world, one core",
        ("size", "seconds", "rows of truth", "lines of feeds", "feed files", "MB", "peak MB"),
        [written(size, folder / size) for size in sizes],
    )


async def measure_import(dsn: str, world: Path, keys: Path) -> Table:
    """Import all files of Benxi's departments, every kind and format, into one database."""
    pool = await open_pool(dsn, max_size=2)
    began, spent = time.perf_counter(), time.process_time()
    summary = await import_paths(
        pool,
        [world / "feeds" / "benxi"],
        kinds=kinds(),
        cipher=FieldCipher(KeyFolder(keys)),
        region="210500",
        platform="benxi",
        today=date(2026, 6, 30),
        report_dir=keys,
    )
    wall, cpu = time.perf_counter() - began, time.process_time() - spent
    await pool.close()
    name = f"Benxi's part of {world.name}: {len(summary.batches)} files of every kind and format"
    return Table(
        "Importing the demo world",
        ("what", "lines", "rejected", "lines/s", "lines per second of importer CPU"),
        [(name, summary.lines, summary.rejected, summary.lines / wall, summary.lines / cpu)],
    )


def main() -> None:
    """Write S and M, and import M where a database is named."""
    with tempfile.TemporaryDirectory() as folder:
        print(measure(Path(folder)).markdown())
        if len(sys.argv) > 1:
            keys = Path(folder) / "keys"
            print(asyncio.run(measure_import(sys.argv[1], Path(folder) / "M", keys)).markdown())


if __name__ == "__main__":
    main()
