"""What an agreement shows of its items, and what of copies when the next one shows less (X38)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import orjson
import pytest

from sync.agreement import read_agreement, record_agreement, sign_agreement
from sync.catalogue import Item
from sync.demo import demo_agreement
from sync.errors import PartnerUnavailableError

from .conftest import SHENYANG, TODAY, City, copies, later, penalty
from .test_agreement import SHOWN
from .test_mirror import Line, mirror, shown
from .test_relation import FIRM, HOLDING, said, state

WHOLE = (Item("penalty", "LEGAL_ENTITY"), Item("relation", "LEGAL_ENTITY"))
ENDS = frozenset({"relationKind", "source", "target", "stated.validTo"})
PART = (
    Item("penalty", "LEGAL_ENTITY", SHOWN | {"fields.facts"}),
    Item("relation", "LEGAL_ENTITY", ENDS),
)


async def agree(
    benxi: City,
    shenyang: City,
    days: int,
    *items: Item,
    until: date | None = None,
    unchecked: str = "",
) -> date:
    """Put these items into force some days from now; `unchecked`: as a former release did."""
    keys = (benxi.agreement_key, shenyang.agreement_key)
    whole = read_agreement(demo_agreement((benxi.party, shenyang.party), keys))
    day = TODAY + timedelta(days=days)
    made = replace(whole, id=f"agreement-{days}", items=items, valid_from=day, valid_to=until)
    note = sign_agreement(made, keys)
    for city in (benxi, shenyang):
        kinds = replace(city.kinds, by_name={}) if unchecked else city.kinds
        async with city.pool.acquire() as connection:
            await record_agreement(connection, note, kinds=kinds)
    return day


async def pull(benxi: City, shenyang: City, day: date, *, away: bool = False) -> Line:
    line = Line(benxi, SHENYANG, day)
    if away:
        line.cut_after = 0
        with pytest.raises(PartnerUnavailableError):
            await mirror(shenyang, line, today=day).pull_once()
    else:
        await benxi.build(day)
        await mirror(shenyang, line, today=day).pull_once()
    return line


async def held(city: City) -> tuple[Any, ...]:
    """What a copy of a penalty, its statements and the copy of a relation hold."""
    [copy] = await copies(city)
    row = await city.pool.fetchrow(
        "SELECT share_min, share_max, share_stated, valid_from, source_unit_name FROM relation"
        " WHERE direction = 'OUT' AND batch_id IS NULL AND status = 'VALID'"
    )
    screened = await city.pool.fetchval("SELECT screened::text FROM record")
    told = await city.pool.fetch(
        "SELECT content::text FROM record_version"
        " UNION ALL SELECT content::text FROM relation_version"
    )
    return (
        copy["status"],
        set(orjson.loads(copy["fields"])),
        copy["remark"],
        copy["x_fine_amount"],
        set(orjson.loads(screened)),
        tuple(map(str, row)),
        any("罚款" in one[0] or "演示登记机关" in one[0] for one in told),
    )


async def known_since(city: City) -> list[Any]:
    """When each statement came that is kept."""
    rows = await city.pool.fetch(
        "SELECT record_id, stamp, recorded_from FROM record_version"
        " UNION ALL SELECT relation_id, stamp, recorded_from FROM relation_version ORDER BY 1, 2"
    )
    return [tuple(row) for row in rows]


async def test_an_agreement_may_show_some_fields_only(benxi: City, shenyang: City) -> None:
    day = await agree(benxi, shenyang, 0, Item("penalty", "LEGAL_ENTITY", SHOWN))
    await benxi.say(penalty(1))
    line = await pull(benxi, shenyang, day)
    [copy] = await copies(shenyang)
    assert copy["document_no"] == "本市监罚〔2026〕1号"
    assert set(orjson.loads(copy["fields"])) == {"pubDeadline"}
    assert "罚款".encode() not in line.pages[0]


async def test_x38_a_field_that_is_no_longer_shown_leaves_the_copies_whoever_answers(
    benxi: City, shenyang: City
) -> None:
    """One that is shown again comes back, though its record says nothing new."""
    await benxi.say(penalty(1), later(penalty(1, fine="0.3", remark="备注"), 1))
    await state(benxi, said("HOLDS", HOLDING, FIRM))
    await pull(benxi, shenyang, await agree(benxi, shenyang, 0, *WHOLE))
    before = await held(shenyang)
    assert before[:1] + before[2:4] + before[5:] == (
        "VALID",
        "备注",
        before[3],
        ("0.6", "0.6", "0.6", "2020-01-01", "演示登记机关"),
        True,
    )
    since = await known_since(shenyang)
    events = await shenyang.pool.fetchval("SELECT count(*) FROM outbox")
    narrow = (
        "VALID",
        {"facts", "pubDeadline"},
        None,
        None,
        {"facts"},
        ("0", "1", "None", "None", ""),
        False,
    )
    day = await agree(benxi, shenyang, 1, *PART)
    await pull(benxi, shenyang, day, away=True)
    assert await held(shenyang) == narrow
    assert await shown(shenyang, day) == 1
    assert await shenyang.pool.fetchval("SELECT count(*) FROM outbox") == events + 2
    await pull(benxi, shenyang, day)
    await pull(benxi, shenyang, day)
    assert await held(shenyang) == narrow
    assert await shenyang.pool.fetchval("SELECT count(*) FROM outbox") == events + 2
    await pull(benxi, shenyang, await agree(benxi, shenyang, 2, *WHOLE))
    assert await held(shenyang) == before
    assert await known_since(shenyang) == since, "what is shown again was no change"
    day = await agree(benxi, shenyang, 3, *WHOLE)
    events = await shenyang.pool.fetchval("SELECT count(*) FROM outbox")
    await pull(benxi, shenyang, day)
    assert await shenyang.pool.fetchval("SELECT count(*) FROM outbox") == events


async def test_x38_what_is_no_longer_agreed_is_unreadable_whether_the_partner_answers_or_not(
    benxi: City, shenyang: City, agreed: bytes
) -> None:
    """A narrower agreement is shown no tombstones of what it left out; the next brings it back."""
    penalties, licences = (Item(kind, "LEGAL_ENTITY") for kind in ("penalty", "licence"))
    last = TODAY + timedelta(days=5)

    async def standing(day: date, *, away: bool = False) -> int:
        await pull(benxi, shenyang, day, away=away)
        rows = await copies(shenyang)
        assert len(rows) == 2
        return sum(row["status"] == "VALID" for row in rows)

    await benxi.say(penalty(1), penalty(2))
    assert await standing(TODAY) == 2
    assert await standing(await agree(benxi, shenyang, 1, licences), away=True) == 0
    assert (
        await standing(await agree(benxi, shenyang, 2, penalties)) == 2
    )  # Benxi took nothing back
    assert await standing(await agree(benxi, shenyang, 3, licences)) == 0
    assert await standing(await agree(benxi, shenyang, 4, penalties, until=last)) == 2
    for city in (benxi, shenyang):
        await city.pool.execute("DELETE FROM agreement WHERE agreement_id <> 'agreement-4'")
    assert await standing(last, away=True) == 0


async def test_an_item_of_which_no_copy_can_be_kept_stops_no_other(
    benxi: City, shenyang: City
) -> None:
    """An earlier release let an agreement in that shows no key of its records."""
    await benxi.say(penalty(1))
    await state(benxi, said("HOLDS", HOLDING, FIRM))
    keyless = Item("penalty", "LEGAL_ENTITY", SHOWN - {"documentNo"})
    day = await agree(benxi, shenyang, 0, keyless, WHOLE[1], unchecked="before")
    await pull(benxi, shenyang, day)
    assert await copies(shenyang) == []
    assert await shenyang.pool.fetchval("SELECT count(*) FROM relation") == 2
    told = await shenyang.pool.fetchval("SELECT shared FROM mirror_cursor")
    assert told == ["relation.legal_entity"], "coverage knows that there are none"
    await pull(benxi, shenyang, await agree(benxi, shenyang, 1, *WHOLE))
    assert len(await copies(shenyang)) == 1
