"""Opening a file: what it is by its content, and of which kind by its header."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from store.errors import StoreError
from store.intake import bods, finbench, former
from store.intake.json_file import (
    JsonDocument,
    JsonLines,
    is_document,
    keys_of_document,
    keys_of_lines,
)
from store.intake.layout import (
    DELIMITERS,
    Layout,
    columns,
    find_header,
    header_key,
    json_headers,
    layouts,
)
from store.intake.reading import EXTRACTS, Reading, Source
from store.intake.source import (
    CsvSource,
    FileFacts,
    csv_headers,
    first_lines,
    is_broken,
    whole_rows,
)
from store.intake.value import Column, serial_or
from store.intake.workbook import Sheet, SheetSource, is_workbook, open_sheets
from store.kind import FieldType, Kinds

_JSON_LINES = frozenset({".jsonl", ".ndjson"})
_TITLES = 40  # lines above the header at most


def open_readings(path: Path, facts: FileFacts, kinds: Kinds, kind: str | None) -> list[Reading]:
    """Recognise a file by its header (FinBench by its name too), or as the forced kind.

    A workbook gives one reading per sheet of known header. Raises StoreError `KIND_UNKNOWN`,
    `FILE_EMPTY`, `FILE_ENCODING`, `FILE_FORMAT`, `JSON_TOO_LARGE` and those of workbooks.
    """
    known = layouts(kinds)
    names = {layout.name for layout in known.values()}
    names.add(bods.NAME)
    if kind is not None and kind not in names and finbench.stem_of(kind) is None:
        raise StoreError("KIND_UNKNOWN", f"--kind {kind} is none of: {', '.join(sorted(names))}.")
    if is_workbook(path):
        return _sheets(path, facts, kinds, known, kind)
    lines = first_lines(path, facts.encoding, _TITLES)
    if not lines:
        raise _empty(path)
    first = lines[0][1]
    if (
        first.lstrip("\ufeff ")
        .lower()
        .startswith(("<html", "<table", "<!doctype", "<?xml", "<meta"))
    ):
        raise StoreError(
            "FILE_FORMAT",
            f"{path.name}：这是网页格式的表格，请另存为XLSX或CSV。The file is a web page with a"
            " spreadsheet's name: open it, save it as XLSX or CSV, send again.",
        )
    if "\r" in first or "\x00" in first or is_broken(first):
        raise StoreError(
            "FILE_ENCODING",
            f"{path.name}：表头无法识别，请另存为UTF-8编码的CSV。The header cannot be read:"
            " save the file as CSV in UTF-8 with line ends LF or CRLF, send again.",
        )
    if first.lstrip().startswith(("{", "[")) or path.suffix.lower() in _JSON_LINES:
        return [_json(path, facts, kinds, known, kind)]
    return [_csv(path, facts, kinds, known, kind, lines)]


def _csv(
    path: Path,
    facts: FileFacts,
    kinds: Kinds,
    known: Mapping[str, Layout],
    kind: str | None,
    lines: Sequence[tuple[int, str]],
) -> Reading:
    rows = []
    for number, text in whole_rows(lines):
        delimiter = max(DELIMITERS, key=lambda d: (len(text.split(d)), d == ","))
        rows.append((delimiter, csv_headers(text, delimiter), number))
    index = 0
    fin = finbench.layout_of(path.stem, rows[0][1])
    if kind is None and fin is not None:
        chosen = fin
    elif kind is not None and finbench.stem_of(kind) is not None:
        chosen = finbench.layout(path.stem)
    else:
        index, chosen = find_header([cells for _, cells, _ in rows], known, kind, file=path.name)
    delimiter, headers, line = rows[index]
    source = CsvSource(path, facts.encoding, delimiter, headers, line)
    return _reading(path, facts, kinds, chosen, source)


def _json(
    path: Path, facts: FileFacts, kinds: Kinds, known: Mapping[str, Layout], kind: str | None
) -> Reading:
    whole = path.suffix.lower() not in _JSON_LINES and is_document(path, facts.encoding)
    keys = (keys_of_document if whole else keys_of_lines)(path, facts.encoding)
    _, chosen = find_header([keys], {**known, bods.NAME: bods.LAYOUT}, kind, file=path.name)
    headers = tuple(json_headers(chosen, keys))
    source = (JsonDocument if whole else JsonLines)(path, facts.encoding, headers)
    return _reading(path, facts, kinds, chosen, source)


def _sheets(
    path: Path, facts: FileFacts, kinds: Kinds, known: Mapping[str, Layout], kind: str | None
) -> list[Reading]:
    """A reading of each sheet with a known header, in the order of the workbook.

    The first one is the file's own batch; each further one has a digest and a batch of its own.
    """
    found: list[Reading] = []
    ignored: list[str] = []
    unknown: StoreError | None = None
    for sheet in open_sheets(path):
        top = list(_top(sheet))
        if not top:
            continue
        if sheet.hidden:
            ignored.append(sheet.name)
            continue
        rows = [cells for _, cells in top]
        try:
            index, chosen = find_header(rows, known, kind, file=f"{path.name}〔{sheet.name}〕")
        except StoreError as error:
            unknown = unknown or error
            ignored.append(sheet.name)
            continue
        if kind is not None and not any(header_key(c) in chosen.headers() for c in rows[index]):
            continue
        digest = facts.sha256
        if found:
            digest = hashlib.sha256(facts.sha256 + sheet.name.encode()).digest()
        headers = tuple(rows[index])
        source = SheetSource(sheet, headers, top[index][0], facts.size)
        own = FileFacts(digest, "workbook", facts.size)
        found.append(_reading(path, own, kinds, chosen, source))
    if not found:
        raise unknown or _empty(path)
    return [replace(found[0], ignored=tuple(ignored)), *found[1:]]


def _top(sheet: Sheet) -> Iterator[tuple[int, list[str]]]:
    for number, cells, _ in sheet.rows():
        if number > _TITLES:
            return
        yield number, cells


def _reading(path: Path, facts: FileFacts, kinds: Kinds, layout: Layout, source: Source) -> Reading:
    found, repeated, unknown = columns(layout, source.headers)
    if isinstance(source, SheetSource):
        since = source.sheet.since
        found, repeated = _with_serials(found, since), _with_serials(repeated, since)
    kind = None if layout.name in EXTRACTS else kinds.by_name.get(layout.name)
    form = None
    if kind is not None and layout.generation is not None:
        form = former.Form.of(layout.generation, kind)
        kind = form.kind
    return Reading(path, facts, layout, source, found, repeated, tuple(unknown), kind, form)


def _with_serials(found: Sequence[Column], since: date) -> list[Column]:
    """The columns of a sheet, in which a date may be a number of days."""
    return [
        replace(column, read=serial_or(column.read, since))
        if column.field.type is FieldType.DATE
        else column
        for column in found
    ]


def _empty(path: Path) -> StoreError:
    return StoreError("FILE_EMPTY", f"{path.name}：文件为空。The file is empty: send it again.")
