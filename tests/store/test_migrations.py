"""A database is brought forward, and never used by a release that is behind it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest

from store.migrations import MigrationError, migrate, migrations

_HERE, _PARTNER, _OTHER_PARTNER = "210500", "210100", "210200"
_STATED = datetime(2026, 6, 1, tzinfo=UTC)
_ENDED = date(2026, 5, 1)


@pytest.fixture
async def connection(database: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    made = await asyncpg.connect(database)
    yield made
    await made.close()


async def test_a_database_that_a_later_release_has_changed_is_left_alone(
    database: str, connection: asyncpg.Connection[Any]
) -> None:
    await connection.execute(
        "INSERT INTO schema_migration (number, name, digest) VALUES (9999, 'later', '')"
    )
    with pytest.raises(MigrationError) as refused:
        await migrate(database)
    assert refused.value.code == "STORE_NEWER"


async def test_a_change_of_what_a_former_release_kept_is_told_before_it(
    database: str, connection: asyncpg.Connection[Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "xinqiao.database")
    last = list(migrations())[-1].name
    await connection.execute("DELETE FROM schema_migration WHERE name = $1", last)
    with contextlib.suppress(asyncpg.PostgresError):  # most can be applied once only
        await migrate(database)
    assert last in caplog.text


async def test_upgrade_shows_a_record_as_received_when_it_first_came(
    connection: asyncpg.Connection[Any],
) -> None:
    first, last = datetime(2026, 5, 1, tzinfo=UTC), _STATED
    corrected, sent_once, withdrawn = (uuid4() for _ in range(3))
    told = [(corrected, first, "{}"), (corrected, last, "{}"), (sent_once, last, "{}")]
    told += [(withdrawn, first, '{"withdrawnOn": "2026-05-01"}'), (withdrawn, last, "{}")]
    for record in (corrected, sent_once, withdrawn):
        await connection.execute(
            "INSERT INTO record (subject_id, record_id, kind, origin_region, subject_category,"
            " reported_name, source_unit_name, source_unit_uscc, received_at, class, status,"
            " fields, commitment, stamp, batch_sha, line_no, digest) VALUES ($1, $1, 'penalty', $2,"
            " 'LEGAL_ENTITY', '', '', '', $3, 'O', 'VALID', '{}', '', $3, '', 1, '')",
            *(record, _HERE, last),
        )
    await connection.executemany(
        "INSERT INTO record_version (subject_id, record_id, stamp, batch_sha, line_no, digest,"
        " status, content, commitment) VALUES ($1, $1, $2, '', 1, '', 'VALID', $3, '')",
        told,
    )

    await _upgrade(connection, 63)

    rows = await connection.fetch("SELECT record_id, received_at FROM record")
    assert dict(rows) == {corrected: first, sent_once: last, withdrawn: last}


async def test_upgrade_reads_copies_again_whose_ids_were_changed_where_bodies_were_joined(
    connection: asyncpg.Connection[Any],
) -> None:
    told, renamed, kept, elsewhere = (uuid4() for _ in range(4))
    await _keep(connection, renamed, _PARTNER, key=str(told))
    await _keep(connection, kept, _PARTNER, key=str(kept))
    await _keep(connection, elsewhere, _OTHER_PARTNER, key=str(elsewhere))
    stated = await _keep(connection, uuid4(), _HERE, key=str(uuid4()), batch=uuid4())
    for region in (_PARTNER, _OTHER_PARTNER):
        await connection.execute(
            "INSERT INTO mirror_cursor (feed, region_id, agreement_id, size, range_hashes,"
            " checkpoint_size, checkpoint_root) VALUES ($1, $1, 'a', 3, '\\x01', 3, '')",
            region,
        )
    applied = [(0, told, "UPSERT"), (1, kept, "UPSERT"), (2, told, "TOMBSTONE")]
    await connection.executemany(
        "INSERT INTO mirror_applied (feed, index, record_id, operation, leaf_hash)"
        " VALUES ('210100', $1, $2, $3, '')",
        applied,
    )

    assert await _upgrade(connection, 64) == [renamed]

    for table in ("relation", "relation_version"):
        rows = await connection.fetch(f"SELECT relation_id, direction FROM {table}")
        assert {row[0] for row in rows} == {kept, elsewhere, stated}
        assert len(rows) == 6
    rows = await connection.fetch("SELECT index FROM mirror_applied ORDER BY index")
    assert [row[0] for row in rows] == [1, 2]
    rows = await connection.fetch("SELECT region_id, size, range_hashes FROM mirror_cursor")
    assert {tuple(row) for row in rows} == {(_PARTNER, 0, b""), (_OTHER_PARTNER, 3, b"\x01")}


async def test_upgrade_gives_a_partners_former_representatives_their_end_again(
    connection: asyncpg.Connection[Any],
) -> None:
    reopened = await _keep(connection, uuid4(), _PARTNER, said=_ENDED)
    present = await _keep(connection, uuid4(), _PARTNER)
    holder = await _keep(connection, uuid4(), _PARTNER, kind="HOLDS", said=_ENDED)
    own = await _keep(connection, uuid4(), _HERE, said=_ENDED, batch=uuid4())

    assert await _upgrade(connection, 64) == [reopened]

    rows = await connection.fetch("SELECT DISTINCT relation_id, valid_to FROM relation")
    assert dict(rows) == {reopened: _ENDED, present: None, holder: None, own: None}


async def _keep(
    connection: asyncpg.Connection[Any],
    relation: UUID,
    region: str,
    *,
    kind: str = "LEGAL_REP_OF",
    key: str | None = None,
    said: date | None = None,
    batch: UUID | None = None,
) -> UUID:
    """Keep a relation both ways round, shown without an end, whose statement said this one."""
    content = orjson.dumps({"naturalKey": [key or str(relation)], "valid_to": said}).decode()
    ends = uuid4(), uuid4()
    for direction, (subject, other) in (("OUT", ends), ("IN", ends[::-1])):
        await connection.execute(
            "INSERT INTO relation (subject_id, relation_id, direction, other_id, kind,"
            " origin_region, class, source_unit_name, source_unit_uscc, stamp, batch_sha, batch_id,"
            " line_no, digest) VALUES ($1, $2, $3, $4, $5, $6, 'O', '', '', $7, '', $8, 1, '')",
            *(subject, relation, direction, other, kind, region, _STATED, batch),
        )
        await connection.execute(
            "INSERT INTO relation_version (subject_id, relation_id, direction, stamp, batch_sha,"
            " line_no, digest, status, content) VALUES ($1, $2, $3, $4, '', 1, '', 'VALID', $5)",
            *(subject, relation, direction, _STATED, content),
        )
    return relation


async def _upgrade(connection: asyncpg.Connection[Any], number: int) -> list[UUID]:
    """Apply a migration again; the relations that the graph is told of."""
    (sql,) = (one.sql for one in migrations() if one.number == number)
    async with connection.transaction():
        await connection.execute(sql)
    rows = await connection.fetch("SELECT entity_id FROM outbox WHERE entity = 'RELATION'")
    return [row[0] for row in rows]
