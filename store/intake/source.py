"""A file as rows: its encoding found by strict decoding, its rows with the line they start at."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_BOM = b"\xef\xbb\xbf"
_UNDECODED = re.compile("[\udc80-\udcff]")
_NOT_TEXT = re.compile("[\x00\ud800-\udfff]")
_LONGEST_ROW = 2_000  # physical lines that one quoted cell may span
LONGEST_LINE = 8 << 20  # characters of a row; a longer one is not taken apart
_LONGEST_HEADER = 1 << 20  # characters of a line in which a header is looked for
UTF8, UTF8_BOM, GB18030 = "utf-8", "utf-8-sig", "gb18030"


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a first pass over the bytes tells."""

    sha256: bytes
    encoding: str
    size: int


@dataclass(frozen=True, slots=True)
class Row:
    """One data row: the physical line it starts at and its cells by position.

    `fault` is set instead when the row cannot be read; `cells` then hold what there is.
    """

    line: int
    cells: list[str]
    fault: str | None = None
    end: int = 0  # bytes read so far, for progress


def examine(path: Path) -> FileFacts:
    """Digest a file and find its encoding, streaming.

    UTF-8 when a BOM says so or every line is strict UTF-8; else GB18030 when most of the lines
    that are not plain ASCII are no UTF-8; single bad lines stay what they are, to be rejected.
    """
    digest = hashlib.sha256()
    size = good = bad = 0
    bom = False
    with path.open("rb") as file:
        for number, line in enumerate(file):
            digest.update(line)
            size += len(line)
            if number == 0:
                bom = line.startswith(_BOM)
            if not line.isascii():
                try:
                    line.decode(UTF8)
                    good += 1
                except UnicodeDecodeError:
                    bad += 1
    encoding = UTF8_BOM if bom else GB18030 if bad > good else UTF8
    return FileFacts(digest.digest(), encoding, size)


def physical_lines(path: Path, encoding: str) -> Iterator[tuple[str, int]]:
    """Decoded lines without their line end, and the bytes read so far.

    Bytes that do not decode become lone surrogates.
    """
    codec = UTF8 if encoding == UTF8_BOM else encoding
    read = 0
    with path.open("rb") as file:
        for number, raw in enumerate(file):
            read += len(raw)
            text = raw.decode(codec, "surrogateescape").rstrip("\r\n")
            yield text if number else text.removeprefix("\ufeff"), read


def is_broken(text: str) -> bool:
    """Whether a text holds bytes that did not decode."""
    return not text.isascii() and _UNDECODED.search(text) is not None


def csv_rows(
    path: Path, encoding: str, delimiter: str, width: int, header_line: int
) -> Iterator[Row]:
    """Data rows of a CSV file behind the line of its header; empty lines are none.

    Empty cells beyond the header's last column are separators too many and left out.

    A cell may hold line breaks inside quotes. When the quotes of a row never close, or close so
    that the columns do not fit, only its first physical line is at fault and reading goes on
    with the next one.
    """
    source = enumerate(physical_lines(path, encoding), 1)
    waiting: list[tuple[int, tuple[str, int]]] = []
    while True:
        item = waiting.pop(0) if waiting else next(source, None)
        if item is None:
            return
        number, (text, read) = item
        if number <= header_line or not text or text.isspace():
            continue
        if len(text) > LONGEST_LINE:
            yield Row(number, [text[:_LONGEST_HEADER]], "COLUMN_COUNT", read)
            continue
        taken = [item]
        if '"' in text:
            quotes, length = text.count('"'), len(text)
            while quotes % 2 and len(taken) < _LONGEST_ROW and length <= LONGEST_LINE:
                following = waiting.pop(0) if waiting else next(source, None)
                if following is None:
                    break
                taken.append(following)
                quotes += following[1][0].count('"')
                length += len(following[1][0])
            cells = _split([line for _, (line, _) in taken], delimiter)
            fits = quotes % 2 == 0 and len(_trimmed(cells, width)) == width
            if len(taken) > 1 and not fits:
                waiting = taken[1:] + waiting
                cells, taken = _split([text], delimiter), taken[:1]
            read = taken[-1][1][1]
        else:
            cells = text.split(delimiter)
        cells = _trimmed(cells, width)
        yield Row(number, cells, row_fault(cells, width), read)


def first_lines(path: Path, encoding: str, most: int) -> list[tuple[int, str]]:
    """The first lines that are not empty, with their numbers; of a long one its beginning."""
    found: list[tuple[int, str]] = []
    for number, (text, _) in enumerate(physical_lines(path, encoding), 1):
        if text and not text.isspace():
            found.append((number, text[:_LONGEST_HEADER]))
            if len(found) == most:
                break
    return found


def whole_rows(lines: Sequence[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Lines as rows of CSV, of which a quoted cell may hold line breaks, as headers do; each with
    the number of its last line. Where quotes never close, a line is a row."""
    at = 0
    while at < len(lines):
        end, quotes = at, lines[at][1].count('"')
        while quotes % 2 and end + 1 < len(lines):
            end += 1
            quotes += lines[end][1].count('"')
        if quotes % 2:
            end = at
        yield lines[end][0], "\n".join(text for _, text in lines[at : end + 1])
        at = end + 1


def csv_headers(text: str, delimiter: str) -> tuple[str, ...]:
    """The cells of a header line, without the empty ones at its end."""
    cells = _split([text], delimiter)
    headers = [cell.strip().strip('"').strip() for cell in cells]
    while headers and not headers[-1]:
        headers.pop()
    return tuple(headers)


@dataclass(frozen=True, slots=True)
class CsvSource:
    """The data rows of a CSV file below its header."""

    path: Path
    encoding: str
    delimiter: str
    headers: tuple[str, ...]
    header_line: int

    def rows(self) -> Iterator[Row]:
        """Every data row with the physical line it starts at."""
        return csv_rows(
            self.path, self.encoding, self.delimiter, len(self.headers), self.header_line
        )


def _split(lines: list[str], delimiter: str) -> list[str]:
    try:
        rows = list(csv.reader(["\n".join(lines)], delimiter=delimiter))
    except csv.Error:
        return lines[0].split(delimiter)
    return rows[0] if rows else []


def _trimmed(cells: list[str], width: int) -> list[str]:
    if len(cells) > width and not any(cells[width:]):
        return cells[:width]
    return cells


def row_fault(cells: list[str], width: int) -> str | None:
    """The code of what makes a whole row unreadable, None when nothing does."""
    text = "".join(cells)
    if is_broken(text):
        return "ENCODING"
    if len(cells) != width:
        return "COLUMN_COUNT"
    if not text or text.isspace():
        return "EMPTY_ROW"
    if _NOT_TEXT.search(text):
        return "CONTROL_CHARACTER"
    return None
