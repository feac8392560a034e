"""The access log on a real database: nothing leaves unrecorded, nothing is lost or doubled."""

import asyncio
import hashlib
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest

from client.merkle import verify_inclusion
from security.access_log import AccessLog
from security.entry import Entry, Lists
from security.errors import LogError, LogUnavailableError, ReplayedError, SecurityError
from security.evidence import Evidence, EvidenceKeys, keyed_digest
from security.evidence_store import erase_evidence, evidence_of
from security.keys import KeyFolder
from security.pending import Batch
from security.receipt import ReceiptState, receipt_status
from security.sealer import Sealer
from security.signature import Once
from security.succession import open_successor
from security.tlog.checkpoint import Checkpoint
from security.tlog.reader import TileReader
from security.tlog.verify import Status, export_log, verify_export
from store.migrations import migrations
from tests.security.disclosed import (
    disclosures_of_field,
    disclosures_of_record,
    disclosures_of_subject,
    entry_at,
)

ORIGIN = "xinqiao.benxi/access"
DIGEST = hashlib.sha256(b"body").digest()
ENTRY = Entry(
    kind="QUERY",
    caller="shenyang",
    role="PCITY",
    decision="ALLOWED",
    status=200,
    policy_version="2026-1",
    data_version="42",
    request_body=DIGEST,
    response_body=DIGEST,
    rows=2,
    key_id="shenyang-1",
    nonce="nonce",
    operation=DIGEST,
    request_signature=bytes(64),
    purpose="P1",
    case="本行审〔2026〕18号",
)
REFS = bytes(range(32))
EVIDENCE = Evidence(
    b"base",
    bytes(64),
    "{ organisation { name } }",
    b'{"a":1}',
    Lists(REFS, bytes(16), ("Organisation.name",), ("Person.name",)),
)


@dataclass
class Node:
    dsn: str
    folder: Path
    pool: Any
    log: AccessLog
    keys: EvidenceKeys
    secrets: KeyFolder

    def sealer(self) -> Sealer:
        async def connect() -> Any:
            return await asyncpg.connect(self.dsn)

        return Sealer(connect, self.folder / "log", self.secrets.note_signer(ORIGIN, "access-log"))

    @asynccontextmanager
    async def sealing(self) -> AsyncIterator[Sealer]:
        sealer = self.sealer()
        assert await sealer.start() is not None
        try:
            yield sealer
        finally:
            await sealer.close()

    async def waiting(self) -> Any:
        """How many entries are durable and not sealed."""
        return await self.pool.fetchval(
            "SELECT coalesce(sum(octet_length(leaves)), 0) / 32 FROM access_batch"
        )

    def verdict(self) -> Any:
        signer = self.secrets.note_signer(ORIGIN, "access-log")
        export_log(self.folder / "log", self.folder / "export", [signer.verifier.text])
        return verify_export(self.folder / "export", [signer.verifier.text])


@asynccontextmanager
async def node(dsn: str, folder: Path) -> AsyncIterator[Node]:
    secrets = KeyFolder(folder / "keys")
    keys = EvidenceKeys(secrets)
    async with asyncpg.create_pool(dsn, min_size=1, max_size=3) as pool:
        log = AccessLog(pool, ORIGIN, "benxi", keys)
        yield Node(dsn, folder, pool, log, keys, secrets)


async def test_receipt_is_pending_then_provably_in_the_log(database: str, tmp_path: Path) -> None:
    async with node(database, tmp_path) as n:
        receipt = await n.log.append(ENTRY, EVIDENCE)
        where = (n.pool, tmp_path / "log", ORIGIN)
        assert (await receipt_status(*where, receipt.leaf)).state is ReceiptState.PENDING
        assert (await receipt_status(*where, bytes(32))).state is ReceiptState.UNKNOWN
        async with n.sealing() as sealer:
            assert await sealer.seal() == 1
            for _ in range(5):
                await n.log.append(ENTRY, EVIDENCE)
            assert await sealer.seal() == 5
        status = await receipt_status(*where, receipt.leaf)
        assert status.state is ReceiptState.SEALED
        assert status.index == 0
        note = (status.checkpoint or "").encode()
        signer = n.secrets.note_signer(ORIGIN, "access-log")
        head = Checkpoint.open(note, signer.verifier)
        assert head.size == 6
        assert verify_inclusion(receipt.leaf, 0, 6, status.proof, head.root)
        assert n.verdict().status is Status.OK


