"""Single changed bits, in rows, evidence, tiles, bundles and exports: all found, no false alarm.

`XINQIAO_BIT_FLIPS=1000` is the full run.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from security.access_log import AccessLog
from security.entry import Entry, Lists
from security.errors import LogError
from security.event import append_event
from security.evidence import Evidence, EvidenceKeys
from security.evidence_export import export_evidence
from security.evidence_store import erase_evidence
from security.keys import KeyFolder
from security.recomputation import opened
from security.reconciliation import Opener, reconcile
from security.sealer import Sealer
from security.signature import Once
from security.tlog.note import NoteSigner
from security.tlog.reader import TileReader
from security.tlog.source import LiveFolder
from security.tlog.verify import export_log, verify_export, verify_log

FLIPS = int(os.environ.get("XINQIAO_BIT_FLIPS", "60"))
ORIGIN = "xinqiao.benxi/access"
SIZE = 300
ENTRY = Entry(
    kind="QUERY",
    caller="shenyang",
    role="PCITY",
    decision="ALLOWED",
    status=200,
    policy_version="2026-1",
    data_version="42",
    request_body=bytes(32),
    response_body=bytes(32),
    operation=None,
    request_signature=bytes(64),
    purpose="P1",
)
COLUMNS = [
    ("access_sealed", "leaf"),
    ("access_sealed", "log"),
    ("access_sealed", "index"),
    ("access_sealed", "coordinates"),
    ("access_subject", "audit_refs"),
    ("access_subject", "leaf"),
    ("access_record", "record_ids"),
    ("access_record", "leaf"),
    ("evidence", "leaf"),
    ("evidence", "log"),
    ("evidence", "month"),
    ("evidence", "wrapped_key"),
    ("evidence", "ciphertext"),
    ("coordinate_set", "digest"),
    ("coordinate_set", "coordinates"),
    ("log_state", "log"),
    ("log_state", "size"),
    ("log_state", "root"),
    ("log_state", "checkpoint"),
    ("access_batch", "log"),
    ("access_batch", "leaves"),
    ("access_batch", "payload"),
]


@dataclass
class World:
    """A sealed log with evidence, an event without, an erased entry and some that wait."""

    connection: asyncpg.Connection[Any]
    folder: Path
    signer: NoteSigner
    opener: Opener

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def export(self) -> Path:
        return self.folder / "export"

    async def found(self) -> list[str]:
        """What the node's own verification finds."""
        verdict = verify_log(LiveFolder(self.log), self.signer.verifiers)
        rows = await reconcile(self.connection, TileReader(self.log), self.signer, self.opener)
        return [
            f"{one.path} {one.index} {one.reason}" for one in (*verdict.findings, *rows.findings)
        ]


@asynccontextmanager
async def world(dsn: str, folder: Path) -> AsyncIterator[World]:
    secrets = KeyFolder(folder / "keys")
    keys = EvidenceKeys(secrets)
    signer = secrets.note_signer(ORIGIN, "access-log")

    async def connect() -> Any:
        return await asyncpg.connect(dsn)

    def opener(leaf: bytes, month: str, wrapped: bytes, ciphertext: bytes) -> tuple[bytes, bytes]:
        key = keys.entry_key(leaf, month, wrapped)
        return key, opened(key, ciphertext)

    rng = random.Random(11)
    connection = await connect()
    async with asyncpg.create_pool(dsn, min_size=1, max_size=2) as pool:
        log = AccessLog(pool, ORIGIN, "benxi", keys)

        async def append(number: int) -> bytes:
            lists = Lists(
                rng.randbytes(16 * (number % 4)),
                rng.randbytes(16 * (number % 3)),
                ("Organisation.name", f"F.f{number % 5}")[: number % 3],
                ("Person.name",) if number % 7 == 0 else (),
            )
            evidence = Evidence(b"base", bytes(64), "", b'{"a":1}', lists)
            once = Once("k", f"n{number}", 3)
            return (await log.append(replace(ENTRY, case=str(number)), evidence, once)).leaf

        sealer = Sealer(connect, folder / "log", signer)
        assert await sealer.start() is not None
        leaves = await asyncio.gather(*(append(number) for number in range(SIZE)))
        await append_event(connection, ORIGIN, "benxi", "CASE", {"number": 1})
        while await sealer.seal():
            pass
        assert await erase_evidence(connection, leaves[9])
        detail = {"index": 9, "leaf": leaves[9].hex()}
        await append_event(connection, ORIGIN, "benxi", "ERASURE", detail)
        export_log(folder / "log", folder / "export", [signer.verifier.text])
        with pytest.raises(LogError, match="later head"):  # the event is not in it yet
            await export_evidence(connection, ORIGIN, SIZE + 1, folder / "export", opener)
        await sealer.seal()
        export_log(folder / "log", folder / "export", [signer.verifier.text])
        count = await export_evidence(connection, ORIGIN, SIZE + 2, folder / "export", opener)
        assert count == SIZE - 1
        await sealer.close()
        for number in range(SIZE, SIZE + 3):
            await append(number)
    try:
        yield World(connection, folder, signer, opener)
    finally:
        await connection.close()


