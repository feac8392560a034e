"""Keys of fields are rotated while files come in: nobody is lost, nobody is made twice."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from schema.records import kinds
from security.field_encryption import FieldCipher
from security.keys import KeyFolder
from store.errors import StoreError
from store.intake import import_paths
from store.intake.party import NUMBER_CONTEXT
from store.rekeying import KeyUse
from store.rotation import begin_rotation, end_former, rekey_chunk, rotations, writing_keys
from tests.store.conftest import BENXI, TODAY
from tests.store.test_intake import firm, holder, number, penalty
from tests.store.test_intake_formats import default

Sheet = Callable[..., Path]
PERSON = {
    "行政相对人名称": "王伟",
    "行政相对人类别": "自然人",
    "统一社会信用代码": "",
    "法定代表人": "",
    "自然人证件类型": "身份证",
    "自然人证件号码": number(1),
}
STUB = {"股东名称": "钱二", "证件类型": "", "证件号码": ""}


@dataclass
class Node:
    """A database with files taken in, and the folder of its keys."""

    pool: asyncpg.Pool[Any]
    folder: Path
    sheet: Sheet

    @property
    def cipher(self) -> FieldCipher:
        return FieldCipher(KeyFolder(self.folder / "keys"))

    async def take(self, day: int) -> None:
        """The same facts as ever, in files of another day: no subject and no id is new."""
        paths = [
            self.sheet(f"202501{day:02d}_p.csv", [
                penalty(**PERSON, 备注=str(day)),
                penalty(行政处罚决定书文号="坏", 处罚决定日期="2025-13-01", 备注=str(day)),
            ]),
            self.sheet(f"202501{day:02d}_f.csv", [firm()]),
            self.sheet(f"202501{day:02d}_h.csv", [holder(), holder(**STUB)]),
            self.folder / f"202501{day:02d}_court.json",
        ]  # fmt: skip
        paths[-1].write_text(json.dumps([default(performance="全部未履行", id=str(day))]), "utf-8")
        summary = await import_paths(
            self.pool, paths, kinds=kinds(), cipher=self.cipher, region=BENXI, platform="benxi",
            today=TODAY, report_dir=self.folder / "reports",
        )  # fmt: skip
        assert summary.rejected == 1

    async def counted(self) -> dict[str, Any]:
        """What must never change: who there is, and the ids of all that is known of them."""
        return {
            table: sorted(await self.pool.fetch(f"SELECT DISTINCT {column} FROM {table}"))
            for table, column in (
                ("subject", "subject_id"), ("person", "subject_id"), ("record", "record_id"),
                ("relation", "relation_id"),
            )
        }  # fmt: skip

    async def begin(self, use: KeyUse) -> int:
        cipher = self.cipher
        async with self.pool.acquire() as connection, connection.transaction():
            if use is KeyUse.FIELD:
                return await begin_rotation(
                    connection, use, cipher.number, cipher.begin_data_key, "operator"
                )
            current = int(cipher.epoch[1:])
            return await begin_rotation(connection, use, current, cipher.begin_epoch, "operator")

    async def finish(self, chunks: int = 1000, size: int = 1) -> None:
        async with self.pool.acquire() as connection:
            for _ in range(chunks):
                if not await rekey_chunk(connection, self.cipher, size):
                    return

    async def indexes(self) -> set[str]:
        rows = await self.pool.fetch(
            "SELECT DISTINCT scheme || ' ' || split_part(value, ':', 1) AS told FROM identifier"
            " WHERE scheme = ANY($1)",
            ["person_number", "person_stub", "court_case"],
        )
        return {row["told"] for row in rows}

    async def ciphertexts(self) -> list[bytes]:
        rows = await self.pool.fetch(
            "SELECT id_number AS sealed FROM person WHERE id_number IS NOT NULL"
            " UNION ALL SELECT line FROM batch_rejected"
            " UNION ALL SELECT decode(v.value ->> 'number', 'hex')"
            " FROM record, jsonb_each(secrets) v WHERE secrets IS NOT NULL"
        )
        return [row["sealed"] for row in rows]


@pytest.fixture
async def node(pool: asyncpg.Pool[Any], tmp_path: Path, sheet: Sheet) -> Node:
    found = Node(pool, tmp_path, sheet)
    await found.take(1)
    return found


async def test_persons_are_found_before_during_and_after_a_new_epoch(node: Node) -> None:
    before = await node.counted()
    assert await node.begin(KeyUse.BLIND) == 2
    await node.take(2)  # nothing is re-indexed yet: by the old epoch, and indexed in passing
    assert await node.counted() == before
    await node.finish()
    assert await node.indexes() == {
        f"{scheme} {epoch}"
        for scheme in ("person_number", "person_stub", "court_case")
        for epoch in ("k1", "k2")
    }
    await node.take(3)
    assert await node.counted() == before
    async with node.pool.acquire() as connection, connection.transaction():
        await end_former(connection, KeyUse.BLIND)
    assert node.cipher.destroy_former(index=True) == [1]
    await node.take(4)  # the old key is gone: the index of the new epoch alone leads there
    assert await node.counted() == before


async def test_what_intake_does_not_touch_is_indexed_in_the_background(node: Node) -> None:
    before = await node.counted()
    await node.begin(KeyUse.BLIND)
    await node.finish()
    (state,) = await rotations(node.pool)  # type: ignore[arg-type]
    # Two persons with a number, the stub, the court's person, and the index in one record.
    assert (state.changed, state.unreadable, state.finished_at is None) == (5, 0, False)
    node.cipher.destroy_former(index=True)
    await node.take(2)
    assert await node.counted() == before
    secrets = await node.pool.fetchval("SELECT secrets::text FROM record WHERE secrets IS NOT NULL")
    assert '"k2:' in secrets
    assert '"k1:' not in secrets


async def test_every_field_is_brought_under_the_new_key_and_the_old_one_can_go(node: Node) -> None:
    old = await node.ciphertexts()
    assert len(old) == 4  # two persons, the number in a record, a rejected line
    assert await node.begin(KeyUse.FIELD) == 2
    async with node.pool.acquire() as connection:
        with pytest.raises(StoreError) as used:
            async with connection.transaction():
                await end_former(connection, KeyUse.FIELD)
    assert used.value.code == "KEY_STILL_USED"
    await node.finish()
    assert all(node.cipher.is_current(sealed) for sealed in await node.ciphertexts())
    async with node.pool.acquire() as connection, connection.transaction():
        await end_former(connection, KeyUse.FIELD)
    assert node.cipher.destroy_former(index=False) == [1]
    sealed = await node.pool.fetch("SELECT id_number FROM person WHERE id_number IS NOT NULL")
    told = {node.cipher.decrypt(row["id_number"], NUMBER_CONTEXT) for row in sealed}
    assert told == {number(1), number(11)}
    assert [node.cipher.opened(data, NUMBER_CONTEXT) for data in old] == [None] * 4


async def test_no_key_is_begun_while_files_are_taken_in_nor_two_at_a_time(node: Node) -> None:
    async with node.pool.acquire() as connection, writing_keys(connection):
        begun = asyncio.ensure_future(node.begin(KeyUse.BLIND))
        await asyncio.sleep(0.2)
        assert not begun.done()
    assert await begun == 2
    with pytest.raises(StoreError) as running:
        await node.begin(KeyUse.BLIND)
    assert running.value.code == "ROTATION_RUNNING"
    assert node.cipher.epoch == "k2"


async def test_a_key_that_a_crash_left_unentered_is_taken(node: Node) -> None:
    node.cipher.begin_epoch()
    assert await node.begin(KeyUse.BLIND) == 2
    assert node.cipher.epoch == "k2"


_LOOP = """
import asyncio, sys, asyncpg
from pathlib import Path
from security.field_encryption import FieldCipher
from security.keys import KeyFolder
from store.rotation import rekey_chunk