async def test_replayed_nonce_fails_only_its_own_request(database: str, tmp_path: Path) -> None:
    async with node(database, tmp_path) as n:
        once = [Once("k", f"n{i % 5}", 3) for i in range(10)]
        results = await asyncio.gather(
            *(n.log.append(ENTRY, EVIDENCE, o) for o in once), return_exceptions=True
        )
        assert [isinstance(r, ReplayedError) for r in results] == [False] * 5 + [True] * 5
        for o in once:  # in later batches, and after a restart
            with pytest.raises(ReplayedError):
                await AccessLog(n.pool, ORIGIN, "benxi", n.keys).append(ENTRY, EVIDENCE, o)
        assert await n.waiting() == 5
        await n.log.append(ENTRY, EVIDENCE, Once("other", "n0", 3))
        await n.log.claim(Once("k", "claimed", 3))
        with pytest.raises(ReplayedError):
            await n.log.claim(Once("k", "claimed", 3))


async def test_no_log_no_answer(database: str, tmp_path: Path) -> None:
    async with node(database, tmp_path) as n:
        await n.pool.execute(
            "ALTER TABLE access_batch ADD CONSTRAINT broken CHECK (false) NOT VALID"
        )
        results = await asyncio.gather(
            *(n.log.append(ENTRY, EVIDENCE, Once("k", f"n{i}", 3)) for i in range(3)),
            return_exceptions=True,
        )
        assert all(isinstance(r, LogUnavailableError) for r in results)
        assert await n.pool.fetchval("SELECT count(*) FROM used_nonce") == 0
        await n.pool.execute("ALTER TABLE access_batch DROP CONSTRAINT broken")
        await n.log.append(ENTRY, EVIDENCE, Once("k", "n0", 3))  # the nonce was not used up


