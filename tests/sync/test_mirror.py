"""The mirror: verified before applied, idempotent, and the same end state by any road (X36)."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
import pytest

from security.tlog.checkpoint import sign_checkpoint
from security.tlog.log import TileLog
from security.tlog.reader import TileReader
from store.display import displayed, government
from store.statement import Party
from store.withdrawal import withdraw_record
from sync.agreement import read_agreement, record_agreement, sign_agreement
from sync.catalogue import Item
from sync.endpoints import Exchange
from sync.errors import AgreementError, FeedError, MirrorError, PartnerUnavailableError
from sync.exchange import acknowledge, unacknowledged_tombstones
from sync.leaf import Leaf, Operation
from sync.mirror import Mirror
from sync.partner import partner_states

from .conftest import BENXI, SHENYANG, TODAY, City, copies, later, penalty, signer

RESET = "TRUNCATE mirror_cursor, mirror_applied, record, record_version"
Tamper = Callable[[str, bytes], bytes]


class Line:
    """A line between two cities of one process; may be cut, and may be tampered with."""

    def __init__(self, city: City, partner: str, today: date = TODAY) -> None:
        self.files = TileReader(city.feed_folder)
        self.exchange = Exchange(
            city.pool,
            self.files,
            city.feed_key.verifier,
            city.kinds,
            lambda: today,
            region=city.region,
        )
        self.partner = partner
        self.pages: list[bytes] = []
        self.tamper: Tamper | None = None
        self.cut_after: int | None = None

    async def get(self, path: str) -> bytes:
        if self.cut_after is not None:
            if self.cut_after == 0:
                raise PartnerUnavailableError("cut")
            self.cut_after -= 1
        parts = urlsplit(path)
        answer = await self.exchange.answer(
            "GET", parts.path, dict(parse_qsl(parts.query)), b"", self.partner
        )
        assert answer is not None
        self.pages.append(answer.body)
        return self.tamper(path, answer.body) if self.tamper else answer.body

    async def look(self, path: str) -> bytes:
        note = self.files.checkpoint()
        if note is None or self.cut_after == 0:
            raise PartnerUnavailableError("cut")
        return note

    async def post(self, path: str, body: bytes, content_type: str) -> bytes:
        answer = await self.exchange.answer("POST", path, {}, body, self.partner)
        assert answer is not None
        return answer.body


def mirror(city: City, line: Line, page: int = 4, today: date = TODAY) -> Mirror:
    return Mirror(
        city.pool,
        line,
        region=BENXI,
        kinds=city.kinds,
        cipher=city.cipher,
        signer=city.acknowledgement_key,
        today=lambda: today,
        page=page,
    )


async def code_of(city: City) -> str | None:
    [state] = await partner_states(city.pool)
    return state.code


async def shown(city: City, day: date = TODAY) -> int:
    count: int = await city.pool.fetchval(
        f"SELECT count(*) FROM record r WHERE {displayed('r', '$1')} OR {government('r', '$1')}",
        day,
    )
    return count


async def test_a_copy_learns_that_its_record_had_come_earlier(
    benxi: City, shenyang: City, agreed: bytes
) -> None:
    received = "SELECT received_at FROM record"
    first = penalty(1)
    await benxi.say(later(first, 5, received_at=first.received_at + timedelta(days=5)))
    await benxi.build()
    await mirror(shenyang, Line(benxi, SHENYANG)).pull_once()
    assert await shenyang.pool.fetchval(received) > first.received_at
    await benxi.say(first)
    await benxi.build()
    await mirror(shenyang, Line(benxi, SHENYANG)).pull_once()
    assert await shenyang.pool.fetchval(received) == first.received_at
    assert await benxi.pool.fetchval(received) == first.received_at


async def test_copies_are_the_originals_without_what_is_internal(
    benxi: City, shenyang: City, agreed: bytes
) -> None:
    await benxi.say(*(penalty(number, remark="内部备注") for number in range(10)))
    await benxi.build()
    progress = await mirror(shenyang, Line(benxi, SHENYANG)).pull_once()
    assert (progress.size, progress.applied, progress.is_complete) == (10, 10, True)
    ours, theirs = await copies(benxi), await copies(shenyang)
    for record in ours:
        fields = orjson.loads(record["fields"])
        del fields["procedure"]
        record["fields"] = fields
    for record in theirs:
        record["fields"] = orjson.loads(record["fields"])
    assert theirs == ours


async def test_x04_one_subject_shows_the_records_of_both_cities(
    benxi: City, shenyang: City, agreed: bytes
) -> None:
    uscc = ("uscc", "91210100XD0000016R")
    await benxi.say(penalty(1, codes=(uscc,)))
    await shenyang.say(penalty(2, region=SHENYANG, codes=(uscc,), reported_name="演示企业1"))
    await benxi.build()
    line = Line(benxi, SHENYANG)
    await mirror(shenyang, line).pull_once()
    await mirror(shenyang, line).pull_once()
    rows = await shenyang.pool.fetch(
        "SELECT origin_region, subject_id FROM record ORDER BY origin_region"
    )
    assert [row["origin_region"] for row in rows] == [SHENYANG, BENXI]
    assert len({row["subject_id"] for row in rows}) == 1


async def test_a_copy_leaves_the_body_that_its_code_no_longer_names(
    benxi: City, shenyang: City, agreed: bytes
) -> None:
    """An old code led to a body here; the origin then says which body it means."""
    old, ours = ("reg_no", "210500000000011"), ("uscc", "91210100XD0000016R")
    theirs = ("uscc", "91210500XD0000024H")
    await shenyang.say(penalty(2, day=20, region=SHENYANG, codes=(ours, old)))
    await benxi.say(penalty(1, codes=(old,)))
    line = Line(benxi, SHENYANG)
    await benxi.build()
    await mirror(shenyang, line).pull_once()
    await benxi.say(later(penalty(3, codes=(theirs, old)), 1))
    await benxi.build(TODAY + timedelta(days=1))
    await mirror(shenyang, line).pull_once()
    rows = await shenyang.pool.fetch(
        "SELECT r.status, array_agg(i.value) AS codes FROM record r JOIN identifier i"
        " USING (subject_id) WHERE r.document_no = $1 AND i.scheme = 'uscc'"
        " GROUP BY r.subject_id, r.status",
        penalty(1).document_no,
    )
    assert {row["status"]: row["codes"] for row in rows} == {
        "VALID": [theirs[1]],
        "WITHDRAWN": [ours[1]],
    }


async def test_x20_a_withdrawn_record_disappears_for_every_reader(
    benxi: City, shenyang: City, agreed: bytes
) -> None:
    made = read_agreement(agreed)
    await benxi.say(*(penalty(number) for number in range(3)))
    await benxi.build()
    line = Line(benxi, SHENYANG)
    await mirror(shenyang, line).pull_once()
    assert await shown(shenyang) == 3
    record_id = await benxi.pool.fetchval("SELECT record_id FROM record LIMIT 1")
    async with benxi.pool.acquire() as connection:
        await withdraw_record(connection, record_id, reason="法院撤销", on=TODAY)
    await benxi.build()
    assert (await unacknowledged_tombstones(benxi.pool, made, SHENYANG))[0] == 1
    await mirror(shenyang, line).pull_once()
    assert await shown(shenyang) == 2
    row = await shenyang.pool.fetchrow(
        "SELECT status, display_end_reason FROM record WHERE record_id = $1", record_id
    )
    assert tuple(row) == ("WITHDRAWN", "WITHDRAWN")
    assert (await unacknowledged_tombstones(benxi.pool, made, SHENYANG)) == (0, None)


async def test_x36_a_record_that_is_shared_again_comes_back(
    benxi: City, shenyang: City, agreed: bytes
) -> None:
    await benxi.say(penalty(1))
    await benxi.build()
    await benxi.say(later(penalty(1, display_ended_on=TODAY), 1))
    await benxi.build()
    await benxi.say(later(penalty(1), 2))
    await benxi.build()
    for page in (1, 64):
        await shenyang.pool.execute(RESET)
        await mirror(shenyang, Line(benxi, SHENYANG), page).pull_once()
        assert await shown(shenyang) == 1


async def test_x36_one_page_at_a_time_or_all_at_once_end_alike(
    benxi: City, shenyang: City, agreed: bytes
) -> None:
    for day in range(1, 4):
        await benxi.say(*(penalty(number, day=day, fine=f"0.{day}") for number in range(day, 9)))
        await benxi.build()
    await benxi.say(penalty(8, day=4, status="REPAIRED"))
    await benxi.build()
    ends = []
    for page in (1, 3, 1024):
        await shenyang.pool.execute(RESET)
        await mirror(shenyang, Line(benxi, SHENYANG), page).pull_once()
        ends.append(await copies(shenyang))
    assert ends[0] == ends[1] == ends[2]
    assert {row["status"] for row in ends[0]} == {"VALID"}, "what had ended before never came"


async def test_x36_a_page_twice_or_too_early_changes_nothing(
    benxi: City, shenyang: City, agreed: bytes
) -> None:
    await benxi.say(*(penalty(number) for number in range(8)))
    await benxi.build()
    line = Line(benxi, SHENYANG)
    await mirror(shenyang, line).pull_once()
    end, pages = await copies(shenyang), line.pages
    await shenyang.pool.execute(RESET)
    puller = mirror(shenyang, line)
    with pytest.raises(MirrorError, match="FEED_OUT_OF_ORDER"):
        await puller.apply(pages[1])
    assert await copies(shenyang) == []
    await puller.apply(pages[0])
    with pytest.raises(MirrorError, match="FEED_OUT_OF_ORDER"):
        await puller.apply(pages[0])
    await puller.apply(pages[1])
    assert await copies(shenyang) == end


async def test_two_mirrors_at_once_apply_each_page_once(
    benxi: City, shenyang: City, agreed: bytes
) -> None:
    await benxi.say(*(penalty(number) for number in range(20)))
    await benxi.build()
    line = Line(benxi, SHENYANG)

    codes: set[str] = set()

    async def keep_pulling() -> None:
        puller = mirror(shenyang, line, 2)
        while True:
            try:
                if (await puller.pull_once()).is_complete:
                    return
            except MirrorError as error:
                codes.add(error.code)

    await asyncio.gather(keep_pulling(), keep_pulling())
    assert codes <= {"FEED_OUT_OF_ORDER"}
    assert len(await copies(shenyang)) == 20
    assert await shenyang.pool.fetchval("SELECT count(*) FROM mirror_applied") == 20


async def test_x35_a_cut_line_is_told_and_the_next_pull_goes_on(
    benxi: City, shenyang: City, agreed: bytes
) -> None:
    await benxi.say(*(penalty(number) for number in range(12)))
    await benxi.build()
    line = Line(benxi, SHENYANG)
    line.cut_after = 2
    with pytest.raises(PartnerUnavailableError):
        await mirror(shenyang, line).pull_once()
    assert await code_of(shenyang) == "PARTNER_UNAVAILABLE"
    assert len(await copies(shenyang)) == 8
    line.cut_after, line.pages = None, []
    await mirror(shenyang, line).pull_once()
    assert len(line.pages) == 1, "what was applied is not asked for again"
    assert await code_of(shenyang) is None
    assert len(await copies(shenyang)) == 12


def _changed(body: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    page = orjson.loads(body)
    change(page)
    return orjson.dumps(page)


def _fine(page: dict[str, Any]) -> None:
    for array in page["entries"][1]["disclosures"]:
        if array[1] == "fields.fineAmount":
            array[2] = "0.1"


def _hide(page: dict[str, Any]) -> None:
    page["entries"][1]["disclosures"].pop()


def _swap(page: dict[str, Any]) -> None:
    one, two = page["entries"][:2]
    one["disclosures"], two["disclosures"] = two["disclosures"], one["disclosures"]


def _drop(page: dict[str, Any]) -> None:
    del page["entries"][1]


def _reorder(page: dict[str, Any]) -> None:
    page["entries"][:2] = reversed(page["entries"][:2])


def _tombstone(page: dict[str, Any]) -> None:
    entry = page["entries"][0]
    entry["leaf"] = entry["leaf"].replace("UPSERT", "TOMBSTONE")


def _strip(page: dict[str, Any]) -> None:
    del page["entries"][0]["disclosures"]


def _head(page: dict[str, Any]) -> None:
    size = page["checkpoint"].split("\n")[1]
    page["checkpoint"] = page["checkpoint"].replace(f"\n{size}\n", f"\n{int(size) - 1}\n", 1)


def _proof(page: dict[str, Any]) -> None:
    page["proof"][0] = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (_fine, "FEED_TAMPERED"),
        (_hide, "FEED_TAMPERED"),
        (_swap, "FEED_TAMPERED"),
        (_head, "FEED_TAMPERED"),
        (_drop, "FEED_INCONSISTENT"),
        (_reorder, "FEED_INCONSISTENT"),
        (_tombstone, "FEED_INCONSISTENT"),
        (_proof, "FEED_INCONSISTENT"),
        (_strip, "FEED_INCOMPLETE"),
        (lambda page: page.update(v=2), "FEED_MALFORMED"),
        (lambda page: page.update(entries=None), "FEED_MALFORMED"),
        (lambda page: page.update(entries=[]), "FEED_INCONSISTENT"),
    ],
)
async def test_a_tampered_page_is_refused_and_nothing_of_it_applied(
    benxi: City, shenyang: City, agreed: bytes, change: Callable[[dict[str, Any]], None], code: str
) -> None:
    await benxi.say(*(penalty(number) for number in range(6)))
    await benxi.build()
    line = Line(benxi, SHENYANG)
    line.tamper = lambda _, body: _changed(body, change)
    with pytest.raises(MirrorError, match=code):
        await mirror(shenyang, line).pull_once()
    assert await copies(shenyang) == []
    assert await code_of(shenyang) == code
    line.tamper = None
    await mirror(shenyang, line).pull_once()
    assert len(await copies(shenyang)) == 6


async def test_a_forked_feed_is_refused_and_the_proof_of_it_kept(
    benxi: City, shenyang: City, agreed: bytes
) -> None:
    await benxi.say(*(penalty(number) for number in range(3)))
    await benxi.build()
    line = Line(benxi, SHENYANG)
    await mirror(shenyang, line).pull_once()
    reader = TileReader(benxi.feed_folder)
    root = Leaf("penalty.legal_entity", Operation.UPSERT, bytes(32)).entry()
    forked = benxi.folder / "forked"
    with TileLog.open(forked, benxi.feed_key) as log:
        log.append([reader.entry(0, 3), root, reader.entry(2, 3), root])
        rest = TileReader(forked)

        def fork(_: str, body: bytes) -> bytes:
            page = orjson.loads(body)
            page["checkpoint"] = sign_checkpoint(4, log.root, benxi.feed_key).decode()
            page["entries"] = [{"leaf": root.decode(), "erased": True}]
            page["proof"] = []
            page["consistency"] = [
                base64.b64encode(node).decode() for node in rest.consistency(3, 4)
            ]
            return orjson.dumps(page)

        line.tamper = fork
        with pytest.raises(MirrorError, match="FEED_INCONSISTENT"):
            await mirror(shenyang, line).pull_once()
    evidence = await shenyang.pool.fetchval("SELECT evidence FROM partner_state")
    assert b"xinqiao.benxi/feed\n4\n" in evidence
    assert len(await copies(shenyang)) == 3


async def test_a_feed_that_goes_back_is_refused(benxi: City, shenyang: City, agreed: bytes) -> None:
    await benxi.say(*(penalty(number) for number in range(3)))
    await benxi.build()
    line = Line(benxi, SHENYANG)
    await mirror(shenyang, line, 1).pull_once()
    old = sign_checkpoint(2, TileReader(benxi.feed_folder).root(2), benxi.feed_key).decode()
    line.tamper = lambda _, body: _changed(body, lambda page: page.update(checkpoint=old))
    with pytest.raises(MirrorError, match="FEED_INCONSISTENT"):
        await mirror(shenyang, line).pull_once()


async def test_only_the_origin_supersedes_its_records(
    benxi: City, shenyang: City, agreed: bytes
) -> None:
    """A partner that signs a record of ours into its own feed is refused."""
    await shenyang.say(penalty(1, region=SHENYANG))
    before = await copies(shenyang, SHENYANG)
    await benxi.say(penalty(1))
    await benxi.build()
    claimed = str(before[0]["record_id"])
    await benxi.pool.execute("UPDATE record SET record_id = $1", before[0]["record_id"])
    await benxi.pool.execute("UPDATE record_version SET record_id = $1", before[0]["record_id"])
    await benxi.build(date(2026, 7, 1))
    text = await benxi.pool.fetchval("SELECT string_agg(disclosures::text, ' ') FROM feed_payload")
    assert claimed in text
    with pytest.raises(MirrorError, match="FEED_MALFORMED"):
        await mirror(shenyang, Line(benxi, SHENYANG)).pull_once()
    assert await copies(shenyang, SHENYANG) == before


async def test_x01_a_city_without_an_agreement_gets_nothing(
    benxi: City, shenyang: City, agreed: bytes
) -> None:
    await benxi.say(penalty(1))
    await benxi.build()
    for stranger in ("210300", None):
        line = Line(benxi, SHENYANG)
        line.partner = stranger  # type: ignore[assignment]
        with pytest.raises(AgreementError, match="FORBIDDEN_AGREEMENT"):
            await line.get("/sync/feed?from=0")


async def test_an_ended_agreement_gives_tombstones_and_nothing_else(
    benxi: City, shenyang: City, agreed: bytes
) -> None:
    await benxi.say(*(penalty(number) for number in range(3)))
    await benxi.build()
    line = Line(benxi, SHENYANG)
    await mirror(shenyang, line).pull_once()
    for city in (benxi, shenyang):
        await city.pool.execute("UPDATE agreement SET note = note, valid_to = $1", TODAY)
    after = date(2026, 7, 1)
    ended = Line(benxi, SHENYANG, after)
    await benxi.build(after)
    await mirror(shenyang, ended, today=after).pull_once()
    assert await shown(shenyang, after) == 0


async def test_an_erased_entry_is_passed_over(benxi: City, shenyang: City, agreed: bytes) -> None:
    await benxi.say(*(penalty(number) for number in range(3)))
    await benxi.build()
    await benxi.pool.execute("UPDATE feed_payload SET disclosures = NULL WHERE index = 1")
    await mirror(shenyang, Line(benxi, SHENYANG)).pull_once()
    assert len(await copies(shenyang)) == 2


async def test_x20_what_was_called_back_or_corrected_is_shown_to_nobody_again(
    benxi: City, shenyang: City, agreed: bytes
) -> None:
    """Who reads the feed late learns how its records stand, not what they once said."""
    await benxi.say(penalty(1, fine="0.71"), penalty(2, fine="0.72"), penalty(3, fine="0.73"))
    await benxi.build()
    await benxi.say(later(penalty(1), 1, status="REPAIRED"), later(penalty(2, fine="0.5"), 1))
    await benxi.build()
    line = Line(benxi, SHENYANG)
    assert (await mirror(shenyang, line).pull_once()).size == 5
    told = b"".join(line.pages).decode()
    assert [fine in told for fine in ("0.71", "0.72", "0.73", "0.5")] == [False, False, True, True]
    assert [row["status"] for row in await copies(shenyang)] == ["VALID", "VALID"]


async def test_x21_an_acknowledgement_is_signed_and_binds_the_tree(
    benxi: City, shenyang: City, agreed: bytes
) -> None:
    await benxi.say(*(penalty(number) for number in range(3)))
    await benxi.build()
    line = Line(benxi, SHENYANG)
    await mirror(shenyang, line).pull_once()
    row = await benxi.pool.fetchrow("SELECT partner, size, note FROM feed_acknowledgement")
    assert (row["partner"], row["size"]) == (SHENYANG, 3)
    made = read_agreement(agreed)
    root = TileReader(benxi.feed_folder).root(3)
    cases = {
        "ACK_SIGNATURE": acknowledge(made, "xinqiao.benxi/feed", 3, root, signer("x")),
        "ACK_MISMATCH": acknowledge(
            made, "xinqiao.benxi/feed", 3, bytes(32), shenyang.acknowledgement_key
        ),
        "ACK_MALFORMED": b"yes",
    }
    for code, note in cases.items():
        with pytest.raises(FeedError, match=code):
            await line.post("/sync/ack", note, "text/plain")
    ahead = acknowledge(made, "xinqiao.benxi/feed", 9, root, shenyang.acknowledgement_key)
    with pytest.raises(FeedError, match="ACK_MISMATCH"):
        await line.post("/sync/ack", ahead, "text/plain")


@pytest.mark.parametrize("query", ["from=9", "limit=0", "limit=5000", "known=9", "from=-1"])
async def test_a_page_outside_the_feed_is_refused(
    benxi: City, shenyang: City, agreed: bytes, query: str
) -> None:
    await benxi.build()
    with pytest.raises(FeedError, match="FEED_RANGE"):
        await Line(benxi, SHENYANG).get(f"/sync/feed?{query}")


async def test_an_empty_feed_is_complete(benxi: City, shenyang: City, agreed: bytes) -> None:
    await benxi.build()
    progress = await mirror(shenyang, Line(benxi, SHENYANG)).pull_once()
    assert progress.is_complete
    assert progress.size == 0


async def test_the_loop_survives_an_absent_partner_and_stops(
    benxi: City, shenyang: City, agreed: bytes
) -> None:
    await benxi.say(penalty(1))
    await benxi.build()
    line = Line(benxi, SHENYANG)
    line.cut_after = 0
    stop = asyncio.Event()
    running = asyncio.create_task(mirror(shenyang, line).run(0.01, stop))
    await asyncio.sleep(0.05)
    line.cut_after = None
    async with asyncio.timeout(60):
        while not await copies(shenyang):  # noqa: ASYNC110, there is nothing to wait on
            await asyncio.sleep(0.02)
        stop.set()
        await running


async def test_without_news_at_the_partner_nothing_is_asked(
    benxi: City, shenyang: City, agreed: bytes
) -> None:
    await benxi.say(penalty(1))
    await benxi.build()
    line, stop = Line(benxi, SHENYANG), asyncio.Event()
    running = asyncio.create_task(mirror(shenyang, line).run(0.01, stop))
    async with asyncio.timeout(60):
        while not await copies(shenyang):  # noqa: ASYNC110, there is nothing to wait on
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.3)
        asked = len(line.pages)
        await asyncio.sleep(0.3)
        assert len(line.pages) == asked
        await benxi.say(penalty(2))
        await benxi.build()
        while len(await copies(shenyang)) < 2:  # noqa: ASYNC110, there is nothing to wait on
            await asyncio.sleep(0.02)
        stop.set()
        await running
    assert len(line.pages) == asked + 1


async def test_a_new_agreement_is_read_from_the_start(
    benxi: City, shenyang: City, agreed: bytes
) -> None:
    keys = (benxi.agreement_key, shenyang.agreement_key)
    wider = replace(
        read_agreement(agreed),
        id="second",
        valid_from=date(2026, 7, 1),
        items=(Item("penalty", "LEGAL_ENTITY"), Item("penalty", "INDIVIDUAL_BUSINESS")),
    )
    shop = Party("INDIVIDUAL_BUSINESS", "演示小店", (("reg_no", "210500600000001"),))
    await benxi.say(penalty(1), penalty(2, party=shop))
    await benxi.build()
    line = Line(benxi, SHENYANG)
    await mirror(shenyang, line).pull_once()
    assert len(await copies(shenyang)) == 1
    for city in (benxi, shenyang):
        async with city.pool.acquire() as connection:
            await record_agreement(connection, sign_agreement(wider, keys), kinds=city.kinds)
    day = date(2026, 7, 1)
    await benxi.build(day)
    progress = await mirror(shenyang, Line(benxi, SHENYANG, day), 1, day).pull_once()
    assert progress.is_complete
    assert len(await copies(shenyang)) == 2
    assert await shenyang.pool.fetchval("SELECT agreement_id FROM mirror_cursor") == "second"
