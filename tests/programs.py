"""Programs that tests drive and the project does not install."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import NoReturn

import pytest

from service.home import cache


def need(*programs: str) -> None:
    """Skip the test where a program is missing; with XINQIAO_CI set, fail it."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        lacks(f"{missing[0]} is not installed")


def lacks(what: str) -> NoReturn:
    """Skip the test for what this machine lacks, of what CI has; with XINQIAO_CI set, fail it."""
    if "XINQIAO_CI" in os.environ:
        pytest.fail(what)
    pytest.skip(what)  # a user may not have what only tests drive; the README names it


def node_path() -> Mapping[str, str]:
    """The environment in which `node` is the newest here: that of .venv, if it has one."""
    own = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": f"{own}{os.pathsep}{os.environ.get('PATH', '')}"}


def npm_folder(source: Path) -> Path:
    """A copy of a folder with the npm packages that its lock file pins, made when first needed.

    Tests run their scripts there: Node looks for packages beside the script.
    """
    need("node", "npm")
    files = sorted(path for path in source.iterdir() if path.is_file())
    digest = sha256(b"".join([path.read_bytes() for path in files])).hexdigest()[:16]
    folder = cache() / "outside" / f"npm-{digest}"
    if not folder.exists():
        part = folder.with_name(f"{folder.name}.{os.getpid()}")
        part.mkdir(parents=True)
        for path in files:
            shutil.copy(path, part)
        done = subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=part,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        part.rename(folder)
    return folder
