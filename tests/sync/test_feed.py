"""The sharing feed: what travels, once each, provably and without telling the public."""

from __future__ import annotations

import shutil
from datetime import date
from typing import Any

import orjson
import pytest

from client.note import VerifierKey
from security.tlog.checkpoint import Checkpoint
from security.tlog.reader import TileReader
from security.tlog.verify import Status, export_log, verify_export
from store.statement import Party
from store.withdrawal import withdraw_record
from sync.agreement import record_agreement
from sync.demo import demo_agreement
from sync.errors import FeedError
from sync.feed import advance
from sync.feed_log import FeedLog
from sync.leaf import Leaf

from .conftest import BENXI, SHENYANG, TODAY, City, later, penalty


async def leaves(city: City) -> list[tuple[str, str]]:
    rows = await city.pool.fetch("SELECT leaf FROM feed_leaf ORDER BY index")
    parsed = [Leaf.parse(bytes(row["leaf"])) for row in rows]
    return [(leaf.item, leaf.operation.value) for leaf in parsed]


async def payload(city: City, index: int) -> dict[str, Any]:
    text = await city.pool.fetchval(
        "SELECT disclosures::text FROM feed_payload WHERE index = $1", index
    )
    return {name: value for _, name, value in orjson.loads(text)}


async def test_each_shared_record_is_one_leaf(benxi: City, agreed: bytes) -> None:
    await benxi.say(*(penalty(number) for number in range(5)))
    await benxi.build()
    assert await leaves(benxi) == [("penalty.legal_entity", "UPSERT")] * 5
    await benxi.build()
    await benxi.say(*(later(penalty(number), 1) for number in range(5)))
    await benxi.build()
    assert len(await leaves(benxi)) == 5, "the same content said again is no new version"


async def test_a_correction_is_a_new_leaf(benxi: City, agreed: bytes) -> None:
    await benxi.say(penalty(1))
    await benxi.build()
    await benxi.say(later(penalty(1, fine="0.3"), 1))
    await benxi.build()
    assert await leaves(benxi) == [("penalty.legal_entity", "UPSERT")] * 2
    assert (await payload(benxi, 0))["fields.fineAmount"] == "0.2"
    assert (await payload(benxi, 1))["fields.fineAmount"] == "0.3"
    assert (await payload(benxi, 1))["version"] == 1


async def test_x02_only_what_the_agreement_and_its_classes_cover_travels(
    benxi: City, agreed: bytes
) -> None:
    person = Party("NATURAL_PERSON", "演示甲", (("finbench-person", "1"),))
    shop = Party("INDIVIDUAL_BUSINESS", "演示小店", (("reg_no", "210500600000001"),))
    await benxi.say(
        penalty(1, visibility="G", severity="MINOR"),
        penalty(2, visibility="I"),
        penalty(3, party=person, visibility="G"),
        penalty(4, party=shop),
        penalty(5, region=SHENYANG),
        penalty(6, status="REPAIRED"),
        penalty(8, display_ended_on=date(2026, 6, 20)),
        penalty(9, query_until=date(2026, 6, 30), display_until=date(2026, 6, 30)),
        penalty(10, query_until=TODAY, display_until=date(2026, 7, 30)),
    )
    await benxi.build()
    travelled = {(await payload(benxi, at))["documentNo"] for at in range(2)}
    assert travelled == {"本市监罚〔2026〕1号", "本市监罚〔2026〕10号"}
    assert len(await leaves(benxi)) == 2


async def test_internal_fields_and_local_ids_stay_at_home(benxi: City, agreed: bytes) -> None:
    await benxi.say(penalty(1, secrets={"personIdNo": "00"}))
    await benxi.build()
    fields = await payload(benxi, 0)
    subject = await benxi.pool.fetchval("SELECT subject_id FROM record")
    assert "fields.procedure" not in fields
    assert not any("IdNo" in name or name == "secrets" for name in fields)
    assert str(subject) not in orjson.dumps(fields).decode()
    assert fields["subjectCodes"] == [["reg_no", "210500000001"]]


