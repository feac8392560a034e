"""A log that stands still: nothing more is promised, nobody waits long, nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from client.receipt import Receipt
from security import access_log
from security.access_log import LONGEST_WAIT, AccessLog
from security.entry import Entry
from security.errors import LogUnavailableError
from security.evidence import Evidence, EvidenceKeys
from security.keys import KeyFolder
from security.receipt import ReceiptState, receipt_status
from security.sealer import Sealer
from security.succession import open_successor

ORIGIN = "xinqiao.stall/access"
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
)
EVIDENCE = Evidence(b"base", bytes(64), "{ organisation { name } }", b"{}")


@dataclass
class Log:
    dsn: str
    folder: Path
    pool: Any
    log: AccessLog

    async def append(self) -> Receipt:
        return await self.log.append(ENTRY, EVIDENCE)

    @asynccontextmanager
    async def sealing(self, origin: str = ORIGIN) -> AsyncIterator[Sealer]:
        signer = KeyFolder(self.folder / "keys").note_signer(origin, "note")
        folder = self.folder / origin.rpartition("/")[2]
        sealer = Sealer(lambda: asyncpg.connect(self.dsn), folder, signer)
        assert await sealer.start() is not None
        try:
            yield sealer
        finally:
            await sealer.close()

    async def status(self, leaf: bytes, origin: str = ORIGIN, *ended: str) -> Any:
        folder = self.folder / origin.rpartition("/")[2]
        return await receipt_status(self.pool, folder, origin, leaf, ended=ended)


@pytest.fixture
async def log(database: str, tmp_path: Path) -> AsyncIterator[Log]:
    keys = EvidenceKeys(KeyFolder(tmp_path / "keys"))
    async with asyncpg.create_pool(database, min_size=1, max_size=3) as pool:
        yield Log(database, tmp_path, pool, AccessLog(pool, ORIGIN, "stall", keys))


async def test_nothing_is_promised_while_entries_wait_too_long_for_their_seal(log: Log) -> None:
    await log.append()
    for now in (0.0, LONGEST_WAIT - 1):
        await log.log.look_at_sealing(log.pool, now)
        await log.append()
    await log.log.look_at_sealing(log.pool, LONGEST_WAIT)
    with pytest.raises(LogUnavailableError, match="not being sealed"):
        await log.append()
    async with log.sealing() as sealer:
        assert await sealer.seal() == 3
    await log.log.look_at_sealing(log.pool, LONGEST_WAIT + 1)
    await log.append()


async def test_a_slow_but_moving_sealer_stops_nobody(log: Log) -> None:
    async with log.sealing() as sealer:
        for second in range(12):
            await log.append()
            await log.log.look_at_sealing(log.pool, float(second))
            await sealer.seal()


async def test_whoever_waits_behind_a_stalled_commit_is_refused_with_it(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_log, "TIMEOUT", 0.3)
    monkeypatch.setattr(access_log, "BATCH", 4)
    monkeypatch.setattr(access_log, "PAUSE", 600)
    store, tried = log.log._store, []

    async def counted(connection: Any, batch: Any) -> Any:
        tried.append(len(batch))
        return await store(connection, batch)

    monkeypatch.setattr(log.log, "_store", counted)
    async with log.pool.acquire() as connection, connection.transaction():
        await connection.execute("LOCK TABLE access_batch IN ACCESS EXCLUSIVE MODE")
        waiting = (log.append() for _ in range(40))
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(one, LogUnavailableError) for one in results)
        assert tried == [4], "ten batches do not wait one after the other"
        with pytest.raises(LogUnavailableError):
            await log.append()
        assert tried == [4], "it is not even tried again at once"
    log.log._refusing -= 600  # as if the pause had passed
    await log.append()


async def test_an_overdue_receipt_without_an_entry_is_told_to_be_lost(log: Log) -> None:
    receipt = Receipt(bytes(32), 1_000, 2, ORIGIN, bytes(32))
    status = await log.status(receipt.leaf)
    assert status.state is ReceiptState.UNKNOWN
    assert status.overdue(receipt, 1_001.0).state is ReceiptState.UNKNOWN
    assert status.overdue(receipt, 1_003.0).state is ReceiptState.LOST
    kept = await log.append()
    assert (await log.status(kept.leaf)).overdue(kept, kept.time + 9).state is ReceiptState.PENDING


async def test_what_is_logged_for_an_ended_log_goes_to_its_successor(log: Log) -> None:
    async with log.sealing() as sealer:
        sealed = await log.append()
        await sealer.seal()
    successor = f"{ORIGIN}-2"
    async with log.pool.acquire() as connection:
        await open_successor(connection, ORIGIN, successor, "stall")
    late = await log.append()  # by a worker that has not heard of it
    async with log.sealing(successor) as sealer:
        assert await sealer.seal() == 2
    told = await log.status(late.leaf, successor, ORIGIN)
    assert (told.state, told.index, told.log) == (ReceiptState.SEALED, 1, successor)
    old = await log.status(sealed.leaf, successor, ORIGIN)
    assert (old.state, old.log) == (ReceiptState.ENDED, ORIGIN)
    assert str(old.to_json()["checkpoint"]).startswith(f"{ORIGIN}\n1\n")
    third = f"{ORIGIN}-3"
    async with log.pool.acquire() as connection:
        await open_successor(connection, successor, third, "stall")
    later = await log.append()
    async with log.sealing(third) as sealer:
        assert await sealer.seal() == 2
    told = await log.status(later.leaf, third, ORIGIN, successor)
    assert (told.state, told.log) == (ReceiptState.SEALED, third)
