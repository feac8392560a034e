"""Landlock: a process that gives up, for good, every file it has no business with.

Source: Linux kernel documentation, userspace-api/landlock; needs Linux 5.13 and no privilege.
Each node confines itself before it opens anything, so it cannot read the keys of another node
that runs under the same account, not even as root.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import logging
import os
import stat
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

_log = logging.getLogger(__name__)

# One number on every architecture: these calls are younger than the unified table (5.1).
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_FILE_ONLY = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
# The rights each ABI version added (Landlock ABI 1, 2, 3, 5).
_RIGHTS_SINCE = ((1, (1 << 13) - 1), (2, _REFER), (3, _TRUNCATE), (5, _IOCTL_DEV))


class SandboxError(Exception):
    """The process cannot be confined as asked; `message` says what to do next."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class _RulesetAttributes(ctypes.Structure):
    _fields_ = (("handled_access_fs", ctypes.c_uint64),)


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def landlock_version() -> int:
    """The kernel's Landlock ABI version, 0 where it has none or it is switched off."""
    found: int = _libc().syscall(_CREATE_RULESET, None, 0, _CREATE_RULESET_VERSION)
    return max(found, 0)


def handled_rights(version: int) -> int:
    """The file rights that a Landlock ABI version can withhold."""
    return sum(rights for since, rights in _RIGHTS_SINCE if since <= version)


def confine(
    readable: Iterable[Path], writable: Iterable[Path], withheld: Iterable[Path] = ()
) -> bool:
    """Let this process and its children use only these files and folders and what is below.

    `readable` may be read and executed, `writable` changed as well; what any program needs of
    the system is added (`system_paths`). Folders `withheld` stay closed where a wider path
    would open them, except for paths named inside them. Paths that do not exist are passed
    over. It cannot be undone. Returns False, with a warning logged, on a kernel without
    Landlock. Raises SandboxError `SANDBOX_THREADS` when threads run already (they would stay
    free), `SANDBOX_FAILED` when the kernel refuses.
    """
    version = landlock_version()
    if version == 0:
        _log.warning("No Landlock in this kernel: nodes under one account can read each other")
        return False
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        raise SandboxError("SANDBOX_THREADS", "Confine the process before it starts any thread.")
    libc = _libc()
    every = handled_rights(version)
    attributes = _RulesetAttributes(every)
    ruleset = _checked(
        libc.syscall(_CREATE_RULESET, ctypes.byref(attributes), ctypes.sizeof(attributes), 0)
    )
    closed = [path.resolve() for path in withheld]
    system_readable, system_writable = system_paths()
    try:
        for paths, rights in (
            ((*system_readable, *readable), _READ),
            ((*system_writable, *writable), every),
        ):
            for path in paths:
                for part, part_rights in _parts(path.resolve(), rights & every, closed):
                    _allow(libc, ruleset, part, part_rights)
        # Without CAP_SYS_ADMIN the kernel asks for it; children gain nothing by set-uid then.
        _checked(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        _checked(libc.syscall(_RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)
    return True


def system_paths() -> tuple[list[Path], list[Path]]:
    """What every Python program needs to read, and to write: (readable, writable).

    The interpreter, its libraries, this project, /usr, /etc, /proc, /sys; /dev and /tmp.
    """
    project = Path(__file__).resolve().parent.parent
    python = {Path(sys.prefix), Path(sys.base_prefix), Path(sys.exec_prefix)}
    python |= {Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib")}
    python |= {Path(entry) for entry in sys.path if entry and Path(entry).is_dir()}
    python.add(Path(os.path.realpath(sys.executable)).parent)
    system = [Path(name) for name in ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt")]
    system += [Path(name) for name in ("/etc", "/proc", "/sys", "/run/systemd/resolve", "/nix")]
    certificates = [
        Path(os.environ[name]) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if name in os.environ
    ]
    return [*system, *sorted(python), project, *certificates], [Path("/dev"), Path("/tmp")]


def _parts(path: Path, rights: int, closed: list[Path]) -> Iterator[tuple[Path, int]]:
    """The path with its rights, or, where it leads to a closed folder, what lies around that."""
    if path in closed:
        return
    if not any(path in folder.parents for folder in closed):
        yield path, rights
        return
    # Imports list their folders; a list of names below a closed folder gives no content away.
    yield path, rights & _READ_DIR
    with contextlib.suppress(OSError):
        for entry in path.iterdir():
            if not entry.is_symlink():
                yield from _parts(entry, rights, closed)


def _allow(libc: ctypes.CDLL, ruleset: int, path: Path, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            rights &= _FILE_ONLY
        rule = _PathBeneath(rights, descriptor)
        _checked(libc.syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, ctypes.byref(rule), 0))
    finally:
        os.close(descriptor)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise SandboxError(
            "SANDBOX_FAILED",
            f"The kernel refused to confine the process ({errno.errorcode.get(number, number)}).",
        )
    return result
