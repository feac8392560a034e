"""Running nodes for the tests: both demo cities, or one node that a test may hurt."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from client.connection import Client
from service.enrolment import identity_key, node_keys
from service.home import NodeHome
from service.neo4j import Neo4jServer
from service.postgres import PostgresServer
from tests.service.command import CommandLine

# What the second compiler of Java makes faster does not live long enough to pay for it.
BRIEF = "-XX:TieredStopAtLevel=1"
XINQIAO = str(Path(sys.executable).parent / "xinqiao")
SEED = 20201022


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(root: Path, ports: dict[str, int]) -> dict[str, str]:
    """Settings of a private pair of nodes."""
    other = {"benxi": "shenyang", "shenyang": "benxi"}
    found = {**os.environ, "XINQIAO_HOME": str(root), "XINQIAO_NEO4J_JAVA": BRIEF}
    for node, port in ports.items():
        prefix = f"XINQIAO_{node.upper()}_"
        found[f"{prefix}PORT"] = str(port)
        found[f"{prefix}PARTNERS"] = f"{other[node]}=http://127.0.0.1:{ports[other[node]]}"
        found[f"{prefix}MIRROR_INTERVAL"] = "0.3"
        found[f"{prefix}PUBLIC_BURST"] = "100000"
        found[f"{prefix}PUBLIC_COST_PER_MINUTE"] = "0"
    return found


@dataclass
class Cities:
    """Nodes under one home, and the command line that talks to them."""

    root: Path
    ports: dict[str, int]
    environment: dict[str, str]
    command: CommandLine
    golden: dict[str, Any] = field(default_factory=dict)
    # Clients share it: to make one for each takes longer than most of their questions.
    _trust: ssl.SSLContext = field(default_factory=httpx.create_ssl_context)

    def url(self, node: str) -> str:
        return f"http://127.0.0.1:{self.ports[node]}"

    def xinqiao(self, *arguments: str, text: str | None = None) -> tuple[int, Any]:
        """Run a command with --json; its exit status and what it printed."""
        done = self.command.run([XINQIAO, *arguments, "--json"], self.environment, text)
        try:
            return done.returncode, json.loads(done.stdout)
        except json.JSONDecodeError:
            return done.returncode, done.stderr

    def xinqiao_text(self, *arguments: str) -> tuple[int, str]:
        """Run a command for people; its exit status and all that it printed."""
        wide = {**self.environment, "COLUMNS": "200"}
        done = self.command.run([XINQIAO, *arguments], wide)
        return done.returncode, done.stdout + done.stderr

    def ask(
        self, document: str, *, node: str = "benxi", variables: Any = None, **options: str
    ) -> tuple[int, Any]:
        """`xinqiao query` with options such as as_="shenyang", purpose="P1"."""
        words = [f"--{name.strip('_')}={value}" for name, value in options.items()]
        given = f"--variables={json.dumps(variables or {})}"
        return self.xinqiao("query", "-", f"--node={node}", given, *words, text=document)

    def client(self, node: str = "benxi", identity: str | None = None) -> Client:
        key = identity_key(self.root, identity) if identity else None
        return Client(self.url(node), key, node_keys(self.root, node), http=self.http())

    def http(self) -> httpx.Client:
        """A client of HTTP alone."""
        return httpx.Client(timeout=120, trust_env=False, verify=self._trust)

    def wait_for(self, holds: Any, seconds: float = 90) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, "it did not come about in time"
            time.sleep(0.2)


@contextmanager
def running_cities(root: Path, command: CommandLine, seed: int = SEED) -> Iterator[Cities]:
    """`xinqiao run`: both cities with the demo world S of a seed, asked and serving."""
    ports = {"benxi": free_port(), "shenyang": free_port()}
    settings = environment(root, ports)
    output = root / "run.out"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [XINQIAO, "run", f"--seed={seed}"],
            env=settings,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + 280
        while "Ctrl-C" not in output.read_text(encoding="utf-8", errors="replace"):
            shown = output.read_text(encoding="utf-8", errors="replace")
            assert process.poll() is None, shown
            assert time.monotonic() < deadline, shown
            time.sleep(0.3)
        golden = json.loads((root / f"worlds/S-{seed}/truth/golden.json").read_text("utf-8"))
        yield Cities(root, ports, settings, command, golden)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(90)
        except subprocess.TimeoutExpired:
            process.kill()


@dataclass
class LoneNode(Cities):
    """The Benxi node alone, started and killed as a test wants."""

    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = (self.root / "lone.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "service.start", "serve", "benxi"],
            env=self.environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()
        deadline = time.monotonic() + 120
        with self.http() as http:
            while time.monotonic() < deadline:
                assert self.process.poll() is None, (self.root / "lone.log").read_text()[-3000:]
                try:
                    if http.get(f"{self.url('benxi')}/ready").status_code == 200:
                        return
                except httpx.HTTPError:
                    time.sleep(0.1)
        raise AssertionError("the node did not start")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(60)
        self.process = None

    def restart(self) -> None:
        """Stop the node's process and start it again; its databases run on meanwhile."""
        node_home = NodeHome(self.root, "benxi")
        with PostgresServer(node_home), Neo4jServer(node_home):
            self.stop()
            self.start()
