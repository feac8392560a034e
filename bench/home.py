"""A private XINQIAO_HOME for the time of a benchmark, sharing the machine's jars and binaries."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from service.home import cache, home, open_folder


@contextmanager
def private_home() -> Iterator[Path]:
    """A folder that is gone after the block; `XINQIAO_HOME` names it inside.

    SIGTERM ends the block as Ctrl-C does: no server outlives a benchmark that is told to end.
    """
    root = os.geteuid() == 0
    above = open_folder(home(), 0o711) if root else Path(tempfile.gettempdir())
    path = above / f"{'' if root else 'xinqiao-'}bench-{os.getpid()}"
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with environment({"XINQIAO_CACHE": str(cache()), "XINQIAO_HOME": str(path)}):
            open_folder(path, 0o711 if root else 0o700)
            try:
                yield path
            finally:
                shutil.rmtree(path, ignore_errors=True)
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for the time of the block, as the processes started inside see them."""
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def city_environment(root: Path) -> dict[str, str]:
    """Settings of both demo cities under a home of their own, on ports that are free."""
    ports = {name: free_port() for name in ("benxi", "shenyang")}
    other = {"benxi": "shenyang", "shenyang": "benxi"}
    found = {"XINQIAO_HOME": str(root)}
    for name, port in ports.items():
        prefix = f"XINQIAO_{name.upper()}_"
        found[f"{prefix}PORT"] = str(port)
        found[f"{prefix}PARTNERS"] = f"{other[name]}=http://127.0.0.1:{ports[other[name]]}"
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
