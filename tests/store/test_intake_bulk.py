"""First load: what it brings into an empty node is what intake brings, line by line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import asyncpg

from schema.records import kinds
from service.world import write_world
from store.intake.bulk import CityFiles, LoadSummary, load_files
from store.state import state_digest
from tests.store.conftest import BENXI, TODAY, FixedCipher, Take


async def _load(dsn: str, *paths: Path, **options: Any) -> LoadSummary:
    return await load_files(
        dsn,
        [CityFiles(paths, BENXI, "benxi")],
        kinds=kinds(),
        ciphers=FixedCipher,
        today=TODAY,
        workers=2,
        **options,
    )


async def test_the_small_world_is_the_same_by_either_road(
    pool: asyncpg.Pool[Any], take: Take, database: str, tmp_path: Path
) -> None:
    write_world("S", 20201022, tmp_path / "world")
    feeds = tmp_path / "world/feeds/benxi"
    await take(feeds)
    async with pool.acquire() as connection:
        by_intake = await state_digest(connection)
        counts = await connection.fetch(_BATCHES)
        async with connection.transaction():
            await connection.execute(_EMPTY)
    summary = await _load(database, feeds)
    async with pool.acquire() as connection:
        assert (await state_digest(connection)).differing(by_intake) == []
        assert await connection.fetch(_BATCHES) == counts
        assert await connection.fetchval("SELECT to_regnamespace('first_load')") is None
    assert summary.copied > 4 * summary.taken_in > 0


_BATCHES = "SELECT batch_id, lines FROM batch ORDER BY 1"
_EMPTY = """TRUNCATE subject, identifier, organisation, organisation_version, organisation_name,
    person, loan, record, record_version, relation, relation_version, outbox, unit, batch,
    batch_chunk, batch_finding, batch_rejected, batch_unit, quality_issue"""
