"""The console's own server, for as long as the person keeps it open."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import uvicorn

from client.connection import Client
from service.console import HOST, Console, Gate
from service.enrolment import EnrolmentError, establish, identity_key, node_keys
from service.inquiry import resolve, running
from service.process import endings


def open_console(
    root: Path,
    node: str,
    identity: str | None,
    *,
    port: int,
    purpose: str = "",
    case: str = "",
    actor: str | None = None,
    announce: Callable[[str], None],
) -> None:
    """Serve a console until SIGINT or SIGTERM; `announce` is told the address to open.

    A node of this machine that does not run is started for the time. `port` 0 takes a free one.
    Raises EnrolmentError `CONSOLE_PORT_TAKEN`, ClientError, NodeFailed, SettingsError.
    """
    establish(root)
    name, url = resolve(root, node)
    key = identity_key(root, identity) if identity else None
    keys = node_keys(root, name)
    with (
        _listening(port) as listener,
        httpx.Client(timeout=60, trust_env=False) as http,
        running(root, name, url, http),
    ):
        gate = Gate(listener.getsockname()[1])
        console = Console(
            gate,
            Client(url, key, keys, http=http),
            Client(url, None, keys, http=http),
            name,
            identity or "公众 public",
            purpose,
            case,
            actor,
        )
        config = uvicorn.Config(
            console.application(), ws="none", lifespan="off", access_log=False,
            log_level="warning", server_header=False, timeout_graceful_shutdown=2,
        )  # fmt: skip
        asyncio.run(_serve(_Server(config), listener, lambda: announce(gate.address)))


@contextlib.contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError as cause:
            raise EnrolmentError(
                "CONSOLE_PORT_TAKEN",
                f"port {port} cannot be used ({cause.strerror}): choose another with --port, or 0",
            ) from cause
        yield listener


class _Server(uvicorn.Server):
    """Leaves signals alone: what was started for the console is stopped after it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve(
    server: uvicorn.Server, listener: socket.socket, announce: Callable[[], None]
) -> None:
    def stop() -> None:
        server.should_exit = True

    for one in endings():
        asyncio.get_running_loop().add_signal_handler(one, stop)
    listener.listen(64)
    announce()
    await server.serve(sockets=[listener])
