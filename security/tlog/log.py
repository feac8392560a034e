"""A log on disk: append in two steps, so that a crash between them leaves no trace.

`stage` writes and syncs the tiles and bundles of the larger tree, `commit` signs its head. In
between, the caller makes (size, root) durable by compare-and-swap; a stage that is never
committed is written over by the next. Source: C2SP tlog-tiles.
"""

import fcntl
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from client.merkle import EMPTY_ROOT, leaf_hash, root_hash
from security.errors import LogError
from security.tlog.checkpoint import Checkpoint, open_own, sign_checkpoint
from security.tlog.note import Note, NoteSigner
from security.tlog.reader import TileReader
from security.tlog.tile import (
    BUNDLE_LEVEL,
    MAX_ENTRY_SIZE,
    WIDTH,
    Tile,
    hashes_at,
    pack_entries,
    split_hashes,
)


@dataclass(frozen=True, slots=True)
class Staged:
    """A larger tree whose files are on disk and whose head is not signed yet."""

    base: int
    size: int
    root: bytes
    leaves: tuple[bytes, ...]
    edges: tuple[tuple[bytes, ...], ...]
    bundle: tuple[bytes, ...]
    filled: tuple[Tile, ...]


class TileLog:
    """The one writer of a log; holds a lock on the log's directory until closed."""

    def __init__(self, directory: Path, signer: NoteSigner, lock: int) -> None:
        self.directory = directory
        self.signer = signer
        self.reader = TileReader(directory)
        self.size = 0
        self.root = EMPTY_ROOT
        self._edges: tuple[tuple[bytes, ...], ...] = ()
        self._bundle: tuple[bytes, ...] = ()
        self._lock = lock
        self._settled = {directory}  # folders whose own names are known to be on disk

    @classmethod
    def open(
        cls,
        directory: Path,
        signer: NoteSigner,
        size: int | None = None,
        root: bytes | None = None,
    ) -> Self:
        """Open a log for writing, at the durable (size, root) or else at its signed checkpoint.

        Raises LogError: `LOG_BUSY` when another writer has it, `LOG_FILES_LOST` when tiles are
        missing, `LOG_DIVERGED` when the tiles or the signed checkpoint contradict (size, root).
        """
        directory.mkdir(parents=True, exist_ok=True)
        lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LogError("LOG_BUSY", "Stop the log's other writer first.") from None
            log = cls(directory, signer, lock)
            log._load(size, root)
        except BaseException:
            os.close(lock)
            raise
        return log

    def close(self) -> None:
        """Give the log to another writer."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def head(self) -> Checkpoint | None:
        """Give the signed head on disk, verified with the log's own key."""
        note = self.reader.checkpoint()
        return None if note is None else open_own(note, self.signer)

    def _signed_by_present_key(self) -> bool:
        note = Note.parse(self.reader.checkpoint() or b"")
        return self.signer.verifier.id in [line.id for line in note.signatures]

    def stage(self, entries: Sequence[bytes]) -> Staged:
        """Write the files of the tree with these entries appended, and sync them.

        Costs O(entries + log size). Raises LogError `LOG_ENTRY_TOO_LONG` over 65,535 bytes.
        """
        if any(len(entry) > MAX_ENTRY_SIZE for entry in entries):
            raise LogError("LOG_ENTRY_TOO_LONG", "An entry has at most 65,535 bytes.")
        leaves = tuple([leaf_hash(entry) for entry in entries])
        edges = [list(edge) for edge in self._edges]
        bundle, filled = list(self._bundle), []
        files: dict[Tile, bytes] = {}
        for at, leaf in enumerate(leaves):
            bundle.append(entries[at])
            if len(bundle) == WIDTH:
                tile = Tile(BUNDLE_LEVEL, (self.size + at) // WIDTH)
                files[tile] = pack_entries(bundle)
                filled.append(tile)
                bundle.clear()
            self._push(edges, 0, leaf, self.size + at, files, filled)
        size = self.size + len(leaves)
        for level, edge in enumerate(edges):
            if edge and (level == 0 or any(tile.level == level - 1 for tile in filled)):
                files[Tile(level, hashes_at(level, size) // WIDTH, len(edge))] = b"".join(edge)
        if bundle:
            files[Tile(BUNDLE_LEVEL, size // WIDTH, len(bundle))] = pack_entries(bundle)
        if leaves:
            self._write(files)
        kept = tuple(tuple(edge) for edge in edges)
        return Staged(self.size, size, _root(kept), leaves, kept, tuple(bundle), tuple(filled))

    def commit(self, staged: Staged) -> bytes:
        """Sign the staged tree's head, publish it as the checkpoint and give it.

        Call it only after (size, root) is durable. Raises LogError `LOG_STALE` when another
        stage was committed since.
        """
        if staged.base != self.size:
            raise LogError("LOG_STALE", "Stage the entries again: the log has grown since.")
        self.size, self.root = staged.size, staged.root
        self._edges, self._bundle = staged.edges, staged.bundle
        note = self._publish()
        for tile in staged.filled:
            partial = self.directory / f"{tile.path}.p"
            shutil.rmtree(partial, ignore_errors=True)
            self._settled.discard(partial)
        return note

    def append(self, entries: Sequence[bytes]) -> Staged:
        """Stage and commit at once, for a log whose files are its only durable state."""
        staged = self.stage(entries)
        self.commit(staged)
        return staged

    def _push(
        self,
        edges: list[list[bytes]],
        level: int,
        value: bytes,
        leaf: int,
        files: dict[Tile, bytes],
        filled: list[Tile],
    ) -> None:
        while True:
            if level == len(edges):
                edges.append([])
            edge = edges[level]
            edge.append(value)
            if len(edge) < WIDTH:
                return
            tile = Tile(level, leaf >> (8 * (level + 1)))
            files[tile] = b"".join(edge)
            filled.append(tile)
            value = root_hash(edge)
            edge.clear()
            level += 1

    def _write(self, files: dict[Tile, bytes]) -> None:
        grown: set[Path] = set()  # folders with new names in them
        named: set[Path] = set()  # folders that are such a name
        for tile, data in files.items():
            path = self.directory / tile.path
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_synced(path, data)
            folder = path.parent
            grown.add(folder)
            while folder not in self._settled and folder not in named:
                named.add(folder)
                folder = folder.parent
                grown.add(folder)
        for folder in grown:
            _sync_folder(folder)
        self._settled |= named

    def _publish(self) -> bytes:
        note = sign_checkpoint(self.size, self.root, self.signer)
        path = self.directory / "checkpoint"
        part = self.directory / "checkpoint.part"
        _write_synced(part, note)
        part.replace(path)
        _sync_folder(self.directory)
        return note

    def _load(self, size: int | None, root: bytes | None) -> None:
        head = self.head()
        if size is None:
            size = 0 if head is None else head.size
            root = EMPTY_ROOT if head is None else head.root
        self._drop_leftovers(size)
        edges, level = [], 0
        while hashes_at(level, size):
            edges.append(self._edge(level, size))
            level += 1
        self._edges = tuple(edges)
        if size % WIDTH:
            self._bundle = tuple(self.reader.entries(size // WIDTH, size))
        self.size, self.root = size, _root(self._edges)
        leaves = tuple(leaf_hash(entry) for entry in self._bundle)
        if self.root != root or leaves != (self._edges[0] if self._edges else ()):
            raise LogError("LOG_DIVERGED", "Do not seal: the log's tiles differ from its head.")
        if head is not None and (head.size > size or self.reader.root(head.size) != head.root):
            raise LogError(
                "LOG_DIVERGED", "Do not seal: the signed checkpoint differs from the log's head."
            )
        if head is None or head.size < size or not self._signed_by_present_key():
            self._publish()

    def _edge(self, level: int, size: int) -> tuple[bytes, ...]:
        count = hashes_at(level, size)
        if count % WIDTH == 0:
            return ()
        tile = Tile(level, count // WIDTH, count % WIDTH)
        return tuple(split_hashes(self.reader.tile(tile)))

    def _drop_leftovers(self, size: int) -> None:
        """Remove what an uncommitted stage left beyond the tree of `size`."""
        level = BUNDLE_LEVEL
        while True:
            index, width = divmod(hashes_at(level, size), WIDTH)
            found = False
            while True:
                full = self.directory / Tile(level, index).path
                partial = full.with_name(full.name + ".p")
                if not full.exists() and not partial.exists():
                    break
                found = True
                full.unlink(missing_ok=True)
                if partial.exists():
                    for path in partial.iterdir():
                        if not path.name.isdecimal() or int(path.name) > width:
                            path.unlink()
                    if not any(partial.iterdir()):
                        partial.rmdir()
                index, width = index + 1, 0
            if level > BUNDLE_LEVEL and not found and not hashes_at(level, size):
                return
            level += 1


def _root(edges: Sequence[Sequence[bytes]]) -> bytes:
    rest: list[bytes] = []
    for edge in edges:
        if edge or rest:
            rest = [root_hash([*edge, *rest])]
    return rest[0] if rest else EMPTY_ROOT


def _write_synced(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
