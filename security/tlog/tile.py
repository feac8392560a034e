"""Paths and contents of tiles and entry bundles (C2SP tlog-tiles)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

WIDTH = 256
"""Hashes in a full tile, entries in a full bundle."""
HASH_SIZE = 32
MAX_ENTRY_SIZE = 0xFFFF
"""Longest entry of a bundle, in bytes."""
BUNDLE_LEVEL = -1
"""Level that stands for entry bundles, which sit below the tiles of level 0."""


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """A tile by level (`BUNDLE_LEVEL` for bundles), index and width (1–256)."""

    level: int
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Its path: `tile/<L>/<N>[.p/<W>]`, N in groups of three digits."""
        level = "entries" if self.level == BUNDLE_LEVEL else str(self.level)
        suffix = "" if self.width == WIDTH else f".p/{self.width}"
        return f"tile/{level}/{_digits(self.index)}{suffix}"

    def within(self, size: int) -> bool:
        """Tell whether a tree of `size` has all of this tile."""
        return self.index * WIDTH + self.width <= hashes_at(self.level, size)

    @classmethod
    def parse(cls, path: str) -> "Tile":
        """Read a path or raise ValueError; the inverse of `path`."""
        parts = path.split("/")
        if len(parts) < 3 or parts[0] != "tile" or not path.isascii():
            raise ValueError("not a tile path")
        level = BUNDLE_LEVEL if parts[1] == "entries" else int(parts[1])
        width, names = WIDTH, parts[2:]
        if len(names) > 1 and names[-2].endswith(".p"):
            width = int(names[-1])
            names = [*names[:-2], names[-2][:-2]]
        index = int("".join(name.removeprefix("x") for name in names))
        tile = cls(level, index, width)
        if not 1 <= width <= WIDTH or not BUNDLE_LEVEL <= level <= 63 or tile.path != path:
            raise ValueError("not a tile path in canonical form")
        return tile


def _digits(index: int) -> str:
    text = f"{index % 1000:03}"
    while index := index // 1000:
        text = f"x{index % 1000:03}/{text}"
    return text


def hashes_at(level: int, size: int) -> int:
    """Give the number of hashes that a tree of `size` has at a tile level."""
    return size if level == BUNDLE_LEVEL else size >> (8 * level)


def tiles_of(size: int) -> Iterator[Tile]:
    """Enumerate the tiles and bundles of a tree of `size`: full ones and the right edge."""
    level = BUNDLE_LEVEL
    while (count := hashes_at(level, size)) > 0:
        for index in range(count // WIDTH):
            yield Tile(level, index)
        if count % WIDTH:
            yield Tile(level, count // WIDTH, count % WIDTH)
        level += 1


def split_hashes(data: bytes) -> list[bytes]:
    """Split a hash tile; ValueError when its length is no multiple of 32."""
    if len(data) % HASH_SIZE:
        raise ValueError("a hash tile is a sequence of 32-byte hashes")
    return [data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE)]


def pack_entries(entries: Sequence[bytes]) -> bytes:
    """Write an entry bundle: each entry after its length as a big-endian uint16."""
    return b"".join([len(entry).to_bytes(2, "big") + entry for entry in entries])


def split_entries(data: bytes) -> list[bytes]:
    """Read an entry bundle; ValueError when it ends inside an entry."""
    entries, at, end = [], 0, len(data)
    while at < end:
        start = at + 2
        at = start + int.from_bytes(data[at:start], "big")
        if start > end or at > end:
            raise ValueError("the bundle ends inside an entry")
        entries.append(data[start:at])
    return entries
