"""Files of a world, hashed while they are written; none stays open, so there may be many."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import orjson

UTF8, UTF8_BOM, GB18030 = "utf-8", "utf-8-sig", "gb18030"
_PENDING = 1 << 16  # bytes kept before they go to the disk


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """One finished file: path below the world's folder, SHA-256 in hex, bytes, rows."""

    path: str
    sha256: str
    bytes: int
    rows: int


class HashedFile:
    """A file that knows its digest when it is closed."""

    def __init__(self, root: Path, path: str, encoding: str = UTF8) -> None:
        self.path = path
        self.rows = 0
        self._encoding = UTF8 if encoding == UTF8_BOM else encoding
        self._digest = hashlib.sha256()
        self._size = 0
        self._pending = bytearray()
        self._place = root / path
        self._place.parent.mkdir(parents=True, exist_ok=True)
        self._place.write_bytes(b"")
        if encoding == UTF8_BOM:
            self.write_bytes(b"\xef\xbb\xbf")

    def write(self, text: str) -> int:
        """Write text in the file's encoding (what `csv.writer` calls)."""
        self.write_bytes(text.encode(self._encoding))
        return len(text)

    def write_bytes(self, content: bytes) -> None:
        """Write bytes as they are."""
        self._pending += content
        if len(self._pending) > _PENDING:
            self.flush()

    def flush(self) -> None:
        """Bring to the disk what waits."""
        self._digest.update(self._pending)
        self._size += len(self._pending)
        with self._place.open("ab") as file:
            file.write(self._pending)
        self._pending.clear()

    def close(self) -> WrittenFile:
        """Finish the file."""
        self.flush()
        return WrittenFile(self.path, self._digest.hexdigest(), self._size, self.rows)


class Lines(HashedFile):
    """A JSON Lines file."""

    def add(self, row: object) -> None:
        """Append one object."""
        self.write_bytes(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
        self.rows += 1