async def test_every_changed_bit_of_a_row_is_found(database: str, tmp_path: Path) -> None:
    rng = random.Random(2)
    async with world(database, tmp_path) as w:
        assert await w.found() == []
        await w.connection.execute("SET session_replication_role = replica")
        for number in range(max(FLIPS // 2, len(COLUMNS))):
            table, column = COLUMNS[number % len(COLUMNS)]
            old, new, place = await flipped(w.connection, rng, table, column)
            assert await w.found() != [], (table, column, old, new)
            await w.connection.execute(
                f"UPDATE {table} SET {column} = $1 WHERE ctid = $2::text::tid", old, place
            )
        assert await w.found() == []


async def flipped(
    connection: Any, rng: random.Random, table: str, column: str
) -> tuple[Any, Any, str]:
    """Change one bit of one value: old, new and where. A bit that SQL refuses is no case."""
    rows = await connection.fetch(
        f"SELECT ctid::text AS place, {column} AS value FROM {table} WHERE {column} IS NOT NULL"
        " ORDER BY ctid"
    )
    while True:
        row = rng.choice(rows)
        new = changed(rng, row["value"])
        try:
            place = await connection.fetchval(
                f"UPDATE {table} SET {column} = $1 WHERE ctid = $2::text::tid RETURNING ctid::text",
                new,
                row["place"],
            )
        except asyncpg.PostgresError:
            continue
        return row["value"], new, place


def changed(rng: random.Random, value: Any) -> Any:
    if isinstance(value, int):
        return value ^ (1 << rng.randrange(40))
    if isinstance(value, bytes):
        data = bytearray(value)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        return bytes(data)
    if isinstance(value, list):
        at = rng.randrange(len(value))
        return [*value[:at], changed(rng, value[at]), *value[at + 1 :]]
    if isinstance(value, str):
        places = [at for at, letter in enumerate(value) if letter.isascii()]
        at = rng.choice(places)
        return value[:at] + chr(ord(value[at]) ^ (1 << rng.randrange(7))) + value[at + 1 :]
    return UUID(int=value.int ^ (1 << rng.randrange(128)))


async def test_every_changed_bit_of_a_file_is_found(database: str, tmp_path: Path) -> None:
    rng = random.Random(3)
    async with world(database, tmp_path) as w:
        live = [*sorted((w.log / "tile").rglob("*")), w.log / "checkpoint"]
        exported = sorted(w.export.rglob("*"))
        for number in range(max(FLIPS // 2, 30)):
            path = rng.choice([p for p in (live, exported)[number % 2] if p.is_file()])
            whole = path.read_bytes()
            data = bytearray(whole)
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            path.write_bytes(data)
            if number % 2:
                assert verify_export(w.export).exit_status == 1, path
            else:
                assert await w.found() != [], path
            path.write_bytes(whole)
        assert verify_export(w.export).exit_status == 0
        assert await w.found() == []


async def test_evidence_of_an_export_is_found_missing_and_named(
    database: str, tmp_path: Path
) -> None:
    async with world(database, tmp_path) as w:
        path = w.export / "evidence/001.p"
        assert not path.exists()
        first = w.export / "evidence/000"
        lines = first.read_bytes().split(b"\n")
        first.write_bytes(b"\n".join([*lines[:7], *lines[8:]]))
        verdict = verify_export(w.export)
        assert (verdict.exit_status, verdict.first_bad_index) == (1, 7)
        first.write_bytes(b"\n".join([*lines[:7], lines[8], lines[7], *lines[9:]]))
        assert verify_export(w.export).exit_status == 1
        hidden = [*lines[:7], b'{"erased":true,"index":7}', *lines[8:]]
        first.write_bytes(b"\n".join(hidden))
        verdict = verify_export(w.export)
        assert (verdict.exit_status, verdict.first_bad_index) == (1, 7)
        assert "no event of the log says so" in verdict.findings[0].reason
        first.unlink()
        assert verify_export(w.export).exit_status == 1
        shutil.rmtree(w.export / "evidence")
        assert verify_export(w.export).exit_status == 0


async def test_evidence_that_is_gone_without_an_event_is_found(
    database: str, tmp_path: Path
) -> None:
    async with world(database, tmp_path) as w:
        for index in (100, 250):
            leaf = await w.connection.fetchval(
                "SELECT leaf FROM access_sealed WHERE index = $1", index
            )
            assert await erase_evidence(w.connection, leaf)
        reason = "is erased, and no event of the log says so"
        assert await w.found() == [f"rows/evidence {index} {reason}" for index in (100, 250)]
        purged = {"class": "QUERY", "firstIndex": 0, "lastIndex": 249}
        await append_event(w.connection, ORIGIN, "benxi", "RETENTION_PURGE", purged)
        assert await w.found() == [f"rows/evidence 250 {reason}"]


@pytest.mark.parametrize("statement", ["evidence", "access_sealed", "access_subject"])
async def test_a_row_that_is_gone_is_found(database: str, tmp_path: Path, statement: str) -> None:
    async with world(database, tmp_path) as w:
        await w.connection.execute(
            f"DELETE FROM {statement} WHERE leaf ="
            " (SELECT leaf FROM access_sealed WHERE index = 123)"
        )
        assert all(" 123 " in one or "belong to no entry" in one for one in await w.found())
        assert await w.found() != []