async def main():
    connection = await asyncpg.connect(sys.argv[1])
    cipher = FieldCipher(KeyFolder(Path(sys.argv[2])))
    while await rekey_chunk(connection, cipher, 1):
        print("chunk", flush=True)

asyncio.run(main())
"""


async def test_a_kill_in_the_middle_is_continued(node: Node, database: str) -> None:
    cipher = node.cipher
    rows = [
        ("00000000-0000-4000-8000-" + f"{at:012d}", cipher.encrypt(f"{at}", NUMBER_CONTEXT))
        for at in range(400)
    ]
    await node.pool.executemany(
        "INSERT INTO person (subject_id, name, id_number, id_type, is_stub, origin_region,"
        " audit_ref, stamp, batch_sha, line_no)"
        " VALUES ($1, 'x', $2, 'IDENTITY_CARD', false, '210500', '', now(), '', 1)",
        rows,
    )
    await node.begin(KeyUse.FIELD)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _LOOP, database, str(node.folder / "keys"),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    for _ in range(20):
        await process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    await process.wait()
    (killed,) = await rotations(node.pool)  # type: ignore[arg-type]
    assert killed.finished_at is None
    assert 0 < killed.changed < 400
    await node.finish(size=100)
    assert all(node.cipher.is_current(sealed) for sealed in await node.ciphertexts())
    (done,) = await rotations(node.pool)  # type: ignore[arg-type]
    assert (done.changed, done.unreadable) == (404, 0)
