"""Nodes that run for the whole session."""

from __future__ import annotations

import json
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from service.home import NodeHome, open_folder
from service.neo4j import Neo4jServer
from service.postgres import PostgresServer
from service.world import DEFAULT_SEED, WorldManifest, write_world
from tests.databases import Databases
from tests.service.cities import Cities, LoneNode, environment, free_port, running_cities
from tests.service.command import CommandLine
from tests.service.inner_node import InnerNode, inner_node


def _root(home: Path, name: str) -> Path:
    return open_folder(home / name, 0o711)


@pytest.fixture(scope="session")
def command() -> Iterator[CommandLine]:
    """The command line, loaded once for all calls."""
    with closing(CommandLine()) as loaded:
        yield loaded


@pytest.fixture(scope="session")
def cities(home: Path, command: CommandLine) -> Iterator[Cities]:
    """`xinqiao run`: both cities with the demo world S, asked and serving."""
    with running_cities(_root(home, "two"), command) as running:
        yield running


@pytest.fixture(scope="session")
def lone_node(home: Path, command: CommandLine) -> Iterator[LoneNode]:
    """One empty node with its servers; tests that hurt it start it again."""
    root = _root(home, "lone")
    ports = {"benxi": free_port(), "shenyang": free_port()}
    node = LoneNode(root, ports, environment(root, ports), command)
    # Its partner never answers: far too long to stop it unless a test makes the tail that old.
    node.environment["XINQIAO_BENXI_WITNESS_STOP"] = "86400"
    node.environment["XINQIAO_BENXI_TRUSTED_DOCUMENTS"] = "required"  # as in production
    node.start()
    try:
        yield node
    finally:
        node.stop(signal.SIGHUP)  # as at a terminal that is closed
    assert not PostgresServer(NodeHome(root, "benxi")).processes()
    assert not Neo4jServer(NodeHome(root, "benxi")).processes()


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


@pytest.fixture(scope="session")
async def inner(home: Path, databases: Databases) -> AsyncIterator[InnerNode]:
    """A node in this process with the town's data; its limits are low, so that tests meet them."""
    limits = {"job_limit": "9", "job_part_subjects": "3", "bulk_review": "10"}
    async with databases.fresh() as dsn:
        async with inner_node(_root(home, "inner"), dsn, **limits) as made:
            # Nothing seals here, so that tests read what waits for it.
            made.node.access_log.longest_wait = made.node.audit_log.longest_wait = 3600.0
            yield made
