"""Where a verification reads a log from: an export, a node's own folder, or a site."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from security.tlog.reader import TileReader
from security.tlog.tile import Tile, tiles_of

LISTS = ("checkpoint", "vkeys")
_WRITERS_OWN = frozenset({"lock", "checkpoint", "checkpoint.part", "cosigned", "cosigned.part"})


class Source(Protocol):
    """The files of a log by path.

    `lenient`: others may add to it while it is read, and it holds files of its writer.
    """

    @property
    def lenient(self) -> bool: ...

    def paths(self, size: int) -> Iterator[str]:
        """List all files below, or for the log of this size; a link ends in `@`."""
        ...

    def read(self, path: str) -> bytes:
        """Read one file; FileNotFoundError when there is none, OSError when it fails."""
        ...


@dataclass(frozen=True, slots=True)
class Folder:
    """An export: every file in it must belong to the log."""

    path: Path

    @property
    def lenient(self) -> bool:
        """Nobody writes to an export."""
        return False

    def paths(self, size: int) -> Iterator[str]:  # noqa: ARG002 - all of them, whatever the size
        """List every file of the folder."""
        yield from _files(self.path)

    def read(self, path: str) -> bytes:
        """Read a file."""
        return (self.path / path).read_bytes()


@dataclass(frozen=True, slots=True)
class LiveFolder:
    """A node's own files, which its sealer goes on writing; what is beyond the head is ignored."""

    path: Path

    @property
    def lenient(self) -> bool:
        """The sealer may be writing."""
        return True

    def paths(self, size: int) -> Iterator[str]:
        """List the files of the log of this size; needed ones even where a fuller one serves."""
        needed = {tile.path for tile in tiles_of(size)}
        yield from sorted(needed)
        for path in _files(self.path):
            if path not in needed and path not in _WRITERS_OWN and not _beyond(path, size):
                yield path

    def read(self, path: str) -> bytes:
        """Read a file, cut from a fuller tile where the sealer has replaced it."""
        try:
            return (self.path / path).read_bytes()
        except FileNotFoundError:
            tile = Tile.parse(path)
            found = TileReader(self.path).cut(tile)
            if found is None:
                raise
            return found


@dataclass(frozen=True, slots=True)
class Site:
    """A node's log over HTTP; `get` fetches a path below its prefix, None when there is nothing."""

    get: Callable[[str], bytes | None]
    entries: bool = True

    @property
    def lenient(self) -> bool:
        """A log that is served grows."""
        return True

    def paths(self, size: int) -> Iterator[str]:  # noqa: ARG002 - whoever serves it names any size
        """List nothing: what a log of the size has is asked for when its turn comes."""
        return iter(())

    def read(self, path: str) -> bytes:
        """Fetch a file; PermissionError when it is not served, whatever the reason."""
        data = self.get(path)
        if data is None:
            raise PermissionError(13, "is not served to this asker", path)
        return data


def _files(root: Path) -> Iterator[str]:
    for folder, folders, names in os.walk(root, onerror=_raise):
        for name in sorted([*folders, *names]):
            path = Path(folder, name)
            shown = path.relative_to(root).as_posix()
            if path.is_symlink():
                yield f"{shown}@"
            elif name in names:
                yield shown


def _beyond(path: str, size: int) -> bool:
    """Tell whether a tile holds more than the log of this size has."""
    try:
        return not Tile.parse(path).within(size)
    except ValueError:
        return False


def _raise(error: OSError) -> None:
    raise error
