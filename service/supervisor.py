"""Node processes started and stopped together: each in a process group of its own."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from service.home import HomeError, NodeHome
from service.process import SoleUse
from service.settings import Settings

_PR_SET_PDEATHSIG = 1


class NodeFailed(Exception):
    """A node process ended, or did not become ready."""

    code = "NODE_FAILED"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def end_with_parent(parent: int, how: signal.Signals = signal.SIGTERM) -> None:
    """Ask the kernel to send this process a signal when its parent ends, however it ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, how)
    if os.getppid() != parent:
        raise SystemExit(1)


@dataclass(slots=True)
class NodeProcess:
    """One `xinqiao serve` process."""

    settings: Settings
    process: asyncio.subprocess.Process
    output: Path

    async def wait_ready(self, seconds: float) -> None:
        """Wait until the node answers /ready. Raises NodeFailed with the last lines it printed."""
        deadline = asyncio.get_running_loop().time() + seconds
        async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
            while asyncio.get_running_loop().time() < deadline:
                if self.process.returncode is not None:
                    break
                with contextlib.suppress(httpx.HTTPError):
                    answer = await client.get(f"{self.settings.url}/ready")
                    if answer.status_code == 200 and answer.json()["node"] == self.settings.node:
                        return
                await asyncio.sleep(0.1)
        raise NodeFailed(
            f"node {self.settings.node} did not start; the end of {self.output.name}:\n"
            + _tail(self.output)
        )

    async def stop(self, seconds: float = 90) -> None:
        """Stop the node: SIGTERM, and SIGKILL when it has not gone in the given seconds."""
        if self.process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), seconds)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()


def claim_node(node_home: NodeHome) -> SoleUse:
    """Be the one process that serves a node. Raises HomeError `NODE_RUNNING`.

    Two would both refresh, mirror and work on its jobs, and only one would have its port.
    """
    claim = SoleUse.take(node_home.create().run / "node.serving")
    if claim is None:
        raise HomeError(
            "NODE_RUNNING",
            f"another process serves node {node_home.name} or is starting it: wait until it answers"
            " or has stopped, and try again",
        )
    return claim


def is_served(node_home: NodeHome) -> bool:
    """Whether a process serves a node now, ready or not."""
    path = node_home.run / "node.serving"
    claim = SoleUse.take(path) if path.exists() else None
    if claim is not None:
        claim.release()
    return path.exists() and claim is None


def demand_port(settings: Settings, seconds: float = 0) -> None:
    """Raise NodeFailed when the node's port is taken; workers of one that was killed may hold it
    for some moments, for which `seconds` are given."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    deadline = time.monotonic() + seconds
    while True:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((settings.host, settings.port))
                return
            except OSError as cause:
                if time.monotonic() >= deadline:
                    raise NodeFailed(
                        f"port {settings.port} of {settings.host} cannot be used"
                        f" ({cause.strerror}): stop what listens there, or set"
                        f" XINQIAO_{settings.node.upper()}_PORT"
                    ) from cause
        time.sleep(0.1)


async def start_node(root: Path, settings: Settings) -> NodeProcess:
    """Start a node's process, which ends when this one does; NodeFailed for a taken port,
    HomeError `NODE_RUNNING` when somebody serves it."""
    node_home = NodeHome(root, settings.node)
    claim_node(node_home).release()
    demand_port(settings)
    output = node_home.logs / "node.log"
    with output.open("ab") as file:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "service.start",
            "serve",
            settings.node,
            str(os.getpid()),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    return NodeProcess(settings, process, output)


def _tail(path: Path, lines: int = 15) -> str:
    try:
        return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
