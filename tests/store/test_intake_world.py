"""The demo world through the whole intake: planted faults are found, cases come out right."""

from __future__ import annotations

import json
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import date
from typing import Any

import asyncpg
import pytest

from schema.records import kinds
from service.postgres import PostgresServer
from service.world import write_world
from store.intake import BatchSummary, import_paths
from store.migrations import migrate
from tests.store.conftest import TODAY, FixedCipher

REGIONS = {"benxi": "210500", "shenyang": "210100"}


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

    async def subject(self, code: str) -> Any:
        """The only subject with that code."""
        [row] = await self.pool.fetch("SELECT subject_id FROM identifier WHERE value = $1", code)
        return row[0]


@dataclass(frozen=True)
class World:
    golden: dict[str, Any]
    expected: dict[str, Any]
    cities: dict[str, City]


@pytest.fixture(scope="module")
async def world(
    _migrated: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    out = tmp_path_factory.mktemp("world")
    write_world("S", 20201022, out)
    truth = {
        n: json.loads((out / f"truth/{n}.json").read_text()) for n in ("golden", "expected_intake")
    }
    async with AsyncExitStack() as stack:
        cities = {}
        for name, region in REGIONS.items():
            database = f"world_{name}_{secrets.token_hex(4)}"
            admin = await asyncpg.connect(_migrated.dsn)
            stack.push_async_callback(admin.close)
            await admin.execute(f"CREATE DATABASE {database}")
            stack.push_async_callback(admin.execute, f"DROP DATABASE {database} WITH (FORCE)")
            await migrate(_migrated.dsn_of(database))
            pool = await stack.enter_async_context(
                asyncpg.create_pool(_migrated.dsn_of(database), min_size=1, max_size=2)
            )
            summary = await import_paths(
                pool,
                [out / "feeds" / name],
                kinds=kinds(),
                cipher=FixedCipher(),
                region=region,
                platform=name,
                today=TODAY,
                report_dir=out / name,
            )
            cities[name] = City(pool, summary.batches)
        yield World(truth["golden"], truth["expected_intake"], cities)


async def test_every_line_ends_as_the_truth_expects(world: World) -> None:
    for name, city in world.cities.items():
        for batch in city.batches:
            expected = world.expected[f"feeds/{name}/{batch.path.name}"]
            assert batch.lines == expected["lines"]
            if expected["counts"] is not None:
                assert expected["counts"] == {
                    "accepted": batch.accepted,
                    "withFindings": batch.with_findings,
                    "rejected": batch.rejected,
                }
            odd = {entry["line"]: entry for entry in expected["odd"]}
            found = await city.severities(batch)
            for line in found.keys() | odd.keys():
                entry = odd.get(line, {"outcome": "clean", "finding": None})
                place = (batch.path.name, line, entry, found.get(line))
                assert _agrees(entry["outcome"], found.get(line, {})), place
                assert entry["finding"] in {None, *found.get(line, {})}, place


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
