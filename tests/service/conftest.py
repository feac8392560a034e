"""Nodes that run for the whole session."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.home import open_folder
from tests.service.cities import SEED, XINQIAO, Cities, LoneNode, environment, free_port


def _root(home: Path, name: str) -> Path:
    return open_folder(home / name, 0o711)


@pytest.fixture(scope="session")
def cities(home: Path) -> Iterator[Cities]:
    """`xinqiao run`: both cities with the demo world S, asked and serving."""
    root = _root(home, "two")
    ports = {"benxi": free_port(), "shenyang": free_port()}
    settings = environment(root, ports)
    output = root / "run.out"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [XINQIAO, "run"], env=settings, stdout=file, stderr=file, start_new_session=True
        )
    try:
        deadline = time.monotonic() + 280
        while "Ctrl-C" not in output.read_text(encoding="utf-8", errors="replace"):
            shown = output.read_text(encoding="utf-8", errors="replace")
            assert process.poll() is None, shown
            assert time.monotonic() < deadline, shown
            time.sleep(0.3)
        golden = json.loads((root / f"worlds/S-{SEED}/truth/golden.json").read_text("utf-8"))
        yield Cities(root, ports, settings, golden)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(90)
        except subprocess.TimeoutExpired:
            process.kill()


@pytest.fixture(scope="session")
def lone_node(home: Path) -> Iterator[LoneNode]:
    """One empty node with its servers; tests that hurt it start it again."""
    root = _root(home, "lone")
    ports = {"benxi": free_port(), "shenyang": free_port()}
    node = LoneNode(root, ports, environment(root, ports))
    node.start()
    try:
        yield node
    finally:
        node.stop()
