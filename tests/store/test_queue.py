"""The work queue: every fault is a task of its unit until it is mended or decided."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from store.errors import StoreError
from store.task import Wanted, count_sql, tasks_sql
from store.work_queue import close_task
from tests.store.conftest import Take
from tests.store.test_intake import ISSUER, Sheet, code, firm, number, penalty

WRONG = {"处罚决定日期": "2025-13-01"}


async def _tasks(pool: asyncpg.Pool[Any], wanted: Wanted | None = None) -> list[Mapping[str, Any]]:
    sql, values = tasks_sql(wanted or Wanted(), first=100)
    return [dict(row) for row in await pool.fetch(sql, *values)]


async def _codes(pool: asyncpg.Pool[Any]) -> list[str]:
    return sorted(task["code"] for task in await _tasks(pool))


async def test_rejected_lines_and_warnings_are_tasks_of_the_reporting_unit(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    rows = [
        penalty(**WRONG),
        penalty(行政处罚决定书文号="乙", **{"罚款金额（万元）": "2000"}),
        penalty(行政处罚决定书文号="丙"),
    ]
    await take(sheet("p.csv", rows))
    assert {(t["code"], t["line_no"], t["unit_id"], t["severity"]) for t in await _tasks(pool)} == {
        ("DATE_INVALID", 2, ISSUER, "error"),
        ("UNIT_SUSPECT", 3, ISSUER, "warning"),
    }
    [task] = await _tasks(pool, Wanted(ISSUER, "UNIT_SUSPECT"))
    assert task["unit_name"] == "本溪市市场监督管理局"
    assert task["file_name"] == "p.csv"
    assert task["record_id"] is not None
    assert await _tasks(pool, Wanted(code(5))) == []


async def test_a_broken_row_is_a_task_of_the_unit_of_its_neighbours(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    path = sheet("p.csv", [penalty()])
    path.write_text(path.read_text("utf-8") + "甲,乙,丙\n", "utf-8")
    await take(path)
    [task] = await _tasks(pool)
    assert (task["code"], task["unit_id"]) == ("COLUMN_COUNT", ISSUER)


async def test_the_corrected_line_in_a_new_file_closes_the_task(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    faulty = [penalty(**WRONG), penalty(行政处罚决定书文号="乙", **{"罚款金额（万元）": "2000"})]
    await take(sheet("20260101_p.csv", faulty))
    assert await _codes(pool) == ["DATE_INVALID", "UNIT_SUSPECT"]
    await take(sheet("20260102_p.csv", [penalty()]))
    assert await _codes(pool) == ["UNIT_SUSPECT"]
    await take(sheet("20260103_p.csv", [penalty(行政处罚决定书文号="乙")]))
    assert await _codes(pool) == []
    closed = await _tasks(pool, Wanted(state="CLOSED"))
    assert {task["closed_by"] for task in closed} == {"INTAKE"}


async def test_a_corrected_report_closes_what_no_key_leads_to(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    summary = await take(sheet("p.csv", [penalty(行政处罚决定书文号=""), penalty(**WRONG)]))
    assert await _codes(pool) == ["DATE_INVALID", "REQUIRED"]
    text = summary.report.read_text("utf-8-sig")
    lines = text.replace("2025-13-01", "2025-05-01").splitlines()
    corrected = summary.report.with_name(summary.report.name)
    cells = lines[1].split(",")
    cells[lines[0].split(",").index("行政处罚决定书文号")] = "补号"
    corrected.write_text("\n".join([lines[0], ",".join(cells), lines[2]]) + "\n", "utf-8-sig")
    again = await take(corrected, report_dir=Path(corrected.parent) / "second")
    assert (again.accepted, again.rejected) == (2, 0)
    assert await _codes(pool) == []


async def test_the_same_fault_told_again_is_one_task_and_a_new_one_another(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    await take(sheet("20260101_p.csv", [penalty(**WRONG)]))
    await take(sheet("20260102_p.csv", [penalty(**WRONG)]))
    [task] = await _tasks(pool)
    assert task["file_name"] == "20260102_p.csv"
    await take(sheet("20260103_p.csv", [penalty(公示截止期="2099-12-31")]))
    assert await _codes(pool) == ["PUB_DEADLINE_OPEN"]


async def test_an_older_file_that_arrives_late_opens_nothing(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    await take(sheet("20260102_p.csv", [penalty()]))
    await take(sheet("20260101_p.csv", [penalty(**{"罚款金额（万元）": "2000"})]))
    assert await _codes(pool) == []


async def test_what_a_line_of_one_file_mends_is_no_task(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    await take(sheet("p.csv", [penalty(**WRONG), penalty()]))
    assert await _codes(pool) == []
    await take(sheet("q.csv", [penalty(行政处罚决定书文号="乙"),
                               penalty(行政处罚决定书文号="乙", **WRONG)]))  # fmt: skip
    assert await _codes(pool) == ["DATE_INVALID"]


async def test_a_placeholder_is_a_task_until_its_code_was_sent(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    await take(sheet("20260101_p.csv", [penalty(统一社会信用代码="")]))
    tasks = await _tasks(pool)
    assert {(task["code"], task["unit_id"]) for task in tasks} == {("SUBJECT_UNRESOLVED", ISSUER)}
    await take(sheet("20260102_p.csv", [penalty()]))
    assert await _codes(pool) == []


async def test_registry_lines_are_tasks_too(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    await take(sheet("20260101_firms.csv", [firm(成立日期="2015-13-01")]))
    [task] = await _tasks(pool)
    assert (task["layout"], task["code"], task["unit_id"]) == ("firms", "DATE_INVALID", ISSUER)
    await take(sheet("20260102_firms.csv", [firm()]))
    assert await _codes(pool) == []


async def test_a_steward_closes_with_a_reason_and_it_stays_closed(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    faulty = penalty(**{"罚款金额（万元）": "2000"})
    await take(sheet("20260101_p.csv", [faulty]))
    [task] = await _tasks(pool)
    async with pool.acquire() as connection:
        with pytest.raises(StoreError, match="why"):
            await close_task(connection, task["issue_id"], reason=" ", by="STEWARD")
        await close_task(connection, task["issue_id"], reason="核实无误", by="STEWARD")
        with pytest.raises(StoreError) as again:
            await close_task(connection, task["issue_id"], reason="再次", by="STEWARD")
        assert again.value.code == "TASK_CLOSED"
        with pytest.raises(StoreError) as unknown:
            await close_task(connection, UUID(int=1), reason="无", by="STEWARD")
        assert unknown.value.code == "TASK_UNKNOWN"
    await take(sheet("20260102_p.csv", [faulty | {"备注": "再报"}]))
    assert await _codes(pool) == []
    [closed] = await _tasks(pool, Wanted(state="CLOSED"))
    assert (closed["closed_by"], closed["close_reason"]) == ("STEWARD", "核实无误")


async def test_pages_follow_one_another_without_a_gap(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    await take(sheet("p.csv", [penalty(行政处罚决定书文号=f"{i}号", **WRONG) for i in range(7)]))
    seen: list[int] = []
    after = None
    while True:
        sql, values = tasks_sql(Wanted(), first=3, after=after)
        rows = await pool.fetch(sql, *values)
        seen += [row["line_no"] for row in rows[:3]]
        if len(rows) < 4:
            break
        after = (rows[2]["opened_at"], rows[2]["issue_id"])
    assert sorted(seen) == list(range(2, 9))
    sql, values = count_sql(Wanted())
    assert await pool.fetchval(sql, *values) == 7


async def test_the_queue_holds_no_persons_number_or_name(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    person = penalty(
        行政相对人名称="陈小明",
        行政相对人类别="自然人",
        统一社会信用代码="",
        自然人证件类型="身份证",
        自然人证件号码=number(7),
        **WRONG,
    )
    await take(sheet("p.csv", [person]))
    assert await _codes(pool) == ["DATE_INVALID"]
    plain = await pool.fetchval(
        "SELECT count(*) FROM quality_issue q WHERE q::text LIKE $1 OR q::text LIKE $2",
        f"%{number(7)}%",
        "%陈小明%",
    )
    assert plain == 0
