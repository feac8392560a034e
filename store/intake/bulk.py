"""First load 首次归集: the files of an empty node, by COPY and on every core.

Lines that nothing is wrong with and whose parties are known from the line alone enter the tables
at once; all others go through intake afterwards, as any later file. What is left to intake stands
in the database: the same command after a kill begins again, or goes on with the rest.
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg

from store.cipher import Cipher
from store.coverage import note_reports
from store.exclusion import sweep_exclusions
from store.hot import ensure_hot_columns
from store.intake.batch import close_batch, finish, note_header, open_batch
from store.intake.bulk_reader import Judgement, Staged, Task, stage_file
from store.intake.bulk_table import SCHEMA, close_stage, enter, is_loaded, open_stage
from store.intake.chunk import apply_chunk, merged_units
from store.intake.context import IntakeRules, Line
from store.intake.importer import CHUNK, files_of
from store.intake.opening import open_readings
from store.intake.source import examine
from store.kind import Kinds
from store.reference import load_reference, note_units
from store.rotation import writing_keys
from store.rule_set import load_rule_sets

if TYPE_CHECKING:
    from store.connection import Connection

# Called with a stage, what is done of it and how much that is in all.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class CityFiles:
    """The files, or folders of files, that the departments of one city sent."""

    paths: tuple[Path, ...]
    region: str
    platform: str | None


@dataclass(frozen=True, slots=True)
class LoadSummary:
    """What a first load did: `copied` lines entered at once, `taken_in` went through intake."""

    files: int
    copied: int
    taken_in: int


async def load_files(
    dsn: str,
    cities: Sequence[CityFiles],
    *,
    kinds: Kinds,
    ciphers: Callable[[], Cipher],
    today: date,
    demo: bool = True,
    rules: IntakeRules | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> LoadSummary:
    """Fill an empty, migrated database with department files; `ciphers` makes a cipher in each
    process and must be picklable.

    Raises StoreError `NODE_NOT_EMPTY`, and those of `open_readings` for the first file that
    cannot be read: nothing is loaded then.
    """
    report = progress or _unheard
    connection = await asyncpg.connect(dsn)
    try:
        async with writing_keys(connection):
            await ensure_hot_columns(connection, kinds)
            await load_reference(connection, demo=demo)
            resumed = await is_loaded(connection)
            if not resumed:
                await open_stage(connection)
            judgement = Judgement(
                dsn, kinds, ciphers, tuple(await load_rule_sets(connection)), today, demo,
                rules or IntakeRules(), secrets.token_bytes(32),
            )  # fmt: skip
            tasks = await _tasks(connection, cities, kinds)
            copied = 0
            if not resumed:
                staged = await _stage(judgement, tasks, workers or os.cpu_count() or 1, report)
                copied = sum(one.lines for one in staged)
                report("tables", 0, 1)
                await _enter(connection, staged, kinds, today)
                report("tables", 1, 1)
            taken_in = await _take_in(connection, judgement, tasks, report)
            await sweep_exclusions(connection, on=today)
            await close_stage(connection)
        report("statistics", 0, 1)
        await connection.execute("VACUUM ANALYZE")
        report("statistics", 1, 1)
        return LoadSummary(len(tasks), copied, taken_in)
    finally:
        await connection.close()


def _unheard(_stage: str, _done: int, _total: int) -> None:
    pass


async def _tasks(connection: Connection, cities: Sequence[CityFiles], kinds: Kinds) -> list[Task]:
    """Every batch of the files, entered in the journal; largest files first."""
    tasks: list[Task] = []
    for city in cities:
        for path in files_of(city.paths):
            facts = examine(path)
            for place, reading in enumerate(open_readings(path, facts, kinds, None)):
                batch = await open_batch(
                    connection,
                    path,
                    reading.facts,
                    reading.layout.name,
                    region=city.region,
                    sent_on=None,
                    is_report=reading.is_report,
                )
                await note_header(
                    connection, batch, reading.source.header_line, reading.header_findings()
                )
                tasks.append(
                    Task(
                        path, facts, reading.facts.sha256, place, batch, city.region,
                        city.platform,
                    )
                )  # fmt: skip
    tasks.sort(key=lambda task: -task.facts.size)
    return tasks


async def _stage(
    judgement: Judgement, tasks: Sequence[Task], workers: int, report: Progress
) -> list[Staged]:
    """Read the files in processes of their own."""
    staged: list[Staged] = []
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawn) as pool:
        running = [pool.submit(_stage_file, judgement, task) for task in tasks]
        try:
            for done in asyncio.as_completed([asyncio.wrap_future(one) for one in running]):
                staged.append(await done)
                report("files", len(staged), len(tasks))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return staged


def _stage_file(judgement: Judgement, task: Task) -> Staged:
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)  # many objects, few cycles
    return asyncio.run(stage_file(judgement, task))


async def _enter(
    connection: Connection, staged: Sequence[Staged], kinds: Kinds, today: date
) -> None:
    """All that was staged, and its journal, in one transaction."""
    left = [(one.task.batch.id, number) for one in staged for number in one.left]
    async with connection.transaction():
        await enter(connection, left, kinds=kinds, on=today)
        for region in {one.task.region for one in staged}:
            units = merged_units(
                u for one in staged if one.task.region == region for u in one.units.items()
            )
            await note_units(connection, units, region)
        for one in staged:
            batch = one.task.batch
            await note_reports(connection, batch.kind, batch.stamp, batch.id, one.sources)
        await connection.executemany(
            "INSERT INTO batch_chunk (batch_id, first_line, last_line, accepted, with_findings,"
            " rejected) VALUES ($1, 0, $2, $3, 0, 0)",
            [(one.task.batch.id, one.last, one.lines) for one in staged],
        )


async def _take_in(
    connection: Connection, judgement: Judgement, tasks: Sequence[Task], report: Progress
) -> int:
    """The lines that were left, through intake; each chunk forgets what it took."""
    left: dict[UUID, set[int]] = defaultdict(set)
    for row in await connection.fetch(f"SELECT batch_id, line_no FROM {SCHEMA}.line_left"):
        left[row["batch_id"]].add(row["line_no"])
    total = sum(map(len, left.values()))
    done = 0
    for task in sorted(tasks, key=lambda one: (one.batch.stamp, one.path.name)):
        if wanted := left.get(task.batch.id):
            for lines, rejected in _chunks(judgement, task, wanted):
                async with connection.transaction():
                    context = judgement.context(task, judgement.ciphers())
                    await apply_chunk(connection, context, task.batch, lines, rejected)
                    await connection.execute(
                        f"DELETE FROM {SCHEMA}.line_left WHERE batch_id = $1 AND line_no = ANY($2)",
                        task.batch.id,
                        [line.number for line in lines],
                    )
                done += len(lines)
                report("intake", done, total)
        await finish(connection, task.batch)
        await close_batch(connection, task.batch)
    return done


def _chunks(
    judgement: Judgement, task: Task, wanted: set[int]
) -> Iterator[tuple[list[Line], list[tuple[int, Sequence[str]]]]]:
    reading = task.reading(judgement.kinds)
    context = judgement.context(task, judgement.ciphers())
    lines: list[Line] = []
    rejected: list[tuple[int, Sequence[str]]] = []
    for row in reading.rows():
        if row.line not in wanted:
            continue
        line = reading.judge(context, row)
        lines.append(line)
        if line.rejected:
            rejected.append((line.number, row.cells))
        if len(lines) == CHUNK:
            yield lines, rejected
            lines, rejected = [], []
    if lines:
        yield lines, rejected
