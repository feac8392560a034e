"""Plan tasks 3, 6, 7 and W23: what units report, counted by months; for themselves and stewards."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import orjson
import pytest

from resolvers.context import Context
from resolvers.operation import Operations
from schema.records import kinds
from security.policy import Scope
from store.hot import ensure_hot_columns
from store.pool import open_pool
from store.wall import raise_walls
from store.working_day import load_working_days
from tests.resolvers.conftest import TODAY
from tests.resolvers.walled import Walled

OURS, OTHER = "11210500XD0000002X", "11210504XD0000003X"
_RECEIVED = (
    # decided, received (UTC), class: W23 is in time by the calendar and late by weekdays
    ("2025-09-30", "2025-10-14T17:00:00Z", "O"),
    ("2025-09-30", "2025-10-16T02:00:00Z", "I"),  # the seventh day, and internal: counted too
    ("2025-09-30", "2025-10-17T02:00:00Z", "O"),  # the eighth
    ("2025-11-03", "2025-11-03T02:00:00Z", "O"),
)
ASK = """query($u: String, $a: Date, $b: Date, $h: String, $by: ReportingPeriod! = MONTH) {
  reportingStatistics(unit: $u, from: $a, to: $b, half: $h, by: $by) { since until
    rows { unit { uscc name } kind period batches lines rejected withFindings records corrections
      repeated timed onTime onTimeShare late medianWorkingDays longestWorkingDays completeness }
    findings { unit { uscc } kind period code severity findings } } }"""
Ask = Callable[..., Any]


@pytest.fixture
async def reported(database: str) -> AsyncIterator[asyncpg.Pool[Any]]:
    pool = await open_pool(database, max_size=2, answering=True)
    async with pool.acquire() as connection:
        await ensure_hot_columns(connection, kinds())
        await raise_walls(connection, kinds())
        await load_working_days(connection)
        await connection.executemany(
            "INSERT INTO unit (unit_id, name, is_source) VALUES ($1, $2, true)",
            [(OURS, "应急管理局"), (OTHER, "明山区某局")],
        )
        for number, (decided, received, class_) in enumerate(_RECEIVED):
            await connection.execute(
                "WITH made AS (INSERT INTO record (subject_id, record_id, kind, origin_region,"
                " subject_category, reported_name, source_unit_name, source_unit_uscc,"
                " decision_date, received_at, class, status, fields, commitment, digest, stamp,"
                " batch_sha, line_no) VALUES (gen_random_uuid(), gen_random_uuid(), 'penalty',"
                " '210500', 'LEGAL_ENTITY', '厂', '局', $1, $2, $3, $4, 'VALID',"
                """ '{"facts": "x", "content": "y"}', '', '', now(), '', $5) RETURNING *)"""
                " INSERT INTO record_version (subject_id, record_id, stamp, batch_sha, line_no,"
                " digest, status, commitment) SELECT subject_id, record_id, received_at, '', n, '',"
                " 'VALID', '' FROM made, generate_series(0, $6) n",
                OURS,
                dt.date.fromisoformat(decided),
                dt.datetime.fromisoformat(received),
                class_,
                number,
                2 if number == 0 else 0,  # the first one was corrected twice
            )
        await connection.execute(
            "INSERT INTO batch (batch_id, sha256, kind, file_name, encoding, stamp, accepted,"
            " with_findings, rejected) SELECT md5(i::text)::uuid, '', 'penalty', 'f', 'utf-8',"
            " '2025-10-15', 6, 1, i FROM generate_series(1, 2) i"
        )
        await connection.execute(
            "INSERT INTO batch_unit (kind, unit_id, stamp, batch_id, lines) VALUES"
            f" ('penalty', '{OURS}', '2025-10-15', md5('1')::uuid, 7),"
            f" ('penalty', '{OURS}', '2025-10-15', md5('2')::uuid, 3),"
            f" ('penalty', '{OTHER}', '2025-10-15', md5('2')::uuid, 4)"
        )
        await connection.execute(
            "INSERT INTO batch_finding (batch_id, line_no, field, code, severity, reason)"
            " SELECT md5((i % 2 + 1)::text)::uuid, i, 'x', 'CHECKSUM', 'error', 'y'"
            " FROM generate_series(1, 8) i"
        )
    yield pool
    await pool.close()


@pytest.fixture
def ask(reported: asyncpg.Pool[Any], operations: Operations, scope_of: Callable[..., Scope]) -> Ask:
    async def asked(
        role: str, unit: str = OURS, district: str | None = None, **variables: Any
    ) -> Any:
        grounds = {"unit": unit} if role == "DEPT" else {"district": district}
        scope = scope_of(role, **grounds)
        context = Context(Walled(reported, scope.role, TODAY), scope, TODAY, b"k" * 32)
        answer = await operations.prepare(ASK, None, scope).run(context, variables)
        told = orjson.loads(answer.body)
        if "errors" in told:
            return [error["extensions"]["code"] for error in told["errors"]]
        return told["data"]["reportingStatistics"]

    return asked


@pytest.mark.parametrize("role", ["STEWARD", "SUPERVISOR", "DEPT"])
async def test_w23_timeliness_by_working_days_whoever_may_ask(ask: Ask, role: str) -> None:
    """The wall of a role changes no number: an internal record was reported like any other."""
    told = await ask(role, u=OURS, a="2025-10-01", b="2025-12-31")
    october, november = told["rows"]
    assert october == {
        "unit": {"uscc": OURS, "name": "应急管理局"}, "kind": "penalty", "period": "2025-10",
        "batches": 2, "lines": 10, "rejected": 1, "withFindings": 1, "records": 3,
        "corrections": 2, "repeated": 5, "timed": 3, "onTime": 2, "onTimeShare": "0.6667",
        "late": 1, "medianWorkingDays": 7, "longestWorkingDays": 8,
        "completeness": october["completeness"],
    }  # fmt: skip
    assert 0 < float(october["completeness"]) < 0.5
    assert (november["records"], november["onTimeShare"], november["lines"]) == (1, "1", 0)
    assert november["longestWorkingDays"] == 0
    # Four findings are of the unit's own file; those of the shared file are nobody's.
    assert told["findings"] == [
        {"unit": {"uscc": OURS}, "kind": "penalty", "period": "2025-10", "code": "CHECKSUM",
         "severity": "error", "findings": 4}
    ]  # fmt: skip


async def test_the_day_of_receipt_is_shanghais(ask: Ask) -> None:
    """17:00 UTC on the 14th is the 15th, the sixth working day."""
    told = await ask("STEWARD", u=OURS, a="2025-10-15", b="2025-10-15")
    assert [(row["records"], row["medianWorkingDays"]) for row in told["rows"]] == [(1, 6)]
    assert (await ask("STEWARD", u=OURS, a="2025-10-14", b="2025-10-14"))["rows"] == []


async def test_a_correction_makes_no_report_late_and_moves_none(
    ask: Ask, reported: asyncpg.Pool[Any]
) -> None:
    """Its first statement came on the third working day; it was corrected 18 months later, and
    withdrawn by a decision after that."""
    first, then, last = (
        dt.datetime.fromisoformat(f"{day}T02:00:00Z")
        for day in ("2024-03-07", "2025-10-20", "2025-11-05")
    )
    await reported.execute(
        "WITH made AS (INSERT INTO record (subject_id, record_id, kind, origin_region,"
        " subject_category, reported_name, source_unit_name, source_unit_uscc, decision_date,"
        " received_at, class, status, fields, commitment, digest, stamp, batch_sha, line_no)"
        " VALUES (gen_random_uuid(), gen_random_uuid(), 'penalty', '210500', 'LEGAL_ENTITY', '厂',"
        " '局', $1, '2024-03-04', $2, 'O', 'WITHDRAWN', '{}', '', '', $4, '', 1) RETURNING *)"
        " INSERT INTO record_version (subject_id, record_id, stamp, batch_sha, line_no, digest,"
        " status, commitment, content) SELECT subject_id, record_id, t.stamp, '', 1, '', 'VALID',"
        " '', t.content FROM made, (VALUES ($2::timestamptz, '{}'::jsonb), ($3, '{}'),"
        """ ($4, '{"withdrawnOn": "2025-11-05"}')) t (stamp, content)""",
        OURS, first, then, last,
    )  # fmt: skip
    march = (await ask("STEWARD", u=OURS, a="2024-01-01", b="2024-12-31"))["rows"]
    assert [(row["period"], row["records"], row["corrections"]) for row in march] == [
        ("2024-03", 1, 1)
    ]
    assert (march[0]["onTime"], march[0]["longestWorkingDays"]) == (1, 3)
    told = await ask("STEWARD", u=OURS, a="2025-10-01", b="2025-12-31")
    october, november = told["rows"]
    assert (october["records"], october["longestWorkingDays"]) == (3, 8)
    assert (october["lines"], october["repeated"]) == (10, 4)  # the correction was one of them
    assert november["records"] == 1


async def test_lines_that_say_nothing_new_are_repeated_also_where_nothing_new_came(
    ask: Ask, reported: asyncpg.Pool[Any]
) -> None:
    await reported.execute(
        "INSERT INTO batch (batch_id, sha256, kind, file_name, encoding, stamp, accepted)"
        " VALUES (md5('3')::uuid, '', 'penalty', 'f', 'utf-8', '2025-12-01', 5)"
    )
    await reported.execute(
        "INSERT INTO batch_unit (kind, unit_id, stamp, batch_id, lines)"
        f" VALUES ('penalty', '{OURS}', '2025-12-01', md5('3')::uuid, 5)"
    )
    told = await ask("STEWARD", u=OURS, a="2025-12-01", b="2025-12-31")
    assert [(row["lines"], row["records"], row["repeated"]) for row in told["rows"]] == [(5, 0, 5)]


async def test_a_file_that_was_refused_as_a_whole_is_the_units_that_submitted_it(
    ask: Ask, reported: asyncpg.Pool[Any]
) -> None:
    """It names no unit by an accepted line: who sent nothing but faults had none."""
    await reported.execute(
        "INSERT INTO batch (batch_id, sha256, kind, file_name, encoding, stamp, rejected,"
        " with_findings) SELECT md5(i::text)::uuid, '', 'penalty', 'f', 'utf-8', '2025-12-01', 9, 9"
        " FROM generate_series(3, 4) i"
    )
    await reported.execute(
        "INSERT INTO batch_finding (batch_id, line_no, field, code, severity, reason)"
        " SELECT md5('3')::uuid, i, 'x', 'CHECKSUM', 'error', 'y' FROM generate_series(1, 9) i"
    )
    await reported.execute(
        "INSERT INTO submission (submission_id, unit_id, caller, file_name, job_id, batches)"
        " SELECT gen_random_uuid(), unit, '', 'f', gen_random_uuid(), ARRAY[md5(file)::uuid]"
        f" FROM (VALUES ('{OURS}', '3'), ('{OURS}', '3'), ('', '4')) s (unit, file)"
    )
    told = await ask("DEPT", u=OURS, a="2025-12-01", b="2025-12-31")
    [row] = told["rows"]
    assert [row[name] for name in ("batches", "lines", "rejected", "withFindings")] == [1, 0, 9, 9]
    assert [(one["code"], one["findings"]) for one in told["findings"]] == [("CHECKSUM", 9)]
    for unit, found in ((OTHER, []), (None, [OURS])):
        rows = (await ask("STEWARD", u=unit, a="2025-12-01", b="2025-12-31"))["rows"]
        assert [one["unit"]["uscc"] for one in rows] == found


async def test_years_and_half_years(ask: Ask) -> None:
    told = await ask("STEWARD", h="2025H2", by="YEAR")
    assert (told["since"], told["until"]) == ("2025-07-01", "2025-12-31")
    assert [(row["unit"]["uscc"], row["period"], row["records"]) for row in told["rows"]] == [
        (OURS, "2025", 4),
        (OTHER, "2025", 0),
    ]
    assert (await ask("STEWARD", h="2025H1"))["rows"] == []


async def test_a_unit_reads_its_own_and_nobody_elses(ask: Ask) -> None:
    own = await ask("DEPT", a="2025-10-01", b="2025-12-31")
    assert {row["unit"]["uscc"] for row in own["rows"]} == {OURS}
    assert await ask("DEPT", u=OTHER) == ["FORBIDDEN"]
    for role in ("PUB", "ANALYST", "PCITY", "SELF", "AGENT", "AUDITOR"):
        assert await ask(role, u=OURS) == ["FORBIDDEN"], role


async def test_a_district_reads_those_of_the_units_that_bear_its_code(
    ask: Ask, reported: asyncpg.Pool[Any]
) -> None:
    async with reported.acquire() as connection:
        await connection.executemany(
            "INSERT INTO region (region_id, gbt2260_code, name, kind)"
            " VALUES ($1, $2, $1, 'COUNTY')",
            [("210500", "210500"), ("210504-until-1985", "210504"), ("zone", None)],
        )
    for district, units in (
        ("210500", {OURS}),
        ("210504-until-1985", {OTHER}),
        ("zone", set()),
        ("nowhere", set()),
    ):
        told = await ask("STEWARD", district=district, a="2025-10-01", b="2025-12-31")
        assert {row["unit"]["uscc"] for row in told["rows"]} == units, district
        assert {one["unit"]["uscc"] for one in told["findings"]} <= units, district
    assert (await ask("STEWARD", district="zone", u=OURS, a="2025-10-01", b="2025-12-31"))[
        "rows"
    ] == []


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({"a": "2025-02-01", "b": "2025-01-31"}, "PERIOD_INVALID"),
        ({"a": "2000-01-01", "b": "2025-01-31"}, "PERIOD_INVALID"),
        ({"a": "9999-01-01", "b": "9999-12-31"}, "PERIOD_INVALID"),
        ({"h": "2025"}, "HALF_YEAR_INVALID"),
    ],
)
async def test_periods_that_are_none_are_refused(
    ask: Ask, variables: dict[str, Any], code: str
) -> None:
    assert await ask("STEWARD", **variables) == [code]
