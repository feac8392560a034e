"""Real servers for the tests: one PostgreSQL cluster and one Neo4j for the whole session."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
from hypothesis import settings

from service.home import NodeHome, cache, open_folder
from service.neo4j import Neo4jAddress, Neo4jServer
from service.postgres import PostgresServer
from service.process import end
from store.migrations import migrate
from tests.service.cities import BRIEF

_PREFIX = "test-"
_TEMPLATE = "migrated"
# A thousand databases are made and dropped: on a disk that takes longer than all the tests. What
# they prove of kill -9 and of the order of writes holds here as well; no test cuts the power.
# Nodes stay on the disk: confined to their homes, they could not reach the shared memory beside.
_MEMORY = Path("/dev/shm")
_ROOM = 6 << 30  # bytes

# Two shared cores make single examples slow without anything being wrong.
# Where a change is kept or refused, the examples are the same each time; elsewhere new ones.
settings.register_profile("xinqiao", deadline=None, derandomize=os.environ.get("XINQIAO_CI") == "1")
settings.load_profile("xinqiao")


# Begun first, in this order: a module that begins last leaves the other processes without work.
_LONG_BY_FIXTURE = ("cities", "lone_node", "neo4j_server", "known")
_LONG = (
    "test_requirements.py",
    "test_container.py",
    "test_intake_bulk.py",
    "test_neo4j.py",
    "test_intake_order.py",
    "test_doctor.py",
    "test_differential.py",
    "test_neo4j_import.py",
    "test_faults.py",
    "test_go.py",
    "test_litewitness.py",
    "test_intake_world.py",
    "test_postgres.py",
    "test_finbench_analyses.py",
    "test_kinds_by_role.py",
    "test_completion.py",
    "test_world_sizes.py",
)


def pytest_configure() -> None:
    # As Ctrl-C: fixtures are finalised, so no server outlives a session that is told to end.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long modules; inside a module the order stays."""
    places: dict[Path, int] = {}
    for item in items:
        places[item.path] = min(_place(item), places.get(item.path, len(items)))
    items.sort(key=lambda item: places[item.path])


def _place(item: pytest.Item) -> int:
    if item.path.name in _LONG:
        return _LONG.index(item.path.name)
    asked = getattr(item, "fixturenames", ())
    dear = (place for place, name in enumerate(_LONG_BY_FIXTURE) if name in asked)
    return len(_LONG) + next(dear, len(_LONG_BY_FIXTURE))


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    """A private XINQIAO_HOME for the session, sharing the real one's cache of jars."""
    above = Path("/var/lib/xinqiao") if os.geteuid() == 0 else Path(tempfile.gettempdir())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XINQIAO_CACHE", str(cache()))
        if os.geteuid() == 0:
            open_folder(above, 0o711)
        _remove_abandoned(above)
        prefix = _PREFIX if os.geteuid() == 0 else f"xinqiao-{_PREFIX}"
        path = above / f"{prefix}{os.getpid()}"
        path.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700)
        patch.setenv("XINQIAO_HOME", str(path))
        yield path
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server(home: Path) -> Iterator[PostgresServer]:
    """The session's PostgreSQL. Tests want their own `database` of it."""
    place = home
    if _is_roomy(_MEMORY):
        _remove_abandoned(_MEMORY)
        place = _MEMORY / f"xinqiao-{_PREFIX}{os.getpid()}"
        place.mkdir(mode=0o711)
    # fsync stays on: what these tests prove is durability, among other things.
    with PostgresServer(NodeHome(place, "session"), {"max_connections": "200"}) as server:
        yield server
    if place != home:
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="session")
async def _migrated(postgres_server: PostgresServer) -> PostgresServer:
    admin = await asyncpg.connect(postgres_server.dsn)
    try:
        await admin.execute(f"CREATE DATABASE {_TEMPLATE}")
        await migrate(postgres_server.dsn_of(_TEMPLATE))
    finally:
        await admin.close()
    return postgres_server


@pytest.fixture
async def database(_migrated: PostgresServer) -> AsyncIterator[str]:
    """The address of a fresh, migrated database that is this test's alone."""
    name = f"t_{secrets.token_hex(6)}"
    admin = await asyncpg.connect(_migrated.dsn)
    try:
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE} STRATEGY file_copy")
        yield _migrated.dsn_of(name)
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()


@pytest.fixture(scope="session")
def neo4j_server(home: Path) -> Iterator[Neo4jAddress]:
    """The session's Neo4j; whoever writes to it clears it."""
    with Neo4jServer(NodeHome(home, "session"), java_options=BRIEF.split()) as server:
        yield server.address


def _is_roomy(folder: Path) -> bool:
    """Whether a session fits into this folder of memory, with as much left for its servers."""
    try:
        free = shutil.disk_usage(folder).free
        told = Path("/proc/meminfo").read_text(encoding="ascii")
    except OSError:
        return False
    available = int(told.partition("MemAvailable:")[2].split()[0]) << 10
    return os.path.ismount(folder) and min(free, available) > _ROOM


def _remove_abandoned(above: Path) -> None:
    """Clear up after sessions that were killed: their servers and their homes."""
    for old in (*above.glob(f"{_PREFIX}*"), *above.glob(f"xinqiao-{_PREFIX}*")):
        number = old.name.rpartition("-")[2]
        if old.stat().st_uid != os.geteuid() or not number.isdigit():
            continue
        if Path(f"/proc/{number}").exists():
            continue
        for node in (NodeHome(old, folder.name) for folder in old.iterdir() if folder.is_dir()):
            for process in PostgresServer(node).processes():
                end(process, signal.SIGQUIT, 5)
            for process in Neo4jServer(node).processes():
                end(process, signal.SIGKILL, 5)
        shutil.rmtree(old, ignore_errors=True)
