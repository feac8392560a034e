"""Workbooks (XLSX, XLSM, XLSB, XLS, ODS): read by a process of its own, kept as a list of rows.

The rows lie in a file without a name, so that they can be read again for the report and the
importer's memory does not grow with the workbook.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO

import orjson

from store.errors import StoreError
from store.intake.source import Row, row_fault
from store.intake.value import is_cell_error

SUFFIXES = frozenset({".xlsx", ".xlsm", ".xlsb", ".xls", ".et", ".ods"})
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_SECONDS = 600  # wall time of the reading process
# A line of words below or between the rows: notes on the form, sums, who filled it in.
_NOTES = ("表格说明", "填表说明", "填报说明", "说明", "注：", "注:", "备注：", "备注:", "填表人",
          "填报人", "制表人", "审核人", "合计", "填报单位", "联系人")  # fmt: skip
_SUMS = frozenset({"合计", "总计", "小计", "共计", "本页合计", "本页小计"})
_NUMBER = re.compile(r"[-+]?[\d,]*\.?\d+(?:[元条件户]|万元)?")
_SIGNED = re.compile(r"(?:填[表报]|制表|审核|复核|负责|经办|联系|报送|单位)\w{0,5}[:：]")
_REFUSALS = {
    "WORKBOOK_PASSWORD": "文件有密码，请取消密码后重报。The workbook has a password: save it"
    " without one, send again.",
    "WORKBOOK_MACROS": "文件含宏，请另存为不含宏的XLSX。The workbook carries macros: save it as"
    " XLSX without macros, send again.",
    "WORKBOOK_TOO_LARGE": "工作簿过大，请拆分或另存为CSV。The workbook is too large to read: delete"
    " empty rows and columns, split it, or save it as CSV.",
    "WORKBOOK_BROKEN": "工作簿已损坏或格式不符，请打开后另存为XLSX重报。The workbook is damaged, or"
    " is not what its name says: open it, save it as XLSX, send again.",
}


def is_workbook(path: Path) -> bool:
    """Whether the content of a file is a workbook's, whatever its name says."""
    with path.open("rb") as file:
        return file.read(4) in (_ZIP, _OLE)


@dataclass(frozen=True, slots=True, weakref_slot=True)
class _Rows:
    """The rows of a workbook in a file without a name, gone with the last reading of them."""

    file: IO[bytes]

    def __post_init__(self) -> None:
        weakref.finalize(self, self.file.close)


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet of a workbook that was read: where its rows lie."""

    name: str
    begin: int
    end: int
    hidden: bool
    since: date  # day 0 of its numbers of days
    kept: _Rows

    def rows(self) -> Iterator[tuple[int, list[str], int]]:
        """Rows that are not empty: their number, their cells, and how much was read, in bytes."""
        at = self.begin
        while at < self.end:
            self.kept.file.seek(at)  # another reader of the same workbook may have moved it
            for line in self.kept.file.readlines(1 << 20):
                at += len(line)
                if at > self.end:
                    return
                number, cells = orjson.loads(line)
                yield number, cells, at


def open_sheets(path: Path) -> list[Sheet]:
    """The sheets of a workbook.

    Raises StoreError `WORKBOOK_PASSWORD`, `WORKBOOK_MACROS`, `WORKBOOK_TOO_LARGE`,
    `WORKBOOK_BROKEN`.
    """
    kept = _Rows(tempfile.TemporaryFile())  # noqa: SIM115 - closed when nothing reads it
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-m", "store.workbook.reader", str(path.absolute())],
            stdin=subprocess.DEVNULL,
            stdout=kept.file,
            stderr=subprocess.PIPE,
            timeout=_SECONDS,
            check=False,
        )
        last = done.stderr.rpartition(b"\n")[2]
        told = orjson.loads(last) if done.returncode == 0 and last else {}
    except (subprocess.TimeoutExpired, orjson.JSONDecodeError):
        told = {}
    # A process that was ended by a limit says nothing.
    refused = None if "sheets" in told else told.get("refused", "WORKBOOK_TOO_LARGE")
    if refused is not None:
        raise StoreError(refused, f"{path.name}：{_REFUSALS[refused]}")
    since = date.fromisoformat(told["since"])
    return [
        Sheet(s["name"], s["begin"], s["end"], s["hidden"], since, kept) for s in told["sheets"]
    ]


@dataclass(frozen=True, slots=True)
class SheetSource:
    """The data rows of a sheet below its header."""

    sheet: Sheet
    headers: tuple[str, ...]
    header_line: int
    size: int  # of the workbook's file, to which progress is scaled

    def rows(self) -> Iterator[Row]:
        """Every data row under its number in the sheet; notes and repeated headers are none."""
        width = len(self.headers)
        head = list(self.headers)
        length = max(self.sheet.end - self.sheet.begin, 1)
        for number, cells, at in self.sheet.rows():
            if number <= self.header_line:
                continue
            cells = cells[:width] + [""] * (width - len(cells))
            if cells == head or _is_note(cells):
                continue
            done = (at - self.sheet.begin) * self.size // length
            yield Row(number, cells, row_fault(cells, width), done)


def _is_note(cells: list[str]) -> bool:
    """Whether a row is words under the table, its sums, or who filled it in; never a line."""
    filled = [cell.strip() for cell in cells if cell]
    if len(filled) <= 1:
        return not filled or filled[0].startswith(_NOTES)
    if "".join(filled[0].split()) in _SUMS:
        return all(_NUMBER.fullmatch(cell) or is_cell_error(cell) for cell in filled[1:])
    return 2 * len(filled) <= len(cells) and all(_SIGNED.match(c) for c in (filled[0], filled[-1]))
