"""The report a department gets back: its own lines that need work, with what to do.

It can be corrected in a spreadsheet and sent again as it is: the added columns are known.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from store.intake.finding import Finding
from store.intake.layout import REPORT_COLUMNS
from store.spreadsheet import guard

_LABELS = {"error": "错误", "warning": "警告", "info": "提示"}


class Report:
    """A report being written: UTF-8 with BOM, mode 0600, in place only when it is whole."""

    def __init__(self, path: Path, headers: Sequence[str]) -> None:
        self.path = path
        self._partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        path.parent.mkdir(parents=True, exist_ok=True)
        # Left behind by an import that was killed; its batch is locked by this one now.
        for abandoned in path.parent.glob(f".{path.name}.*.partial"):
            abandoned.unlink(missing_ok=True)
        descriptor = os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file: TextIO = os.fdopen(
            descriptor, "w", encoding="utf-8-sig", errors="replace", newline=""
        )
        self._writer = csv.writer(self._file)
        self._own = [i for i, header in enumerate(headers) if header not in REPORT_COLUMNS]
        self._write([*(headers[i] for i in self._own), *REPORT_COLUMNS])

    def add(self, line: int, cells: Sequence[str], findings: Sequence[Finding]) -> None:
        """One line of the file, with all its findings beside each other."""
        columns = (
            str(line),
            "；".join(f.field for f in findings),
            "；".join(f.code for f in findings),
            "；".join(_LABELS[f.severity] for f in findings),
            "；".join(f"{f.field}：{f.reason}" for f in findings),
        )
        own = [cells[i] if i < len(cells) else "" for i in self._own]
        self._write([*(guard(cell.replace("\x00", "")) for cell in own), *map(guard, columns)])

    def _write(self, cells: list[str]) -> None:
        self._writer.writerow(cells)

    def close(self) -> Path:
        """Put the whole report in its place."""
        self._file.close()
        self._partial.replace(self.path)
        return self.path


def by_line(rows: Iterator[Mapping[str, object]]) -> dict[int, list[Finding]]:
    """Findings by line, as the journal has them, without lines that have only information."""
    found: dict[int, list[Finding]] = {}
    for row in rows:
        found.setdefault(int(str(row["line_no"])), []).append(
            Finding(str(row["field"]), str(row["code"]), str(row["severity"]), str(row["reason"]))
        )
    return {
        line: findings
        for line, findings in found.items()
        if any(f.severity != "info" for f in findings)
    }
