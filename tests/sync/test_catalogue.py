"""X01, X02, X03: the catalogue decides what of an agreement travels to which partner, and when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.catalogue import (
    Application,
    Catalogue,
    CatalogueType,
    Edition,
    InformationItem,
    Provider,
    load_catalogues,
)
from store.edition import record_edition
from store.record import RecordStatement
from store.statement import Party
from sync.agreement import (
    Agreement,
    AgreementParty,
    LegalBasis,
    PartyKeys,
    read_agreement,
    record_agreement,
    sign_agreement,
)
from sync.catalogue import Item
from sync.demo import demo_agreement
from sync.feed import advance
from sync.leaf import Leaf
from sync.sharing import Shift, shared, shift

from .conftest import BENXI, SHENYANG, TODAY, City, copies, later, penalty, signer
from .test_mirror import Line, mirror, shown

TIELING = "211200"
JULY = date(2026, 7, 1)
TAX_OFFICE = "11210500XDYP40RT3H"
BASIS = (LegalBasis("演示", "演示〔2026〕1号", TODAY),)


def arrears(number: int, kind: str = "tax_arrears") -> RecordStatement:
    """Arrears number `number` of firm `number % 7` of `penalty`."""
    period = f"2026-{number + 1:02d}"
    own = {"taxType": "VALUE_ADDED_TAX"} if kind == "tax_arrears" else {}
    keys = (own["taxType"], period) if own else (period,)
    return penalty(
        number,
        kind=kind,
        natural_key=keys,
        document_no=None,
        fields={**own, "period": period, "owedAmount": "12000"},
        severity=None,
        rule_set_id=None,
        display_min_until=None,
        display_until=None,
        query_until=None,
        source_unit_uscc=TAX_OFFICE,
        issuer_uscc=TAX_OFFICE,
        visibility="O" if own else "G",
    )


async def leaves(city: City, since: int = 0) -> list[tuple[str, str]]:
    rows = await city.pool.fetch(
        "SELECT leaf FROM feed_leaf WHERE index >= $1 ORDER BY index", since
    )
    parsed = [Leaf.parse(bytes(row["leaf"])) for row in rows]
    return [(leaf.item.partition(".")[0], leaf.operation.value) for leaf in parsed]


async def told_by(city: City) -> set[str]:
    """What the partner last told the city that its catalogue shares with it."""
    return set(await city.pool.fetchval("SELECT shared FROM mirror_cursor"))


def edition(name: str, start: date, *items: InformationItem) -> Edition:
    return Edition(CatalogueType.INFORMATION, name, BENXI, start, None, "演示", items)


def item(kind: str, *partners: str, categories: Iterable[str] = ("LEGAL_ENTITY",)) -> Any:
    provider = Provider(TAX_OFFICE, "演示局")
    return InformationItem(
        kind, frozenset(categories), "O", (provider,), frozenset(partners), None, "演示"
    )


async def load(city: City, *editions: Edition) -> None:
    """Give the city these editions and no others."""
    async with city.pool.acquire() as connection:
        await connection.execute("DELETE FROM catalogue_edition WHERE type = 'INFORMATION'")
        for one in editions:
            await record_edition(connection, one)


async def test_x02_x03_only_what_the_catalogue_shares_travels_and_from_its_day_on(
    benxi: City, shenyang: City, agreed: bytes
) -> None:
    await benxi.say(
        penalty(1), penalty(2), arrears(1), arrears(2), arrears(1, "housing_fund_arrears")
    )
    await benxi.build()
    await mirror(shenyang, Line(benxi, SHENYANG)).pull_once()
    assert {row["document_no"] for row in await copies(shenyang)} == {
        "本市监罚〔2026〕1号",
        "本市监罚〔2026〕2号",
    }
    assert await shown(shenyang) == 2
    before = await benxi.pool.fetchval("SELECT count(*) FROM outbox")
    assert not {tag for tag in await told_by(shenyang) if tag.startswith("tax_arrears")}
    await benxi.build(JULY, chunk=2)
    assert await leaves(benxi, 2) == [("tax_arrears", "UPSERT")] * 2
    await mirror(shenyang, Line(benxi, SHENYANG, JULY), today=JULY).pull_once()
    assert await shown(shenyang, JULY) == 4
    assert {"penalty.legal_entity", "tax_arrears.legal_entity"} <= await told_by(shenyang)
    kinds = await shenyang.pool.fetch("SELECT DISTINCT kind FROM record ORDER BY kind")
    assert [row["kind"] for row in kinds] == ["penalty", "tax_arrears"]
    assert await benxi.pool.fetchval("SELECT count(*) FROM outbox") == before


async def test_x03_what_an_edition_no_longer_shares_is_taken_back_and_may_come_again(
    benxi: City, shenyang: City, agreed: bytes
) -> None:
    await benxi.say(*(penalty(number) for number in range(5)))
    await benxi.build()
    await mirror(shenyang, Line(benxi, SHENYANG)).pull_once()
    await load(benxi, edition("only-tax", date(2026, 1, 1), item("tax_arrears", "*")))
    await benxi.build(chunk=2)
    assert await leaves(benxi, 5) == [("penalty", "TOMBSTONE")] * 5
    await mirror(shenyang, Line(benxi, SHENYANG)).pull_once()
    assert await shown(shenyang) == 0
    await load(benxi, edition("all", date(2026, 1, 1), item("penalty", "*")))
    await benxi.build(chunk=2)
    assert await leaves(benxi, 10) == [("penalty", "UPSERT")] * 5
    await mirror(shenyang, Line(benxi, SHENYANG)).pull_once()
    assert await shown(shenyang) == 5


async def test_without_a_catalogue_nothing_travels(
    benxi: City, shenyang: City, agreed: bytes
) -> None:
    await load(benxi)
    await benxi.say(penalty(1))
    await benxi.build()
    assert await leaves(benxi) == []


async def test_a_category_that_the_catalogue_leaves_out_stays_at_home(
    benxi: City, shenyang: City
) -> None:
    items = (Item("penalty", "LEGAL_ENTITY"), Item("penalty", "INDIVIDUAL_BUSINESS"))
    await agree(benxi, shenyang, items=items)
    shop = Party("INDIVIDUAL_BUSINESS", "演示小店", (("reg_no", "210500600000001"),))
    await benxi.say(penalty(1), penalty(2, party=shop))
    await load(benxi, edition("v", date(2026, 1, 1), item("penalty", SHENYANG)))
    await benxi.build()
    rows = await benxi.pool.fetch("SELECT item FROM feed_payload")
    assert [row["item"] for row in rows] == ["penalty.legal_entity"]


async def test_a_change_of_edition_goes_on_where_it_was_cut(
    benxi: City, shenyang: City, agreed: bytes
) -> None:
    await benxi.say(*(penalty(number) for number in range(9)))
    await benxi.build()
    await load(benxi, edition("none", date(2026, 1, 1), item("licence", "*")))
    async with benxi.pool.acquire() as connection:
        for _ in range(3):  # a kill after three steps
            step = await advance(connection, kinds=benxi.kinds, region=BENXI, today=TODAY, chunk=2)
            assert (step.appended, step.more) == (2, True)
    await benxi.build(chunk=2)
    assert await leaves(benxi, 9) == [("penalty", "TOMBSTONE")] * 9


async def agree(one: City, other: City, **changes: Any) -> Agreement:
    """Let these cities agree as in the demo, with changes."""
    keys = (one.agreement_key, other.agreement_key)
    made = replace(read_agreement(demo_agreement((one.party, other.party), keys)), **changes)
    for city in (one, other):
        async with city.pool.acquire() as connection:
            await record_agreement(connection, sign_agreement(made, keys), kinds=city.kinds)
    return made


async def with_tieling(benxi: City, shenyang: City) -> None:
    """A second agreement, of Benxi with Tieling, signed by both: data, no new build."""
    key = signer("xinqiao.tieling/agreement")
    party = AgreementParty(
        TIELING,
        "铁岭市",
        PartyKeys(
            key.verifier,
            signer("xinqiao.tieling/feed").verifier,
            shenyang.acknowledgement_key.verifier,
        ),
    )
    made = replace(
        await agree(benxi, shenyang, id="with-shenyang"),
        id="with-tieling",
        parties=(benxi.party, party),
    )
    async with benxi.pool.acquire() as connection:
        await record_agreement(
            connection, sign_agreement(made, (benxi.agreement_key, key)), kinds=benxi.kinds
        )


async def shown_to(city: City, partner: str, today: date = TODAY) -> list[str]:
    """What each entry of the feed shows a partner: its document number, withheld, or nothing."""
    line = Line(city, partner, today)
    page = orjson.loads(await line.get("/sync/feed?from=0"))
    told = []
    for entry in page["entries"]:
        if entry.get("withheld"):
            told.append("withheld")
        elif '"op":"TOMBSTONE"' in entry["leaf"]:
            told.append("tombstone")
        else:
            fields = {name: value for _, name, value in entry.get("disclosures", ())}
            told.append(fields.get("documentNo", "nothing"))
    return told


async def test_x01_each_partner_is_shown_what_the_catalogue_shares_with_it(
    benxi: City, shenyang: City
) -> None:
    await with_tieling(benxi, shenyang)
    await load(benxi, edition("v1", date(2026, 1, 1), item("penalty", SHENYANG)))
    await benxi.say(penalty(1))
    await benxi.build()
    number = "本市监罚〔2026〕1号"
    assert await shown_to(benxi, SHENYANG) == [number]
    assert await shown_to(benxi, TIELING) == ["withheld"]

    await load(benxi, edition("v2", date(2026, 1, 1), item("penalty", "*")))
    await benxi.build()
    assert await shown_to(benxi, TIELING) == ["withheld", number], "offered again to who gains it"

    await load(benxi, edition("v3", date(2026, 1, 1), item("penalty", TIELING)))
    await benxi.build()
    assert await shown_to(benxi, SHENYANG) == ["withheld", "withheld", "tombstone", "withheld"]
    assert await shown_to(benxi, TIELING) == ["withheld", "withheld", "tombstone", number]
    await benxi.build()
    assert len(await leaves(benxi)) == 4, "once each"


async def test_a_partner_that_loses_an_item_loses_its_copies_and_passes_over_what_is_withheld(
    benxi: City, shenyang: City
) -> None:
    await with_tieling(benxi, shenyang)
    await load(benxi, edition("v1", date(2026, 1, 1), item("penalty", "*")))
    await benxi.say(*(penalty(number) for number in range(3)))
    await benxi.build()
    await mirror(shenyang, Line(benxi, SHENYANG)).pull_once()
    assert await shown(shenyang) == 3
    await load(benxi, edition("v2", date(2026, 1, 1), item("penalty", TIELING)))
    await benxi.build(chunk=2)
    progress = await mirror(shenyang, Line(benxi, SHENYANG)).pull_once()
    assert progress.is_complete
    assert await shown(shenyang) == 0
    await load(benxi, edition("v3", date(2026, 1, 1), item("penalty", "*")))
    await benxi.build(chunk=2)
    await mirror(shenyang, Line(benxi, SHENYANG)).pull_once()
    assert await shown(shenyang) == 3


async def test_the_catalogue_counts_at_once_before_the_feed_has_caught_up(
    benxi: City, shenyang: City, agreed: bytes
) -> None:
    await benxi.say(penalty(1))
    await benxi.build()
    await load(benxi, edition("none", date(2026, 1, 1), item("licence", "*")))
    assert await shown_to(benxi, SHENYANG) == ["withheld"]


READERS = ["1/x", "2/x", "1/y"]


@st.composite
def sharings(draw: st.DrawFn) -> frozenset[str]:
    """What some partners, each under one agreement, are shared of three items."""
    chosen = {reader[0]: reader for reader in draw(st.sets(st.sampled_from(READERS)))}
    return frozenset(
        f"{tag}@{reader}"
        for reader in chosen.values()
        for tag in ("", *draw(st.sets(st.sampled_from("abc"))))
    )


@given(former=sharings(), present=sharings())
def test_an_item_is_offered_again_to_who_gains_and_retracted_from_who_loses(
    former: frozenset[str], present: frozenset[str]
) -> None:
    found = shift(former, present)
    known = {pair[1:] for pair in former if pair.startswith("@")}
    for tag in "abc":
        had = {pair[2:] for pair in former if pair.startswith(tag)}
        has = {pair[2:] for pair in present if pair.startswith(tag)}
        regions_had, regions_has = ({reader[0] for reader in both} for both in (had, has))
        assert (tag in found.offer_again) == bool((has - had) & known)
        assert (tag in found.retract) == (bool(regions_had - regions_has) and bool(has))
    assert shift(present, present) == Shift()


async def test_under_a_new_agreement_what_ended_meanwhile_does_not_come_back(
    benxi: City, shenyang: City
) -> None:
    await with_tieling(benxi, shenyang)
    await load(benxi, edition("v1", date(2026, 1, 1), item("penalty", TIELING)))
    await benxi.say(penalty(1), penalty(2))
    await benxi.build()
    await mirror(shenyang, Line(benxi, SHENYANG)).pull_once()
    await benxi.say(later(penalty(1, status="REPAIRED"), 1))
    await benxi.build()
    await mirror(shenyang, Line(benxi, SHENYANG)).pull_once()
    assert await shown(shenyang) == 0
    await load(benxi, edition("v2", date(2026, 1, 1), item("penalty", "*")))
    await agree(benxi, shenyang, id="with-shenyang-2", valid_from=TODAY)
    size = len(await leaves(benxi))
    await benxi.build()
    assert len(await leaves(benxi)) == size, "a new agreement is read from the start"
    await mirror(shenyang, Line(benxi, SHENYANG)).pull_once()
    shown_now = [row["document_no"] for row in await copies(shenyang) if row["status"] == "VALID"]
    assert shown_now == ["本市监罚〔2026〕2号"]


def test_of_two_agreements_with_a_partner_the_later_counts(benxi: City, shenyang: City) -> None:
    items = (Item("penalty", "LEGAL_ENTITY"), Item("licence", "LEGAL_ENTITY"))
    parties = (benxi.party, shenyang.party)
    first = Agreement("a", "演示", parties, "v", items, ("P1",), BASIS, TODAY, None)
    second = replace(first, id="b", items=items[:1])
    catalogue = Catalogue(
        "v", {name: item(name, "*") for name in ("penalty", "licence", "red_list")}, ()
    )
    assert shared([first], catalogue, BENXI).pairs == {
        f"@{SHENYANG}/a",
        f"penalty.legal_entity@{SHENYANG}/a",
        f"licence.legal_entity@{SHENYANG}/a",
    }
    assert shared([first, second], catalogue, BENXI).tags == {"penalty.legal_entity"}
    assert shared([first, second], catalogue, SHENYANG).with_partner(BENXI) == {
        "penalty.legal_entity"
    }


async def test_the_demo_departments_have_an_application_row_for_every_purpose(benxi: City) -> None:
    async with benxi.pool.acquire() as connection:
        rows: tuple[Application, ...] = (
            (await load_catalogues(connection, BENXI)).on(TODAY).applications
        )
    assert {purpose for row in rows for purpose in row.purposes} == {f"P{n}" for n in range(1, 9)}


@pytest.mark.parametrize("kind", ["tax_arrears", "housing_fund_arrears"])
async def test_x02_an_item_outside_agreement_or_catalogue_never_enters_the_feed(
    benxi: City, shenyang: City, agreed: bytes, kind: str
) -> None:
    await benxi.say(arrears(1, kind))
    await benxi.build()
    assert await leaves(benxi) == []
