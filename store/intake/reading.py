"""A file opened for reading: its layout, its columns, and its lines judged one by one."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from store.errors import StoreError
from store.intake import finbench
from store.intake.context import Context, Line
from store.intake.debt_line import read_guarantee, read_loan
from store.intake.finding import Finding, finding
from store.intake.layout import (
    DELIMITERS,
    REPORT_COLUMNS,
    Layout,
    columns,
    detect,
    json_headers,
    layouts,
)
from store.intake.record_line import read_record
from store.intake.registry_line import read_branch, read_firm, read_holder, read_officer
from store.intake.report import unguard
from store.intake.source import (
    FileFacts,
    Row,
    csv_rows,
    header,
    is_broken,
    json_rows,
    physical_lines,
)
from store.intake.value import Column, half_width, read_row
from store.kind import Kinds

_JSON_LINES = frozenset({".jsonl", ".ndjson"})
_READERS = {
    "firms": read_firm,
    "holders": read_holder,
    "officers": read_officer,
    "branches": read_branch,
    "guarantees": read_guarantee,
    "loans": read_loan,
}


@dataclass(frozen=True, slots=True)
class Reading:
    """A file whose kind is known, ready to be read any number of times."""

    path: Path
    facts: FileFacts
    layout: Layout
    headers: tuple[str, ...]
    header_line: int
    delimiter: str | None  # None: JSON Lines
    columns: list[Column]
    repeated: list[Column]
    unknown: tuple[str, ...]
    names: Mapping[str, str] = field(init=False)  # the file's header of each field

    def __post_init__(self) -> None:
        names = {column.field.name: column.header for column in self.columns}
        object.__setattr__(self, "names", names)

    @property
    def is_report(self) -> bool:
        """Whether this is a report that comes back corrected."""
        return any(half_width(h) == REPORT_COLUMNS[0] for h in self.headers)

    def rows(self) -> Iterator[Row]:
        """Every data row with the physical line it starts at."""
        if self.delimiter is None:
            yield from json_rows(self.path, self.facts.encoding, list(self.headers))
        elif self.is_report:
            for row in self._csv():
                yield Row(row.line, [unguard(c) for c in row.cells], row.fault, row.end)
        else:
            yield from self._csv()

    def _csv(self) -> Iterator[Row]:
        assert self.delimiter is not None
        return csv_rows(self.path, self.facts.encoding, self.delimiter, len(self.headers))

    def judge(self, context: Context, row: Row) -> Line:
        """One row with its findings and, unless an error was found, its statements."""
        line = Line(row.line, self.names)
        if row.fault is not None:
            line.findings.append(finding("", row.fault))
            return line
        values, findings = read_row(self.columns, row.cells)
        line.findings.extend(findings)
        self._compare_repeated(values, row.cells, line)
        self._interpret(context, values, self.names, line)
        if line.rejected:
            line.statements, line.units = [], []
        return line

    def header_findings(self) -> list[Finding]:
        """What the header itself gives cause to say; loses nothing."""
        return [finding(name, "UNKNOWN_COLUMN") for name in self.unknown]

    def _compare_repeated(
        self, values: dict[str, object], cells: Sequence[str], line: Line
    ) -> None:
        """A field with two columns takes what either has; two values are an error."""
        if not self.repeated:
            return
        again, findings = read_row(self.repeated, cells)
        line.findings.extend(findings)
        for name, value in again.items():
            if values.setdefault(name, value) != value:
                line.findings.append(finding(self.names[name], "COLUMN_TWICE"))

    def _interpret(
        self,
        context: Context,
        values: dict[str, object],
        names: Mapping[str, str],
        line: Line,
    ) -> None:
        stem = finbench.stem_of(self.layout.name)
        if stem is not None:
            finbench.read_finbench(context, stem, values, names, line)
        elif self.layout.name in _READERS:
            _READERS[self.layout.name](context, self.layout.fields, values, names, line)
        else:
            read_record(context, context.kinds.by_name[self.layout.name], values, names, line)


def open_reading(path: Path, facts: FileFacts, kinds: Kinds, kind: str | None) -> Reading:
    """Recognise a file by its header (FinBench by its name too), or as the forced kind.

    Raises StoreError `KIND_UNKNOWN`, `FILE_EMPTY`, `FILE_ENCODING`.
    """
    number, first = header(path, facts.encoding)
    if not first:
        raise StoreError("FILE_EMPTY", f"{path.name}：文件为空。The file is empty: send it again.")
    if "\r" in first or "\x00" in first or is_broken(first):
        raise StoreError(
            "FILE_ENCODING",
            f"{path.name}：表头无法识别，请另存为UTF-8编码的CSV。The header cannot be read:"
            " save the file as CSV in UTF-8 with line ends LF or CRLF, send again.",
        )
    known = layouts(kinds)
    if kind is not None and kind not in known and finbench.stem_of(kind) is None:
        names = ", ".join(sorted(known))
        raise StoreError("KIND_UNKNOWN", f"--kind {kind} is none of: {names}.")
    if first.lstrip().startswith("{") or path.suffix.lower() in _JSON_LINES:
        return _json_lines(path, facts, known, kind)
    delimiter = max(DELIMITERS, key=lambda d: (len(first.split(d)), d == ","))
    headers = _headers(first, delimiter)
    fin = finbench.layout_of(path.stem, headers)
    if kind is None and fin is not None:
        chosen = fin
    elif kind is not None:
        chosen = known[kind] if kind in known else finbench.layout(path.stem)
    else:
        chosen = detect(headers, known, file=path.name)
    found, repeated, unknown = columns(chosen, headers)
    return Reading(path, facts, chosen, headers, number, delimiter, found, repeated, tuple(unknown))


def _json_lines(
    path: Path,
    facts: FileFacts,
    known: Mapping[str, Layout],
    kind: str | None,
) -> Reading:
    keys = _all_keys(path, facts.encoding)
    chosen = known[kind] if kind is not None else detect(keys, known, file=path.name)
    headers = tuple(json_headers(chosen, keys))
    found, repeated, unknown = columns(chosen, headers)
    return Reading(path, facts, chosen, headers, 0, None, found, repeated, tuple(unknown))


def _all_keys(path: Path, encoding: str) -> list[str]:
    """The members of all objects of a file in order: single lines leave optional ones out."""
    keys: dict[str, None] = {}
    for text, _ in physical_lines(path, encoding):
        try:
            value = orjson.loads(text)
        except ValueError:
            continue  # that line is rejected when it is read
        if isinstance(value, dict):
            keys.update(dict.fromkeys(value))
    return list(keys)


def _headers(text: str, delimiter: str) -> tuple[str, ...]:
    """The cells of a header line, without the empty ones at its end."""
    cells = next(csv.reader([text], delimiter=delimiter), [])
    headers = [cell.strip().strip('"').strip() for cell in cells]
    while headers and not headers[-1]:
        headers.pop()
    return tuple(headers)
