"""What is wrong with a catalogue document, and where it stands in the file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from store.errors import StoreError


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at a place of a document; `line` counts from 1, None where unknown."""

    code: str
    line: int | None
    place: str
    reason: str

    def __str__(self) -> str:
        where = f"line {self.line}, {self.place}" if self.line else self.place
        return f"{where}: {self.reason}"


class CatalogueError(StoreError):
    """A catalogue is refused; `code` is its first fault's."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(faults[0].code, "; ".join(str(fault) for fault in faults))
        self.faults = tuple(faults)


_ROW = re.compile(r"(?P<table>[^\[.]+)\[(?P<number>\d+)\](?:\.(?P<key>[^\[.]+))?")


def line_of(text: str, place: str) -> int | None:
    """The line of a place such as `item[3].share`: of its key, else of its row's header.

    Of what lies deeper, such as `item[3].providers[2].name`, the key of the row is meant.
    """
    row = _ROW.match(place)
    key = (row["key"] or "") if row else place
    lines = text.splitlines()
    start = 0
    if row:
        header = re.compile(rf"\s*\[\[\s*{re.escape(row['table'])}\s*\]\]")
        rows = [at for at, line in enumerate(lines) if header.match(line)]
        index = int(row["number"]) - 1
        if index >= len(rows):
            return None
        start = rows[index]
    for at in range(start + bool(row), len(lines)):
        if lines[at].lstrip().startswith("["):
            break
        if key and re.match(rf"\s*{re.escape(key)}\s*=", lines[at]):
            return at + 1
    return start + 1 if row else None
