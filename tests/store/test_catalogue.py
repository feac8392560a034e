"""X02, X03: catalogues are dated documents, checked line by line, and never changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.records import kinds
from store.catalogue import (
    Catalogue,
    CatalogueType,
    Edition,
    InformationItem,
    Provider,
    catalogues_of,
    load_catalogues,
)
from store.catalogue_document import read_edition
from store.catalogue_fault import CatalogueError
from store.coverage import SHANGHAI, CoverageState, Report, next_due, state
from store.edition import check_sequence, demo_documents, load_demo_catalogues, record_edition
from store.errors import StoreError
from store.working_day import load_calendar
from tests.store.conftest import BENXI, TODAY, Take
from tests.store.test_intake import ISSUER, code, penalty

UNIT = "11210500XDGX51K63J"
DOCUMENT = f"""\
type = "INFORMATION"
edition = "v5"
region = "210500"
valid_from = 2027-01-01
legal_basis = "演示"

[[item]]
kind = "penalty"
categories = ["LEGAL_ENTITY"]
share = "O"
providers = [{{ uscc = "{UNIT}", name = "演示局" }}]
partners = ["210100"]
cycle_working_days = 7
legal_basis = "演示"

[[item]]
kind = "housing_fund_arrears"
categories = ["LEGAL_ENTITY", "INDIVIDUAL_BUSINESS"]
share = "G"
providers = [{{ uscc = "{UNIT}", name = "演示局" }}]
legal_basis = "演示"
"""
APPLICATION = f"""\
type = "APPLICATION"
edition = "a5"
region = "210500"
valid_from = 2027-01-01
valid_to = 2028-01-01
legal_basis = "演示"

[[application]]
unit = "{UNIT}"
unit_name = "演示局"
matter = "审批"
purposes = ["P1", "P3"]
kinds = ["penalty"]
legal_basis = "演示"

