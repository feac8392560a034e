"""One node to hurt: its own home, its PostgreSQL apart, its process and workers killable."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import asyncpg
import httpx

from client.keys import NodeKeys, SigningKey
from client.note import VerifierKey
from service.enrolment import current_origin, establish, identity_key, node_keys
from service.home import NodeHome
from service.postgres import PostgresServer
from service.process import end
from tests.service.cities import free_port

NAME = "benxi"
STARTED = 60.0
ROOT = Path(__file__).parents[2]


class FaultNode:
    """The Benxi node without graph and partners, under `root`.

    PostgreSQL is the harness's: it outlives the node, and the harness stops and restores it.
    """

    def __init__(self, root: Path, **settings: str) -> None:
        self.root = root
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.home = NodeHome(root, NAME)
        self.settings = settings
        self.process: subprocess.Popen[bytes] | None = None
        self._server: PostgresServer | None = None

    def __enter__(self) -> Self:
        establish(self.root)
        self.home.create()
        self.start_postgres()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        self.stop_postgres()

    @property
    def environment(self) -> dict[str, str]:
        prefix = f"XINQIAO_{NAME.upper()}_"
        told = {
            "PORT": str(self.port),
            "PARTNERS": "",
            "NEO4J_URI": "bolt://127.0.0.1:9",
            "PUBLIC_BURST": "1000000",
            "PUBLIC_COST_PER_MINUTE": "0",
            "WITNESS_QUORUM": "0",
            **{name.upper(): value for name, value in self.settings.items()},
        }
        return {
            **os.environ,
            "XINQIAO_HOME": str(self.root),
            "PYTHONPATH": str(ROOT),
            **{prefix + name: value for name, value in told.items()},
        }

    @property
    def keys(self) -> NodeKeys:
        return node_keys(self.root, NAME)

    @property
    def origin(self) -> str:
        return current_origin(self.home, "access")

    @property
    def log_key(self) -> VerifierKey:
        return self.keys.logs[self.origin]

    @property
    def log_folder(self) -> Path:
        return self.home.log / "access"

    def identities(self) -> list[SigningKey | None]:
        """Who asks: the partner city, an analyst, the public."""
        return [identity_key(self.root, "shenyang"), identity_key(self.root, "analyst"), None]

    # The node's process.

    def start(self, *launcher: str) -> float:
        """Start the node and wait until it is ready; the seconds that took."""
        began = time.monotonic()
        self.launch(*launcher)
        self.wait_ready()
        return time.monotonic() - began

    def launch(self, *launcher: str) -> None:
        """Start the node's process."""
        with (self.root / "node.log").open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *(launcher or ("service.start", "serve")), NAME],
                env=self.environment,
                cwd=ROOT,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def wait_ready(self, seconds: float = STARTED) -> None:
        deadline = time.monotonic() + seconds
        with httpx.Client(trust_env=False, timeout=2) as http:
            while time.monotonic() < deadline:
                if self.process is None or self.process.poll() is not None:
                    raise RuntimeError(f"the node ended: {self.printed()}")
                with contextlib.suppress(httpx.HTTPError):
                    if http.get(f"{self.url}/ready").status_code == 200:
                        return
                time.sleep(0.05)
        raise TimeoutError(f"the node did not start: {self.printed()}")

    def printed(self) -> str:
        """The end of what the node printed."""
        return self.printed_all()[-3000:]

    def printed_all(self) -> str:
        """All that the node printed."""
        return (self.root / "node.log").read_text("utf-8", errors="replace")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the node's process with a signal, and wait until its workers have gone too."""
        if self.process is None:
            return
        workers = self.workers()
        if self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(60)
        deadline = time.monotonic() + 20
        while any(Path(f"/proc/{worker}").exists() for worker in workers):
            if time.monotonic() > deadline:
                raise TimeoutError("workers outlive the node's process")
            time.sleep(0.01)
        self.process = None

    def workers(self) -> list[int]:
        """The numbers of the node's worker processes."""
        if self.process is None:
            return []
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        with contextlib.suppress(OSError):
            return [int(number) for number in path.read_text().split()]
        return []

    def resident(self) -> int:
        """Bytes of memory that the node's processes hold (VmRSS)."""
        pids = [*self.workers(), *([] if self.process is None else [self.process.pid])]
        total = 0
        for pid in pids:
            with contextlib.suppress(OSError):
                for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                    if line.startswith("VmRSS:"):
                        total += int(line.split()[1]) * 1024
        return total

    # Its database.

    def start_postgres(self) -> None:
        """Start PostgreSQL where it does not run."""
        if self._server is None:
            self._server = PostgresServer(self.home)
        self._server.start()

    def stop_postgres(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None

    def postmaster(self) -> int:
        return int((self.home.postgres / "postmaster.pid").read_text().split()[0])

    def postgres_processes(self) -> list[int]:
        return [one.pid for one in PostgresServer(self.home).processes()]

    def crash_postgres(self) -> None:
        """As `pg_ctl stop -m immediate`: SIGQUIT, no shutdown checkpoint."""
        server, self._server = self._server, None
        for one in PostgresServer(self.home).processes():
            if one.pid == self.postmaster():
                end(one, signal.SIGQUIT, 20)
                break
        if server is not None:
            server.stop()

    @property
    def dsn(self) -> str:
        return PostgresServer(self.home).dsn

    def fetch(self, statement: str, *values: object) -> list[Any]:
        """The rows of a statement run by an operator, past the node."""

        async def ask() -> list[Any]:
            connection = await asyncpg.connect(self.dsn)
            try:
                return list(await connection.fetch(statement, *values))
            finally:
                await connection.close()

        return asyncio.run(ask())

    def places(self) -> list[tuple[bytes, int]]:
        """By which index the node's tables find each entry."""
        rows = self.fetch("SELECT leaf, index FROM access_sealed WHERE log = $1", self.origin)
        return [(row["leaf"], row["index"]) for row in rows]

    def copy_data(self, to: Path) -> None:
        """A cold copy of the database's folder; stop PostgreSQL first."""
        shutil.rmtree(to, ignore_errors=True)
        _copy(self.home.postgres, to)

    def restore_data(self, copy: Path) -> None:
        """Put a copy in the place of the database's folder; stop PostgreSQL first."""
        shutil.rmtree(self.home.postgres)
        _copy(copy, self.home.postgres)

    def xinqiao(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command line as the operator."""
        return subprocess.run(
            [str(Path(sys.executable).with_name("xinqiao")), *arguments],
            env={**self.environment, "COLUMNS": "200"},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


def _copy(source: Path, target: Path) -> None:
    # cp keeps owners: the data belongs to the server's account.
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)


@contextmanager
def injected(pids: Sequence[int], *faults: str, paths: Sequence[Path] = ()) -> Iterator[None]:
    """Let system calls of running processes fail for the time of the block.

    A fault is strace's: `write:error=ENOSPC:when=3`. `paths` limits them to calls on these files.
    """
    calls = ",".join(dict.fromkeys(fault.partition(":")[0] for fault in faults))
    command = ["strace", "-qq", "-f", "-e", f"trace={calls}", "-o", "/dev/null"]
    command += [part for fault in faults for part in ("-e", f"inject={fault}")]
    command += [part for path in paths for part in ("-P", str(path))]
    command += [part for pid in pids for part in ("-p", str(pid))]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as tracer:
        wait_traced(pids)
        try:
            yield
        finally:
            if tracer.poll() is None:
                tracer.send_signal(signal.SIGINT)
            tracer.wait(10)


def wait_traced(pids: Sequence[int], seconds: float = 5.0) -> None:
    """Wait until every thread of these processes is traced, or has gone."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if all(_traced(task) for pid in pids for task in Path(f"/proc/{pid}/task").glob("*")):
            return
        time.sleep(0.005)
    raise TimeoutError("strace does not attach: may this user trace processes?")


def _traced(task: Path) -> bool:
    try:
        status = (task / "status").read_text()
    except OSError:
        return True
    return "TracerPid:\t0\n" not in status
