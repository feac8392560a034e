"""The embedded PostgreSQL: shared by its users, and back by itself after any kill."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from service.database import connections
from service.home import HomeError, NodeHome
from service.postgres import PostgresServer
from service.process import ServerError, wait_until
from store.pool import POOL


@pytest.fixture
def node_home(home: Path) -> Iterator[NodeHome]:
    node = NodeHome(home, f"pg{os.urandom(3).hex()}")
    yield node
    for process in PostgresServer(node).processes():
        os.kill(process.pid, signal.SIGKILL)


async def _value(server: PostgresServer, query: str) -> object:
    connection = await asyncpg.connect(server.dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def _postmaster(node_home: NodeHome) -> int:
    return int((node_home.postgres / "postmaster.pid").read_text().splitlines()[0])


async def test_cluster_sorts_and_searches_chinese_and_listens_on_no_port(
    postgres_server: PostgresServer,
) -> None:
    provider = "SELECT datlocprovider::text || datlocale FROM pg_database WHERE datname = 'xinqiao'"
    assert await _value(postgres_server, provider) == "bC.UTF-8"
    assert await _value(postgres_server, "SELECT '本溪' ~ '^[[:alpha:]]+$'") is True
    assert await _value(postgres_server, "SHOW listen_addresses") == ""
    assert await _value(postgres_server, "SHOW fsync") == "on"
    assert await _value(postgres_server, "SHOW server_version_num") >= "180000"  # type: ignore[operator]


async def test_wrong_password_is_refused(postgres_server: PostgresServer) -> None:
    user, _, rest = postgres_server.dsn.partition("@")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(f"{user[:-2]}xx@{rest}")


async def test_server_stays_until_its_last_user_leaves(node_home: NodeHome) -> None:
    node, command = PostgresServer(node_home), PostgresServer(node_home)
    node.start()
    before = _postmaster(node_home)
    command.start()
    assert _postmaster(node_home) == before
    node.stop()
    assert await _value(command, "SELECT 1") == 1
    command.stop()
    assert not command.is_running()
    assert PostgresServer(node_home).processes() == []


async def test_committed_rows_survive_kill_9_of_the_postmaster(node_home: NodeHome) -> None:
    with PostgresServer(node_home) as server:
        connection = await asyncpg.connect(server.dsn)
        await connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
        os.kill(_postmaster(node_home), signal.SIGKILL)
        connection.terminate()
        with PostgresServer(node_home) as again:
            assert await _value(again, "SELECT number FROM kept") == 7


async def test_busy_backend_orphaned_by_a_kill_does_not_block_the_next_start(
    node_home: NodeHome,
) -> None:
    with PostgresServer(node_home) as server:
        connection = await asyncpg.connect(server.dsn)
        # A loop in the backend never looks whether the postmaster lives.
        await connection.execute("SET statement_timeout = 0")
        spinning = connection.fetchval("SELECT count(*) FROM generate_series(1, 10000000000)")
        task = asyncio.ensure_future(spinning)
        await asyncio.sleep(0.3)
        os.kill(_postmaster(node_home), signal.SIGKILL)
        with PostgresServer(node_home) as again:
            assert await _value(again, "SELECT 1") == 1
        with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError)):
            await task
        connection.terminate()


def test_server_of_a_killed_owner_is_adopted_and_then_stopped(node_home: NodeHome) -> None:
    code = (
        "import sys, time; from pathlib import Path; from service.home import NodeHome;"
        "from service.postgres import PostgresServer;"
        f"PostgresServer(NodeHome(Path({str(node_home.root)!r}), {node_home.name!r})).start();"
        "print('ready', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"ready\n"
        owner.kill()
    orphan = _postmaster(node_home)
    with PostgresServer(node_home) as server:
        assert _postmaster(node_home) == orphan
        assert server.is_running()
    assert wait_until(lambda: PostgresServer(node_home).processes() == [], 5)


async def test_stale_pid_file_that_names_a_stranger_is_no_obstacle(node_home: NodeHome) -> None:
    with PostgresServer(node_home) as server:
        os.kill(_postmaster(node_home), signal.SIGKILL)
        wait_until(lambda: not server.is_running(), 5)
        for process in PostgresServer(node_home).processes():
            os.kill(process.pid, signal.SIGKILL)
    pid_file = node_home.postgres / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    with PostgresServer(node_home) as server:
        assert await _value(server, "SELECT 1") == 1


def test_interrupted_initdb_is_done_again(node_home: NodeHome) -> None:
    node_home.create()
    (node_home.path / "postgres.new" / "data").mkdir(parents=True)
    with PostgresServer(node_home) as server:
        assert server.is_running()
    assert not (node_home.path / "postgres.new").exists()


def test_data_of_another_major_version_is_refused_with_advice(node_home: NodeHome) -> None:
    node_home.create()
    node_home.postgres.mkdir()
    (node_home.postgres / "PG_VERSION").write_text("17\n")
    with pytest.raises(ServerError, match="dump it") as caught:
        PostgresServer(node_home).start()
    assert caught.value.code == "POSTGRES_VERSION"


def test_secrets_and_data_are_closed_to_other_accounts(postgres_server: PostgresServer) -> None:
    node = postgres_server._home
    assert node.keys.stat().st_mode & 0o777 == 0o700
    assert (node.keys / "postgres.password").stat().st_mode & 0o777 == 0o600
    assert node.postgres.stat().st_mode & 0o777 == 0o700
    assert (node.run / "pg").stat().st_mode & 0o777 == 0o700


def test_socket_moves_to_a_short_folder_when_the_home_is_deep(home: Path) -> None:
    node = NodeHome(home / ("deep" * 25), "benxi")
    with PostgresServer(node) as server:
        assert server.is_running()
        folder = server._socket_folder
    assert folder.parent == Path("/tmp")
    folder.rmdir()


@pytest.mark.parametrize("name", ["", "Benxi", "../x", "a b", "1st", "cache", "x" * 33])
def test_node_names_cannot_leave_the_home(home: Path, name: str) -> None:
    with pytest.raises(HomeError) as caught:
        NodeHome(home, name)
    assert caught.value.code == "NODE_NAME_INVALID"


def test_postgresql_allows_what_all_workers_can_take() -> None:
    assert connections(1) == 300
    assert connections(32) >= 32 * (3 * POOL + 2 * POOL) + 60
