"""The command line for tests: each call a process of its own, forked from one that has loaded it.

Most of what a command costs is Python's start and the import of its modules; a session pays that
once. A call still runs the console script's entry point with arguments, environment, working
directory and streams of its own, in a process that ends as any other. Tests of the start itself
run the script.
"""

from __future__ import annotations

import ast
import contextlib
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

_MESSAGE = 1 << 18  # bytes; more than the kernel passes in one


class CommandLine:
    """Runs `xinqiao`, one call at a time, until it is closed or the process that made it ends."""

    def __init__(self) -> None:
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", __file__, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def close(self) -> None:
        self._channel.close()
        self._process.wait(60)

    def run(
        self,
        words: Sequence[str],
        environment: Mapping[str, str],
        text: str | None = None,
        seconds: float = 200,
    ) -> subprocess.CompletedProcess[str]:
        """As `subprocess.run` with a text for standard input. Raises TimeoutError."""
        call = {"words": words, "environment": dict(environment), "folder": str(Path.cwd())}
        with contextlib.ExitStack() as opened:
            given, said, told = (
                opened.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8")) for _ in "012"
            )
            given.write(text or "")
            given.seek(0)
            streams = [given.fileno(), said.fileno(), told.fileno()]
            socket.send_fds(self._channel, [json.dumps(call).encode()], streams)
            process = int(self._channel.recv(_MESSAGE))
            late = not select.select([self._channel], [], [], seconds)[0]
            if late:
                os.kill(process, signal.SIGKILL)
            status = int(self._channel.recv(_MESSAGE))
            if late:
                raise TimeoutError(words)
            said.seek(0)
            told.seek(0)
            return subprocess.CompletedProcess(words, status, said.read(), told.read())


def _load() -> None:
    """Import all that commands import, also when they run."""
    for path in sorted(Path(import_module("service.cli").__path__[0]).glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module is not None:
                import_module(node.module)
    gc.freeze()  # or each call looks at all of it once more as it ends


def _is_called(channel: socket.socket) -> bool:
    """True in each process that has become a call; False when no more calls can come."""
    while True:
        message, streams, _, _ = socket.recv_fds(channel, _MESSAGE, 3)
        if not message:
            return False
        process = os.fork()
        for place, stream in enumerate(streams):
            if not process:
                os.dup2(stream, place)
            os.close(stream)
        if not process:
            call = json.loads(message)
            sys.argv = call["words"]
            os.environ.clear()
            os.environ.update(call["environment"])
            os.chdir(call["folder"])
            return True
        channel.send(str(process).encode())
        channel.send(str(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])).encode())


if __name__ == "__main__":
    _load()
    _called = False
    with contextlib.suppress(ConnectionError), socket.socket(fileno=int(sys.argv[1])) as _channel:
        _called = _is_called(_channel)
    if _called:
        sys.exit(sys.modules["service.cli"].main())
