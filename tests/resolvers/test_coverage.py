"""Coverage, published catalogues, and X03: records as of a day, never more than today."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import orjson
import pytest

from resolvers.context import Context
from resolvers.operation import Operations
from schema.definition import CreditSchema
from security.policy import Scope
from store.catalogue import (
    Application,
    Catalogues,
    CatalogueType,
    Edition,
    InformationItem,
    Provider,
    catalogues_of,
)
from store.coverage import SHANGHAI
from tests.resolvers.walled import Walled

from .conftest import TODAY

MARKET = Provider("11210500XDGX51K63J", "市场监管局")
ECOLOGY = Provider("11210500XD79B1EA2A", "生态环境局")
HEALTH = Provider("11210500XDK0P14J40", "卫健委")
JULY = dt.date(2026, 7, 1)


def item(kind: str, share: str, *providers: Provider, **more: Any) -> InformationItem:
    given = {"partners": frozenset({"*"}), "cycle_days": 30, "legal_basis": "演示", **more}
    return InformationItem(
        kind=kind, categories=frozenset({"LEGAL_ENTITY"}), share=share, providers=providers, **given
    )


PENALTY = item("penalty", "O", MARKET, ECOLOGY, HEALTH)
FUND = item("housing_fund_arrears", "G", MARKET, partners=frozenset())
CATALOGUES = catalogues_of(
    [
        Edition(CatalogueType.INFORMATION, "v2", "210500", dt.date(2025, 1, 1), None, "演示",
                (FUND, item("licence", "O", MARKET))),
        Edition(CatalogueType.INFORMATION, "v3", "210500", dt.date(2025, 7, 1), None, "演示",
                (FUND, PENALTY)),
        Edition(CatalogueType.INFORMATION, "v4", "210500", JULY, None, "演示",
                (FUND, PENALTY, item("licence", "O", MARKET))),
        Edition(CatalogueType.APPLICATION, "a1", "210500", dt.date(2025, 1, 1), None, "演示", (),
                (Application("unit", "处罚裁量", frozenset({"P2"}), frozenset({"penalty"}),
                             dt.date(2025, 1, 1), None, "演示", "单位"),)),
    ]
)  # fmt: skip
Ask = Callable[..., Any]


@pytest.fixture
def ask(pool: asyncpg.Pool[Any], operations: Operations, scope_of: Callable[..., Scope]) -> Ask:
    """Ask the town under CATALOGUES, as the pipeline would: grounds from the catalogue of today."""

    async def asked(
        document: str,
        role: str = "ANALYST",
        *,
        today: dt.date = TODAY,
        catalogues: Catalogues = CATALOGUES,
        agreed: frozenset[str] = frozenset({"penalty", "licence"}),
        mirrored: tuple[str, ...] = ("penalty",),
        **variables: Any,
    ) -> Any:
        now = catalogues.on(today)
        purpose = "P2" if role == "DEPT" else None
        scope = scope_of(
            role,
            purpose=purpose,
            partner="210100",
            government_kinds=now.government_kinds(),
            shared_kinds=agreed & now.travelling("210100"),
            application_kinds=now.application_kinds("unit", "P2"),
            agreement="agreement-1" if role == "PCITY" else None,
        )
        context = Context(
            Walled(pool, scope.role, today),
            scope,
            today,
            b"k" * 32,
            region="210500",
            catalogues=catalogues,
            partner_kinds={"210100": frozenset(mirrored)},
        )
        answer = await operations.prepare(document, None, scope).run(context, variables)
        told = orjson.loads(answer.body)
        assert "errors" not in told, told["errors"]
        return told["data"]

    return asked


@pytest.fixture
async def reports(pool: asyncpg.Pool[Any]) -> AsyncIterator[None]:
    """Ecology reported twice, in May and June; market regulation in March; nobody else."""
    for unit, month, day, lines in ((ECOLOGY, 5, 1, 9), (ECOLOGY, 6, 10, 4), (MARKET, 3, 20, 7)):
        await pool.execute(
            "INSERT INTO batch_unit VALUES ('penalty', $1, $2, gen_random_uuid(), $3)",
            unit.uscc,
            dt.datetime(2026, month, day, tzinfo=SHANGHAI),
            lines,
        )
    yield
    await pool.execute("DELETE FROM batch_unit")


COVERAGE = """query ($kinds: [String!], $on: Date) { coverage(kinds: $kinds, on: $on) {
  kind originRegion state sourceUnit { name } lastReceivedAt lastLines nextDueOn partnerReachedAt
  shared sharedFrom warning
} }"""


def told(rows: list[Any], origin: str = "210500") -> dict[tuple[str, str], Any]:
    return {
        (row["kind"], (row["sourceUnit"] or {"name": ""})["name"]): row
        for row in rows
        if row["originRegion"] == origin
    }


async def test_a_kind_that_is_none_is_refused(ask: Ask) -> None:
    """An empty answer would say that nothing is missing."""
    with pytest.raises(AssertionError, match="KIND_UNKNOWN"):
        await ask(COVERAGE, kinds=["penalty", "penalties"])


async def test_no_record_not_shared_and_source_silent_are_three_answers(
    ask: Ask, reports: None
) -> None:
    found = told((await ask(COVERAGE, kinds=["penalty", "licence"]))["coverage"])
    assert {key: row["state"] for key, row in found.items()} == {
        ("penalty", "生态环境局"): "CURRENT",
        ("penalty", "市场监管局"): "OVERDUE",
        ("penalty", "卫健委"): "NEVER",
        ("licence", ""): "NOT_SHARED",
    }
    current = found["penalty", "生态环境局"]
    assert (current["lastReceivedAt"], current["lastLines"], current["nextDueOn"]) == (
        "2026-06-10T00:00:00+08:00",
        4,
        "2026-07-10",
    )
    assert found["penalty", "市场监管局"]["nextDueOn"] == "2026-04-19"
    assert found["penalty", "卫健委"]["lastReceivedAt"] is None


async def test_what_names_no_unit_is_the_only_providers(ask: Ask, pool: asyncpg.Pool[Any]) -> None:
    sent = dt.datetime(2026, 6, 20, tzinfo=SHANGHAI)
    try:
        for kind in ("penalty", "housing_fund_arrears"):
            await pool.execute(
                "INSERT INTO batch_unit VALUES ($1, '', $2, gen_random_uuid(), 5)", kind, sent
            )
        found = told((await ask(COVERAGE, kinds=["penalty", "housing_fund_arrears"]))["coverage"])
    finally:
        await pool.execute("DELETE FROM batch_unit")
    assert found["housing_fund_arrears", "市场监管局"]["lastLines"] == 5
    assert {row["state"] for key, row in found.items() if key[0] == "penalty"} == {"NEVER"}


async def test_coverage_of_an_earlier_day_knows_only_what_had_come(ask: Ask, reports: None) -> None:
    found = told((await ask(COVERAGE, kinds=["penalty"], on="2026-05-31"))["coverage"])
    ecology = found["penalty", "生态环境局"]
    assert (ecology["state"], ecology["lastLines"], ecology["nextDueOn"]) == (
        "CURRENT",
        9,
        "2026-05-31",
    )
    last = told((await ask(COVERAGE, kinds=["penalty"], on="9999-12-31"))["coverage"])
    assert last["penalty", "生态环境局"]["state"] == "OVERDUE"
    later = told((await ask(COVERAGE, kinds=["penalty"], on="2026-06-09"))["coverage"])
    assert later["penalty", "生态环境局"]["state"] == "OVERDUE"


@pytest.mark.parametrize(
    ("role", "shared"),
    [
        ("PUB", {"penalty"}),
        ("ANALYST", {"penalty", "housing_fund_arrears"}),
        ("DEPT", {"penalty"}),
        ("PCITY", {"penalty"}),
        ("AUDITOR", set()),
    ],
)
async def test_coverage_says_not_shared_to_who_may_not_see_the_item(
    ask: Ask, reports: None, role: str, shared: set[str]
) -> None:
    rows = (await ask(COVERAGE, role))["coverage"]
    own = [row for row in rows if row["originRegion"] == "210500"]
    assert {row["kind"] for row in own if row["state"] != "NOT_SHARED"} == shared
    for row in rows:
        if row["state"] == "NOT_SHARED":
            assert row["lastReceivedAt"] is row["lastLines"] is row["nextDueOn"] is None


async def test_x35_a_partner_that_does_not_answer_is_overdue_with_its_last_time(
    ask: Ask, pool: asyncpg.Pool[Any]
) -> None:
    rows = (await ask(COVERAGE, kinds=["penalty"]))["coverage"]
    assert told(rows, "210100")["penalty", ""]["state"] == "NEVER"
    reached = dt.datetime(2026, 6, 29, 12, tzinfo=SHANGHAI)
    try:
        await pool.execute(
            "INSERT INTO mirror_cursor (feed, region_id, agreement_id, size, range_hashes,"
            " checkpoint_size, checkpoint_root, updated_at)"
            " VALUES ('x/feed', '210100', 'a', 42, '', 42, '', $1)",
            reached,
        )
        for code, expected in ((None, "CURRENT"), ("PARTNER_UNAVAILABLE", "OVERDUE")):
            await pool.execute(
                "INSERT INTO partner_state (region_id, code, last_success_at)"
                " VALUES ('210100', $1, $2) ON CONFLICT (region_id) DO UPDATE SET code = $1",
                code,
                reached,
            )
            rows = (await ask(COVERAGE, kinds=["penalty"]))["coverage"]
            row = told(rows, "210100")["penalty", ""]
            assert (row["state"], row["lastLines"], row["warning"]) == (expected, 42, code)
            assert row["partnerReachedAt"] == "2026-06-29T12:00:00+08:00"
        for shared, expected in (
            (["licence.legal_entity"], "NOT_SHARED"),
            (["penalty.legal_entity"], "OVERDUE"),
        ):
            await pool.execute("UPDATE mirror_cursor SET shared = $1", shared)
            rows = (await ask(COVERAGE, kinds=["penalty"]))["coverage"]
            assert told(rows, "210100")["penalty", ""]["state"] == expected
    finally:
        await pool.execute("DELETE FROM partner_state")
        await pool.execute("DELETE FROM mirror_cursor")


@pytest.mark.parametrize(
    ("role", "day", "fund", "penalty", "licence"),
    [
        ("ANALYST", "2026-06-30", "+2025-01-01", "+2025-07-01", "-2026-07-01"),
        ("ANALYST", "2025-06-30", "+2025-01-01", "-2025-07-01", "+2025-01-01"),
        ("PUB", "2026-06-30", "-None", "+2025-07-01", "-2026-07-01"),
        ("DEPT", "2026-06-30", "-None", "+2025-07-01", "-2026-07-01"),
        ("PCITY", "2026-06-30", "-None", "+2025-07-01", "-2026-07-01"),
        ("AUDITOR", "2026-06-30", "-None", "-None", "-None"),
    ],
)
async def test_x03_coverage_says_since_when_an_item_is_shared_with_the_caller(
    ask: Ask, role: str, day: str, fund: str, penalty: str, licence: str
) -> None:
    kinds = ["housing_fund_arrears", "penalty", "licence"]
    mirrored = ("penalty", "licence")
    rows = (await ask(COVERAGE, role, kinds=kinds, on=day, mirrored=mirrored))["coverage"]
    found = {(row["kind"], "+-"[not row["shared"]] + str(row["sharedFrom"])) for row in rows}
    assert found == set(zip(kinds, (fund, penalty, licence), strict=True))


def test_coverage_takes_no_subject(credit: CreditSchema) -> None:
    query = credit.graphql.query_type
    assert query is not None
    assert set(query.fields["coverage"].args) == {"kinds", "on"}


async def test_everybody_reads_the_published_catalogues(ask: Ask) -> None:
    document = """query ($on: Date) { catalogue(on: $on) {
      on region information { edition validFrom validTo }
      items { kind label share partners providers { name } cycleDays }
      application { edition } applications { unitName matter purposes kinds }
    } }"""
    found = (await ask(document, "PUB"))["catalogue"]
    assert found["information"] == {
        "edition": "v3",
        "validFrom": "2025-07-01",
        "validTo": "2026-07-01",
    }
    assert [row["kind"] for row in found["items"]] == ["housing_fund_arrears", "penalty"]
    assert found["items"][1]["label"] == "行政处罚"
    assert found["applications"] == [
        {"unitName": "单位", "matter": "处罚裁量", "purposes": ["P2"], "kinds": ["penalty"]}
    ]
    july = (await ask(document, "AUDITOR", on="2026-07-01"))["catalogue"]
    assert (july["information"]["edition"], july["information"]["validTo"]) == ("v4", None)
    none = (await ask(document, "PUB", on="2024-12-31"))["catalogue"]
    assert (none["information"], none["items"], none["applications"]) == (None, [], [])


PENALTIES = """query ($asOf: Date) {
  organisation(code: "91210500XD00000011") {
    penalties(filter: {asOf: $asOf}) { totalCount nodes { documentNo } }
  }
  records(filter: {asOf: $asOf, kinds: ["penalty"], subject: "91210500XD00000011"}) { totalCount }
}"""


async def numbers(ask: Ask, role: str, day: str | None, **more: Any) -> set[str]:
    found = await ask(PENALTIES, role, asOf=day, **more)
    page = found["organisation"]["penalties"]
    assert page["totalCount"] == len(page["nodes"]) == found["records"]["totalCount"]
    return {row["documentNo"] for row in page["nodes"]}


@pytest.mark.parametrize(
    ("role", "day", "expected"),
    [
        # 罚1 of January 2026, displayed; 罚2 of June 2025, no longer; 罚3 of March 2025, class G
        ("ANALYST", None, {"罚1", "罚2", "罚3"}),
        ("ANALYST", "2026-06-30", {"罚1", "罚2", "罚3"}),
        ("ANALYST", "2025-12-31", {"罚2", "罚3"}),
        ("ANALYST", "2025-06-30", set()),  # v2 had no penalties
        ("ANALYST", "2024-06-30", set()),
        ("PCITY", "2026-06-30", {"罚1", "罚2", "罚3"}),
        ("PCITY", "2025-12-31", {"罚2", "罚3"}),
        ("PCITY", "2025-06-30", set()),
        ("DEPT", "2025-12-31", {"罚2", "罚3"}),
        ("DEPT", "2025-06-30", set()),
        ("PUB", "2026-06-30", {"罚1"}),
        ("PUB", "2025-12-31", set()),
    ],
)
async def test_x03_as_of_a_day_shows_what_was_decided_and_shared_by_then(
    ask: Ask, role: str, day: str | None, expected: set[str]
) -> None:
    assert await numbers(ask, role, day) == expected


async def test_x03_a_partner_sees_an_item_as_of_the_first_day_of_its_edition(ask: Ask) -> None:
    document = """query ($asOf: Date) { organisation(code: "91210500XD00000011") {
      licences(filter: {asOf: $asOf}) { totalCount } } }"""

    async def count(role: str, day: str) -> int:
        found = await ask(document, role, asOf=day)
        total: int = found["organisation"]["licences"]["totalCount"]
        return total

    assert await count("PCITY", "2026-06-30") == 0
    assert await count("PCITY", "2026-07-01") == 2
    assert await count("PUB", "2026-06-30") == 2, "what is open is open to the public"


@pytest.mark.parametrize("role", ["ANALYST", "PCITY", "DEPT", "PUB"])
@pytest.mark.parametrize("day", ["2024-01-01", "2025-06-30", "2026-06-30", "2030-01-01"])
async def test_x03_as_of_never_shows_more_than_today(ask: Ask, role: str, day: str) -> None:
    assert await numbers(ask, role, day) <= await numbers(ask, role, None)
