"""A session of tests that was killed leaves nothing that the next stumbles over."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from service.process import Identity
from tests.conftest import remove_abandoned


def test_what_a_killed_session_left_is_ended_and_removed(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = tmp_path / f"test-{gone.pid}"
    deep = left / ("deep" * 25) / "cache"  # no name of a node
    deep.mkdir(parents=True)
    kept = tmp_path / "test-of-somebody"
    kept.mkdir()
    server = subprocess.Popen([sys.executable, "-c", "input()", deep], stdin=subprocess.PIPE)
    other = subprocess.Popen([sys.executable, "-c", "input()", kept], stdin=subprocess.PIPE)
    try:
        remove_abandoned(tmp_path)
        assert Identity.of(server.pid) is None
        assert Identity.of(other.pid) is not None
        assert [one.name for one in tmp_path.iterdir()] == [kept.name]
    finally:
        for process in (server, other):
            process.kill()
            process.communicate()
