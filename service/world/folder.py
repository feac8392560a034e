"""Files of a world, hashed while they are written; many stay open so that rows can stream."""

import csv
import hashlib
from dataclasses import dataclass, field
from io import BufferedWriter
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from service.world.chance import Chance, label
from service.world.column import COLUMNS, Column
from service.world.fault import Fault
from service.world.row import Row

GB18030, UTF8_BOM, UTF8 = "gb18030", "utf-8-sig", "utf-8"


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
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        self._file: BufferedWriter = (root / path).open("wb")
        if encoding == UTF8_BOM:
            self.write_bytes(b"\xef\xbb\xbf")

    def write(self, text: str) -> int:
        """Write text in the file's encoding (what `csv.writer` calls)."""
        self.write_bytes(text.encode(self._encoding))
        return len(text)

    def write_bytes(self, content: bytes) -> None:
        """Write bytes as they are."""
        self._digest.update(content)
        self._size += len(content)
        self._file.write(content)

    def close(self) -> WrittenFile:
        """Finish the file."""
        self._file.close()
        return WrittenFile(self.path, self._digest.hexdigest(), self._size, self.rows)


class Lines(HashedFile):
    """A JSON Lines file."""

    def add(self, row: object) -> None:
        """Append one object."""
        self.write_bytes(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
        self.rows += 1


@dataclass(slots=True)
class FeedFile:
    """One batch of one unit and kind, with what is odd about its rows."""

    file: HashedFile
    columns: tuple[Column, ...]
    lines: bool  # JSON Lines
    national: bool
    odd: list[tuple[int, Fault]] = field(default_factory=list)

    def head(self) -> None:
        """Write the header line of a CSV file."""
        self._write([c.national if self.national and c.national else c.label for c in self.columns])

    def _write(self, cells: list[str]) -> None:
        csv.writer(self.file, lineterminator="\n").writerow(cells)

    def add(self, row: Row, fault: Fault | None = None) -> None:
        """Append one row; what the row does not say is empty."""
        self.file.rows += 1
        if fault is not None:
            self.odd.append((self.file.rows, fault))
        if self.lines:
            said = {
                column.national if self.national and column.national else column.name: value
                for column in self.columns
                if (value := row.get(column.name, ""))
            }
            self.file.write_bytes(orjson.dumps(said, option=orjson.OPT_APPEND_NEWLINE))
        else:
            self._write([row.get(column.name, "") for column in self.columns])

    def expectation(self) -> dict[str, Any]:
        """Return what intake must report of this file, as far as that is certain."""
        sure = {"clean": 0, "with_findings": 0, "open": 0, "not_clean": 0}
        odd = []
        for row, fault in self.odd:
            sure[fault.outcome] += 1
            odd.append(
                {
                    "row": row,
                    "line": row + (0 if self.lines else 1),
                    "fault": fault.name,
                    "field": fault.field,
                    "sent": fault.sent,
                    "truth": fault.truth,
                    "outcome": fault.outcome,
                    "finding": fault.finding or None,
                }
            )
        clean = self.file.rows - len(self.odd) + sure["clean"]
        counts = None
        if sure["open"] == sure["not_clean"] == 0:
            counts = {"accepted": clean, "withFindings": sure["with_findings"], "rejected": 0}
        return {"lines": self.file.rows, "clean": clean, "counts": counts, "odd": odd}


# which units send JSON Lines, and which write national ids as headers of their CSV
_JSON_LINES = {
    ("shenyang", "ecology", "penalty"),
    ("shenyang", "business-environment", "licence"),
    ("benxi", "transport", "penalty"),
    ("benxi", "finance", "loans"),
}
_NATIONAL = {("benxi", "market-regulation"), ("shenyang", "transport"), ("benxi", "ecology")}
_ENCODINGS = {
    "feeds/benxi/20241115_market-regulation_penalty.csv": GB18030,
    "feeds/shenyang/20250613_market-regulation_penalty.csv": GB18030,
    "feeds/shenyang/20241227_market-regulation_officers.csv": GB18030,
    "feeds/benxi/20251226_market-regulation_holders.csv": UTF8_BOM,
    "feeds/benxi/20240419_business-environment_licence.csv": UTF8_BOM,
    "feeds/shenyang/20251219_transport_penalty.csv": UTF8_BOM,
}


class Folder:
    """All files of one world; use as a context manager."""

    def __init__(self, root: Path, chance: Chance) -> None:
        self.root = root
        self._chance = chance
        self._open: dict[str, HashedFile] = {}
        self._feeds: dict[str, FeedFile] = {}
        self._written: list[WrittenFile] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.finish()

    def lines(self, path: str) -> Lines:
        """Return the JSON Lines file at a path, opened when first asked for."""
        found = self._open.get(path)
        if not isinstance(found, Lines):
            found = self._open[path] = Lines(self.root, path)
        return found

    def document(self, path: str, content: object) -> None:
        """Write one JSON document."""
        file = HashedFile(self.root, path)
        option = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        file.write_bytes(orjson.dumps(content, option=option))
        self._written.append(file.close())

    def feed(self, city: str, sent: str, unit: str, kind: str) -> FeedFile:
        """Return the batch that a unit sends on a day (YYYYMMDD)."""
        lines = (city, unit, kind) in _JSON_LINES
        path = f"feeds/{city}/{sent}_{unit}_{kind}.{'jsonl' if lines else 'csv'}"
        found = self._feeds.get(path)
        if found is None:
            national = kind in ("licence", "penalty") and (lines or (city, unit) in _NATIONAL)
            encoding = UTF8 if lines else self._encoding(path)
            file = HashedFile(self.root, path, encoding)
            found = FeedFile(file, COLUMNS[kind], lines, national)
            self._open[path] = file
            self._feeds[path] = found
            if not lines:
                found.head()
        return found

    def _encoding(self, path: str) -> str:
        drawn = self._chance.of("encoding", label(path)).below("encoding", 1000)
        return _ENCODINGS.get(path) or (GB18030 if drawn < 15 else UTF8_BOM if drawn < 45 else UTF8)

    def expectations(self) -> dict[str, Any]:
        """Return what intake must say of every feed, by path."""
        return {path: self._feeds[path].expectation() for path in sorted(self._feeds)}

    def finish(self) -> tuple[WrittenFile, ...]:
        """Close everything and return what was written, by path."""
        for path in sorted(self._open):
            self._written.append(self._open[path].close())
        self._open.clear()
        self._written.sort(key=lambda file: file.path)
        return tuple(self._written)
