"""Exporting a log and verifying an export with nothing but its files."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from client.errors import ClientError
from client.merkle import EMPTY_ROOT, leaf_hash, root_hash
from security.errors import LogError
from security.tlog.checkpoint import Checkpoint
from security.tlog.note import Note, VerifierKey
from security.tlog.reader import TileReader
from security.tlog.tile import BUNDLE_LEVEL, WIDTH, Tile, split_entries, tiles_of

MAX_FINDINGS = 100


class Status(Enum):
    """The result of a verification; the value is the exit status."""

    OK = 0
    TAMPERED = 1
    UNREADABLE = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not hold: where, which entry if one can be named, and why."""

    path: str
    reason: str
    index: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verification found; `size` and `root` are those of the signed checkpoint."""

    status: Status
    origin: str | None = None
    size: int | None = None
    root: bytes | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def exit_status(self) -> int:
        """0 ok, 1 tampered, 2 unreadable."""
        return self.status.value

    @property
    def first_bad_index(self) -> int | None:
        """The lowest entry index named by a finding."""
        indexes = [f.index for f in self.findings if f.index is not None]
        return min(indexes, default=None)


def export_log(source_dir: Path, target_dir: Path, vkeys: Sequence[str]) -> Checkpoint:
    """Copy a log as of its signed checkpoint: `checkpoint`, `tile/…`, `vkeys` (the log's first).

    A former export in `target_dir` is replaced. Raises LogError `LOG_EMPTY` without a
    checkpoint, `EXPORT_TARGET` when the folder holds something else, and ClientError when the
    first key did not sign the checkpoint.
    """
    reader = TileReader(source_dir)
    note = reader.checkpoint()
    if note is None:
        raise LogError("LOG_EMPTY", "Nothing is sealed yet: ask something first.")
    keys = [VerifierKey.parse(text) for text in vkeys]
    checkpoint = Checkpoint.open(note, keys[0])
    target_dir.mkdir(parents=True, exist_ok=True)
    present = {path.name for path in target_dir.iterdir()}
    if present and not present <= {"checkpoint", "tile", "vkeys"}:
        raise LogError("EXPORT_TARGET", "Name an empty folder: this one holds other files.")
    shutil.rmtree(target_dir / "tile", ignore_errors=True)
    for tile in tiles_of(checkpoint.size):
        path = target_dir / tile.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(reader.tile(tile))
    (target_dir / "checkpoint").write_bytes(note)
    (target_dir / "vkeys").write_text("".join(f"{key.text}\n" for key in keys), encoding="utf-8")
    return checkpoint


def verify_export(directory: Path, trusted_vkeys: Sequence[str] | None = None) -> Verdict:
    """Verify an exported log: every byte of every file must follow from the signed checkpoint.

    Recomputes the tree from the entry bundles, compares all tiles, redundant partial ones too,
    and the root, verifies every signature line, and reports files that are missing or do not
    belong. The keys in `vkeys` prove the export to be whole, not to be ours: give
    `trusted_vkeys` to also require that the log's key is one of them.
    """
    try:
        return _verify(directory, trusted_vkeys)
    except OSError as error:
        name = Path(error.filename).name if error.filename else str(directory)
        reason = f"cannot be read: {error.strerror}"
        return Verdict(Status.UNREADABLE, findings=(Finding(name, reason),))


def _verify(directory: Path, trusted_vkeys: Sequence[str] | None) -> Verdict:
    note = (directory / "checkpoint").read_bytes()
    vkeys = (directory / "vkeys").read_bytes()
    try:
        keys = [VerifierKey.parse(line) for line in vkeys.decode().split("\n")[:-1]]
        if not keys or not vkeys.endswith(b"\n") or len({key.text for key in keys}) != len(keys):
            raise ValueError
    except (ClientError, ValueError):
        return _tampered("vkeys", "is not a list of verifier keys, one a line")
    if trusted_vkeys is not None and keys[0].text not in trusted_vkeys:
        return _tampered("vkeys", "names a log key that is not trusted")
    try:
        parsed = Note.parse(note)
        signers = parsed.verified_by(keys)
        checkpoint = Checkpoint.parse(parsed.text)
    except ClientError as error:
        return _tampered("checkpoint", error.message)
    if keys[0] not in signers or checkpoint.origin != keys[0].name:
        return _tampered("checkpoint", "is not signed by the log's key, the first of vkeys")
    if len(signers) != len(parsed.signatures) or set(signers) != set(keys):
        return _tampered("checkpoint", "its signatures and the keys in vkeys do not match")
    work = _Verification(directory, checkpoint)
    work.run()
    status = Status.TAMPERED if work.findings else Status.OK
    return Verdict(
        status, checkpoint.origin, checkpoint.size, checkpoint.root, tuple(work.findings)
    )


def _tampered(path: str, reason: str) -> Verdict:
    return Verdict(Status.TAMPERED, findings=(Finding(path, reason),))


@dataclass
class _Verification:
    directory: Path
    checkpoint: Checkpoint
    findings: list[Finding] = field(default_factory=list)
    present: dict[tuple[int, int], list[int]] = field(default_factory=dict)

    def run(self) -> None:
        self._list_files()
        upper: list[list[bytes]] = []
        size = self.checkpoint.size
        for number in range(-(-size // WIDTH)):
            if len(self.findings) >= MAX_FINDINGS:
                return
            width = min(WIDTH, size - number * WIDTH)
            leaves = self._leaves(number, width)
            if leaves is None:
                return
            self._compare_hashes(Tile(0, number, width), leaves)
            level, hashes = 0, leaves
            while len(hashes) == WIDTH:
                value, level = root_hash(hashes), level + 1
                if level > len(upper):
                    upper.append([])
                hashes = [*upper[level - 1], value]
                upper[level - 1] = [] if len(hashes) == WIDTH else hashes
                if len(hashes) == WIDTH:
                    self._compare_hashes(Tile(level, number >> (8 * level)), hashes)
            if width < WIDTH:
                upper.insert(0, leaves)
                break
        else:
            upper.insert(0, [])
        for level in range(1, len(upper)):
            if upper[level]:
                index = (size >> (8 * level)) // WIDTH
                self._compare_hashes(Tile(level, index, len(upper[level])), upper[level])
        rest: list[bytes] = []
        for hashes in upper:
            if hashes or rest:
                rest = [root_hash([*hashes, *rest])]
        if (rest[0] if rest else EMPTY_ROOT) != self.checkpoint.root:
            self._find("checkpoint", "its root is not the root of the entries")

    def _find(self, path: str, reason: str, index: int | None = None) -> None:
        self.findings.append(Finding(path, reason, index))

    def _list_files(self) -> None:
        for folder, folders, files in os.walk(self.directory, onerror=_raise):
            for name in [*folders, *files]:
                path = Path(folder, name)
                shown = path.relative_to(self.directory).as_posix()
                if path.is_symlink():
                    self._find(shown, "is a link, not a file of the export")
                elif name in files and shown not in ("checkpoint", "vkeys"):
                    self._place(shown)
        for tile in tiles_of(self.checkpoint.size):
            if tile.width not in self.present.get((tile.level, tile.index), ()):
                index = tile.index * WIDTH if tile.level <= 0 else None
                self._find(tile.path, "is missing", index)
                if len(self.findings) >= MAX_FINDINGS:
                    return

    def _place(self, path: str) -> None:
        size = self.checkpoint.size
        try:
            tile = Tile.parse(path)
            count = size if tile.level == BUNDLE_LEVEL else size >> (8 * tile.level)
            if tile.index * WIDTH + tile.width > count:
                raise ValueError
        except ValueError:
            self._find(path, "does not belong to the log of this size")
            return
        self.present.setdefault((tile.level, tile.index), []).append(tile.width)

    def _leaves(self, number: int, width: int) -> list[bytes] | None:
        tile = Tile(BUNDLE_LEVEL, number, width)
        if width not in self.present.get((BUNDLE_LEVEL, number), ()):
            return None
        data = (self.directory / tile.path).read_bytes()
        try:
            entries = split_entries(data)
        except ValueError as error:
            self._find(tile.path, str(error), number * WIDTH)
            return None
        if len(entries) != width:
            self._find(tile.path, f"holds {len(entries)} entries, not {width}", number * WIDTH)
            return None
        for partial in self.present[BUNDLE_LEVEL, number]:
            if partial != width:
                end = sum(2 + len(entry) for entry in entries[:partial])
                self._compare(Tile(BUNDLE_LEVEL, number, partial), data[:end])
        return [leaf_hash(entry) for entry in entries]

    def _compare_hashes(self, tile: Tile, hashes: list[bytes]) -> None:
        data = b"".join(hashes)
        for width in self.present.get((tile.level, tile.index), ()):
            self._compare(Tile(tile.level, tile.index, width), data[: width * 32])

    def _compare(self, tile: Tile, expected: bytes) -> None:
        data = (self.directory / tile.path).read_bytes()
        if data == expected:
            return
        index = None
        if tile.level == 0:
            differing = (
                i for i in range(0, len(expected), 32) if data[i:][:32] != expected[i:][:32]
            )
            index = tile.index * WIDTH + next(differing, len(expected)) // 32
        self._find(tile.path, "differs from the hashes of the entries", index)


def _raise(error: OSError) -> None:
    raise error
