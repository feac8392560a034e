"""Reading a log's files: entries, hashes, proofs, the checkpoint."""

from dataclasses import dataclass
from pathlib import Path

from security.errors import LogError
from security.tlog.merkle import consistency_proof, inclusion_proof, root_hash, subtree_root
from security.tlog.tile import (
    BUNDLE_LEVEL,
    HASH_SIZE,
    WIDTH,
    Tile,
    hashes_at,
    pack_entries,
    split_entries,
)


@dataclass(frozen=True, slots=True)
class TileReader:
    """The files of one log as of any size that it has had."""

    directory: Path

    def checkpoint(self) -> bytes | None:
        """Give the signed checkpoint, None for a log that has none yet."""
        try:
            return (self.directory / "checkpoint").read_bytes()
        except FileNotFoundError:
            return None

    def tile(self, tile: Tile) -> bytes:
        """Read a tile or bundle, cut to its width where only a fuller one is left.

        Raises LogError `LOG_FILES_LOST` when the file is missing or too short.
        """
        data = self._read(tile)
        if data is None and tile.width < WIDTH:
            data = self.cut(tile)
        if data is None or (tile.level != BUNDLE_LEVEL and len(data) != tile.width * HASH_SIZE):
            raise LogError(
                "LOG_FILES_LOST", f"Restore {tile.path} of the log from its copy: it is not whole."
            )
        return data

    def _read(self, tile: Tile) -> bytes | None:
        try:
            return (self.directory / tile.path).read_bytes()
        except FileNotFoundError:
            return None

    def cut(self, tile: Tile) -> bytes | None:
        """Cut a partial tile or bundle from a fuller one; None when there is none."""
        full = self.directory / Tile(tile.level, tile.index).path
        partial = full.with_name(full.name + ".p")
        widths = [int(path.name) for path in partial.glob("[1-9]*") if path.name.isdecimal()]
        wider = min((width for width in widths if width > tile.width), default=WIDTH)
        data = self._read(Tile(tile.level, tile.index, wider))
        if data is None:
            return None
        if tile.level == BUNDLE_LEVEL:
            return pack_entries(split_entries(data)[: tile.width])
        return data[: tile.width * HASH_SIZE]

    def entries(self, index: int, size: int) -> list[bytes]:
        """Read all entries of bundle number `index` in the log of `size`."""
        width = min(WIDTH, size - index * WIDTH)
        return split_entries(self.tile(Tile(BUNDLE_LEVEL, index, width)))

    def entry(self, index: int, size: int) -> bytes:
        """Read one entry; ValueError outside the log."""
        if not 0 <= index < size:
            raise ValueError("the index is outside the log")
        return self.entries(index // WIDTH, size)[index % WIDTH]

    def find(self, leaf: bytes, size: int) -> int | None:
        """Find the index of a leaf hash in the log of `size` by reading its tiles in order."""
        for number in range(-(-size // WIDTH)):
            data = self.tile(Tile(0, number, min(WIDTH, size - number * WIDTH)))
            at = data.find(leaf)
            while at >= 0:
                if at % HASH_SIZE == 0:
                    return number * WIDTH + at // HASH_SIZE
                at = data.find(leaf, at + 1)
        return None

    def root(self, size: int) -> bytes:
        """Compute the root that the log had at `size` from its tiles."""
        return subtree_root(0, size, _Hashes(self, size).read)

    def inclusion(self, index: int, size: int) -> tuple[bytes, ...]:
        """Make the inclusion proof of an entry in the log of `size`."""
        return inclusion_proof(index, size, _Hashes(self, size).read)

    def consistency(self, old_size: int, size: int) -> tuple[bytes, ...]:
        """Make the proof that the log of `size` extends that of `old_size`."""
        return consistency_proof(old_size, size, _Hashes(self, size).read)


class _Hashes:
    """The subtree hashes of one tree size; keeps the tiles it has read."""

    def __init__(self, reader: TileReader, size: int) -> None:
        self._reader = reader
        self._size = size
        self._tiles: dict[Tile, bytes] = {}

    def read(self, level: int, index: int) -> bytes:
        tile_level, depth = divmod(level, 8)
        first = index << depth
        number, offset = divmod(first, WIDTH)
        width = min(WIDTH, hashes_at(tile_level, self._size) - number * WIDTH)
        tile = Tile(tile_level, number, width)
        data = self._tiles.get(tile)
        if data is None:
            data = self._tiles[tile] = self._reader.tile(tile)
        return root_hash(
            [
                data[at * HASH_SIZE : (at + 1) * HASH_SIZE]
                for at in range(offset, offset + (1 << depth))
            ]
        )
