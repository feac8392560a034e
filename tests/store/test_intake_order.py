"""W28, X36: the same batches in any order, twice, or after kills give the same state."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from service.world import write_world
from store.state import StateDigest, state_digest
from tests.store.conftest import Take
from tests.store.test_intake import code, penalty

KILLS = int(os.environ.get("XINQIAO_KILLS", "3"))


@pytest.fixture(scope="session")
def feeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the departments of Benxi report in the demo world S."""
    out = tmp_path_factory.mktemp("world")
    write_world("S", 20201022, out)
    return out / "feeds" / "benxi"


async def digest_of(pool: asyncpg.Pool[Any]) -> StateDigest:
    async with pool.acquire() as connection:
        return await state_digest(connection)


@asynccontextmanager
async def another(database: str, name: str) -> AsyncIterator[tuple[str, asyncpg.Pool[Any]]]:
    """Another migrated database beside the test's own, for the time it is needed."""
    name = f"{database.rpartition('/')[2].partition('?')[0]}_{name}"
    admin = await asyncpg.connect(database)
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE migrated STRATEGY file_copy")
    dsn = _beside(database, name)
    try:
        async with asyncpg.create_pool(dsn, min_size=1, max_size=2) as made:
            yield dsn, made
    finally:
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await admin.close()


def _beside(database: str, name: str) -> str:
    head, _, tail = database.partition("?")
    return head.rpartition("/")[0] + f"/{name}" + (f"?{tail}" if tail else "")


async def test_w28_batches_in_any_order_and_twice_give_the_same_state(
    take: Take, pool: asyncpg.Pool[Any], database: str, feeds: Path
) -> None:
    first = await take(feeds)
    expected = await digest_of(pool)
    again = await take(feeds)
    assert (again.lines, again.accepted, again.rejected) == (
        first.lines,
        first.accepted,
        first.rejected,
    )
    assert (await digest_of(pool)).differing(expected) == []
    files = sorted(feeds.iterdir())  # noqa: ASYNC240 (a test, nothing else runs)
    random.Random(1).shuffle(files)
    async with another(database, "shuffled") as (_, other):
        for path in files:
            await take(path, pool=other)
        assert (await digest_of(other)).differing(expected) == []


_RECEIVED = "SELECT record_id, received_at FROM record WHERE status = 'VALID'"


@pytest.mark.parametrize("step", [1, -1])
async def test_w23_a_record_is_received_when_it_first_came(
    take: Take, pool: asyncpg.Pool[Any], sheet: Callable[..., Path], step: int
) -> None:
    """Sent again or corrected it is no later, in whatever order the files come; nor is a record
    whose subjects turn out to be one."""
    old = {"统一社会信用代码": "", "组织机构代码": code(1)[8:17], "行政处罚决定书文号": "乙"}
    files = [
        sheet("20250509_a.csv", [penalty()]),
        sheet("20250601_b.csv", [penalty(违法事实="更正"), penalty(**old)]),
        sheet("20250507_c.csv", [penalty(), penalty()]),
        sheet("20250620_d.csv", [penalty(违法事实="再更正"), penalty(行政处罚决定书文号="乙")]),
    ]
    for path in files[::step]:
        await pool.execute("DELETE FROM outbox")
        before = await pool.fetch(_RECEIVED)
        await take(path)
        told = await pool.fetch("SELECT entity_id FROM outbox WHERE entity = 'RECORD'")
        moved = {*await pool.fetch(_RECEIVED)} - {*before}
        assert {row[0] for row in moved} <= {row[0] for row in told}  # partners are told of it
    rows = await pool.fetch(
        "SELECT document_no, (received_at AT TIME ZONE 'Asia/Shanghai')::date::text AS day"
        " FROM record WHERE status = 'VALID' ORDER BY 1"
    )
    assert [tuple(row) for row in rows] == [
        ("乙", "2025-06-01"),
        ("本市监处〔2025〕1号", "2025-05-07"),
    ]


_IMPORTER = """
import asyncio, sys
from datetime import date
from pathlib import Path
import asyncpg
sys.path.insert(0, sys.argv[4])
from schema.records import kinds
import store.intake.importer as importer
from tests.store.conftest import FixedCipher

importer.CHUNK = 40

async def main():
    async with asyncpg.create_pool(sys.argv[1], min_size=1, max_size=1) as pool:
        summary = await importer.import_paths(
            pool, [Path(sys.argv[2])], kinds=kinds(), cipher=FixedCipher(), region="210500",
            platform="benxi", today=date(2026, 6, 30), report_dir=Path(sys.argv[3]))
        print(summary.lines, summary.accepted, summary.with_findings, summary.rejected)

asyncio.run(main())
"""


@pytest.mark.timeout(400 + 15 * KILLS)
async def test_an_import_killed_anywhere_goes_on_to_the_undisturbed_state(
    take: Take, pool: asyncpg.Pool[Any], database: str, feeds: Path, tmp_path: Path
) -> None:
    summary = await take(feeds)
    expected = await digest_of(pool)
    counts = [summary.lines, summary.accepted, summary.with_findings, summary.rejected]
    chance = random.Random(28)
    killed = 0
    while killed < KILLS:
        async with another(database, f"killed{killed}") as (dsn, other):
            finished = False
            while not finished:
                out = await _import(dsn, feeds, tmp_path, chance.uniform(0.7, 2.5), killed < KILLS)
                finished = out is not None
                killed += not finished
            assert [int(word) for word in out.split()] == counts
            assert (await digest_of(other)).differing(expected) == []
            assert _reports(tmp_path / "again") == _reports(summary.report)
            shutil.rmtree(tmp_path / "again")


def _reports(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


async def _import(dsn: str, feeds: Path, place: Path, seconds: float, kill: bool) -> bytes | None:
    """What an importer of its own process prints, None when it was killed after that time."""
    root = str(Path(__file__).parents[2])
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _IMPORTER, dsn, str(feeds), str(place / "again"), root),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), seconds if kill else None)
    except TimeoutError:
        process.send_signal(signal.SIGKILL)
        await process.communicate()
        return None
    assert process.returncode == 0
    return out
