"""Verifying a log with nothing but its files: an export, a node's own folder, or a site."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from client.errors import ClientError
from client.merkle import EMPTY_ROOT, leaf_hash, root_hash
from client.note import ED25519
from security.recomputation import Erasures, check_bundle
from security.tlog.checkpoint import Checkpoint
from security.tlog.export import export_log
from security.tlog.note import Note, VerifierKey
from security.tlog.source import LISTS, Folder, Site, Source
from security.tlog.tile import (
    BUNDLE_LEVEL,
    HASH_SIZE,
    WIDTH,
    Tile,
    hashes_at,
    split_entries,
    split_hashes,
    tiles_of,
)
from security.tlog.verdict import Finding, Status, Verdict, Witnessing

__all__ = [
    "Finding",
    "Status",
    "Verdict",
    "Witnessing",
    "export_log",
    "verify_export",
    "verify_log",
]

MAX_FINDINGS = 100


def verify_export(
    directory: Path,
    trusted_vkeys: Sequence[str] | None = None,
    witnessing: Witnessing | None = None,
) -> Verdict:
    """Verify an exported log: every byte of every file must follow from the signed checkpoint.

    Recomputes the tree from the entry bundles, compares all tiles, redundant partial ones too,
    and the root, verifies every signature line, checks the evidence if the export holds it, and
    reports files that are missing or do not belong. The keys in `vkeys` prove the export to be
    whole, not to be ours: give `trusted_vkeys` to also require that the log's key is one of them.
    """
    source = Folder(directory)
    try:
        vkeys = source.read("vkeys")
        try:
            keys = [VerifierKey.parse(line) for line in vkeys.decode().split("\n")[:-1]]
            if not keys or not vkeys.endswith(b"\n") or len(set(keys)) != len(keys):
                raise ValueError
        except (ClientError, ValueError):
            return Verdict.tampered("vkeys", "is not a list of verifier keys, one a line")
        named = [key for key in keys if key.type == ED25519 and key.name == keys[0].name]
        if trusted_vkeys is not None and not {key.text for key in named} & set(trusted_vkeys):
            return Verdict.tampered("vkeys", "names a log key that is not trusted")
        return _verify(source, keys, witnessing or Witnessing())
    except OSError as error:
        return Verdict.unreadable(error)


def verify_log(
    source: Source, keys: Sequence[VerifierKey], witnessing: Witnessing | None = None
) -> Verdict:
    """Verify a log where it is served or sealed, as of the checkpoint that it has now.

    One of `keys`, which are the log's, must have signed it.
    """
    try:
        return _verify(source, keys, witnessing or Witnessing())
    except OSError as error:
        return Verdict.unreadable(error)


def _verify(source: Source, keys: Sequence[VerifierKey], witnessing: Witnessing) -> Verdict:
    note = source.read("checkpoint")
    try:
        parsed = Note.parse(note)
        signers = parsed.verified_by({*keys, *witnessing.keys})
        checkpoint = Checkpoint.parse(parsed.text)
    except ClientError as error:
        return Verdict.tampered("checkpoint", error.message)
    own = {key for key in keys if key.type == ED25519 and key.name == checkpoint.origin}
    if not own & set(signers) or keys[0] not in own:
        return Verdict.tampered("checkpoint", "is not signed by the log's key, the first of vkeys")
    if not source.lenient and (
        len(signers) != len(parsed.signatures) or not set(keys) <= set(signers)
    ):
        return Verdict.tampered("checkpoint", "its signatures and the keys in vkeys do not match")
    work = _Verification(source, checkpoint)
    work.run()
    witnesses = sorted({key.name for key in signers if key in witnessing.keys})
    status = Status.OK if len(witnesses) >= witnessing.quorum else Status.UNWITNESSED
    return Verdict(
        Status.TAMPERED if work.findings else status,
        checkpoint.origin,
        checkpoint.size,
        checkpoint.root,
        tuple(work.findings),
        tuple(witnesses),
        work.has_entries,
    )


@dataclass
class _Verification:
    source: Source
    checkpoint: Checkpoint
    findings: list[Finding] = field(default_factory=list)
    present: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    evidence: set[str] = field(default_factory=set)
    has_entries: bool = True
    erasures: Erasures = field(default_factory=Erasures)

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
        for index in self.erasures.untold()[:MAX_FINDINGS]:
            reason = "is said to be erased, and no event of the log says so"
            self._find(evidence_path(index // WIDTH), reason, index)
        rest: list[bytes] = []
        for hashes in upper:
            if hashes or rest:
                rest = [root_hash([*hashes, *rest])]
        if (rest[0] if rest else EMPTY_ROOT) != self.checkpoint.root:
            self._find("checkpoint", "its root is not the root of the entries")

    def _find(self, path: str, reason: str, index: int | None = None) -> None:
        self.findings.append(Finding(path, reason, index))

    def _list_files(self) -> None:
        size = self.checkpoint.size
        if isinstance(self.source, Site):  # it says how many there are: none is listed before
            self.has_entries = self.source.entries
            return
        for path in self.source.paths(size):
            if path.endswith("@"):
                self._find(path[:-1], "is a link, not a file of the log")
            elif path.startswith("evidence/"):
                self.evidence.add(path)
            elif path not in LISTS:
                self._place(path)
        bundles = any(level == BUNDLE_LEVEL for level, _ in self.present)
        self.has_entries = bundles or not self.source.lenient or not size
        for tile in tiles_of(size):
            if tile.level == BUNDLE_LEVEL and not self.has_entries:
                continue
            if tile.width not in self.present.get((tile.level, tile.index), ()):
                index = tile.index * WIDTH if tile.level <= 0 else None
                self._find(tile.path, "is missing", index)
                if len(self.findings) >= MAX_FINDINGS:
                    return
        wanted = {evidence_path(number) for number in range(-(-size // WIDTH))}
        if self.evidence and self.evidence != wanted:
            for path in sorted(self.evidence ^ wanted)[:MAX_FINDINGS]:
                reason = "is missing" if path in wanted else "does not belong to the log"
                self._find(path, reason)

    def _widths(self, level: int, index: int) -> Sequence[int]:
        """The widths of a tile that are there; of a site the one that its log has."""
        if not isinstance(self.source, Site):
            return self.present.get((level, index), ())
        width = min(WIDTH, hashes_at(level, self.checkpoint.size) - index * WIDTH)
        return (width,) if width > 0 else ()

    def _place(self, path: str) -> None:
        try:
            tile = Tile.parse(path)
            if not tile.within(self.checkpoint.size):
                raise ValueError
        except ValueError:
            self._find(path, "does not belong to the log of this size")
            return
        self.present.setdefault((tile.level, tile.index), []).append(tile.width)

    def _leaves(self, number: int, width: int) -> list[bytes] | None:
        """The leaf hashes of a bundle, recomputed, or those of the tile without entries."""
        tile = Tile(BUNDLE_LEVEL if self.has_entries else 0, number, width)
        if width not in self._widths(tile.level, number):
            return None
        data = self._read(tile)
        if data is None:
            return None
        if not self.has_entries:
            return split_hashes(data) if len(data) == width * HASH_SIZE else None
        entries, complaint = _readable(data)
        leaves = [leaf_hash(entry) for entry in entries]
        if complaint or len(entries) != width:
            index = number * WIDTH + self._first_difference(Tile(0, number, width), leaves)
            reason = complaint or f"holds {len(entries)} entries, not {width}"
            self._find(tile.path, reason, index)
            return None
        for partial in self._widths(BUNDLE_LEVEL, number):
            if partial != width:
                end = sum(2 + len(entry) for entry in entries[:partial])
                self._compare(Tile(BUNDLE_LEVEL, number, partial), data[:end])
        if self.evidence:
            self._check_evidence(number, entries)
        return leaves

    def _first_difference(self, tile: Tile, leaves: Sequence[bytes]) -> int:
        """Where leaf hashes leave those of the tile, so that a broken bundle names its entry."""
        try:
            hashes = split_hashes(self.source.read(tile.path))
        except (OSError, ValueError):
            return 0
        pairs = zip(leaves, hashes, strict=False)
        equal = next((at for at, pair in enumerate(pairs) if pair[0] != pair[1]), len(leaves))
        return min(equal, tile.width - 1)

    def _check_evidence(self, number: int, entries: Sequence[bytes]) -> None:
        for entry in entries:
            self.erasures.hear(entry)
        path = evidence_path(number)
        if path in self.evidence:
            data = self.source.read(path)
            for index, reason in check_bundle(number * WIDTH, entries, data, self.erasures):
                self._find(path, reason, index)

    def _compare_hashes(self, tile: Tile, hashes: list[bytes]) -> None:
        data = b"".join(hashes)
        for width in self._widths(tile.level, tile.index):
            self._compare(Tile(tile.level, tile.index, width), data[: width * HASH_SIZE])

    def _read(self, tile: Tile) -> bytes | None:
        try:
            return self.source.read(tile.path)
        except FileNotFoundError:
            if not self.source.lenient:
                raise
        except ValueError:
            pass
        self._find(tile.path, "is missing", tile.index * WIDTH if tile.level <= 0 else None)
        return None

    def _compare(self, tile: Tile, expected: bytes) -> None:
        data = self._read(tile)
        if data is None or data == expected:
            return
        index = None
        if tile.level == 0:
            differing = (
                i for i in range(0, len(expected), 32) if data[i:][:32] != expected[i:][:32]
            )
            index = tile.index * WIDTH + next(differing, len(expected)) // 32
        self._find(tile.path, "differs from the hashes of the entries", index)


def evidence_path(number: int) -> str:
    """Give the path of the opened evidence of bundle `number` in an export."""
    return f"evidence/{Tile(BUNDLE_LEVEL, number).path.removeprefix('tile/entries/')}"


def _readable(data: bytes) -> tuple[list[bytes], str | None]:
    """The entries of a bundle up to where it breaks, and how it breaks."""
    try:
        return split_entries(data), None
    except ValueError as error:
        return list(_leading(data)), str(error)


def _leading(data: bytes) -> Iterator[bytes]:
    at = 0
    while at + 2 <= len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if end > len(data):
            return
        yield data[at + 2 : end]
        at = end
