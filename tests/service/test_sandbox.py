"""A node's process cannot read another node's keys, whoever runs both."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from service.home import NodeHome
from service.neo4j import Neo4jServer
from service.postgres import PostgresServer
from service.sandbox import handled_rights, landlock_version

needs_landlock = pytest.mark.skipif(landlock_version() == 0, reason="kernel without Landlock")

CONFINED = """
import sys
from pathlib import Path
from service.sandbox import confine
root, own = Path(sys.argv[1]), Path(sys.argv[2])
assert confine([], [own], withheld=[root])
{body}
"""


def _confined(root: Path, own: Path, body: str) -> subprocess.CompletedProcess[str]:
    code = CONFINED.format(body=body)
    return subprocess.run(
        [sys.executable, "-c", code, str(root), str(own)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def nodes(home: Path) -> tuple[NodeHome, NodeHome]:
    benxi, shenyang = (NodeHome(home, name).create() for name in ("benxi", "shenyang"))
    for node in (benxi, shenyang):
        (node.keys / "signing.pem").write_text(node.name)
    return benxi, shenyang


@needs_landlock
def test_other_nodes_keys_cannot_be_read(nodes: tuple[NodeHome, NodeHome]) -> None:
    benxi, shenyang = nodes
    body = f"""
assert Path({str(benxi.keys / "signing.pem")!r}).read_text() == "benxi"
(own / "written").write_text("x")
import subprocess
other = {str(shenyang.keys / "signing.pem")!r}
try:
    Path(other).read_text()
except PermissionError:
    print("refused")
print(subprocess.run(["cat", other], capture_output=True).returncode)
"""
    done = _confined(benxi.root, benxi.path, body)
    assert done.stdout == "refused\n1\n", done.stderr


@needs_landlock
def test_confined_process_still_runs_python_and_the_systems_programs(
    nodes: tuple[NodeHome, NodeHome],
) -> None:
    body = """
import asyncpg, cryptography.hazmat.primitives.asymmetric.ed25519, json, sqlite3, ssl, subprocess
import service.home, httpx
ssl.create_default_context()
subprocess.run(["ls", "/proc/self"], check=True, stdout=subprocess.DEVNULL)
open("/dev/null", "w").write("x")
print("fine")
"""
    done = _confined(nodes[0].root, nodes[0].path, body)
    assert done.stdout == "fine\n", done.stderr


@needs_landlock
def test_home_inside_an_open_folder_is_closed_all_the_same(tmp_path: Path) -> None:
    for name in ("benxi", "shenyang"):
        (tmp_path / "home" / name).mkdir(parents=True)
        (tmp_path / "home" / name / "key").write_text("secret")
    (tmp_path / "beside").write_text("open")
    body = """
from service import sandbox
print((root.parent / "beside").read_text(), (own / "key").read_text())
try:
    print((root / "shenyang" / "key").read_text())
except PermissionError:
    print("refused")
"""
    done = _confined(tmp_path / "home", tmp_path / "home" / "benxi", body)
    assert done.stdout == "open secret\nrefused\n", done.stderr


@needs_landlock
def test_confined_node_starts_servers_and_adopts_and_stops_those_it_did_not_start(
    home: Path,
) -> None:
    node_home = NodeHome(home, "confined").create()
    script = f"""
import sys
from pathlib import Path
from service.home import NodeHome, cache
from service.neo4j import Neo4jServer
from service.postgres import PostgresServer
from service.sandbox import confine
node_home = NodeHome(Path({str(home)!r}), "confined")
assert confine([cache()], [node_home.path], withheld=[node_home.root])
postgres, neo4j = PostgresServer(node_home), Neo4jServer(node_home)
postgres.start(), neo4j.start()
print([p.pid for p in postgres.processes()][:1], [p.pid for p in neo4j.processes()], flush=True)
if sys.argv[1:] == ["stay"]:
    sys.stdin.read()
neo4j.stop(), postgres.stop()
"""
    command = [sys.executable, "-c", script]
    with subprocess.Popen(
        [*command, "stay"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout is not None
        started = first.stdout.readline()
        first.kill()
    second = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert second.stdout == started != "", second.stderr
    assert PostgresServer(node_home).processes() == []
    assert Neo4jServer(node_home).processes() == []


@needs_landlock
def test_a_confined_node_has_room_for_temporary_files_in_its_own_folder(
    nodes: tuple[NodeHome, NodeHome],
) -> None:
    # The home of these tests lies below /tmp, around which nothing can be written then.
    body = """
import tempfile
from service.home import NodeHome
from service.serve import keep_temporary_files
keep_temporary_files(NodeHome(root, "benxi"))
with tempfile.NamedTemporaryFile() as file:
    print(Path(file.name).parent == own / "tmp")
"""
    done = _confined(nodes[0].root, nodes[0].path, body)
    assert done.stdout == "True\n", done.stderr


@needs_landlock
def test_process_with_threads_is_not_half_confined(tmp_path: Path) -> None:
    code = (
        "import threading, time\n"
        "threading.Thread(target=time.sleep, args=(5,), daemon=True).start()\n"
        "from service.sandbox import SandboxError, confine\n"
        "try:\n    confine([], [])\nexcept SandboxError as error:\n    print(error.code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "SANDBOX_THREADS\n"


def test_rights_follow_the_kernels_version() -> None:
    # Landlock documentation: ABI 1 has 13 rights, 2 adds refer, 3 truncate, 5 device ioctl.
    assert [handled_rights(n).bit_count() for n in (0, 1, 2, 3, 4, 5, 7)] == [
        0,
        13,
        14,
        15,
        15,
        16,
        16,
    ]
