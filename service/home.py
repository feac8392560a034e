"""Where a machine keeps its nodes: one folder for all of them, one below it for each."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}\Z")
_SYSTEM_HOME = Path("/var/lib/xinqiao")


class HomeError(Exception):
    """A folder of the installation cannot be used; `message` says what to do next."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def home() -> Path:
    """The folder that holds every node of this machine, as an absolute path.

    `XINQIAO_HOME` names it; otherwise it is `/var/lib/xinqiao` for root and
    `$XDG_DATA_HOME/xinqiao` or `~/.local/share/xinqiao` for anybody else.
    """
    named = os.environ.get("XINQIAO_HOME")
    if named:
        return Path(named).expanduser().absolute()
    if os.geteuid() == 0:
        return _SYSTEM_HOME
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "xinqiao"


def cache() -> Path:
    """The folder of what can be had again: Neo4j's jars, the copy of PostgreSQL's binaries.

    `XINQIAO_CACHE` names it; otherwise it is `cache` below `home()`. All nodes share it.
    """
    named = os.environ.get("XINQIAO_CACHE")
    return Path(named).expanduser().absolute() if named else home() / "cache"


def open_folder(path: Path, mode: int) -> Path:
    """Create a folder of ours, and those above it, and give it alone the mode.

    Folders that exist above it keep their permissions.
    Raises HomeError `HOME_NOT_WRITABLE`.
    """
    try:
        if not path.parent.exists():
            open_folder(path.parent, 0o755)
        path.mkdir(mode=mode, exist_ok=True)
        if path.stat().st_uid == os.geteuid() and path.stat().st_mode & 0o7777 != mode:
            path.chmod(mode)
    except OSError as cause:
        raise HomeError(
            "HOME_NOT_WRITABLE",
            f"Cannot create {path} ({cause.strerror}). Set XINQIAO_HOME to a folder you own.",
        ) from cause
    return path


@dataclass(frozen=True, slots=True)
class NodeHome:
    """The folder of one node; nothing of a node is kept outside it.

    `name` is lower-case ASCII letters, digits and hyphens, at most 32.
    Raises HomeError `NODE_NAME_INVALID`.
    """

    root: Path
    name: str

    def __post_init__(self) -> None:
        if not _NAME.match(self.name) or self.name == "cache":
            raise HomeError(
                "NODE_NAME_INVALID",
                "A node's name is 1-32 lower-case letters, digits or hyphens, such as benxi.",
            )

    @property
    def path(self) -> Path:
        return self.root / self.name

    @property
    def postgres(self) -> Path:
        return self.path / "postgres"

    @property
    def neo4j(self) -> Path:
        return self.path / "neo4j"

    @property
    def snapshot(self) -> Path:
        """The graph as arrays, mapped by every process of the node; it can be had again."""
        return self.path / "snapshot"

    @property
    def keys(self) -> Path:
        return self.path / "keys"

    @property
    def log(self) -> Path:
        """Tiles, bundles and checkpoints of the node's transparency logs."""
        return self.path / "log"

    @property
    def logs(self) -> Path:
        """What the programs print."""
        return self.path / "logs"

    @property
    def run(self) -> Path:
        """Sockets, locks and the identities of running servers."""
        return self.path / "run"

    @property
    def settings_file(self) -> Path:
        return self.path / "settings.toml"

    def create(self) -> NodeHome:
        """Make the folders with their modes, and return this home.

        The owner alone may read anything. Run as root, the node's folder and `run` can be
        entered (not listed) by others, because PostgreSQL works there as another account.
        """
        passage = 0o711 if os.geteuid() == 0 else 0o700
        open_folder(self.root, passage)
        open_folder(self.path, passage)
        open_folder(self.run, passage)
        for folder in (self.keys, self.log, self.logs, self.neo4j, self.snapshot):
            open_folder(folder, 0o700)
        return self
