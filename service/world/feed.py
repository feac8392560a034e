"""A batch as a file: CSV, JSON Lines, a JSON array or a workbook, with what is odd about it."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from service.world.column import Column
from service.world.fault import Fault
from service.world.row import Row
from service.world.written import HashedFile

_WHOLE_NUMBERS = frozenset({"age"})  # what courts write as JSON numbers


class Table(Protocol):
    """Rows in one file format; `first_line` is where the first data row stands."""

    first_line: int

    def head(self, labels: Sequence[str], /) -> None:
        """Write the header."""

    def add(self, names: Sequence[str], cells: Sequence[str], /) -> None:
        """Append one row of cells under these names."""

    def end(self) -> None:
        """Write what comes after the last row."""


class Csv:
    """Comma-separated values, lines ending in LF."""

    first_line = 2

    def __init__(self, file: HashedFile) -> None:
        self._writer = csv.writer(file, lineterminator="\n")

    def head(self, labels: Sequence[str]) -> None:
        """Write the header line."""
        self._writer.writerow(labels)

    def add(self, _names: Sequence[str], cells: Sequence[str]) -> None:
        """Append one line."""
        self._writer.writerow(cells)

    def end(self) -> None:
        """Nothing follows."""


class JsonLines:
    """One object a line; empty members are left out."""

    first_line = 1

    def __init__(self, file: HashedFile) -> None:
        self._file = file

    def head(self, labels: Sequence[str]) -> None:
        """Nothing precedes."""

    def add(self, names: Sequence[str], cells: Sequence[str]) -> None:
        """Append one object."""
        self._file.write_bytes(_object(names, cells) + b"\n")

    def end(self) -> None:
        """Nothing follows."""


class JsonArray:
    """One array of objects, each on a line of its own; empty members are left out."""

    first_line = 1  # its place in the list

    def __init__(self, file: HashedFile) -> None:
        self._file = file
        self._any = False

    def head(self, _labels: Sequence[str]) -> None:
        """Open the array."""
        self._file.write_bytes(b"[\n")

    def add(self, names: Sequence[str], cells: Sequence[str]) -> None:
        """Append one object."""
        self._file.write_bytes((b",\n" if self._any else b"") + _object(names, cells))
        self._any = True

    def end(self) -> None:
        """Close the array."""
        self._file.write_bytes(b"\n]\n" if self._any else b"]\n")


def _object(names: Sequence[str], cells: Sequence[str]) -> bytes:
    pairs = zip(names, cells, strict=True)
    return orjson.dumps(
        {n: int(v) if n in _WHOLE_NUMBERS and v.isdigit() else v for n, v in pairs if v}
    )


@dataclass(slots=True)
class FeedFile:
    """One batch of one unit and kind, with what is odd about its rows."""

    file: HashedFile
    columns: tuple[Column, ...]
    table: Table
    national: bool = False  # national ids as headers, where there are some
    keyed: bool = False  # JSON: English names, no labels, where there is no national id
    odd: list[tuple[int, Fault]] = field(default_factory=list)
    _names: tuple[str, ...] = field(init=False)
    _keys: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self._names = tuple(c.name for c in self.columns)
        self._keys = self._names
        if self.keyed:
            self._keys = tuple((self.national and c.national) or c.name for c in self.columns)
        self.table.head([(self.national and c.national) or c.label for c in self.columns])

    def add(self, row: Row, fault: Fault | None = None) -> None:
        """Append one row; what the row does not say is empty."""
        self.file.rows += 1
        if fault is not None:
            self.odd.append((self.file.rows, fault))
        self.table.add(self._keys, [row.get(name, "") for name in self._names])

    def expectation(self) -> dict[str, Any]:
        """Return what intake must report of this file, as far as that is certain."""
        sure = {"clean": 0, "with_findings": 0, "rejected": 0, "open": 0, "not_clean": 0}
        odd = []
        for row, fault in self.odd:
            sure[fault.outcome] += 1
            odd.append(
                {
                    "row": row,
                    "line": row + self.table.first_line - 1,
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
            counts = {
                "accepted": clean,
                "withFindings": sure["with_findings"],
                "rejected": sure["rejected"],
            }
        return {"lines": self.file.rows, "clean": clean, "counts": counts, "odd": odd}
