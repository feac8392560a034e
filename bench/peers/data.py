"""What the servers read: a world in the node's database, and the small world in another one."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import asyncpg

from schema.records import kinds
from security.field_encryption import FieldCipher
from security.keys import KeyFolder
from service.home import NodeHome
from service.postgres import PostgresServer
from service.preparation import prepare_database
from service.settings import Settings
from service.world import DEFAULT_SEED, write_world
from service.world.city import CITIES
from store.intake.bulk import CityFiles, load_files

SMALL = "small"
_VIEWS = Path(__file__).with_name("views.sql")
_CODES = 2_000
# So that the second question finds ten penalties at each of its twenty organisations.
_PENALTIES = """
INSERT INTO record (subject_id, record_id, kind, origin_region, subject_category, reported_name,
    document_no, issuer_name, source_unit_name, source_unit_uscc, decision_date, received_at,
    class, display_from, display_until, status, fields, screened, screening,
    commitment, stamp, batch_sha, line_no, digest)
SELECT o.subject_id, md5(o.uscc || i)::uuid, 'penalty', '210500', o.category, o.name,
    '对照罚字〔2026〕' || i || '号', '应急管理局', '应急管理局', '1', '2026-01-01'::date + i, now(),
    'O',
    '2026-01-01'::date + i, '2027-01-01', 'VALID', '{}', '{}', 'c', 'c', now(), 's', i, 'd'
FROM (SELECT * FROM organisation WHERE registered ORDER BY name, subject_id LIMIT 40) o,
    generate_series(1, 10) i
ON CONFLICT DO NOTHING
"""


def load(root: Path, settings: Settings, server: PostgresServer, size: str) -> tuple[str, str]:
    """Write and load the worlds; the addresses of the node's database and of the small one."""
    home = NodeHome(root, settings.node)
    large, small = server.dsn, server.dsn_of(SMALL)
    asyncio.run(_database(large))
    for dsn, one in ((large, size), (small, "S")):
        folder = root / f"world-{one}"
        if not folder.exists():
            _said(f"writing world {one}", partial(write_world, one, DEFAULT_SEED, folder))
        _said(f"loading world {one}", partial(_load, dsn, root, settings, home.keys, folder))
    return large, small


def codes(dsn: str) -> list[str]:
    """USCCs of registered organisations, spread over all of them."""

    async def read() -> list[str]:
        connection = await asyncpg.connect(dsn)
        try:
            rows = await connection.fetch(
                "SELECT value FROM identifier i JOIN organisation o USING (subject_id)"
                " WHERE scheme = 'uscc' AND is_open AND o.registered AND o.uscc = i.value"
                " ORDER BY md5(value) LIMIT $1",
                _CODES,
            )
            return [row[0] for row in rows]
        finally:
            await connection.close()

    return asyncio.run(read())


def counts(dsn: str) -> dict[str, int]:
    """Rows of the tables that are read."""

    async def read() -> dict[str, int]:
        connection = await asyncpg.connect(dsn)
        try:
            return {
                table: await connection.fetchval(f"SELECT count(*) FROM {table}")
                for table in ("organisation", "record", "relation")
            }
        finally:
            await connection.close()

    return asyncio.run(read())


async def _database(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(f"CREATE DATABASE {SMALL}")
    finally:
        await connection.close()


def _load(dsn: str, root: Path, settings: Settings, keys: Path, world: Path) -> None:
    async def run() -> None:
        await prepare_database(dsn, root, settings)
        await load_files(
            dsn,
            [CityFiles((world / "feeds" / c.slug,), c.division, c.slug) for c in CITIES],
            kinds=kinds(),
            ciphers=partial(_cipher, keys),
            today=settings.domain_date(),
        )
        connection = await asyncpg.connect(dsn)
        try:
            await connection.execute(_VIEWS.read_text(encoding="utf-8"))
            await connection.execute(_PENALTIES)
            # Following the outbox (graph, feed, tokens) is not answering.
            await connection.execute("TRUNCATE outbox")
            await connection.execute("VACUUM ANALYZE")
        finally:
            await connection.close()

    asyncio.run(run())


def _cipher(keys: Path) -> FieldCipher:
    return FieldCipher(KeyFolder(keys))


def _said(what: str, do: Callable[[], object]) -> None:
    began = time.monotonic()
    do()
    print(f"· {what}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