[[application]]
unit = "{UNIT}"
unit_name = "演示局"
matter = "评优"
purposes = ["P6"]
kinds = ["penalty", "red_list"]
valid_from = 2027-03-01
valid_to = 2027-06-01
legal_basis = "演示"
"""


def read(text: str) -> Edition:
    return read_edition(text.encode(), kinds(), today=TODAY, demo=True)


def test_a_document_says_what_it_says() -> None:
    edition = read(DOCUMENT)
    assert (edition.type, edition.edition, edition.region) == ("INFORMATION", "v5", "210500")
    assert (edition.valid_from, edition.valid_to) == (date(2027, 1, 1), None)
    assert edition.items[0] == InformationItem(
        kind="penalty",
        categories=frozenset({"LEGAL_ENTITY"}),
        share="O",
        providers=(Provider(UNIT, "演示局"),),
        partners=frozenset({"210100"}),
        cycle_days=7,
        legal_basis="演示",
        cycle_is_working=True,
    )
    catalogue = catalogues_of([edition]).on(date(2027, 1, 1))
    assert catalogue.government_kinds() == {"penalty", "housing_fund_arrears"}
    assert catalogue.travelling("210100") == {"penalty"}
    assert catalogue.travelling("210300") == frozenset()
    assert catalogue.shares("penalty", "LEGAL_ENTITY", "210100")
    assert not catalogue.shares("penalty", "INDIVIDUAL_BUSINESS", "210100")


def test_an_application_row_counts_for_its_unit_its_purposes_and_its_days() -> None:
    catalogues = catalogues_of([read(APPLICATION)])

    def asked(day: date, purpose: str, unit: str = UNIT) -> frozenset[str]:
        return catalogues.on(day).application_kinds(unit, purpose)

    assert asked(date(2026, 12, 31), "P1") == frozenset()
    assert asked(date(2027, 1, 1), "P1") == {"penalty"}
    assert asked(date(2027, 2, 28), "P6") == frozenset()
    assert asked(date(2027, 5, 31), "P6") == {"penalty", "red_list"}
    assert asked(date(2027, 6, 1), "P6") == frozenset()
    assert asked(date(2027, 5, 31), "P2") == frozenset()
    assert asked(date(2027, 5, 31), "P1", "11210500XDC3PH187X") == frozenset()
    assert asked(date(2028, 1, 1), "P1") == frozenset()


@pytest.mark.parametrize(
    ("text", "old", "new", "code_", "line", "place"),
    [
        (DOCUMENT, '"penalty"', '"fine"', "CATALOGUE_KIND_UNKNOWN", 8, "item[1].kind"),
        (DOCUMENT, 'share = "G"', 'share = "O"', "CATALOGUE_SHARE_TOO_WIDE", 19, "item[2].share"),
        (DOCUMENT, 'share = "O"', 'share = "X"', "CATALOGUE_MALFORMED", 10, "item[1].share"),
        (DOCUMENT, f'"{UNIT}"', '"11210500XDGX51K63A"', "CATALOGUE_UNIT_INVALID", 11,
         "item[1].providers"),
        (DOCUMENT, '"演示局"', '" "', "CATALOGUE_MALFORMED", 11, "item[1].providers.name"),
        (DOCUMENT, '["210100"]', '["999999"]', "CATALOGUE_PARTNER", 12, "item[1].partners"),
        (DOCUMENT, '["210100"]', '["210500"]', "CATALOGUE_PARTNER", 12, "item[1].partners"),
        (DOCUMENT, 'share = "O"', 'share = "A"', "CATALOGUE_PARTNER", 12, "item[1].partners"),
        (DOCUMENT, "= 7", "= 0", "CATALOGUE_MALFORMED", 13, "item[1].cycle_working_days"),
        (DOCUMENT, "= 7", "= true", "CATALOGUE_MALFORMED", 13, "item[1].cycle_working_days"),
        (DOCUMENT, '["LEGAL_ENTITY"]', '["FIRM"]', "CATALOGUE_MALFORMED", 9,
         "item[1].categories"),
        (DOCUMENT, '"housing_fund_arrears"', '"penalty"', "CATALOGUE_MALFORMED", 17,
         "item[2].kind"),
        (DOCUMENT, "partners =", "partner =", "CATALOGUE_MALFORMED", 12, "item[1].partner"),
        (DOCUMENT, "2027-01-01", '"tomorrow"', "CATALOGUE_MALFORMED", 4, "valid_from"),
        (DOCUMENT, "2027-01-01", "2027-01-01T00:00:00", "CATALOGUE_MALFORMED", 4, "valid_from"),
        (DOCUMENT, '"210500"', '"999999"', "CATALOGUE_REGION", 3, "region"),
        (DOCUMENT, '"INFORMATION"', '"OTHER"', "CATALOGUE_MALFORMED", 1, "type"),
        (DOCUMENT, "share =", "share", "CATALOGUE_MALFORMED", 10, "document"),
        (APPLICATION, '"P6"', '"P18"', "CATALOGUE_PURPOSE_UNKNOWN", 20, "application[2].purposes"),
        (APPLICATION, '"red_list"', '"x"', "CATALOGUE_KIND_UNKNOWN", 21, "application[2].kinds"),
        (APPLICATION, "2028-01-01", "2026-01-01", "CATALOGUE_MALFORMED", 5, "valid_to"),
        (APPLICATION, "2027-06-01", "2028-06-01", "CATALOGUE_MALFORMED", 22,
         "application[2].valid_from"),
        (APPLICATION, '"评优"', '""', "CATALOGUE_MALFORMED", 19, "application[2].matter"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_line_and_field(
    text: str, old: str, new: str, code_: str, line: int, place: str
) -> None:
    with pytest.raises(CatalogueError) as refused:
        read(text.replace(old, new, 1))
    assert refused.value.code == code_
    assert (refused.value.faults[0].line, refused.value.faults[0].place) == (line, place)


def test_every_fault_of_a_document_is_told_at_once() -> None:
    with pytest.raises(CatalogueError) as refused:
        read(DOCUMENT.replace('"penalty"', '"fine"').replace('share = "G"', 'share = "O"'))
    assert [fault.line for fault in refused.value.faults] == [8, 19]


def edition(name: str, start: date, end: date | None = None, **changes: Any) -> Edition:
    made = Edition(CatalogueType.INFORMATION, name, BENXI, start, end, "演示")
    return replace(made, **changes)


@pytest.mark.parametrize(
    ("first_end", "second", "code_"),
    [
        (date(2026, 7, 1), date(2026, 7, 1), None),
        (None, date(2026, 7, 1), None),
        (date(2026, 7, 1), date(2026, 6, 30), "CATALOGUE_OVERLAP"),
        (date(2026, 7, 1), date(2026, 7, 2), "CATALOGUE_GAP"),
        (date(2026, 7, 1), date(2026, 1, 1), "CATALOGUE_OVERLAP"),
    ],
)
def test_editions_follow_each_other_without_overlap_and_gap(
    first_end: date | None, second: date, code_: str | None
) -> None:
    both = [edition("v1", date(2026, 1, 1), first_end), edition("v2", second)]
    if code_ is None:
        check_sequence(both)
        return
    with pytest.raises(StoreError) as refused:
        check_sequence(both)
    assert refused.value.code == code_


@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    stated=st.lists(st.booleans(), min_size=6, max_size=6),
    asked=st.integers(-5, 250),
)
def test_x03_every_day_has_the_one_edition_of_its_period(
    lengths: list[int], stated: list[bool], asked: int
) -> None:
    first = date(2026, 1, 1)
    starts = [sum(lengths[:at]) for at in range(len(lengths) + 1)]
    editions = [
        edition(
            f"v{at}",
            first + timedelta(days=starts[at]),
            first + timedelta(days=starts[at + 1]) if stated[at] else None,
        )
        for at in range(len(lengths))
    ]
    check_sequence(editions)
    expected = ""
    for at, start in enumerate(starts[:-1]):
        last = at == len(lengths) - 1 and not stated[at]
        if start <= asked and (last or asked < starts[at + 1]):
            expected = f"v{at}"
    found = catalogues_of(reversed(editions)).on(first + timedelta(days=asked))
    assert found.edition == expected


async def test_an_edition_is_never_changed_and_the_same_again_is_known(
    pool: asyncpg.Pool[Any],
) -> None:
    v5 = read(DOCUMENT)
    again = read("# another spelling\n" + DOCUMENT.replace("\n\n", "\n\n\n"))
    changed = read(DOCUMENT.replace('partners = ["210100"]', 'partners = ["*"]'))
    async with pool.acquire() as connection:
        assert await record_edition(connection, v5)
        assert not await record_edition(connection, again)
        with pytest.raises(StoreError) as refused:
            await record_edition(connection, changed)
        assert refused.value.code == "CATALOGUE_CHANGED"
        known = await load_catalogues(connection, BENXI)
        assert [one.content for one in known.editions] == [v5.content]
        assert await load_catalogues(connection, BENXI, known) is known
        assert (await load_catalogues(connection, "210100")).editions == ()
        follower = replace(v5, edition="v6", valid_from=date(2028, 1, 1), items=v5.items[:1])
        assert await record_edition(connection, follower)
        with pytest.raises(StoreError) as refused:
            await record_edition(connection, replace(follower, edition="v7"))
        assert refused.value.code == "CATALOGUE_OVERLAP"
        known = await load_catalogues(connection, BENXI, known)
    assert known.end(known.editions[0]) == date(2028, 1, 1)
    assert known.on(date(2027, 12, 31)).edition == "v5"
    assert known.on(date(2028, 1, 1)).government_kinds() == {"penalty"}


async def test_x02_x03_the_demo_shares_penalties_and_tax_arrears_only_from_july(
    pool: asyncpg.Pool[Any],
) -> None:
    async with pool.acquire() as connection:
        for region in (BENXI, "210100"):
            await load_demo_catalogues(connection, kinds(), region, TODAY)
            await load_demo_catalogues(connection, kinds(), region, TODAY)
        assert await connection.fetchval("SELECT count(*) FROM catalogue_edition") == 6
        found = {region: await load_catalogues(connection, region) for region in (BENXI, "210100")}
    for region, partner in ((BENXI, "210100"), ("210100", BENXI)):
        june, july = (found[region].on(day) for day in (TODAY, date(2026, 7, 1)))
        assert (june.edition, july.edition) == ("v3", "v4")
        assert {"penalty", "licence"} <= june.travelling(partner)
        assert not {"housing_fund_arrears", "tax_arrears"} & june.travelling(partner)
        assert july.travelling(partner) - june.travelling(partner) == {"tax_arrears"}
        assert june.government_kinds() == frozenset(kinds().by_name) & june.government_kinds()
        assert {"housing_fund_arrears", "tax_arrears"} <= june.government_kinds()


def test_the_demo_documents_name_every_kind_that_the_release_has() -> None:
    for document in demo_documents():
        made = read_edition(document, kinds(), today=TODAY, demo=True)
        if made.type is CatalogueType.INFORMATION:
            assert {item.kind for item in made.items} >= {"penalty", "watch_list", "evaluation"}


def test_a_day_without_an_edition_shares_nothing() -> None:
    none: Catalogue = catalogues_of([]).on(TODAY)
    assert none.edition == ""
    assert none.government_kinds() == none.travelling("210100") == frozenset()
    assert none.application_kinds(UNIT, "P1") == frozenset()


def report(day: date) -> Report:
    return Report(datetime(day.year, day.month, day.day, 9, tzinfo=SHANGHAI), 3)


@pytest.mark.parametrize(
    ("sent", "cycle", "working", "due"),
    [
        (date(2026, 6, 10), 30, False, date(2026, 7, 10)),
        # 2026-06-11, 12, 15-18; 19-21 are the Dragon Boat holiday; 22-26, 29, 30, July 1-3, 6-9:
        # counted by hand from the State Council's notice for 2026.
        (date(2026, 6, 10), 20, True, date(2026, 7, 9)),
        (date(2026, 6, 10), None, False, None),
        (date(2026, 12, 31), 1, True, None),  # no notice for 2027 yet: not guessed
    ],
)
def test_the_next_report_is_due_after_the_cycle(
    sent: date, cycle: int | None, working: bool, due: date | None
) -> None:
    assert next_due(report(sent).sent_at, cycle, working, load_calendar()) == due


def test_a_silent_source_is_overdue_on_the_day_after_the_last() -> None:
    last = report(date(2026, 6, 1))
    due = date(2026, 6, 30)
    assert state(last, 29, due, date(2026, 6, 30)) is CoverageState.CURRENT
    assert state(last, 29, due, date(2026, 7, 1)) is CoverageState.OVERDUE
    assert state(last, None, None, date(2036, 7, 1)) is CoverageState.CURRENT
    assert state(None, None, None, date(2026, 6, 30)) is CoverageState.NEVER


def test_a_source_is_not_current_for_ever_where_the_calendar_ends() -> None:
    """Seven working days are seven days at least; the notice for 2027 may be long in coming."""
    last = report(date(2026, 12, 29))
    assert next_due(last.sent_at, 7, True, load_calendar()) is None
    assert state(last, 7, None, date(2027, 1, 5)) is CoverageState.CURRENT
    assert state(last, 7, None, date(2027, 1, 6)) is CoverageState.OVERDUE


async def test_intake_notes_which_unit_reported_how_many_lines(
    take: Take, sheet: Callable[..., Path], pool: asyncpg.Pool[Any]
) -> None:
    other = code(900002, "11")
    rows = [
        penalty(行政处罚决定书文号=f"本市监处〔2025〕{number}号", 数据来源单位代码=unit)
        for number, unit in ((1, ISSUER), (2, ISSUER), (3, other))
    ]
    path = sheet("20260601_penalty.csv", rows)
    await take(path)
    await take(path)
    found = await pool.fetch("SELECT kind, unit_id, stamp, lines FROM batch_unit ORDER BY lines")
    sent = datetime(2026, 6, 1, tzinfo=SHANGHAI)
    assert [tuple(row) for row in found] == [
        ("penalty", other, sent, 1),
        ("penalty", ISSUER, sent, 2),
    ]


async def test_a_report_without_a_unit_is_noted_too(
    take: Take, tmp_path: Path, pool: asyncpg.Pool[Any]
) -> None:
    path = tmp_path / "20260601_court.json"
    entry = {
        "iname": "本溪示例机械有限公司",
        "age": 0,
        "partyTypeName": "1",
        "cardNum": code(1),
        "courtName": "本溪市平山区人民法院",
        "areaName": "辽宁",
        "caseCode": "（2026）辽0502执1号",
        "gistId": "（2025）辽0502民初1号",
        "gistUnit": "本溪市平山区人民法院",
        "regDate": "20260206",
        "duty": "给付货款7000元",
        "performance": "全部未履行",
        "disruptTypeName": "违反财产报告制度",
        "publishDate": "2026年02月20日",
    }
    path.write_text(json.dumps([entry], ensure_ascii=False), encoding="utf-8")
    await take(path)
    row = await pool.fetchrow("SELECT kind, unit_id, lines FROM batch_unit")
    assert row is not None
    assert tuple(row) == ("court_defaulter", "", 1)
