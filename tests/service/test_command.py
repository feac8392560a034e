"""A call of the loaded command line is what a fresh process of the script is."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.service.cities import XINQIAO
from tests.service.command import CommandLine

MAKER = """
import os, signal
from tests.service.command import CommandLine
made = CommandLine()
print(made._process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def _told(done: subprocess.CompletedProcess[str]) -> tuple[int, str, str]:
    return done.returncode, done.stdout, done.stderr


def _fresh(
    words: list[str], environment: Mapping[str, str], text: str | None
) -> tuple[int, str, str]:
    return _told(
        subprocess.run(
            [XINQIAO, *words], env=environment, input=text or "", capture_output=True, text=True,
            timeout=60, check=False,
        )
    )  # fmt: skip


def test_calls_are_those_of_fresh_processes_and_leave_nothing_to_the_next(
    command: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here.graphql").write_bytes(b"\xff")
    here = {**os.environ, "XINQIAO_HOME": str(tmp_path / "home")}
    match = ["match", "http://127.0.0.1:9", "--from=benxi"]
    calls: list[tuple[list[str], dict[str, str], str | None, int, str]] = [
        (["catalogue", "--help"], {**here, "COLUMNS": "60"}, None, 0, "目录"),
        (["query", "-"], {**here, "XINQIAO_BENXI_PORT": "x"}, "{ x }", 2, "SETTING_INVALID"),
        (match, here, "11010519491231002X\n", 2, "NODE_UNREACHABLE"),
        (match, here, None, 2, "NUMBER_INVALID"),
        (["query", "here.graphql"], here, None, 2, "can't decode byte 0xff"),
    ]
    fresh = [_fresh(*call[:3]) for call in calls]
    for call, found in zip(calls, fresh, strict=True):
        words, environment, text, status, expected = call
        assert found[0] == status
        assert expected in found[1] + found[2]
        assert _told(command.run([XINQIAO, *words], environment, text)) == found


def test_a_call_that_takes_too_long_is_ended_and_the_next_answers(command: CommandLine) -> None:
    nobody = [XINQIAO, "query", "-", "--node=nobody"]
    with pytest.raises(TimeoutError):
        command.run(nobody, os.environ, seconds=0.001)
    done = command.run(nobody, os.environ)
    assert (done.returncode, done.stdout) == (2, "")
    assert "NODE_UNKNOWN" in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["import", "x.csv", "--sent-on", "2026-13-01"], "--sent-on"),
        (["query", "-", "--node", "http://[::1"], "NODE_UNREACHABLE"),
        (["console", "--node", "http://[::1"], "NODE_UNREACHABLE"),
        (["audit", "retention", "QUERY", "99999999999", "--source", "x"], "1200"),
        (["world", "--out", "w", "--seed", "-1"], "--seed"),
        (["key", "list"], "STORE_UNAVAILABLE"),
        (["audit", "review", "watch", "-", "--reason", "x"], "IDENTITY_UNKNOWN"),
    ],
)
def test_what_cannot_be_done_ends_with_a_sentence_and_2(
    command: CommandLine, tmp_path: Path, words: list[str], told: str
) -> None:
    nowhere = {
        "XINQIAO_HOME": str(tmp_path / "home"),
        "XINQIAO_DATABASE_URL": "postgresql://x@127.0.0.1:9/{node}",
    }
    done = command.run([XINQIAO, *words], {**os.environ, **nowhere})
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_is_told_to_end_does_so_as_at_ctrl_c(
    tmp_path: Path, how: signal.Signals
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:  # a database that never answers
        url = f"postgresql://x@127.0.0.1:{mute.getsockname()[1]}/{{node}}"
        here = {"XINQIAO_HOME": str(tmp_path), "XINQIAO_DATABASE_URL": url}
        process = subprocess.Popen(
            [XINQIAO, "key", "list"], env={**os.environ, **here}, stderr=subprocess.PIPE
        )
        mute.settimeout(60)
        asked, _ = mute.accept()
        with asked:
            process.send_signal(how)
            _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in told


def test_streams_may_be_closed_or_full() -> None:
    for line, status, told in (
        (f"XINQIAO_HOME=/nowhere {XINQIAO} match benxi <&-", 2, "NODE_UNKNOWN"),
        (f"{XINQIAO} identify 91210500XD0000016N --json >&-", 0, ""),
        (f"{XINQIAO} identify 91210500XD0000016N --json >/dev/full", 2, "FILE_UNUSABLE: output"),
        (f"PYTHONIOENCODING=gbk {XINQIAO} identify --help", 0, ""),
        (f"PYTHONIOENCODING=ascii {XINQIAO} identify 91210500XD0000016N", 0, ""),
    ):
        done = subprocess.run(
            ["/bin/sh", "-c", line], stdin=subprocess.DEVNULL, capture_output=True, text=True,
            errors="replace", check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr.partition(":")[0]) == (status, told.partition(":")[0])
        assert told in done.stderr


def test_nothing_is_left_when_its_maker_is_killed() -> None:
    killed = subprocess.run([sys.executable, "-c", MAKER], stdout=subprocess.PIPE, check=False)
    left = Path(f"/proc/{int(killed.stdout)}/cmdline")
    deadline = time.monotonic() + 60
    while left.exists() and left.read_bytes():
        assert time.monotonic() < deadline
        time.sleep(0.1)
