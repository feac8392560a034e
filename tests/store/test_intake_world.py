"""The demo world through the whole intake: planted faults are found, cases come out right."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import date
from typing import Any

import asyncpg
import pytest

from service.world import write_world
from service.world.form import KINDS
from store.intake import BatchSummary
from tests.databases import Databases
from tests.store.conftest import REGIONS, FixedCipher, take_world

SEEDS = (20201022, 7)


@dataclass(frozen=True)
class City:
    """One city's database, and what intake said of each file."""

    pool: asyncpg.Pool[Any]
    batches: tuple[BatchSummary, ...]

    async def severities(self, batch: BatchSummary) -> Mapping[int, dict[str, str]]:
        """Severity by code of the findings of each line."""
        lines: dict[int, dict[str, str]] = defaultdict(dict)
        for row in await self.pool.fetch(
            "SELECT line_no, code, severity FROM batch_finding WHERE batch_id = $1", batch.batch_id
        ):
            lines[row["line_no"]][row["code"]] = row["severity"]
        return lines

    async def record(self, document_no: str) -> asyncpg.Record:
        """The only record of that document."""
        [row] = await self.pool.fetch("SELECT * FROM record WHERE document_no = $1", document_no)
        return row

    async def records(self, kind: str, code: str) -> list[asyncpg.Record]:
        """The records of a kind about whoever has that code, in order of their dates."""
        return await self.pool.fetch(
            "SELECT * FROM record WHERE kind = $1 AND subject_id = $2"
            " ORDER BY decision_date, record_id",
            kind,
            await self.subject(code),
        )

    async def subject(self, code: str) -> Any:
        """The only subject with that code."""
        [row] = await self.pool.fetch("SELECT subject_id FROM identifier WHERE value = $1", code)
        return row[0]


@dataclass(frozen=True)
class World:
    golden: dict[str, Any]
    expected: dict[str, Any]
    told: dict[str, list[dict[str, Any]]]  # truth of the further kinds
    cities: dict[str, City]


