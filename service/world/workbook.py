"""A minimal XLSX workbook of one sheet, the same bytes on every machine (ECMA-376, ISO 29500).

Parts are stored and not compressed, because compressors differ between machines.
"""

import re
import zipfile
from collections.abc import Sequence
from datetime import date
from typing import IO, cast
from xml.sax.saxutils import escape

from service.world.written import HashedFile

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_CONTENT = f'''<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels"\
 ContentType="application/vnd.openxmlformats-package.relationships+xml"/>\
<Override PartName="/xl/workbook.xml" ContentType="{_TYPES}.sheet.main+xml"/>\
<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPES}.worksheet+xml"/>\
<Override PartName="/xl/styles.xml" ContentType="{_TYPES}.styles+xml"/></Types>'''
_ROOT = f'''<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1"\
 Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>'''
_BOOK = f'''<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>\
<sheet name="数据" sheetId="1" r:id="rId1"/></sheets></workbook>'''
_BOOK_ROOT = f'''<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1"\
 Type="{_RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2"\
 Type="{_RELATIONS}/styles" Target="styles.xml"/></Relationships>'''
# Cell style 1 is a date: number format 14.
_STYLES = f'''<styleSheet xmlns="{_MAIN}"><fonts count="1"><font/></fonts><fills count="2"><fill>\
<patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>\
<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>\
<cellXfs count="2"><xf numFmtId="0" xfId="0"/>\
<xf numFmtId="14" xfId="0" applyNumberFormat="1"/></cellXfs></styleSheet>'''
_PARTS = (
    ("[Content_Types].xml", _CONTENT),
    ("_rels/.rels", _ROOT),
    ("xl/workbook.xml", _BOOK),
    ("xl/_rels/workbook.xml.rels", _BOOK_ROOT),
    ("xl/styles.xml", _STYLES),
)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_NUMBER = re.compile(r"\d{1,12}(\.\d{1,6})?")
_EPOCH = date(1899, 12, 30)
_MADE = (2026, 6, 30, 0, 0, 0)


class _Sink:
    """What a ZIP archive is written to: a stream without a position."""

    def __init__(self, file: HashedFile) -> None:
        self._file = file

    def write(self, content: bytes) -> int:
        self._file.write_bytes(content)
        return len(content)

    def flush(self) -> None:
        """Leave it to the file."""


class Workbook:
    """One sheet, written row by row; title lines stand above the header.

    With `typed`, dates are serials and the columns of `numbers` numbers, as a clerk's spreadsheet
    has them; without, every cell is text, as a system's export has them.
    """

    def __init__(
        self, file: HashedFile, titles: Sequence[str], numbers: frozenset[str], *, typed: bool
    ) -> None:
        self.first_line = len(titles) + 2
        self._titles = titles
        self._numbers = numbers
        self._typed = typed
        self._row = 0
        self._zip = zipfile.ZipFile(cast("IO[bytes]", _Sink(file)), "w", zipfile.ZIP_STORED)
        for name, content in _PARTS:
            self._zip.writestr(_entry(name), _XML + content)
        self._sheet = self._zip.open(_entry("xl/worksheets/sheet1.xml"), "w")
        self._sheet.write(f'{_XML}<worksheet xmlns="{_MAIN}"><sheetData>'.encode())

    def head(self, labels: Sequence[str]) -> None:
        """Write the title lines and the header."""
        for title in self._titles:
            self._write([title], [""])
        self._write(labels, [""] * len(labels))

    def add(self, names: Sequence[str], cells: Sequence[str]) -> None:
        """Append one row; empty cells are left out."""
        self._write(cells, names)

    def _write(self, cells: Sequence[str], names: Sequence[str]) -> None:
        self._row += 1
        parts = [f'<row r="{self._row}">']
        for place, (text, name) in enumerate(zip(cells, names, strict=True)):
            if text:
                parts.append(self._cell(f"{_letters(place)}{self._row}", text, name))
        parts.append("</row>")
        self._sheet.write("".join(parts).encode())

    def _cell(self, place: str, text: str, name: str) -> str:
        if self._typed and name:
            if _DAY.fullmatch(text):
                try:
                    serial = (date.fromisoformat(text) - _EPOCH).days
                except ValueError:  # day and month exchanged: no spreadsheet takes it as a date
                    serial = 0
                if serial:
                    return f'<c r="{place}" s="1"><v>{serial}</v></c>'
            if name in self._numbers and _NUMBER.fullmatch(text):
                return f'<c r="{place}"><v>{text}</v></c>'
        return (
            f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{escape(text)}</t></is></c>'
        )

    def end(self) -> None:
        """Finish sheet and archive."""
        wide = "".join(f'<mergeCell ref="A{n}:F{n}"/>' for n in range(1, len(self._titles) + 1))
        merged = f'<mergeCells count="{len(self._titles)}">{wide}</mergeCells>' if wide else ""
        self._sheet.write(f"</sheetData>{merged}</worksheet>".encode())
        self._sheet.close()
        self._zip.close()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _MADE)
    entry.create_system = 3
    entry.external_attr = 0o600 << 16
    return entry


def _letters(place: int) -> str:
    letters = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
