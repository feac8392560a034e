"""W29: a red list and a list of the seriously dishonest exclude one another."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import asyncpg
import pytest

from store.exclusion import review_exclusions, sweep_exclusions
from store.withdrawal import withdraw_record
from tests.store.conftest import TODAY, Take
from tests.store.test_intake import ISSUER, Sheet, code, report

SUBJECT = {
    "主体名称": "本溪示例机械有限公司",
    "主体类别": "法人及非法人组织",
    "统一社会信用代码": code(1),
}
SOURCE = {"数据来源单位": "本溪市市场监督管理局", "数据来源单位代码": ISSUER}


def red(**changed: str) -> dict[str, str]:
    return {
        **SUBJECT,
        "名单种类": "守合同重信用",
        "评价年度": "2025",
        "认定时间": "2025-12-01",
        "认定单位": "本溪市市场监督管理局",
        "认定单位代码": ISSUER,
        "有效期至": "2027-12-01",
        "移出日期": "",
        **SOURCE,
    } | changed


def serious(**changed: str) -> dict[str, str]:
    return {
        **SUBJECT,
        "名单种类": "安全生产严重失信",
        "认定文书号": "本应急〔2026〕1号",
        "列入日期": "2026-03-01",
        "认定单位": "本溪市应急管理局",
        "认定单位代码": code(900002, "11"),
        "认定依据": "《安全生产法》",
        "失信事实": "瞒报事故",
        "列入原因": "瞒报事故",
        "责任人员": "张三",
        "移出日期": "",
        "数据来源单位": "本溪市应急管理局",
        "数据来源单位代码": code(900002, "11"),
    } | changed


async def _open(pool: asyncpg.Pool[Any]) -> list[Mapping[str, Any]]:
    return [
        dict(row)
        for row in await pool.fetch(
            "SELECT unit_id, layout, subject_id FROM quality_issue"
            " WHERE kind = 'RED_AND_SERIOUS' AND closed_at IS NULL"
        )
    ]


@pytest.mark.parametrize("first", ["red", "serious"])
async def test_w29_is_found_whichever_list_arrives_last(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any], first: str
) -> None:
    files = {"red": sheet("red.csv", [red()]), "serious": sheet("serious.csv", [serious()])}
    order = [first, *({"red", "serious"} - {first})]
    assert report(await take(files[order[0]])) == []
    [found] = report(await take(files[order[1]]))
    assert found["代码"] == "RED_AND_SERIOUS"
    [issue] = await _open(pool)
    assert (issue["unit_id"], issue["layout"]) == (ISSUER, "red_list")


async def test_w29_in_one_file_import_is_found_too(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    await take(sheet("a.csv", [red()]), sheet("b.csv", [serious()]))
    assert len(await _open(pool)) == 1


@pytest.mark.parametrize(
    "ending", [("red", red(移出日期="2026-06-01")), ("serious", serious(移出日期="2026-06-01"))]
)
async def test_w29_is_closed_when_either_entry_ends(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any], ending: tuple[str, dict[str, str]]
) -> None:
    await take(sheet("20260401_a.csv", [red()]), sheet("20260401_b.csv", [serious()]))
    assert len(await _open(pool)) == 1
    await take(sheet("20260601_c.csv", [ending[1]]))
    assert await _open(pool) == []
    closed = await pool.fetchrow("SELECT closed_by FROM quality_issue WHERE kind LIKE 'RED%'")
    assert closed["closed_by"] == "INTAKE"


async def test_w29_is_closed_by_a_withdrawal(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    await take(sheet("a.csv", [red()]), sheet("b.csv", [serious()]))
    record = await pool.fetchval("SELECT record_id FROM record WHERE kind = 'serious_list'")
    async with pool.acquire() as connection:
        await withdraw_record(connection, record, reason="撤销", on=TODAY)
    assert await _open(pool) == []


async def test_w29_ends_by_itself_with_the_red_lists_term(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    await take(sheet("a.csv", [red()]), sheet("b.csv", [serious()]))
    async with pool.acquire() as connection:
        await sweep_exclusions(connection, on=date(2027, 12, 1))
        assert len(await _open(pool)) == 1
        await sweep_exclusions(connection, on=date(2027, 12, 2))
    assert await _open(pool) == []


async def test_the_other_lists_of_other_firms_exclude_nothing(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    other = {"统一社会信用代码": code(2), "主体名称": "本溪另一家有限公司"}
    await take(sheet("a.csv", [red()]), sheet("b.csv", [serious(**other)]))
    assert await _open(pool) == []
    subjects = [row[0] for row in await pool.fetch("SELECT subject_id FROM record")]
    async with pool.acquire() as connection:
        assert await review_exclusions(connection, subjects, on=TODAY) == frozenset()
