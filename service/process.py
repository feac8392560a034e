"""Processes this installation starts: recognising them again, sharing them, ending them.

A server outlives neither its users nor their crashes. Whoever uses one holds a shared lock
(`Lease`); the kernel drops the lock when its holder ends, however it ends. The last to leave
stops the server. So a short command never stops a server that a node is using, a node never
stops one that a command is still using, and a server whose only user was killed is adopted,
and later stopped, by the next. `PR_SET_PDEATHSIG` would end such a server at once, but it
fires when the *thread* that forked ends, and it would take the server from its other users.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path


class ServerError(Exception):
    """A database server cannot be used; `message` says what to do next."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def endings() -> list[signal.Signals]:
    """The signals that ask this process to end in order: Ctrl-C, a request, and a terminal that was
    closed where nohup(1) has not had that ignored."""
    left = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    return [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if left else [])]


@dataclass(frozen=True, slots=True)
class Identity:
    """A process that cannot be mistaken for a later one with the same number.

    `started` is clock ticks since boot (proc(5), /proc/pid/stat field 22), `boot` the boot id.
    """

    pid: int
    started: int
    boot: str

    @classmethod
    def of(cls, pid: int) -> Identity | None:
        """The identity of a live process, or None where there is none."""
        try:
            text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
        fields = text.rpartition(")")[2].split()
        if fields[0] in "ZX":
            return None
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return cls(pid, int(fields[19]), boot)

    def alive(self) -> bool:
        return Identity.of(self.pid) == self


def write_identity(path: Path, identity: Identity, **more: int | str) -> None:
    """Remember a process in a file, replaced as a whole."""
    content = {"pid": identity.pid, "started": identity.started, "boot": identity.boot, **more}
    replace_file(path, json.dumps(content))


def read_identity(path: Path) -> tuple[Identity, dict[str, int | str]] | None:
    """The process remembered in a file and what was noted with it; None if there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        identity = Identity(content.pop("pid"), content.pop("started"), content.pop("boot"))
    except (OSError, ValueError, KeyError, AttributeError):
        return None
    return identity, content


def replace_file(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file so that a reader, or a crash, sees either the old or the new one whole."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the exclusive lock on a file for the time of a block, waiting for it."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class SoleUse:
    """What one process alone may do, from now until it ends or gives it up; None is given to who
    comes second."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, path: Path) -> SoleUse | None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return cls(descriptor)

    def release(self) -> None:
        os.close(self._descriptor)


class Lease:
    """A share in the use of one server, given up at the latest when this process ends."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def release(self) -> bool:
        """Give up the share; whether nobody else has one."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(self._descriptor)
        return True


def wait_until(ready: Callable[[], bool], seconds: float, interval: float = 0.02) -> bool:
    """Whether something became true within a number of seconds."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() >= deadline:
            return False
        time.sleep(interval)
    return True


def end(identity: Identity, request: signal.Signals, seconds: float) -> bool:
    """End a process: by request, and by SIGKILL when it has not gone in the given seconds.

    Returns whether it went by itself.
    """
    with contextlib.suppress(ProcessLookupError):
        if identity.alive():
            os.kill(identity.pid, request)
    if wait_until(lambda: _gone(identity), seconds):
        return True
    with contextlib.suppress(ProcessLookupError):
        if identity.alive():
            os.kill(identity.pid, signal.SIGKILL)
    wait_until(lambda: _gone(identity), 10)
    return False


def _gone(identity: Identity) -> bool:
    # A child that was not waited for stays a zombie, which counts as gone here.
    return not identity.alive()


def running(belongs: Callable[[list[str]], bool]) -> list[Identity]:
    """The live processes whose command line belongs to a server of ours.

    A confined process sees the command lines of all others, but not their folders or programs
    (Landlock documentation, "Ptrace restrictions"), so it is by these that servers are known.
    """
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            text = (entry / "cmdline").read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            continue
        identity = Identity.of(int(entry.name)) if text and belongs(text.split("\0")) else None
        if identity is not None:
            found.append(identity)
    return found


def forget(process: subprocess.Popen[bytes] | None) -> None:
    """Reap a child that has ended, or leave one that runs on to its other users."""
    if process is not None and process.poll() is None:
        # Popen warns of, and keeps, children it thinks it still has to wait for.
        process.returncode = 0