async def test_a_record_without_a_code_waits_until_its_party_has_one(
    benxi: City, agreed: bytes
) -> None:
    await benxi.say(penalty(1, party=Party("LEGAL_ENTITY", "无代码演示企业")))
    await benxi.build()
    assert await leaves(benxi) == []


@pytest.mark.parametrize("reason", ["WITHDRAWN", "REPAIRED", "DISPLAY_ENDED", "EXPIRED"])
async def test_x20_what_stops_being_shared_gets_a_tombstone(
    benxi: City, agreed: bytes, reason: str
) -> None:
    await benxi.say(penalty(1, query_until=date(2026, 7, 15), display_until=date(2026, 7, 10)))
    await benxi.build()
    today = TODAY
    if reason == "WITHDRAWN":
        record_id = await benxi.pool.fetchval("SELECT record_id FROM record")
        async with benxi.pool.acquire() as connection:
            await withdraw_record(connection, record_id, reason="法院撤销", on=TODAY)
    elif reason == "REPAIRED":
        await benxi.say(later(penalty(1, status="REPAIRED"), 1))
    elif reason == "DISPLAY_ENDED":
        await benxi.say(later(penalty(1, display_ended_on=TODAY), 1))
    else:
        today = date(2026, 7, 15)
    await benxi.build(today)
    assert (await leaves(benxi))[1:] == [("penalty.legal_entity", "TOMBSTONE")]
    fields = await payload(benxi, 1)
    assert fields["reason"] == reason
    assert "documentNo" not in fields
    await benxi.build(today)
    assert len(await leaves(benxi)) == 2


async def test_x38_the_end_of_the_last_agreement_gives_everything_a_tombstone(
    benxi: City, agreed: bytes
) -> None:
    await benxi.say(*(penalty(number) for number in range(5)))
    await benxi.build(chunk=2)
    await benxi.pool.execute("UPDATE agreement SET valid_to = $1", TODAY)
    await benxi.build(chunk=2)
    assert [operation for _, operation in await leaves(benxi)] == ["UPSERT"] * 5 + ["TOMBSTONE"] * 5


async def test_an_agreement_made_later_offers_what_was_there_before(
    benxi: City, shenyang: City
) -> None:
    await benxi.say(*(penalty(number) for number in range(5)))
    await benxi.build()
    assert await leaves(benxi) == []
    note = demo_agreement(
        (benxi.party, shenyang.party), (benxi.agreement_key, shenyang.agreement_key)
    )
    async with benxi.pool.acquire() as connection:
        await record_agreement(connection, note, kinds=benxi.kinds)
    await benxi.build(chunk=2)
    assert len(await leaves(benxi)) == 5


async def test_the_public_log_verifies_and_tells_nothing(
    benxi: City, agreed: bytes, tmp_path: Any
) -> None:
    await benxi.say(*(penalty(number) for number in range(300)))
    await benxi.build()
    key = benxi.feed_key.verifier
    export_log(benxi.feed_folder, tmp_path / "export", [key.text])
    verdict = verify_export(tmp_path / "export", [key.text])
    assert (verdict.status, verdict.size) == (Status.OK, 300)
    public = b"".join(path.read_bytes() for path in benxi.feed_folder.rglob("*") if path.is_file())
    for told in ("演示", "2105000", "本市监罚"):
        assert told.encode() not in public
    assert VerifierKey.parse(key.text).name == "xinqiao.benxi/feed"


async def test_an_erased_payload_leaves_a_leaf_that_verifies(benxi: City, agreed: bytes) -> None:
    await benxi.say(*(penalty(number) for number in range(3)))
    await benxi.build()
    await benxi.pool.execute(
        "UPDATE feed_payload SET disclosures = NULL, erased_at = now() WHERE index = 1"
    )
    async with benxi.pool.acquire() as connection:
        feed = await FeedLog.open(connection, benxi.feed_folder, benxi.feed_key)
        feed.close()
    assert Leaf.parse(TileReader(benxi.feed_folder).entry(1, 3)).operation == "UPSERT"


