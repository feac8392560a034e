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


def line_of(text: str, place: str) -> int | None:
    """The line of a place such as `item[3].share`: of its key, else of its row's header."""
    head, _, key = place.rpartition(".") if "[" in place else ("", "", place)
    head = head or (place if "[" in place else "")
    lines = text.splitlines()
    start = 0
    if head:
        table, _, number = head.partition("[")
        header = re.compile(rf"\s*\[\[\s*{re.escape(table)}\s*\]\]")
        rows = [at for at, line in enumerate(lines) if header.match(line)]
        index = int(number.rstrip("]")) - 1
        if index >= len(rows):
            return None
        start = rows[index]
    for at in range(start + bool(head), len(lines)):
        if lines[at].lstrip().startswith("["):
            break
        if re.match(rf"\s*{re.escape(key)}\s*=", lines[at]):
            return at + 1
    return start + 1 if head else None