async def test_no_key_no_answer(database: str, tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    folder.write_text("no folder, as on a disk that is full")
    async with asyncpg.create_pool(database, min_size=1, max_size=1) as pool:
        log = AccessLog(pool, ORIGIN, "benxi", EvidenceKeys(KeyFolder(folder)))
        with pytest.raises(LogUnavailableError):
            await log.append(ENTRY, Evidence(), None)
        folder.unlink()
        await log.append(ENTRY, Evidence(), None)


async def test_entry_holds_no_guessable_digest_and_evidence_opens(
    database: str, tmp_path: Path
) -> None:
    async with node(database, tmp_path) as n:
        entry = replace(ENTRY, case="王某 21059019640101001X 的事项")
        receipt = await n.log.append(entry, EVIDENCE)
        async with n.sealing() as sealer:
            await sealer.seal()
        stored = entry_at(tmp_path / "log", 0, 1)
        text = orjson.dumps(stored).decode()
        assert "21059019640101001X" not in text
        assert stored["case"] == "王某 [id] 的事项"
        for value in (DIGEST, hashlib.sha256(bytes(64)).digest(), hashlib.sha256(REFS).digest()):
            assert value.hex() not in text
        assert stored["subjects"] != stored["records"]
        assert await evidence_of(n.pool, n.keys, receipt.leaf) == EVIDENCE
        row = await n.pool.fetchrow("SELECT * FROM evidence")
        assert hashlib.sha256(row["ciphertext"]).hexdigest() == stored["evidence"]
        key = n.keys.entry_key(receipt.leaf, row["month"], row["wrapped_key"])
        assert keyed_digest(key, "responseBody", DIGEST) == stored["responseBody"]
        subjects: Any = stored["subjects"]
        assert subjects["count"] == 2
        assert keyed_digest(key, "subjects", hashlib.sha256(REFS).digest()) == subjects["digest"]


async def test_auditor_finds_disclosures_until_they_are_erased(
    database: str, tmp_path: Path
) -> None:
    async with node(database, tmp_path) as n:
        receipt = await n.log.append(ENTRY, EVIDENCE)
        assert not await erase_evidence(n.pool, receipt.leaf)  # not sealed yet
        async with n.sealing() as sealer:
            await sealer.seal()

        async def found() -> list[int]:
            return [
                len(await disclosures_of_subject(n.pool, ORIGIN, [REFS[16:]])),
                len(await disclosures_of_record(n.pool, ORIGIN, UUID(int=0))),
                len(await disclosures_of_field(n.pool, ORIGIN, "Organisation.name")),
                len(await disclosures_of_field(n.pool, ORIGIN, "~Person.name")),
            ]

        assert await found() == [1, 1, 1, 1]
        assert await disclosures_of_subject(n.pool, ORIGIN, [bytes(16)]) == []
        assert await erase_evidence(n.pool, receipt.leaf)
        assert (await found())[:2] == [0, 0]
        with pytest.raises(SecurityError, match="ERASED"):
            await evidence_of(n.pool, n.keys, receipt.leaf)
        assert n.verdict().status is Status.OK


async def test_one_sealer_at_a_time(database: str, tmp_path: Path) -> None:
    async with node(database, tmp_path) as n, n.sealing() as first:
        assert await n.sealer().start() is None
        await n.log.append(ENTRY, EVIDENCE)
        # A sealer whose fence is old loses, even with a lock it believes to hold.
        await n.pool.execute("UPDATE log_state SET fence = fence + 1")
        with pytest.raises(LogError, match="LOG_FENCED"):
            await first.seal()
        assert await n.waiting() == 1


async def test_older_database_takes_sealed_entries_back(database: str, tmp_path: Path) -> None:
    async with node(database, tmp_path) as n:
        async with n.sealing() as sealer:
            for _ in range(3):
                await n.log.append(ENTRY, EVIDENCE)
            await sealer.seal()
            state = await n.pool.fetchrow("SELECT size, root, checkpoint FROM log_state")
            kept = await n.log.append(ENTRY, EVIDENCE)
            batch = await n.pool.fetchrow("SELECT log, leaves, payload FROM access_batch")
            lost = await n.log.append(ENTRY, EVIDENCE)
            await sealer.seal()
        # The database of before the second seal: one entry pending, and one lost altogether.
        await n.pool.execute("ALTER TABLE log_state DISABLE TRIGGER log_state_grows")
        await n.pool.execute(
            "UPDATE log_state SET size = $1, root = $2, checkpoint = $3", *state.values()
        )
        await n.pool.execute("ALTER TABLE log_state ENABLE TRIGGER log_state_grows")
        await n.pool.execute("DELETE FROM access_sealed WHERE index >= 3")
        await n.pool.execute(
            "INSERT INTO access_batch (log, leaves, payload) VALUES ($1, $2, $3)", *batch.values()
        )
        for table in ("evidence", "access_subject", "access_record"):
            await n.pool.execute(
                f"DELETE FROM {table} WHERE leaf = ANY ($1)", [kept.leaf, lost.leaf]
            )
        again = n.sealer()
        recovery = await again.start()
        assert recovery is not None
        assert (recovery.reimported, recovery.without_evidence) == (2, 1)
        assert await again.seal() == 1  # the log says that it was restored
        assert await n.waiting() == 0
        for index, receipt in enumerate((kept, lost), 3):
            status = await receipt_status(n.pool, tmp_path / "log", ORIGIN, receipt.leaf)
            assert (status.state, status.index) == (ReceiptState.SEALED, index)
        # What the older database still had of the entry is kept with it.
        assert await evidence_of(n.pool, n.keys, kept.leaf) == EVIDENCE
        assert len(await disclosures_of_subject(n.pool, ORIGIN, [REFS[16:]])) == 4
        assert len(await disclosures_of_field(n.pool, ORIGIN, "Organisation.name")) == 4
        await again.close()
        assert n.verdict().size == 6


@pytest.mark.parametrize(("place", "sealed"), [("ALLOWED", 2), (None, 0)])
async def test_changed_pending_entry_is_never_sealed(
    database: str, tmp_path: Path, place: str | None, sealed: int
) -> None:
    async with node(database, tmp_path) as n, n.sealing() as sealer:
        connection = await n.pool.acquire()  # holds the first commit back, so that three gather
        receipts = await asyncio.gather(*(n.log.append(ENTRY, EVIDENCE) for _ in range(3)))
        await n.pool.release(connection)
        await n.pool.execute(
            """
            UPDATE access_batch SET payload = CASE WHEN $1::bytea IS NULL THEN substr(payload, 2)
                ELSE overlay(payload PLACING 'DENIED!' FROM position($1::bytea IN payload)) END
             WHERE octet_length(leaves) = 96
            """,
            None if place is None else place.encode(),
        )
        assert await sealer.seal() == sealed
        states = [
            (await receipt_status(n.pool, tmp_path / "log", ORIGIN, one.leaf)).state
            for one in receipts
        ]
        assert states.count(ReceiptState.SEALED) == sealed
        assert states.count(ReceiptState.PENDING) == 3 - sealed
        assert await sealer.seal() == 0  # and the row stays as it was found
        assert await n.waiting() == 3
        await n.log.append(ENTRY, EVIDENCE)
        assert await sealer.seal() == 1
        assert n.verdict().status is Status.OK


async def test_workers_that_claim_the_same_nonces_cannot_block_one_another(
    database: str, tmp_path: Path
) -> None:
    """Replays at several workers at once: each nonce answers once, and nothing waits in a ring."""
    async with node(database, tmp_path) as n:
        once = [Once("k", f"n{i}", 3) for i in range(60)]

        async def worker(turn: int) -> list[object]:
            log = AccessLog(n.pool, ORIGIN, "benxi", n.keys)
            order = once[turn * 20 :] + once[: turn * 20]
            appends = (log.append(ENTRY, EVIDENCE, one) for one in order)
            return await asyncio.gather(*appends, return_exceptions=True)

        results = [one for part in await asyncio.gather(*map(worker, range(3))) for one in part]
        assert sum(isinstance(one, ReplayedError) for one in results) == 120
        assert not [one for one in results if isinstance(one, LogUnavailableError)]
        assert await n.waiting() == 60


async def test_upgrade_keeps_what_was_pending_and_which_nonces_were_used(
    database: str, tmp_path: Path
) -> None:
    sql = {one.number: one.sql for one in migrations()}
    before = sql[2][sql[2].index("CREATE TABLE nonce") : sql[2].index("-- What an entry's digests")]
    async with node(database, tmp_path) as n:
        waiting = await n.log.append(ENTRY, EVIDENCE)
        row = await n.pool.fetchrow("SELECT id, leaves, payload FROM access_batch")
        (one,) = Batch.of(row).whole
        await n.pool.execute("DROP TABLE access_batch, used_nonce")
        await n.pool.execute(before)  # the tables of the release before, and what waits in them
        for leaf, entry in ((one.leaf, one.entry), (hashlib.sha256(b"\0event").digest(), b"event")):
            await n.pool.execute(
                "INSERT INTO access_pending (log, leaf, entry, subjects, records, coordinates)"
                " VALUES ($1, $2, $3, $4, $5, $6)",
                *(ORIGIN, leaf, entry, one.subjects, one.records, one.coordinates.decode()),
            )
        await n.pool.execute(
            "INSERT INTO evidence (leaf, log, month, wrapped_key, ciphertext)"
            " VALUES ($1, $2, $3, $4, $5)",
            *(one.leaf, ORIGIN, one.month, one.wrapped_key, one.ciphertext),
        )
        await n.pool.execute("INSERT INTO nonce VALUES (3, 'k', 'n', '')")
        await n.pool.execute(sql[11])
        with pytest.raises(ReplayedError):
            await n.log.append(ENTRY, EVIDENCE, Once("k", "n", 3))
        async with n.sealing() as sealer:
            assert await sealer.seal() == 2
        assert await evidence_of(n.pool, n.keys, waiting.leaf) == EVIDENCE
        assert await n.pool.fetchval("SELECT count(*) FROM evidence") == 1
        assert n.verdict().status is Status.OK


async def test_repeated_entry_does_not_stop_the_log(database: str, tmp_path: Path) -> None:
    again = "INSERT INTO access_batch (log, leaves, payload) SELECT log, leaves, payload FROM"
    async with node(database, tmp_path) as n, n.sealing() as sealer:
        await n.log.append(ENTRY, EVIDENCE)
        await n.pool.execute(f"{again} access_batch")
        await n.pool.execute("CREATE TABLE kept AS SELECT * FROM access_batch")
        assert [await sealer.seal(), await sealer.seal(), await sealer.seal()] == [0, 1, 0]
        await n.pool.execute(f"{again} kept")  # what is sealed already
        await n.log.append(ENTRY, EVIDENCE)
        assert [await sealer.seal(), await sealer.seal(), await sealer.seal()] == [0, 1, 0]
        assert n.verdict().size == 2


async def test_lost_files_end_the_log_and_a_successor_says_so(
    database: str, tmp_path: Path
) -> None:
    async with node(database, tmp_path) as n:
        async with n.sealing() as sealer:
            await n.log.append(ENTRY, EVIDENCE)
            await sealer.seal()
        waiting = await n.log.append(ENTRY, EVIDENCE)
        shutil.rmtree(tmp_path / "log")
        with pytest.raises(LogError, match="LOG_FILES_LOST"):
            await n.sealer().start()
        name = ORIGIN + "-2"
        async with n.pool.acquire() as connection:
            leaf = await open_successor(connection, ORIGIN, name, "benxi")
            with pytest.raises(LogError, match="LOG_EXISTS"):
                await open_successor(connection, ORIGIN, name, "benxi")
        signer = n.secrets.note_signer(name, "access-log-2")
        second = Sealer(lambda: asyncpg.connect(database), tmp_path / "log-2", signer)
        await second.start()
        assert await second.seal() == 2
        await second.close()
        for wanted in (leaf, waiting.leaf):
            status = await receipt_status(n.pool, tmp_path / "log-2", name, wanted)
            assert status.state is ReceiptState.SEALED
        contents = [entry_at(tmp_path / "log-2", index, 2) for index in (0, 1)]
        (ending,) = [e for e in contents if e["kind"] == "LOG_SUCCESSION"]
        previous: Any = ending["previous"]
        assert (previous["log"], previous["size"], previous["pending"]) == (ORIGIN, 1, 1)
        assert "xinqiao.benxi/access\n1\n" in previous["checkpoint"]


async def test_log_head_cannot_go_back(database: str, tmp_path: Path) -> None:
    async with node(database, tmp_path) as n, n.sealing() as sealer:
        await n.log.append(ENTRY, EVIDENCE)
        await sealer.seal()
        for change in ("size = 0", "root = decode(repeat('00', 32), 'hex')", "fence = 0"):
            with pytest.raises(asyncpg.PostgresError, match="cannot go back"):
                await n.pool.execute(f"UPDATE log_state SET {change}")


_SEALER = """
import asyncio, sys
from pathlib import Path
import asyncpg
from security.keys import KeyFolder
from security.pending import Batch
from security.sealer import Sealer

async def main() -> None:
    dsn, folder, origin = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    signer = KeyFolder(folder / "keys").note_signer(origin, "access-log")
    sealer = Sealer(lambda: asyncpg.connect(dsn), folder / "log", signer)
    await sealer.run(asyncio.Event(), 0.005)

asyncio.run(main())
"""


async def test_sealer_killed_at_any_moment_loses_and_doubles_nothing(
    database: str, tmp_path: Path
) -> None:
    async with node(database, tmp_path) as n:
        leaves: list[bytes] = []
        heads: list[bytes] = []
        stop = asyncio.Event()

        async def ask() -> None:
            while not stop.is_set():
                receipts = await asyncio.gather(*(n.log.append(ENTRY, EVIDENCE) for _ in range(20)))
                leaves.extend(r.leaf for r in receipts)
                await asyncio.sleep(0.01)

        asking = asyncio.create_task(ask())
        reader = TileReader(tmp_path / "log")
        root = str(Path(__file__).parents[2])
        for attempt in range(8):
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                _SEALER,
                database,
                str(tmp_path),
                ORIGIN,
                cwd=root,
                env={**os.environ, "PYTHONPATH": root},
                stderr=asyncio.subprocess.DEVNULL,
            )
            before = reader.checkpoint()
            for _ in range(2000):  # on a busy machine it starts late
                if reader.checkpoint() != before:
                    break
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.013 * attempt)
            process.send_signal(signal.SIGKILL)
            await process.wait()
            note = reader.checkpoint()
            if note is not None:
                heads.append(note)
        stop.set()
        await asking
        sealer = n.sealer()
        for _ in range(300):  # the killed session's lock goes with its connection
            if await sealer.start() is not None:
                break
            await asyncio.sleep(0.1)
        while await sealer.seal():
            pass
        await sealer.close()
        verdict = n.verdict()
        assert verdict.status is Status.OK
        assert verdict.size == len(leaves)
        rows = await n.pool.fetch("SELECT leaf, index FROM access_sealed ORDER BY index")
        assert [row["index"] for row in rows] == list(range(len(leaves)))
        assert {row["leaf"] for row in rows} == set(leaves)
        verifier = n.secrets.note_signer(ORIGIN, "access-log").verifier
        for note in heads:  # every head ever published is a head of this one log
            head = Checkpoint.open(note, verifier)
            assert reader.root(head.size) == head.root
        assert len({Checkpoint.open(note, verifier).size for note in heads}) > 1