@pytest.fixture(scope="module", params=SEEDS)
async def world(
    request: pytest.FixtureRequest,
    databases: Databases,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[World]:
    out = tmp_path_factory.mktemp("world")
    write_world("S", request.param, out)
    truth = {
        n: json.loads((out / f"truth/{n}.json").read_text("utf-8"))
        for n in ("golden", "expected_intake")
    }
    async with AsyncExitStack() as stack:
        cities = {}
        for name in REGIONS:
            dsn = await stack.enter_async_context(databases.fresh())
            pool = await stack.enter_async_context(asyncpg.create_pool(dsn, min_size=1, max_size=2))
            summary = await take_world(pool, out, name)
            cities[name] = City(pool, summary.batches)
        told = {
            kind: list(
                map(json.loads, (out / f"truth/{kind}.jsonl").read_text("utf-8").splitlines())
            )
            for kind in KINDS
        }
        yield World(truth["golden"], truth["expected_intake"], told, cities)


async def test_every_line_ends_as_the_truth_expects(world: World) -> None:
    wrong: list[object] = []
    for name, city in world.cities.items():
        for batch in city.batches:
            expected = world.expected[f"feeds/{name}/{batch.path.name}"]
            told = {
                "accepted": batch.accepted,
                "withFindings": batch.with_findings,
                "rejected": batch.rejected,
            }
            if batch.lines != expected["lines"] or expected["counts"] not in (None, told):
                wrong.append((name, batch.path.name, batch.lines, told, expected["counts"]))
            odd = {entry["line"]: entry for entry in expected["odd"]}
            found = await city.severities(batch)
            for line in found.keys() | odd.keys():
                entry = odd.get(line, {"outcome": "clean", "finding": None})
                if not _agrees(entry["outcome"], found.get(line, {})) or entry["finding"] not in {
                    None,
                    *found.get(line, {}),
                }:
                    wrong.append((batch.path.name, line, entry, found.get(line)))
    assert not wrong, "\n".join(map(str, wrong))


def _agrees(expected: str, found: Mapping[str, str]) -> bool:
    severities = set(found.values())
    told = (
        "rejected"
        if "error" in severities
        else "with_findings"
        if "warning" in severities
        else "clean"
    )
    return expected in (told, "open") or (expected == "not_clean" and told != "clean")


async def test_w10_shares_above_a_whole_are_warned_and_below_tolerated(world: World) -> None:
    over = [
        (name, code)
        for name, city in world.cities.items()
        for batch in city.batches
        for codes in (await city.severities(batch)).values()
        for code in codes
        if code == "SHARE_SUM"
    ]
    assert over == [("shenyang", "SHARE_SUM")]
    city = world.cities["shenyang"]
    [issue] = await city.pool.fetch("SELECT * FROM quality_issue WHERE kind = 'SHARE_SUM'")
    assert issue["subject_id"] == await city.subject(world.golden["W10"]["parties"]["B"]["uscc"])
    assert json.loads(issue["detail"]) == {"sum": world.golden["W10"]["sums"]["B"]}


async def test_w13_jurisdiction_is_what_the_registry_says_and_not_the_code(world: World) -> None:
    case = world.golden["W13"]["parties"]["A"]
    city = world.cities["benxi"]
    region = await city.pool.fetchval(
        "SELECT region_id FROM organisation WHERE uscc = $1", case["uscc"]
    )
    assert region == case["region"] != world.golden["W13"]["codeDivision"]


async def test_w14_a_rename_is_one_body_and_a_namesake_another(world: World) -> None:
    case = world.golden["W14"]
    benxi, shenyang = world.cities["benxi"], world.cities["shenyang"]
    body = await benxi.subject(case["parties"]["A"]["uscc"])
    old = await benxi.record(case["penaltyUnderOldName"])
    assert (old["subject_id"], old["reported_name"]) == (body, case["formerName"])
    assert await benxi.pool.fetchval(
        "SELECT is_former FROM organisation_name WHERE subject_id = $1 AND name = $2",
        body,
        case["formerName"],
    )
    assert body != await shenyang.subject(case["parties"]["B"]["uscc"])


async def test_w15_persons_of_one_name_make_exactly_one_merge(world: World) -> None:
    parties = world.golden["W15"]["parties"]
    rows = await world.cities["benxi"].pool.fetch(
        "SELECT DISTINCT r.subject_id AS firm, r.other_id AS person FROM relation r"
        " JOIN person p ON p.subject_id = r.other_id JOIN organisation o"
        " ON o.subject_id = r.subject_id WHERE p.name = '王伟' AND o.uscc = ANY($1)",
        [parties[letter]["uscc"] for letter in "ABC"],
    )
    assert len(rows) == world.golden["W15"]["mentions"]
    assert len({row["person"] for row in rows}) == world.golden["W15"]["persons"]


async def test_w16_an_old_code_joins_by_the_embedded_one(world: World) -> None:
    case = world.golden["W16"]
    city = world.cities["benxi"]
    record = await city.record(case["penalty"])
    assert record["subject_id"] == await city.subject(case["parties"]["A"]["uscc"])
    assert (record["reported_code_type"], record["reported_code"]) == ("org_code", case["orgCode"])


async def test_w20_w21_w22_each_decision_has_the_clock_of_its_day(world: World) -> None:
    city = world.cities["benxi"]
    for penalty in world.golden["W20"]["penalties"]:
        record = await city.record(penalty["documentNo"])
        assert record["rule_set_id"] == penalty["ruleSet"]
        assert record["display_until"] == date.fromisoformat(penalty["pubMaxEnd"])
    for penalty in world.golden["W21"]["penalties"]:
        record = await city.record(penalty["documentNo"])
        assert record["display_min_until"] == date.fromisoformat(penalty["repairableFrom"])
    case = world.golden["W22"]
    record = await city.record(case["penalty"])
    assert record["display_min_until"] == date.fromisoformat(case["pubMinEnd"])
    assert record["display_until"] == date.fromisoformat(case["pubMaxEnd"])


async def test_w24_yuan_in_a_column_of_ten_thousands_is_warned(world: World) -> None:
    city = world.cities["benxi"]
    record = await city.record(world.golden["W24"]["penalty"])
    codes = await city.pool.fetch(
        "SELECT code, severity FROM batch_finding WHERE batch_id = $1 AND line_no = $2",
        record["batch_id"],
        record["line_no"],
    )
    assert [tuple(row) for row in codes] == [("UNIT_SUSPECT", "warning")]


async def test_w27_a_decision_annulled_by_the_court_is_not_shown(world: World) -> None:
    record = await world.cities["benxi"].record(world.golden["W27"]["penalty"])
    assert (record["status"], record["display_end_reason"]) == ("WITHDRAWN", "撤销")
    assert record["display_ended_on"] == date(2026, 6, 19)


async def test_w28_the_correction_stands(world: World) -> None:
    for current in world.golden["W28"]["current"]:
        record = await world.cities["benxi"].record(current["documentNo"])
        assert json.loads(record["fields"])["fineAmount"] == current["fineAmount"]


# ---- the further kinds -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
async def test_every_matter_is_one_record(world: World, kind: str) -> None:
    for name, city in world.cities.items():
        odd = sum(
            len(told["odd"])
            for path, told in world.expected.items()
            if path.startswith(f"feeds/{name}/") and f"_{kind}." in path
        )
        told = [row for row in world.told[kind] if row["city"] == name]
        stored = await city.pool.fetchval("SELECT count(*) FROM record WHERE kind = $1", kind)
        assert abs(stored - len(told)) <= odd, name


async def test_every_kind_came_in_every_format_it_is_sent_in(world: World) -> None:
    endings = {batch.path.suffix for city in world.cities.values() for batch in city.batches}
    assert endings == {".csv", ".jsonl", ".json", ".xlsx"}
    for city in world.cities.values():
        for batch in city.batches:
            assert f"_{batch.kind}." in batch.path.name


async def test_w13_what_the_old_city_licensed_stays_with_it(world: World) -> None:
    case = world.golden["W13"]
    record = await world.cities["shenyang"].record(case["licenceBeforeTheMove"])
    code = case["parties"]["A"]["uscc"]
    assert record["subject_id"] == await world.cities["shenyang"].subject(code)
    assert record["origin_region"] == "210100"


async def test_w17_a_listing_ended_by_repair_is_not_displayed(world: World) -> None:
    case = world.golden["W17"]
    code = case["parties"]["A"]["uscc"]
    [record] = await world.cities["shenyang"].records("abnormal_operation", code)
    assert record["display_ended_on"] == date.fromisoformat(case["listing"]["removedOn"])


async def test_w18_points_and_the_courts_list_meet_in_one_subject(world: World) -> None:
    case, city = world.golden["W18"], world.cities["shenyang"]
    for label in "AB":
        code = case["parties"][label]["uscc"]
        [record] = await city.records("evaluation", code)
        fields = json.loads(record["fields"])
        assert (fields["score"], fields["grade"]) == (str(case["score"]), case["mapped"])
        listed = await city.records("court_defaulter", code)
        assert [row["document_no"] for row in listed] == [case["caseNo"]][: label == "A"]
        for row in listed:
            assert (row["decision_date"], row["display_ended_on"]) == (date(2026, 6, 29), None)


async def test_w29_red_and_black_are_told_at_whichever_comes_last(world: World) -> None:
    found = [
        (batch.path.name, code)
        for name, city in world.cities.items()
        for batch in city.batches
        for codes in (await city.severities(batch)).values()
        for code in codes
        if code == "RED_AND_SERIOUS"
    ]
    assert sorted(name.split("_")[0] for name, _ in found) == ["20260515", "20260529", "20260625"]


async def test_w30_records_stay_with_the_deregistered_firm(world: World) -> None:
    case, city = world.golden["W30"], world.cities["benxi"]
    record = await city.record(case["penalty"])
    assert record["subject_id"] == await city.subject(case["parties"]["A"]["uscc"])
    assert not await city.records("penalty", case["parties"]["B"]["uscc"])


async def test_a_courts_persons_are_known_by_the_entry_only(world: World) -> None:
    case, city = world.golden["COURT"], world.cities["benxi"]
    firm, one, other = [await city.record(case["caseNo"][label]) for label in "APQ"]
    assert firm["subject_id"] == await city.subject(case["parties"]["A"]["uscc"])
    holders = await city.pool.fetch(
        "SELECT other_id FROM relation WHERE subject_id = $1",
        await city.subject(case["parties"]["B"]["uscc"]),
    )
    subjects = {one["subject_id"], other["subject_id"], *(row["other_id"] for row in holders)}
    assert len(subjects) >= 3
    assert one["subject_id"] not in {row["other_id"] for row in holders}
    for label, record in (("P", one), ("Q", other)):
        full = case["parties"][label]["idNumber"]
        assert full not in record["fields"]
        assert json.loads(record["fields"])["idMasked"] == f"{full[:10]}****{full[14:]}"


async def test_forms_of_2015_join_by_old_code_and_keep_both_types(world: World) -> None:
    case, city = world.golden["FORM2015"], world.cities["benxi"]
    licence = await city.record(case["licenceOfFirm"])
    assert licence["subject_id"] == await city.subject(case["parties"]["A"]["uscc"])
    person = await city.record(case["licenceOfPerson"])
    assert (person["subject_category"], person["class"]) == ("NATURAL_PERSON", "G")
    penalty = await city.record(case["penalty"])
    assert json.loads(penalty["fields"])["penaltyTypes"] == ["WARNING", "FINE"]


async def test_the_firm_of_the_citizen_has_every_record_that_was_sent(world: World) -> None:
    case, city = world.golden["SELF"], world.cities["benxi"]
    for kind, values in case["ofFirm"].items():
        found = await city.records(kind, world.golden["self_firm"])
        assert len(found) == len(values), kind
    person = FixedCipher().blind_index("person_number", world.golden["self_person"])
    subject = await city.subject(person)
    rows = await city.pool.fetch(
        "SELECT kind, count(*) FROM record WHERE subject_id = $1 GROUP BY kind", subject
    )
    assert {row[0]: row[1] for row in rows} == {k: len(v) for k, v in case["ofPerson"].items()}


async def test_x02_x08_arrears_stand_and_one_person_has_one_number_in_both_cities(
    world: World,
) -> None:
    case, city = world.golden["X02"], world.cities["benxi"]
    code = case["parties"]["A"]["uscc"]
    for kind, period in (
        ("housing_fund_arrears", case["housingFundPeriod"]),
        ("tax_arrears", case["taxPeriod"]),
    ):
        [record] = await city.records(kind, code)
        assert json.loads(record["fields"])["period"] == period
        assert record["display_ended_on"] is None
    case = world.golden["X08"]
    for label, cities in (("P", {"benxi", "shenyang"}), ("Q", {"shenyang"})):
        index = FixedCipher().blind_index("person_number", case["parties"][label]["idNumber"])
        known = {
            name
            for name, other in world.cities.items()
            if await other.pool.fetchval("SELECT 1 FROM identifier WHERE value = $1", index)
        }
        assert known == cities
