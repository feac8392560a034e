"""Real servers for the tests: one PostgreSQL cluster and one Neo4j for the whole session."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import settings

from service.collecting import IMPORTING
from service.home import NodeHome, cache, open_folder
from service.neo4j import Neo4jAddress, Neo4jServer
from service.postgres import PostgresServer
from service.process import end, running
from tests.databases import Databases
from tests.service.cities import BRIEF

_TESTS = Path(__file__).parent
_PREFIX = "test-"
# A thousand databases are made and dropped: on a disk that takes longer than all the tests. What
# they prove of kill -9 and of the order of writes holds here as well; no test cuts the power.
# Nodes stay on the disk: confined to their homes, they could not reach the shared memory beside.
_MEMORY = Path("/dev/shm")
_ROOM = 6 << 30  # bytes

# Two shared cores make single examples slow without anything being wrong.
# Where a change is kept or refused, the examples are the same each time; elsewhere new ones.
settings.register_profile("xinqiao", deadline=None, derandomize=os.environ.get("XINQIAO_CI") == "1")
settings.load_profile("xinqiao")
for _phase in ("connect", "read", "write", "pool"):  # httpx would give up after five seconds
    setattr(httpx._config.DEFAULT_TIMEOUT_CONFIG, _phase, 120.0)


# Modules that share what is dear to start go to one process, so that it is started once. Shares
# and modules are begun in the order they stand here: what begins last leaves the other processes
# without work. A module that shares two things is named by the dearer one.
_SHARING = {
    "cities": (
        "service/test_requirements.py",
        "service/test_cities.py",
        "service/test_city_catalogue.py",
        "service/test_city_roles.py",
        "service/test_console.py",
        "service/test_doctor.py",
        "service/test_evidence.py",
        "service/test_examples.py",
        "service/test_log_outside.py",
        "service/test_plain_numbers.py",
        "service/test_purposes.py",
        "service/test_readme.py",
        "service/test_review.py",
        "service/test_witnessing.py",
    ),
    "lone_node": (
        "service/test_attacks.py",
        "service/test_command.py",
        "service/test_enrolment.py",
        "service/test_http.py",
        "service/test_node.py",
        "service/test_refusals.py",
        "service/test_trusted.py",
    ),
    "neo4j_server": (
        "service/test_container.py",
        "service/test_neo4j.py",
        "graph/test_neighbourhood.py",
        "graph/test_outage.py",
        "graph/test_paths.py",
        "graph/test_projection.py",
        "graph/test_verification.py",
    ),
    "inner": (
        "service/test_bulk.py",
        "service/test_changes.py",
        "service/test_jobs.py",
        "service/test_live_clients.py",
        "service/test_subscriptions.py",
        "service/test_whole_graph.py",
    ),
    "known_worlds": (
        "resolvers/test_analysis_world.py",
        "resolvers/test_golden_ownership.py",
        "resolvers/test_search_world.py",
    ),
}
_SHARED = {module: fixture for fixture, modules in _SHARING.items() for module in modules}
_LONG = (
    "store/test_intake_bulk.py",
    "store/test_intake_order.py",
    "resolvers/test_differential.py",
    "service/test_neo4j_import.py",
    "faults/test_faults.py",
    "outside/test_go.py",
    "outside/test_litewitness.py",
    "store/test_intake_world.py",
    "service/test_postgres.py",
    "resolvers/test_finbench_analyses.py",
    "service/test_kinds_by_role.py",
    "service/test_completion.py",
    "service/test_world_sizes.py",
)
_FIRST = {module: place for place, module in enumerate((*_SHARED, *_LONG))}


def pytest_configure() -> None:
    # As Ctrl-C: fixtures are finalised, so no server outlives a session that is told to end.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # What ignores it, as under nohup, has every process that it starts ignore it as well.
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)
    # All tests and all that they import are looked at for cycles too often otherwise.
    gc.set_threshold(IMPORTING, 20, 50)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object | None:
    """Whole modules to a process, and all modules that share something to the same one."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Sharing(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            module = super()._split_scope(nodeid)
            return _SHARED.get(module.removeprefix("tests/"), module)

    return Sharing(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what is shared and with the long modules; inside a module the order stays."""
    for item in items:
        asked = [name for name in _SHARING if name in getattr(item, "fixturenames", ())]
        if asked and _module(item) not in _SHARED:
            raise pytest.UsageError(f"{_module(item)} shares {asked[0]}: name it in {__file__}")
    items.sort(key=lambda item: _FIRST.get(_module(item), len(_FIRST)))


def _module(item: pytest.Item) -> str:
    return item.path.relative_to(_TESTS).as_posix() if item.path.is_relative_to(_TESTS) else ""


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    """A private XINQIAO_HOME for the session, sharing the real one's cache of jars."""
    above = Path("/var/lib/xinqiao") if os.geteuid() == 0 else Path(tempfile.gettempdir())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XINQIAO_CACHE", str(cache()))
        if os.geteuid() == 0:
            open_folder(above, 0o711)
        remove_abandoned(above)
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
        remove_abandoned(_MEMORY)
        place = _MEMORY / f"xinqiao-{_PREFIX}{os.getpid()}"
        place.mkdir(mode=0o711)
    # fsync stays on: what these tests prove is durability, among other things.
    with PostgresServer(NodeHome(place, "session"), {"max_connections": "200"}) as server:
        yield server
    if place != home:
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="session")
async def databases(postgres_server: PostgresServer) -> AsyncIterator[Databases]:
    """The session's databases, for fixtures that outlive a test."""
    made = Databases(postgres_server)
    await made.prepare()
    yield made
    await made.close()


@pytest.fixture
async def database(databases: Databases) -> AsyncIterator[str]:
    """The address of a fresh, migrated database that is this test's alone."""
    async with databases.fresh() as address:
        yield address


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


def remove_abandoned(above: Path) -> None:
    """Clear up after sessions that were killed: their servers and their homes."""
    for old in (*above.glob(f"{_PREFIX}*"), *above.glob(f"xinqiao-{_PREFIX}*")):
        number = old.name.rpartition("-")[2]
        if old.stat().st_uid != os.geteuid() or not number.isdigit():
            continue
        if Path(f"/proc/{number}").exists():
            continue
        below = f"{old}/"
        for process in running(lambda command, below=below: any(below in word for word in command)):
            end(process, signal.SIGINT, 5)
        shutil.rmtree(old, ignore_errors=True)
