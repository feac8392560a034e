"""Workbooks written cell by cell in each of their formats, as spreadsheets keep what they show.

A cell is a text, a number, an `Error`, or a `Formula` that was never computed.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from service.spreadsheet import letters


@dataclass(frozen=True)
class Error:
    shown: str
    by_formula: bool = False


@dataclass(frozen=True)
class Formula:
    said: str


Cell = str | float | Error | Formula
_CODES = {"#NULL!": 0, "#DIV/0!": 7, "#VALUE!": 15, "#REF!": 23, "#NAME?": 29, "#NUM!": 36,
          "#N/A": 42}  # fmt: skip
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def write(path: Path, rows: Sequence[Sequence[Cell]], *, from_1904: bool = False) -> Path:
    """Write rows in the format that the name ends with: .xlsx, .xlsb, .xls or .ods."""
    {".xlsx": _xlsx, ".xlsb": _xlsb, ".xls": _xls, ".ods": _ods}[path.suffix](path, rows, from_1904)
    return path


def _packed(path: Path, parts: dict[str, str | bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in parts.items():
            packed.writestr(name, content)


def _relation(target: str) -> str:
    return (
        f'<Relationships xmlns="{_RELATIONS}"><Relationship Id="rId1" Type="{_OFFICE}/worksheet"'
        f' Target="{target}"/></Relationships>'
    )


def _xlsx(path: Path, rows: Sequence[Sequence[Cell]], from_1904: bool) -> None:
    def cell(place: str, value: Cell) -> str:
        match value:
            case Error(shown, by_formula):
                formula = "<x:f>1/0</x:f>" if by_formula else ""
                return f'<x:c r="{place}" t="e">{formula}<x:v>{shown}</x:v></x:c>'
            case Formula(said):
                return f'<x:c r="{place}"><x:f>{said}</x:f><x:v></x:v></x:c>'
            case str():
                return f'<x:c r="{place}" t="str"><x:f>T(1)</x:f><x:v>{escape(value)}</x:v></x:c>'
        return f'<x:c r="{place}"><x:v>{value!r}</x:v></x:c>'

    listed = "".join(
        f'<x:row r="{n}">'
        + "".join(cell(f"{letters(at)}{n}", value) for at, value in enumerate(row))
        + "</x:row>"
        for n, row in enumerate(rows, 1)
    )
    properties = ' date1904="1"' if from_1904 else ""
    _packed(
        path,
        {
            "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/'
            'content-types"/>',
            "_rels/.rels": _relation("xl/workbook.xml").replace("/worksheet", "/officeDocument"),
            "xl/_rels/workbook.xml.rels": _relation("worksheets/sheet1.xml"),
            "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><workbookPr'
            f'{properties}/><sheets><sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>',
            "xl/worksheets/sheet1.xml": f'<x:worksheet xmlns:x="{_MAIN}"><x:sheetData>{listed}'
            "</x:sheetData></x:worksheet>",
        },
    )


def _record(kind: int, *parts: bytes) -> bytes:
    body, head = b"".join(parts), bytearray()
    for number in (kind, len(body)):
        while number > 127:
            head.append(number & 127 | 128)
            number >>= 7
        head.append(number)
    return bytes(head) + body


def _wide(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def _xlsb(path: Path, rows: Sequence[Sequence[Cell]], from_1904: bool) -> None:
    def cell(at: int, value: Cell) -> bytes:
        place = struct.pack("<II", at, 0)
        match value:
            case Error(shown, True):
                formula = struct.pack("<HII", 0, 0, 0)
                return _record(11, place, bytes([_CODES[shown]]), formula)
            case Error(shown):
                return _record(3, place, bytes([_CODES[shown]]))
            case str():
                return _record(6, place, _wide(value))
            case Formula():
                raise ValueError("a binary workbook holds every result")
        return _record(5, place, struct.pack("<d", value))

    sheet = _record(129) + _record(148, struct.pack("<IIII", 0, len(rows), 0, 60)) + _record(145)
    for n, row in enumerate(rows):
        sheet += _record(0, struct.pack("<IIHBBBI", n, 0, 300, 0, 0, 0, 0))
        sheet += b"".join(cell(at, value) for at, value in enumerate(row))
    book = _record(131) + _record(153, struct.pack("<II", int(from_1904), 0), _wide(""))
    book += _record(143) + _record(156, struct.pack("<II", 0, 1), _wide("rId1"), _wide("S"))
    _packed(
        path,
        {
            "xl/_rels/workbook.bin.rels": _relation("worksheets/sheet1.bin"),
            "xl/workbook.bin": book + _record(144) + _record(132),
            "xl/worksheets/sheet1.bin": sheet + _record(146) + _record(130),
        },
    )


def _ods(path: Path, rows: Sequence[Sequence[Cell]], from_1904: bool) -> None:
    def cell(value: Cell) -> str:
        told = 'office:value-type="string" calcext:value-type="string"'
        shown: object = value
        match value:
            case Error(shown, by_formula):  # LibreOffice keeps 0 for some, "" for others
                kept = "float" if by_formula else "string"
                number = 'office:value="0"' if by_formula else 'office:string-value=""'
                told = f'office:value-type="{kept}" {number} calcext:value-type="error"'
            case float() | int():
                told = f'office:value-type="float" office:value="{value!r}"'
        return f"<table:table-cell {told}><text:p>{shown}</text:p></table:table-cell>"

    names = "urn:oasis:names:tc:opendocument:xmlns"
    zero = '<table:calculation-settings><table:null-date table:value-type="date" table:date-value='
    zero = f'{zero}"1904-01-01"/></table:calculation-settings>' if from_1904 else ""
    listed = "".join(
        f"<table:table-row>{''.join(map(cell, row))}</table:table-row>" for row in rows
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    _packed(
        path,
        {
            "mimetype": kind,
            "META-INF/manifest.xml": f'<manifest:manifest xmlns:manifest="{names}:manifest:1.0">'
            f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{kind}"/>'
            "</manifest:manifest>",
            "content.xml": f'<office:document-content xmlns:office="{names}:office:1.0"'
            f' xmlns:table="{names}:table:1.0" xmlns:text="{names}:text:1.0" xmlns:calcext='
            '"urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0">'
            f'<office:body><office:spreadsheet>{zero}<table:table table:name="S">{listed}'
            "</table:table></office:spreadsheet></office:body></office:document-content>",
        },
    )


def _xls(path: Path, rows: Sequence[Sequence[Cell]], from_1904: bool) -> None:
    def record(kind: int, body: bytes) -> bytes:
        return struct.pack("<HH", kind, len(body)) + body

    def cell(row: int, at: int, value: Cell) -> bytes:
        place = struct.pack("<HHH", row, at, 0)
        match value:
            case Error(shown, True):
                result = bytes([2, 0, _CODES[shown], 0, 0, 0, 255, 255])
                return record(0x0006, place + result + struct.pack("<HIH", 0, 0, 0))
            case Error(shown):
                return record(0x0205, place + bytes([_CODES[shown], 1]))
            case str():
                text = struct.pack("<HB", len(value), 1) + value.encode("utf-16-le")
                return record(0x0204, place + text)
            case Formula():
                raise ValueError("an old workbook holds every result")
        return record(0x0203, place + struct.pack("<d", value))

    begin = struct.pack("<HHHHII", 0x0600, 5, 0, 0, 0, 0)
    head = record(0x0809, begin) + record(0x0022, struct.pack("<H", int(from_1904)))
    at = len(head) + 4 + 9 + 4
    head += record(0x0085, struct.pack("<IBBBB", at, 0, 0, 1, 0) + b"S") + record(0x000A, b"")
    assert len(head) == at
    cells = b"".join(cell(n, k, value) for n, row in enumerate(rows) for k, value in enumerate(row))
    stream = head + record(0x0809, begin.replace(b"\5", b"\x10", 1)) + cells + record(0x000A, b"")
    path.write_bytes(
        _ole(stream.ljust(-(-max(len(stream), 4096) // 512) * 512, b"\0"), len(stream))
    )


def _ole(stream: bytes, length: int) -> bytes:
    """A file whose only stream is the workbook: sector 0 the table, 1 the directory (MS-CFB)."""
    sectors, none, end = len(stream) // 512, 0xFFFFFFFF, 0xFFFFFFFE
    chain = [0xFFFFFFFD, end, *range(3, sectors + 2), end]
    assert len(chain) <= 128
    table = struct.pack("<128I", *chain, *[none] * (128 - len(chain)))

    def entry(name: str, kind: int, first: int, size: int, child: int) -> bytes:
        told = name.encode("utf-16-le")
        head = told.ljust(64, b"\0") + struct.pack("<HBB", len(told) + 2, kind, 1)
        tree = struct.pack("<III", none, none, child).ljust(48, b"\0")
        return head + tree + struct.pack("<IQ", first, size)

    directory = entry("Root Entry", 5, end, 0, 1) + entry("Workbook", 2, 2, max(length, 4096), none)
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack(
        "<HHHHH6xIIIIIIIII", 0x3E, 3, 0xFFFE, 9, 6, 0, 1, 1, 0, 4096, end, 0, end, 0
    )  # fmt: skip
    head += struct.pack("<109I", 0, *[none] * 108)
    return head + table + directory.ljust(512, b"\0") + stream
