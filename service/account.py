"""The account PostgreSQL runs under when the operator is root: it refuses to run as root."""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.home import HomeError

ACCOUNT_NAME = "xinqiao"


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the machine that server processes can be given."""

    uid: int
    gid: int

    @property
    def other(self) -> bool:
        """Whether processes have to change user to run as this account."""
        return self.uid != os.geteuid()

    def process_arguments(self) -> dict[str, Any]:
        """Arguments of `subprocess.Popen` that make a child run as this account."""
        if not self.other:
            return {"umask": 0o077}
        return {"user": self.uid, "group": self.gid, "extra_groups": [], "umask": 0o077}

    def own(self, path: Path) -> None:
        """Give a file or folder of ours to this account."""
        if self.other:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def require_passage(self, path: Path) -> None:
        """Check that this account can enter a folder, without changing any permission.

        Raises HomeError `HOME_CLOSED` naming the folder in the way.
        """
        if not self.other:
            return
        for folder in (*reversed(path.parents), path):
            if not _may_enter(self, folder.stat()):
                raise HomeError(
                    "HOME_CLOSED",
                    f"PostgreSQL runs as the account {ACCOUNT_NAME}, which cannot enter {folder}."
                    " Set XINQIAO_HOME to a folder such as /var/lib/xinqiao.",
                )


def server_account() -> Account:
    """The account that runs PostgreSQL: ourselves, or `xinqiao` (created at need) for root.

    Raises HomeError `ACCOUNT_MISSING` when root may not create it.
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    try:
        entry = pwd.getpwnam(ACCOUNT_NAME)
    except KeyError:
        entry = _create()
    if entry.pw_uid == 0:
        raise HomeError(
            "ACCOUNT_MISSING", f"The account {ACCOUNT_NAME} is root itself: rename it and retry."
        )
    return Account(entry.pw_uid, entry.pw_gid)


def _may_enter(account: Account, found: os.stat_result) -> bool:
    if found.st_uid == account.uid:
        return bool(found.st_mode & stat.S_IXUSR)
    if found.st_gid == account.gid:
        return bool(found.st_mode & stat.S_IXGRP)
    return bool(found.st_mode & stat.S_IXOTH)


def _create() -> pwd.struct_passwd:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is not None:
        subprocess.run(
            [useradd, "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent",
             "--shell", "/usr/sbin/nologin", ACCOUNT_NAME],
            stdin=subprocess.DEVNULL, capture_output=True, check=False,
        )  # fmt: skip
    else:
        _append_entries(Path("/etc/passwd"), Path("/etc/group"))
    try:
        return pwd.getpwnam(ACCOUNT_NAME)
    except KeyError as cause:
        raise HomeError(
            "ACCOUNT_MISSING",
            f"PostgreSQL does not run as root and the account {ACCOUNT_NAME} could not be created:"
            f" run `useradd --system --user-group {ACCOUNT_NAME}`, or start as an ordinary user.",
        ) from cause


def _append_entries(passwd: Path, group: Path) -> None:
    with passwd.open("r+", encoding="utf-8") as users, group.open("r+", encoding="utf-8") as groups:
        fcntl.flock(users, fcntl.LOCK_EX)
        lines, group_lines = users.read().splitlines(), groups.read().splitlines()
        if any(line.startswith(f"{ACCOUNT_NAME}:") for line in lines):
            return
        taken = {line.split(":")[2] for line in (*lines, *group_lines) if line.count(":") > 2}
        number = next(n for n in range(999, 100, -1) if str(n) not in taken)
        groups.write(f"{ACCOUNT_NAME}:x:{number}:\n")
        users.write(f"{ACCOUNT_NAME}:x:{number}:{number}:Xinqiao:/nonexistent:/usr/sbin/nologin\n")
