"""A real browser for the tests: Chromium without a window, driven through its debugging pipe."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")

# Chromium takes commands at descriptor 3 and answers at 4.
_EXEC = """import fcntl, os, sys
one, two = (fcntl.fcntl(int(n), fcntl.F_DUPFD, 10) for n in sys.argv[1:3])
os.dup2(one, 3)
os.dup2(two, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


class _Navigated(AssertionError):
    """The page was left while a command was under way."""


class Browser:
    """One page of Chromium (Chrome DevTools Protocol, `--remote-debugging-pipe`)."""

    def __init__(self, profile: Path) -> None:
        assert PROGRAM is not None
        commands, self._commands = os.pipe()
        self._events, events = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _EXEC, str(commands), str(events), PROGRAM, "--headless",
             "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--remote-debugging-pipe", f"--user-data-dir={profile}", "--window-size=1200,800",
             "about:blank"],
            pass_fds=(commands, events),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(commands)
        os.close(events)
        self._number = 0
        self._buffer = b""
        self._session: str | None = None
        self.messages: list[dict[str, Any]] = []
        target = self.command("Target.createTarget", url="about:blank")["targetId"]
        attached = self.command("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.command(f"{domain}.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._commands)
        os.close(self._events)

    def command(self, method: str, **parameters: Any) -> Any:
        """Send a command and wait for its result; events on the way are kept in `messages`."""
        self._number += 1
        content: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            content["sessionId"] = self._session
        os.write(self._commands, json.dumps(content).encode() + b"\0")
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            message = self._read(deadline)
            if message.get("id") == self._number:
                if "navigated" in message.get("error", {}).get("message", ""):
                    raise _Navigated(message)
                assert "error" not in message, message
                return message["result"]
            self.messages.append(message)
        raise AssertionError(f"{method}: the browser did not answer")

    def evaluate(self, script: str) -> Any:
        """The value of a JavaScript expression in the page."""
        found = self.command("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait_for(self, script: str, seconds: float = 60) -> Any:
        """The first true value of an expression."""
        deadline = time.monotonic() + seconds
        while True:
            with suppress(_Navigated):  # a page goes on by itself
                if value := self.evaluate(script):
                    return value
            assert time.monotonic() < deadline, f"never true: {script}"
            time.sleep(0.1)

    def complaints(self) -> list[str]:
        """Errors that the page logged or threw, such as what its security policy blocked."""
        found = []
        for message in self.messages:
            if message.get("method") == "Log.entryAdded":
                entry = message["params"]["entry"]
                if entry["level"] == "error":
                    found.append(f"{entry['text']} {entry.get('url', '')}")
            elif message.get("method") == "Runtime.exceptionThrown":
                found.append(str(message["params"]["exceptionDetails"]))
        return found

    def hosts(self) -> set[str]:
        """Every host that the page asked something of."""
        urls = [
            m["params"]["request"]["url"]
            for m in self.messages
            if m.get("method") == "Network.requestWillBeSent"
        ]
        return {url.split("/")[2] for url in urls if url.startswith("http")}

    def _read(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._events], [], [], deadline - time.monotonic())
            assert ready, "the browser does not answer"
            part = os.read(self._events, 1 << 20)
            assert part, "the browser ended"
            self._buffer += part
        text, _, self._buffer = self._buffer.partition(b"\0")
        found: dict[str, Any] = json.loads(text)
        return found
