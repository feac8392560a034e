"""A file being read: its layout, its columns, and its lines judged one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from store.intake import bods, court, finbench, former
from store.intake.concert_line import read_concert
from store.intake.context import Context, Line
from store.intake.debt_line import read_guarantee, read_loan
from store.intake.finding import Finding, finding
from store.intake.layout import (
    REPORT_COLUMNS,
    Layout,
    header_key,
)
from store.intake.misplaced_number import category_field, put_right, put_right_extract
from store.intake.record_line import read_record
from store.intake.registry_line import read_branch, read_firm, read_holder, read_officer
from store.intake.source import FileFacts, Row
from store.intake.value import Column, read_row
from store.kind import Kind
from store.spreadsheet import unguard

_READERS = {
    "firms": read_firm,
    "holders": read_holder,
    "officers": read_officer,
    "branches": read_branch,
    "concerts": read_concert,
    "guarantees": read_guarantee,
    "loans": read_loan,
}


class Source(Protocol):
    """Rows below a header."""

    @property
    def headers(self) -> tuple[str, ...]: ...

    @property
    def header_line(self) -> int: ...

    def rows(self) -> Iterator[Row]: ...


EXTRACTS = frozenset(_READERS)  # layouts of the registry, which are no kind of record


@dataclass(frozen=True, slots=True)
class Reading:
    """A file, or a sheet of one, whose kind is known, ready to be read any number of times."""

    path: Path
    facts: FileFacts
    layout: Layout
    source: Source
    columns: list[Column]
    repeated: list[Column]
    unknown: tuple[str, ...]
    kind: Kind | None  # None for registry extracts; of an older form: as far as that can say it
    form: former.Form | None = None
    ignored: tuple[str, ...] = ()  # sheets of the workbook without a known header
    records: bods.Records = field(default_factory=bods.Records)  # of a file of declarations
    names: Mapping[str, str] = field(init=False)  # the file's header of each field
    category: str = field(init=False)  # the kind's field that tells persons from bodies
    is_court_list: bool = field(init=False)
    number_at: int | None = field(init=False)  # the column of line numbers, in a report

    def __post_init__(self) -> None:
        names = {column.field.name: column.header for column in self.columns}
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "category", category_field(self.kind) if self.kind else "")
        courts = self.kind is not None and court.is_court_list(self.kind)
        object.__setattr__(self, "is_court_list", courts)
        keys = [header_key(h) for h in self.headers]
        at = keys.index(REPORT_COLUMNS[0]) if REPORT_COLUMNS[0] in keys else None
        object.__setattr__(self, "number_at", at)

    @property
    def headers(self) -> tuple[str, ...]:
        """The headers of the file, in order."""
        return self.source.headers

    @property
    def is_report(self) -> bool:
        """Whether this is a report that comes back corrected."""
        return self.number_at is not None

    def rows(self) -> Iterator[Row]:
        """Every data row with the line it stands on."""
        if self.is_report:
            for row in self.source.rows():
                yield Row(row.line, [unguard(c) for c in row.cells], row.fault, row.end)
        else:
            yield from self.source.rows()

    def judge(self, context: Context, row: Row) -> Line:
        """One row with its findings and, unless an error was found, its statements."""
        line = Line(row.line, self.names, answers=self._answered(row))
        if row.fault is not None:
            line.findings.append(finding("", row.fault))
            return line
        values, findings = read_row(self.columns, row.cells)
        line.findings.extend(findings)
        self._compare_repeated(values, row.cells, line)
        self._interpret(context, values, self.names, line)
        unit = context.rules.source_unit
        if unit is not None and {code for code, one in line.units if one.is_source} - {unit}:
            line.findings.append(finding(line.header("source_unit_uscc"), "SOURCE_UNIT_FOREIGN"))
        if line.rejected:
            line.statements, line.units = [], []
        return line

    def _answered(self, row: Row) -> int | None:
        """The line of the reported file that a line of its corrected report stands for."""
        at = self.number_at
        if at is None or at >= len(row.cells):
            return None
        text = row.cells[at].strip()
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None

    def header_findings(self) -> list[Finding]:
        """What the header itself gives cause to say; loses nothing."""
        return [finding(name, "UNKNOWN_COLUMN") for name in self.unknown] + [
            finding(name, "UNKNOWN_SHEET") for name in self.ignored
        ]

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
        if self.layout.name == bods.NAME:
            if not self.records.read:
                self.records.learn(self._statements())
            bods.read_bods(context, values, names, line, self.records)
        elif stem is not None:
            finbench.read_finbench(context, stem, values, names, line)
        elif self.kind is None:
            put_right_extract(self.layout.fields, values, names, line.findings)
            _READERS[self.layout.name](context, self.layout.fields, values, names, line)
        else:
            self._read_record(context, self.kind, values, names, line)

    def _statements(self) -> Iterator[dict[str, str]]:
        """What each line says, unjudged, by field."""
        for row in self.rows():
            if row.fault is None:
                values, _ = read_row(self.columns, row.cells)
                yield {f.name: str(values.get(f.name) or "") for f in self.layout.fields}

    def _read_record(
        self,
        context: Context,
        kind: Kind,
        values: dict[str, object],
        names: Mapping[str, str],
        line: Line,
    ) -> None:
        """A line of a record kind, what its form words in its own way translated first."""
        put_right(kind, self.category, values, names, line.findings)
        if self.form is not None:
            meant = former.translate(self.form, values, names, line.findings)
            read_record(context, kind, meant.values, names, line)
            line.statements = [former.marked(s, meant) for s in line.statements]
        elif self.is_court_list:
            names = {**names, **court.translate(values, names)}
            put_right(kind, self.category, values, names, line.findings)
            read_record(context, kind, values, names, line)
            line.statements = [court.named_by_case(context, s) for s in line.statements]
        else:
            read_record(context, kind, values, names, line)