async def test_a_restored_database_never_gives_a_signed_index_a_second_leaf(
    benxi: City, agreed: bytes
) -> None:
    await benxi.say(*(penalty(number) for number in range(3)))
    await benxi.build()
    before = await benxi.pool.fetchrow("SELECT * FROM feed_state")
    await benxi.say(*(penalty(number) for number in range(3, 6)))
    await benxi.build()
    signed = [TileReader(benxi.feed_folder).entry(at, 6) for at in range(6)]
    # As a backup from between the two would leave it:
    await benxi.pool.execute("DELETE FROM feed_leaf WHERE index >= 3")
    await benxi.pool.execute("DELETE FROM feed_payload WHERE index >= 3")
    await benxi.pool.execute("DELETE FROM feed_record WHERE index >= 3")
    await benxi.pool.execute(
        "UPDATE feed_state SET size = $1, range_hashes = $2", before["size"], before["range_hashes"]
    )
    await benxi.build()
    reader = TileReader(benxi.feed_folder)
    note = reader.checkpoint()
    assert note is not None
    head = Checkpoint.open(note, benxi.feed_key.verifier)
    assert [reader.entry(at, head.size) for at in range(6)] == signed
    shown = await benxi.pool.fetch(
        "SELECT DISTINCT record_id FROM feed_payload WHERE disclosures IS NOT NULL AND index >= 6"
    )
    assert len(shown) == 6, "every record is offered again with a payload"


async def test_files_of_another_tree_are_never_signed(benxi: City, agreed: bytes) -> None:
    await benxi.say(*(penalty(number) for number in range(3)))
    async with benxi.pool.acquire() as connection:
        feed = await FeedLog.open(connection, benxi.feed_folder, benxi.feed_key)
        await advance(connection, kinds=benxi.kinds, region=BENXI, today=TODAY)
        await connection.execute(
            "UPDATE feed_leaf SET leaf = (SELECT leaf FROM feed_leaf WHERE index = 0)"
            " WHERE index = 1"
        )
        with pytest.raises(FeedError, match="FEED_DIVERGED"):
            await feed.publish(connection)
        feed.close()
    note = TileReader(benxi.feed_folder).checkpoint()
    assert note is None or Checkpoint.open(note, benxi.feed_key.verifier).size == 0


async def test_lost_files_are_written_again_byte_for_byte(benxi: City, agreed: bytes) -> None:
    await benxi.say(*(penalty(number) for number in range(270)))
    await benxi.build()
    files = {path: path.read_bytes() for path in benxi.feed_folder.rglob("*") if path.is_file()}
    assert len(files) >= 5
    shutil.rmtree(benxi.feed_folder)
    await benxi.build()
    assert {path: path.read_bytes() for path in benxi.feed_folder.rglob("*") if path.is_file()} == (
        files
    )


async def test_a_crash_before_the_files_leaves_what_the_next_start_completes(
    benxi: City, agreed: bytes
) -> None:
    await benxi.say(*(penalty(number) for number in range(3)))
    await benxi.build()
    await benxi.say(*(penalty(number) for number in range(3, 6)))
    async with benxi.pool.acquire() as connection:
        step = await advance(connection, kinds=benxi.kinds, region=BENXI, today=TODAY)
        assert (step.appended, step.size) == (3, 6)
    reader = TileReader(benxi.feed_folder)
    note = reader.checkpoint()
    assert note is not None
    assert Checkpoint.open(note, benxi.feed_key.verifier).size == 3
    await benxi.build()
    note = reader.checkpoint()
    assert note is not None
    assert Checkpoint.open(note, benxi.feed_key.verifier).size == 6
