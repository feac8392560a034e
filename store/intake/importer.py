"""Importing files: each becomes a batch, read in chunks that commit with their journal row.

A chunk that was acknowledged is never read again: the same command after a kill goes on behind
it, and the same file again changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from store.cipher import Cipher
from store.errors import StoreError
from store.exclusion import sweep_exclusions
from store.hot import ensure_hot_columns
from store.intake import finbench, workbook
from store.intake.batch import (
    Batch,
    Counts,
    close_batch,
    demand_sent,
    finish,
    note_header,
    open_batch,
    plain_text,
)
from store.intake.chunk import apply_chunk
from store.intake.context import Context, IntakeRules, Line
from store.intake.opening import open_readings
from store.intake.reading import Reading
from store.intake.report import Report, by_line
from store.intake.source import examine
from store.kind import Kinds
from store.reference import load_reference
from store.rule_set import load_rule_sets, load_severity_rules

if TYPE_CHECKING:
    import asyncpg

    from store.connection import Connection

CHUNK = 1_000  # lines of one transaction, so that it stays below half a second
_LONGEST_NAME = 200  # bytes of a report's name before what is added; a file system takes 255
_SUFFIXES = frozenset({".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".txt"}) | workbook.SUFFIXES

# Called with the file, the bytes read of it, and its size.
Progress = Callable[[Path, int, int], None]


@dataclass(frozen=True, slots=True)
class BatchSummary:
    """What became of one file; `header` says what was ignored in its header."""

    batch_id: UUID
    path: Path
    kind: str
    encoding: str
    lines: int
    accepted: int
    with_findings: int
    rejected: int
    report: Path | None
    header: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that could not be read at all: nothing of it was taken."""

    path: Path
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What became of an import; `lines` is the sum of the three outcomes."""

    lines: int
    accepted: int
    with_findings: int
    rejected: int
    report: Path
    batches: tuple[BatchSummary, ...]
    failures: tuple[Failure, ...] = ()


async def import_paths(
    pool: asyncpg.Pool[Any],
    paths: Sequence[Path],
    *,
    kinds: Kinds,
    cipher: Cipher,
    region: str,
    platform: str | None,
    today: date,
    report_dir: Path,
    sent_on: date | None = None,
    kind: str | None = None,
    progress: Progress | None = None,
    demo: bool = True,
    rules: IntakeRules | None = None,
) -> ImportSummary:
    """Import files, or the files of directories in the order of their names.

    `region` is the id of the city whose departments sent them. `report` is its report when
    there is one file, else the folder with those of the files that need work. A sheet of a
    workbook is a batch of its own. A file that cannot be read (`KIND_UNKNOWN`, `FILE_EMPTY`,
    `FILE_ENCODING`, `FILE_UNREADABLE`, `SENT_ON_FUTURE`, those of `open_readings`) is listed in
    `failures` and the others go on; raises StoreError when a single path was given and fails, and
    `FILES_NONE` when the folders hold no file. A file that is named twice is read once. `rules`
    is what the node's settings say.
    """
    files = list({path.resolve(): path for path in files_of(paths)}.values())
    if not files:
        raise StoreError(
            "FILES_NONE",
            "文件夹中没有可归集的文件。No file to import was found: name a file, or a folder that"
            f" holds {', '.join(sorted(_SUFFIXES))} files.",
        )
    async with pool.acquire() as connection:
        await ensure_hot_columns(connection, kinds)
        await load_reference(connection, demo=demo)
        rule_sets = await load_rule_sets(connection)
    batches: list[BatchSummary] = []
    failures: list[Failure] = []
    for path in files:
        try:
            demand_sent(path, sent_on, today)
            facts = examine(path)
            readings = open_readings(path, facts, kinds, kind)
        except (OSError, StoreError) as error:
            failure = _failure(path, error)
            if len(files) == 1:
                raise StoreError(failure.code, failure.message) from error
            failures.append(failure)
            continue
        for reading in readings:
            async with pool.acquire() as connection:
                batch = await open_batch(
                    connection,
                    path,
                    reading.facts,
                    reading.layout.name,
                    region=region,
                    sent_on=sent_on,
                    is_report=reading.is_report,
                    source_unit=rules.source_unit if rules is not None else None,
                )
                try:
                    context = Context(
                        kinds,
                        cipher,
                        rule_sets,
                        load_severity_rules(),
                        region,
                        platform,
                        today,
                        demo,
                        batch.id,
                        reading.facts.sha256,
                        batch.stamp,
                        rules or IntakeRules(),
                        batch.answers,
                    )
                    await note_header(
                        connection, batch, reading.source.header_line, reading.header_findings()
                    )
                    await _read(connection, reading, context, batch, progress)
                    counts = await finish(connection, batch)
                    report = await _report(
                        connection, reading, batch, counts, report_dir, always=len(files) == 1
                    )
                finally:
                    await close_batch(connection, batch)
            batches.append(_summary(reading, batch, counts, report))
    async with pool.acquire() as connection:
        await sweep_exclusions(connection, on=today)
    reports = [b.report for b in batches if b.report is not None]
    return ImportSummary(
        sum(b.lines for b in batches),
        sum(b.accepted for b in batches),
        sum(b.with_findings for b in batches),
        sum(b.rejected for b in batches),
        reports[0] if len(files) == len(reports) == 1 else report_dir,
        tuple(batches),
        tuple(failures),
    )


async def _read(
    connection: Connection,
    reading: Reading,
    context: Context,
    batch: Batch,
    progress: Progress | None,
) -> None:
    if batch.finished:
        return
    lines: list[Line] = []
    rejected: list[tuple[int, Sequence[str]]] = []
    for row in reading.rows():
        if row.line < batch.next_line:
            continue
        line = reading.judge(context, row)
        lines.append(line)
        if line.rejected:
            rejected.append((line.number, row.cells))
        if len(lines) == CHUNK:
            await apply_chunk(connection, context, batch, lines, rejected)
            lines, rejected = [], []
            if progress is not None:
                progress(reading.path, row.end, reading.facts.size)
    if lines:
        await apply_chunk(connection, context, batch, lines, rejected)
    if progress is not None:
        progress(reading.path, reading.facts.size, reading.facts.size)


async def _report(
    connection: Connection,
    reading: Reading,
    batch: Batch,
    counts: Counts,
    report_dir: Path,
    *,
    always: bool,
) -> Path | None:
    """Write the report from the journal, so that it is the same after a kill."""
    if not always and not counts.with_findings + counts.rejected:
        return None
    found = by_line(
        iter(
            await connection.fetch(
                "SELECT line_no, field, code, severity, reason FROM batch_finding"
                " WHERE batch_id = $1 ORDER BY line_no, field, code",
                batch.id,
            )
        )
    )
    stem = re.sub(r"[^\w.-]", "_", reading.path.stem).encode()
    name = stem[:_LONGEST_NAME].decode(errors="ignore")
    report = Report(report_dir / f"{name}_{batch.id.hex[:8]}_report.csv", reading.headers)
    for row in reading.rows():
        if row.line in found:
            report.add(row.line, row.cells, found[row.line])
    return report.close()


def files_of(paths: Sequence[Path]) -> Iterator[Path]:
    """Files, and those of folders in the order of their names."""
    for path in paths:
        if path.is_dir():
            inside = (f for f in path.iterdir() if f.is_file() and f.suffix.lower() in _SUFFIXES)
            yield from sorted(inside, key=lambda f: (finbench.precedence(f.stem), f.name))
        else:
            yield path


def _failure(path: Path, error: OSError | StoreError) -> Failure:
    if isinstance(error, StoreError):
        return Failure(path, error.code, error.message)
    message = (
        f"{path.name}：无法读取。The file cannot be read ({error.strerror}): check path and rights."
    )
    return Failure(path, "FILE_UNREADABLE", message)


def _summary(reading: Reading, batch: Batch, counts: Counts, report: Path | None) -> BatchSummary:
    return BatchSummary(
        batch.id,
        reading.path,
        reading.layout.name,
        reading.facts.encoding,
        counts.lines,
        counts.accepted,
        counts.with_findings,
        counts.rejected,
        report,
        tuple(f"{plain_text(f.field)}: {f.reason}" for f in reading.header_findings()),
    )
