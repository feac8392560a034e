"""Cells of a packed workbook that show an error, or a formula that was never computed, as text.

The library reads them as empty, or nothing of the workbook at all.
"""

from __future__ import annotations

import re
import struct
import zipfile
from collections.abc import Iterator
from typing import IO

SINCE, SINCE_1904 = "1899-12-30", "1904-01-01"  # day 0; of the first one from 1900-03-01 on
UNKNOWN, UNCOMPUTED = "#ERROR!", "#FORMULA!"
ERRORS = {0: "#NULL!", 7: "#DIV/0!", 15: "#VALUE!", 23: "#REF!", 29: "#NAME?", 36: "#NUM!",
          42: "#N/A"}  # fmt: skip
_CHUNK = 4 << 20  # bytes of a part that are looked at together
_LONGEST = 64 << 20  # bytes of a row at most
_SHEET = re.compile(r"xl/worksheets/[^/]+\.(xml|bin)", re.IGNORECASE)
_TELLING = (b't="e"', b"t='e'", b"<f>", b"<f ", b"<f/", b":f>", b":f ", b":f/",
            b'value-type="error"')  # fmt: skip
_ERROR_CELL = re.compile(rb"(<(?:\w+:)?c\b[^<>]*?\s)t\s*+=\s*+[\"']e[\"']")
_FORMULA_CELL = re.compile(
    rb"<((?:\w+:)?)c\b([^<>]*)>\s*+<\1f\b(?:[^<>]*/>|[^<>]*>[^<]*</\1f\s*+>)"
    rb"\s*+(?:<\1v\s*+/>|<\1v\s*+>\s*+</\1v\s*+>)?+\s*+</\1c\s*+>"
)
_TYPE = re.compile(rb"\st\s*+=\s*+[\"']([^\"']*)[\"']")
_ODS_CELL = re.compile(rb"<table:table-cell\b[^<>]*calcext:value-type=\"error\"[^<>]*>")
_ODS_TYPE = re.compile(rb'office:value-type="[^"]*"')
_ODS_VALUE = re.compile(rb'\soffice:(?:string-|boolean-|date-|time-)?value="[^"]*"')
_ODS_SINCE = re.compile(rb'<table:null-date\b[^<>]*table:date-value="([0-9]{4}-[0-9]{2}-[0-9]{2})"')
_BY_1904 = re.compile(rb"<(?:\w+:)?workbookPr\b[^<>]*\sdate1904\s*=\s*[\"'](?:1|true|on)[\"']")
# Numbers of records (MS-XLSB 2.3.2).
_TEXT, _ERROR, _FORMULA_ERROR, _PROPERTIES = 6, 3, 11, 153


class Refused(Exception):
    """A workbook that is not read; the argument is the code."""


def since(packed: zipfile.ZipFile) -> str:
    """Day 0 of a workbook's numbers of days, as ISO text."""
    names = set(packed.namelist())
    if "xl/workbook.xml" in names:
        return SINCE_1904 if _BY_1904.search(packed.read("xl/workbook.xml")) else SINCE
    if "xl/workbook.bin" in names:
        for kind, body in _records(packed.read("xl/workbook.bin")):
            if kind == _PROPERTIES:
                return SINCE_1904 if body[0] & 1 else SINCE
    elif "content.xml" in names:
        for piece in _pieces(packed, "content.xml", b">"):
            if found := _ODS_SINCE.search(piece):
                return found[1].decode()
            if b"<table:table-row" in piece:
                break
    return SINCE


def put_right(packed: zipfile.ZipFile, copy: IO[bytes]) -> bool:
    """Write a copy in which what shows an error is text; False, and nothing, where nothing does.

    Raises Refused.
    """
    names = list(dict.fromkeys(packed.namelist()))
    faulty = {name for name in names if _shows_errors(packed, name)}
    if not faulty:
        return False
    with zipfile.ZipFile(copy, "w") as mended:
        for name in names:
            if name.startswith("xl/media/"):
                continue
            with mended.open(name, "w", force_zip64=True) as out:
                for piece in _mended(packed, name) if name in faulty else _whole(packed, name):
                    out.write(piece)
    copy.flush()
    return True


def _shows_errors(packed: zipfile.ZipFile, name: str) -> bool:
    sheet = _SHEET.fullmatch(name)
    if sheet is not None and sheet[1] == "bin":
        return any(kind in (_ERROR, _FORMULA_ERROR) for kind, _ in _records(packed.read(name)))
    if sheet is None and name != "content.xml":
        return False
    kept = b""
    for chunk in _whole(packed, name):
        kept = kept[-20:] + chunk
        if any(mark in kept for mark in _TELLING):
            return True
    return False


def _whole(packed: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    with packed.open(name) as part:
        while chunk := part.read(_CHUNK):
            yield chunk


def _mended(packed: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    if name.endswith(".bin"):
        for kind, body in _records(packed.read(name)):
            yield _record_as_text(kind, body)
    elif name == "content.xml":
        for piece in _pieces(packed, name, b">"):
            yield _ODS_CELL.sub(_open_cell_as_text, piece)
    else:
        for piece in _pieces(packed, name, b"row>"):
            yield _FORMULA_CELL.sub(_uncomputed, _ERROR_CELL.sub(rb'\1t="str"', piece))


def _pieces(packed: zipfile.ZipFile, name: str, end: bytes) -> Iterator[bytes]:
    """A part in pieces that end behind `end`: whole tags, or whole rows."""
    kept = b""
    for chunk in _whole(packed, name):
        kept += chunk
        here = kept.rfind(end) + len(end)
        if here >= len(end):
            yield kept[:here]
            kept = kept[here:]
        elif len(kept) > _LONGEST:
            raise Refused("WORKBOOK_TOO_LARGE")
    yield kept


def _uncomputed(cell: re.Match[bytes]) -> bytes:
    """A formula without a value as text; one whose value is a text may have an empty one."""
    prefix, attributes = cell.groups()
    kind = _TYPE.search(attributes)
    if kind is not None and kind[1] == b"str":
        return cell[0]
    attributes = _TYPE.sub(b"", attributes)
    return b'<%sc%s t="str"><%sv>%s</%sv></%sc>' % (
        prefix, attributes, prefix, UNCOMPUTED.encode(), prefix, prefix
    )  # fmt: skip


def _open_cell_as_text(tag: re.Match[bytes]) -> bytes:
    return _ODS_TYPE.sub(b'office:value-type="string"', _ODS_VALUE.sub(b"", tag[0]))


def _records(content: bytes) -> Iterator[tuple[int, bytes]]:
    """The records of a binary part (MS-XLSB 2.1.4): their number and what they hold."""
    at = 0
    while at < len(content):
        kind, at = _number(content, at)
        length, at = _number(content, at)
        yield kind, content[at : at + length]
        at += length


def _number(content: bytes, at: int) -> tuple[int, int]:
    number = 0
    for place in range(4):
        byte = content[at + place]
        number |= (byte & 127) << 7 * place
        if byte < 128:
            break
    return number, at + place + 1


def _record_as_text(kind: int, body: bytes) -> bytes:
    """A record as it is written; of a cell with an error, as of one with a text."""
    if kind in (_ERROR, _FORMULA_ERROR):
        text = ERRORS.get(body[8], UNKNOWN)
        kind, body = _TEXT, body[:8] + struct.pack("<I", len(text)) + text.encode("utf-16-le")
    return _written(kind) + _written(len(body)) + body


def _written(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])
