"""Nodes that run for the whole session."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.home import open_folder
from service.world import DEFAULT_SEED, WorldManifest, write_world
from tests.service.cities import Cities, LoneNode, environment, free_port, running_cities


def _root(home: Path, name: str) -> Path:
    return open_folder(home / name, 0o711)


@pytest.fixture(scope="session")
def cities(home: Path) -> Iterator[Cities]:
    """`xinqiao run`: both cities with the demo world S, asked and serving."""
    with running_cities(_root(home, "two")) as running:
        yield running


@pytest.fixture(scope="session")
def lone_node(home: Path) -> Iterator[LoneNode]:
    """One empty node with its servers; tests that hurt it start it again."""
    root = _root(home, "lone")
    ports = {"benxi": free_port(), "shenyang": free_port()}
    node = LoneNode(root, ports, environment(root, ports))
    # Its partner never answers: far too long to stop it unless a test makes the tail that old.
    node.environment["XINQIAO_BENXI_WITNESS_STOP"] = "86400"
    node.start()
    try:
        yield node
    finally:
        node.stop()


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, WorldManifest]:
    """The demo world S: its folder and manifest."""
    folder = tmp_path_factory.mktemp("world") / "S"
    return folder, write_world("S", DEFAULT_SEED, folder)


@pytest.fixture(scope="session")
def root(world: tuple[Path, WorldManifest]) -> Path:
    """The folder of the demo world S."""
    return world[0]


@pytest.fixture(scope="session")
def golden(root: Path) -> dict[str, Any]:
    """The planted cases and their answers."""
    return dict(json.loads((root / "truth/golden.json").read_text("utf-8")))
