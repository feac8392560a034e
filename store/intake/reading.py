"""A file opened for reading: its layout, its columns, and its lines judged one by one."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

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
    parse_object,
    physical_lines,
)
from store.intake.value import Column, half_width, read_row
from store.kind import Kinds

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
    unknown: tuple[str, ...]
    names: Mapping[str, str] = field(init=False)  # the file's header of each field

    def __post_init__(self) -> None:
        names = {column.field.name: column.header for column in self.columns}
        object.__setattr__(self, "names", names)

    def rows(self) -> Iterator[Row]:
        """Every data row with the physical line it starts at."""
        if self.delimiter is None:
            yield from json_rows(self.path, self.facts.encoding, list(self.headers))
        elif any(half_width(h) in REPORT_COLUMNS[:1] for h in self.headers):
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
        self._interpret(context, values, self.names, line)
        if line.rejected:
            line.statements, line.units = [], []
        return line

    def header_findings(self) -> list[Finding]:
        """What the header itself gives cause to say; loses nothing."""
        return [finding(name, "UNKNOWN_COLUMN") for name in self.unknown]

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

    Raises StoreError `KIND_UNKNOWN`, `FILE_EMPTY`.
    """
    number, first = header(path, facts.encoding)
    if not first:
        raise StoreError("FILE_EMPTY", f"{path.name}：文件为空。The file is empty: send it again.")
    known = layouts(kinds)
    if kind is not None and kind not in known and finbench.stem_of(kind) is None:
        names = ", ".join(sorted(known))
        raise StoreError("KIND_UNKNOWN", f"--kind {kind} is none of: {names}.")
    if first.lstrip().startswith("{"):
        return _json_lines(path, facts, known, kind)
    delimiter = max(DELIMITERS, key=lambda d: (len(first.split(d)), d == ","))
    headers = tuple(h.strip().strip('"') for h in _cells(first, delimiter))
    fin = finbench.layout_of(path.stem, headers)
    if kind is None and fin is not None:
        chosen = fin
    elif kind is not None:
        chosen = known[kind] if kind in known else finbench.layout(path.stem)
    else:
        chosen = detect(headers, known, file=path.name)
    found, unknown = columns(chosen, headers)
    return Reading(path, facts, chosen, headers, number, delimiter, found, tuple(unknown))


def _json_lines(
    path: Path,
    facts: FileFacts,
    known: Mapping[str, Layout],
    kind: str | None,
) -> Reading:
    keys = _all_keys(path, facts.encoding)
    chosen = known[kind] if kind is not None else detect(keys, known, file=path.name)
    headers = tuple(json_headers(chosen, keys))
    found, unknown = columns(chosen, headers)
    return Reading(path, facts, chosen, headers, 0, None, found, tuple(unknown))


def _all_keys(path: Path, encoding: str) -> list[str]:
    """The members of the first objects of a file: optional ones are left out of single lines."""
    keys: dict[str, None] = {}
    for record in _sample(path, encoding):
        keys.update(dict.fromkeys(record))
    return list(keys)


def _sample(path: Path, encoding: str, count: int = 100) -> Iterator[dict[str, str]]:
    """The first readable objects of a JSON Lines file."""
    for number, (text, _) in enumerate(physical_lines(path, encoding)):
        if number >= count:
            return
        record = None if is_broken(text) else parse_object(text)
        if record is not None:
            yield record


def _cells(text: str, delimiter: str) -> Sequence[str]:
    return next(csv.reader([text], delimiter=delimiter), [])
