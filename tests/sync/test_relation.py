"""Relations travel: organisations by their codes, persons by an alias, and nothing restricted."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest

from store.relation import RelationStatement, apply_relations
from store.restriction import lift_restriction, restrict_subject
from store.statement import LEGAL_ENTITY, NATURAL_PERSON, Order, Party
from store.subject import Directory
from sync.agreement import read_agreement, record_agreement, sign_agreement
from sync.catalogue import RELATION
from sync.errors import MirrorError, PartnerUnavailableError
from sync.relation import PERSON_SCHEME, relation_statement, surname_shown

from .conftest import BENXI, SHENYANG, TODAY, City, later, penalty
from .test_mirror import Line, mirror

FIRM = Party(LEGAL_ENTITY, "演示企业甲", (("uscc", "91210500XD00000011"),))
HOLDING = Party(LEGAL_ENTITY, "演示控股", (("uscc", "91210100XD00000022"),))
OWNER = Party(NATURAL_PERSON, "欧阳明珠", (("person_number", "k1:00aa"),))
ORDER = Order(datetime(2026, 6, 1, tzinfo=UTC), hashlib.sha256(b"one").digest(), 1)
SAID: dict[str, Any] = {
    "share_stated": Decimal("0.6"),
    "share_min": Decimal("0.6"),
    "share_max": Decimal("0.6"),
    "valid_from": date(2020, 1, 1),
    "position": None,
    "source_unit_name": "演示登记机关",
    "source_unit_uscc": "11210500XD0000001A",
}


def said(kind: str, source: Party, target: Party, **changes: Any) -> RelationStatement:
    given = {"visibility": "O", **changes}
    return RelationStatement(kind, source, target, ORDER, BENXI, ("",), SAID, **given)


async def state(city: City, *statements: RelationStatement) -> None:
    async with city.pool.acquire() as connection, connection.transaction():
        parties = [party for one in statements for party in (one.source, one.target)]
        directory = await Directory.open(connection, parties, city.cipher)
        await apply_relations(connection, statements, cipher=city.cipher, directory=directory)


async def here(city: City) -> list[tuple[Any, ...]]:
    rows = await city.pool.fetch(
        """SELECT r.kind, coalesce(o.name, p.name), t.name, r.share_min, r.class, r.status,
               r.origin_region, r.relation_id
        FROM relation r LEFT JOIN organisation o USING (subject_id)
        LEFT JOIN person p USING (subject_id)
        JOIN organisation t ON t.subject_id = r.other_id
        WHERE r.direction = 'OUT' ORDER BY 1, 2"""
    )
    return [tuple(row) for row in rows]


async def pull(benxi: City, shenyang: City) -> None:
    await benxi.build()
    await mirror(shenyang, Line(benxi, SHENYANG)).pull_once()


async def test_x27_holdings_travel_with_their_origin_and_persons_as_tokens(
    benxi: City, shenyang: City, agreed: bytes
) -> None:
    await state(
        benxi,
        said("HOLDS", HOLDING, FIRM),
        said("HOLDS", OWNER, HOLDING),
        said("LEGAL_REP_OF", OWNER, FIRM),
        said("GUARANTEES", HOLDING, FIRM, visibility="G"),
    )
    await pull(benxi, shenyang)
    ours, theirs = await here(benxi), await here(shenyang)
    assert [row[-1] for row in ours] == [row[-1] for row in theirs]  # the same evidence
    assert {(row[0], row[1], row[2], row[3], row[4]) for row in theirs} == {
        ("HOLDS", "演示控股", "演示企业甲", Decimal("0.6"), "O"),
        ("HOLDS", "欧阳*", "演示控股", Decimal("0.6"), "O"),
        ("LEGAL_REP_OF", "欧阳*", "演示企业甲", Decimal("0.6"), "O"),
        ("GUARANTEES", "演示控股", "演示企业甲", Decimal("0.6"), "G"),
    }
    # One person there as here, known by nothing that leads to him.
    codes = await shenyang.pool.fetch(
        "SELECT i.scheme, i.is_open FROM identifier i JOIN person USING (subject_id)"
    )
    assert [tuple(row) for row in codes] == [(PERSON_SCHEME, False)]
    leaves = await benxi.pool.fetchval("SELECT string_agg(disclosures::text, '') FROM feed_payload")
    assert "明珠" not in leaves
    assert "k1:00aa" not in leaves
    person = await benxi.pool.fetchval("SELECT subject_id::text FROM person")
    assert person not in leaves
    entries = await shenyang.pool.fetchval("SELECT count(*) FROM outbox WHERE entity = 'RELATION'")
    assert entries == 4  # the graph follows


async def test_w25_what_is_restricted_or_withdrawn_is_called_back(
    benxi: City, shenyang: City, agreed: bytes
) -> None:
    await state(benxi, said("HOLDS", OWNER, FIRM), said("HOLDS", HOLDING, FIRM))
    await pull(benxi, shenyang)
    person = await benxi.pool.fetchval("SELECT subject_id FROM person")
    async with benxi.pool.acquire() as connection:
        await restrict_subject(connection, person, "只限指定单位查询")
    await pull(benxi, shenyang)
    assert {row[1]: row[5] for row in await here(shenyang)} == {
        "演示控股": "VALID",
        "欧阳*": "WITHDRAWN",
    }
    async with benxi.pool.acquire() as connection:
        await lift_restriction(connection, person)
    await pull(benxi, shenyang)
    assert {row[5] for row in await here(shenyang)} == {"VALID"}


async def test_x38_relations_that_are_no_longer_agreed_end_with_their_partner_away(
    benxi: City, shenyang: City, agreed: bytes
) -> None:
    await state(benxi, said("HOLDS", OWNER, FIRM), said("HOLDS", HOLDING, FIRM))
    await pull(benxi, shenyang)
    items = tuple(item for item in read_agreement(agreed).items if item.kind != RELATION)
    day = TODAY + timedelta(days=1)
    without = replace(read_agreement(agreed), id="without", items=items, valid_from=day)
    async with shenyang.pool.acquire() as connection:
        keys = (benxi.agreement_key, shenyang.agreement_key)
        await record_agreement(connection, sign_agreement(without, keys), kinds=shenyang.kinds)
    line = Line(benxi, SHENYANG, day)
    line.cut_after = 0
    assert {row[5] for row in await here(shenyang)} == {"VALID"}
    with pytest.raises(PartnerUnavailableError):
        await mirror(shenyang, line, today=day).pull_once()
    assert {row[5] for row in await here(shenyang)} == {"WITHDRAWN"}
    told = "SELECT count(*) FROM relation WHERE status = 'VALID'"  # at neither end
    assert await shenyang.pool.fetchval(told) == 0


async def test_an_end_that_becomes_another_body_leaves_the_former_one(
    benxi: City, shenyang: City, agreed: bytes
) -> None:
    old, theirs = ("reg_no", "210500000000011"), ("uscc", "91210500XD0000024H")
    here_known = Party(LEGAL_ENTITY, "沈阳企业", (("uscc", "91210100XD0000016R"), old))
    owned = Party(LEGAL_ENTITY, "演示企业乙", (old,))
    await shenyang.say(penalty(2, day=20, region=SHENYANG, party=here_known))
    await state(benxi, said("HOLDS", HOLDING, owned))
    await pull(benxi, shenyang)
    await state(benxi, said("HOLDS", HOLDING, replace(owned, codes=(theirs, old))))
    await benxi.say(later(penalty(3, codes=(theirs, old)), 1))
    await benxi.build(TODAY + timedelta(days=1))
    await pull(benxi, shenyang)
    rows = await shenyang.pool.fetch("SELECT direction, relation_id FROM relation ORDER BY 1")
    assert [row["direction"] for row in rows] == ["IN", "OUT"]


async def test_nothing_travels_that_the_agreement_does_not_name(
    benxi: City, shenyang: City, agreed: bytes
) -> None:
    shop = Party("INDIVIDUAL_BUSINESS", "演示小店", (("uscc", "92210500XD00000033"),))
    unknown = Party(LEGAL_ENTITY, "无代码企业")
    other = Party(NATURAL_PERSON, "张三", (("person_number", "k1:00bb"),))
    await state(
        benxi,
        said("HOLDS", OWNER, shop),
        said("HOLDS", HOLDING, unknown),
        said("GUARANTEES", OWNER, other, visibility="G"),
        said("HOLDS", HOLDING, FIRM, visibility="A"),
    )
    await pull(benxi, shenyang)
    assert await here(shenyang) == []


async def test_x20_a_copy_ends_also_where_its_firm_has_become_part_of_another(
    benxi: City, shenyang: City, agreed: bytes
) -> None:
    """Joining gave copies ids of its own, by which no tombstone found them."""
    old, uscc = ("reg_no", "210500000000011"), ("uscc", "91210100XD0000016R")
    known = replace(HOLDING, codes=(old,))
    kept, called_back = said("HOLDS", known, FIRM), said("GUARANTEES", known, FIRM)
    former = said("LEGAL_REP_OF", OWNER, known)
    await state(benxi, kept, called_back)
    await state(benxi, replace(former, stated={**SAID, "valid_to": date(2026, 5, 1)}))
    await pull(benxi, shenyang)
    ids = {row[-1] for row in await here(shenyang)}
    await state(benxi, _next(called_back, 1, visibility="R"))
    await pull(benxi, shenyang)
    await shenyang.say(penalty(1, region=SHENYANG, codes=(uscc,)))
    await shenyang.say(penalty(2, region=SHENYANG, codes=(uscc, old)))
    rows = await here(shenyang)
    assert {row[-1] for row in rows} == ids
    assert sorted(row[5] for row in rows) == ["VALID", "VALID", "WITHDRAWN"]
    body = await shenyang.pool.fetchval(
        "SELECT subject_id FROM identifier WHERE value = $1", uscc[1]
    )
    ends = await shenyang.pool.fetch(
        "SELECT subject_id FROM relation WHERE direction = 'OUT' AND kind <> 'LEGAL_REP_OF'"
    )
    assert {row[0] for row in ends} == {body}
    over = await shenyang.pool.fetch("SELECT valid_to FROM relation WHERE kind = 'LEGAL_REP_OF'")
    assert {row[0] for row in over} == {date(2026, 5, 1)}, "stated there, nothing here ends it"
    await state(benxi, _next(kept, 2, visibility="R"))
    await pull(benxi, shenyang)
    assert {(row[0], row[5]) for row in await here(shenyang)} == {
        ("GUARANTEES", "WITHDRAWN"),
        ("HOLDS", "WITHDRAWN"),
        ("LEGAL_REP_OF", "VALID"),
    }


def _next(one: RelationStatement, days: int, **changes: Any) -> RelationStatement:
    order = replace(one.order, stamp=one.order.stamp + timedelta(days=days))
    return replace(one, order=order, **changes)


async def test_a_partner_speaks_of_its_own_relations_only(
    benxi: City, shenyang: City, agreed: bytes
) -> None:
    await state(benxi, said("HOLDS", HOLDING, FIRM))
    await pull(benxi, shenyang)
    await shenyang.pool.execute("UPDATE relation SET origin_region = $1", SHENYANG)
    await state(benxi, said("HOLDS", HOLDING, FIRM, fields={"again": "1"}))
    await benxi.pool.execute("UPDATE relation SET share_min = 0.5, share_max = 0.5")
    await benxi.pool.execute(
        "INSERT INTO outbox (entity, entity_id, subject_id)"
        " SELECT 'RELATION', relation_id, subject_id FROM relation WHERE direction = 'OUT'"
    )
    await benxi.build()
    with pytest.raises(MirrorError) as caught:
        await mirror(shenyang, Line(benxi, SHENYANG)).pull_once()
    assert caught.value.code == "FEED_MALFORMED"


async def test_what_is_no_relation_is_refused(benxi: City, shenyang: City, agreed: bytes) -> None:
    await state(benxi, said("HOLDS", OWNER, FIRM))
    await benxi.build()
    row = await benxi.pool.fetchval("SELECT disclosures::text FROM feed_payload")
    told = {name: value for _, name, value in orjson.loads(row)}
    identity = await benxi.pool.fetchval("SELECT relation_id FROM relation LIMIT 1")
    assert relation_statement(told, identity, BENXI, ORDER).identity == identity
    person = {**told["source"], "codes": [["person_number", "k1:00aa"]]}
    foreign = {**told["source"], "codes": [[PERSON_SCHEME, f"{SHENYANG}:x"]]}
    for wrong in (
        {"relationKind": "OWNS"},
        {"class": "R"},
        {"source": person},
        {"source": foreign},
        {"source": {**told["target"], "codes": [["person_number", "k1:00aa"]]}},
        {"target": told["source"]},
        {"stated.shareMin": "NaN"},
        {"stated.validFrom": "yesterday"},
        {"source": "x"},
    ):
        with pytest.raises((KeyError, TypeError, ValueError)):
            relation_statement({**told, **wrong}, identity, BENXI, ORDER)


def test_names_travel_as_surnames() -> None:
    assert [surname_shown(name) for name in ("欧阳明珠", "张三", "欧阳", "Bob", "")] == [
        "欧阳*",
        "张*",
        "欧*",
        "B*",
        "*",
    ]
