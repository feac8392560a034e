"""The embedded Neo4j: Bolt on the loopback only, with a password, back after a kill."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import socket
from pathlib import Path

import pytest
from neo4j import GraphDatabase
from neo4j.exceptions import AuthError

from service import jars
from service.home import NodeHome
from service.neo4j import Neo4jAddress, Neo4jServer, command, credential, forget_starts
from service.process import ServerError, read_identity
from tests.service.cities import BRIEF


def _ask(address: Neo4jAddress, query: str) -> object:
    with GraphDatabase.driver(address.uri, auth=(address.user, address.password)) as driver:
        return driver.execute_query(query).records[0][0]


def test_credential_is_the_one_neo4j_admin_writes() -> None:
    # Written by `neo4j-admin dbms set-initial-password secretsecret` of Neo4j 2026.08.1.
    salt = "077020fbf949ecbc91eede0e551d766141512cda0759c300062d56a999246e6e"
    digest = "9bd8ec05443b2dca1b1ba797f5b469cba3b7b4ab556455483f9f4dd96f86c8c9"
    expected = f"neo4j:SHA-256,{digest},{salt},1024:\n"
    assert credential("secretsecret", bytes.fromhex(salt)) == expected


def test_server_answers_with_its_password_only(neo4j_server: Neo4jAddress) -> None:
    version = "CALL dbms.components() YIELD versions RETURN versions[0]"
    assert _ask(neo4j_server, version) == "2026.08.1"
    for wrong in ("neo4j", "x" * 32):
        with pytest.raises(AuthError):
            _ask(Neo4jAddress(neo4j_server.uri, "neo4j", wrong), "RETURN 1")


def test_usage_reports_http_and_file_reading_are_off(neo4j_server: Neo4jAddress) -> None:
    for setting in (
        "dbms.usage_report.enabled",
        "server.http.enabled",
        "server.https.enabled",
        "dbms.security.allow_csv_import_from_file_urls",
    ):
        assert _ask(neo4j_server, f"SHOW SETTINGS '{setting}' YIELD value RETURN value") == "false"


def test_graph_survives_kill_9_and_the_wipe_of_its_data(home: Path) -> None:
    node_home = NodeHome(home, f"neo{os.urandom(3).hex()}")
    with Neo4jServer(node_home, java_options=BRIEF.split()) as server:
        _ask(server.address, "CREATE (n:Kept {id: 1}) RETURN n.id")
        found = read_identity(node_home.run / "neo4j.json")
        assert found is not None
        os.kill(found[0].pid, signal.SIGKILL)
        with Neo4jServer(node_home, java_options=BRIEF.split()) as again:
            assert _ask(again.address, "MATCH (n:Kept) RETURN count(n)") == 1
            shared = Neo4jServer(node_home)
            assert shared.start() == again.address
            shared.stop()
            assert again.is_running()
    assert not Neo4jServer(node_home).is_running()
    shutil.rmtree(node_home.neo4j)
    with Neo4jServer(node_home, java_options=BRIEF.split()) as empty:
        assert _ask(empty.address, "MATCH (n) RETURN count(n)") == 0


def test_an_operators_java_options_reach_the_server(home: Path, neo4j_server: Neo4jAddress) -> None:
    words = command("jars", home, 768, "-Xmx4g")
    assert words.index("-Xmx768m") < words.index("-Xmx4g")  # the last one counts
    (running,) = Neo4jServer(NodeHome(home, "session")).processes()
    assert BRIEF in Path(f"/proc/{running.pid}/cmdline").read_text().split("\0")


def test_installations_that_share_a_cache_keep_their_recorded_starts(tmp_path: Path) -> None:
    for age in range(6):
        path = tmp_path / f"neo4j-{age}.aot"
        path.touch()
        os.utime(path, (1_000 - age, 1_000 - age))
    (tmp_path / "neo4j-train.lock").touch()
    forget_starts(tmp_path)
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == [*(f"neo4j-{age}.aot" for age in range(4)), "neo4j-train.lock"]


def test_taken_port_is_named(home: Path) -> None:
    node_home = NodeHome(home, "taken")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ServerError, match=str(port)) as caught:
            Neo4jServer(node_home, port=port).start()
    assert caught.value.code == "NEO4J_PORT_TAKEN"


def test_every_locked_jar_has_a_digest_and_the_lock_names_no_host() -> None:
    locked = jars.locked_jars()
    assert any(jar.artifact == "neo4j" and jar.version == "2026.08.1" for jar in locked)
    assert len({jar.path for jar in locked}) == len(locked)
    assert "://" not in jars.LOCK.read_text(encoding="utf-8")
    requirements = jars.LOCK.parent / "requirements"
    for lock in requirements.glob("*.txt"):
        assert "://" not in lock.read_text(encoding="utf-8")


def test_changed_jar_is_refused_and_a_fetch_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = {"one": b"1", "two": b"2"}
    entries = "".join(
        f'[[dependencies]]\ngroupId = "g.h"\nartifactId = "{name}"\nversion = "1"\n'
        f'packaging = "jar"\nsha256 = "{hashlib.sha256(data).hexdigest()}"\n'
        for name, data in content.items()
    )
    lock = tmp_path / "jgo.lock.toml"
    lock.write_text(entries)
    served = {"one": b"1", "two": b"changed"}
    asked: list[str] = []

    def download(jar: jars.Jar, draft: Path, sources: dict[str, str]) -> Path:
        asked.append(jar.artifact)
        file = draft / jar.artifact
        file.write_bytes(served[jar.artifact])
        return file

    monkeypatch.setenv("XINQIAO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(jars, "_download", download)
    with pytest.raises(ServerError, match="sha256") as caught:
        jars.fetch(lock=lock)
    assert caught.value.code == "NEO4J_DOWNLOAD_FAILED"
    with pytest.raises(ServerError, match="make setup"):
        jars.class_path(lock)
    asked.clear()
    served["two"] = b"2"
    jars.fetch(lock=lock)
    assert asked == ["two"]
    assert jars.class_path(lock).count(".jar") == 2


SETTINGS_XML = """<settings xmlns="http://maven.apache.org/SETTINGS/1.2.0"><mirrors>
<mirror><mirrorOf>{of}</mirrorOf><url>https://mirror.example/maven/</url></mirror></mirrors></settings>"""


@pytest.mark.parametrize(
    ("pattern", "mirrored"),
    [("central", True), ("*", True), ("external:*", True), ("x, central", True),
     ("*,!central", False), ("other", False)],
)  # fmt: skip
def test_mirror_of_the_machines_maven_settings_is_honoured(pattern: str, mirrored: bool) -> None:
    expected = "https://mirror.example/maven" if mirrored else None
    assert jars.mirror_of_central(SETTINGS_XML.format(of=pattern).encode()) == expected


def test_named_repository_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XINQIAO_MAVEN_REPOSITORY", "https://mirror.example/central/")
    assert list(jars.repositories().values()) == ["https://mirror.example/central"]
