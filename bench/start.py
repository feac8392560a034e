"""How long it takes to start: both cities from nothing, both again, and the whole demonstration.

    python -m bench.start

What is installed (environment, jars, binaries) is there already.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

from bench.home import city_environment, environment, private_home
from bench.table import Table
from service.demo import CITIES
from service.enrolment import establish
from service.home import NodeHome, open_folder
from service.settings import load_settings
from service.supervisor import NodeProcess, start_node

_PROJECT = Path(__file__).parents[1]


async def both_cities(root: Path) -> tuple[float, float]:
    """Seconds until both nodes answer /ready, and until both have ended."""
    began = time.perf_counter()
    establish(root)
    nodes: list[NodeProcess] = []
    try:
        nodes += [
            await start_node(root, load_settings(NodeHome(root, city.node))) for city in CITIES
        ]
        await asyncio.gather(*(node.wait_ready(240) for node in nodes))
        ready = time.perf_counter() - began
    finally:
        began = time.perf_counter()
        await asyncio.gather(*(node.stop() for node in nodes))
    return ready, time.perf_counter() - began


def demonstration() -> float:
    """Seconds of `make run ONCE=1`, set-up's look at the installation included."""
    # Flags of the `make` that runs the benchmark are not for this one.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    began = time.perf_counter()
    done = subprocess.run(
        ["make", "--no-print-directory", "run", "ONCE=1"],
        cwd=_PROJECT,
        env=clean,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"make run ONCE=1 ended with {done.returncode}:\n{done.stdout[-3000:]}")
    return time.perf_counter() - began


def measure(root: Path) -> Table:
    """Start everything twice in homes of their own below `root`."""
    rows: list[tuple[str, float]] = []
    nodes, demo = (open_folder(root / name, 0o711) for name in ("starts", "runs"))
    with environment(city_environment(nodes)):
        for label in ("first start of both nodes, empty home", "second start of both nodes"):
            ready, ended = asyncio.run(both_cities(nodes))
            rows.append((label, ready))
    rows.append(("stopping both nodes", ended))
    with environment(city_environment(demo)):
        labels = ("first `make run ONCE=1`, empty home", "second `make run ONCE=1`")
        rows += [(label, demonstration()) for label in labels]
    return Table("Start-up", ("what", "seconds"), list(rows))


def main() -> None:
    """Print the times."""
    with private_home() as root, contextlib.redirect_stdout(sys.stderr):
        table = measure(root)
    print(table.markdown())


if __name__ == "__main__":
    main()