async def test_a_broken_connection_costs_one_batch_and_the_next_takes_another(
    database: str, tmp_path: Path
) -> None:
    async with node(database, tmp_path) as n:
        await n.log.append(ENTRY, EVIDENCE)  # the committer keeps its connection for a while
        other = await asyncpg.connect(database)
        ended = await other.fetchval(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND query LIKE '%access_batch%'"
        )
        await other.close()
        assert ended == 1
        results = await asyncio.gather(n.log.append(ENTRY, EVIDENCE), return_exceptions=True)
        promised = 1 + sum(not isinstance(one, BaseException) for one in results)
        await n.log.append(ENTRY, EVIDENCE)
        assert await n.waiting() == promised + 1


async def _ask(n: Node, steps: int = 0) -> None:
    with n.log.request():
        for _ in range(steps):
            await asyncio.sleep(0)
        await n.log.append(ENTRY, EVIDENCE)


async def test_a_batch_of_several_waits_for_the_requests_that_are_under_way(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("security.access_log._GATHERING", 60.0)
    async with node(database, tmp_path) as n:
        await asyncio.gather(_ask(n), _ask(n))
        await asyncio.gather(_ask(n), _ask(n, steps=20))
        await _ask(n)
        batches = "SELECT octet_length(leaves) / 32 FROM access_batch ORDER BY id"
        assert [row[0] for row in await n.pool.fetch(batches)] == [2, 2, 1]


async def test_a_batch_waits_in_vain_once_for_a_request_that_takes_long(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with node(database, tmp_path) as n:
        with n.log.request():
            await asyncio.gather(_ask(n), _ask(n))
            await _ask(n)  # a moment, in vain
            monkeypatch.setattr("security.access_log._GATHERING", 60.0)
            async with asyncio.timeout(30):
                await asyncio.gather(_ask(n), _ask(n))
                await _ask(n)
