"""Which code of a body arrives first does not matter: every order ends in the same state (W28)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from store.identifiers.check_characters import uscc_check
from store.state import StateDigest, state_digest
from tests.store.conftest import Take
from tests.store.test_intake import code, firm, holder, number, penalty
from tests.store.test_intake_findings import arrears
from tests.store.test_intake_order import another

Sheet = Callable[..., Path]
REG_NO = "210500000000011"
INNER = code(1)[8:17]
_SECOND = f"93210500{INNER}"
BY_REG_NO = {"统一社会信用代码": "", "工商注册号": REG_NO, "行政处罚决定书文号": "第一号"}
OTHER = {"法定代表人": "李四", "法定代表人证件号码": number(12), "主体名称": "本溪另一合作社"}
_ORDERS = ((0, 1, 2), (1, 2, 0), (2, 1, 0))
STUB = {"股东名称": "钱二", "证件类型": "", "证件号码": ""}


def _arrears(**changed: str) -> dict[str, str]:
    return arrears(欠缴所属期="2024-10", 公告日期="2024-11-15") | changed


FILES: dict[str, list[list[dict[str, str]]]] = {
    "an old code, then the USCC, then both": [
        [penalty(**BY_REG_NO)],
        [penalty(行政处罚决定书文号="第二号")],
        [firm(注册号=REG_NO)],
    ],
    "holders, a stub among them, under either code": [
        [holder(企业统一社会信用代码=REG_NO, **STUB), holder(企业统一社会信用代码=REG_NO)],
        [holder(**STUB)],
        [firm(注册号=REG_NO)],
    ],
    "an organisation code that two bodies carry": [
        [penalty(统一社会信用代码="", 组织机构代码=INNER)],
        [firm()],
        [firm(统一社会信用代码=_SECOND + uscc_check(_SECOND), **OTHER)],
    ],
    "a correction that has another name since": [
        [penalty()],
        [penalty(统一社会信用代码=code(2))],
        [penalty(统一社会信用代码=code(2), 行政相对人名称="本溪更名机械有限公司")],
    ],
    "a registration number that two bodies carry": [
        [penalty(**BY_REG_NO)],
        [firm(注册号=REG_NO)],
        [firm(统一社会信用代码=code(3), 注册号=REG_NO, **OTHER)],
    ],
    "a correction by the USCC of what a registration number that two bodies carry named": [
        [_arrears(统一社会信用代码="", 注册号=REG_NO)],
        [_arrears(注册号=REG_NO, 缴清日期="2024-12-01")],
        [firm(统一社会信用代码=code(3), 注册号=REG_NO, **OTHER)],
    ],
}


@pytest.mark.parametrize("case", FILES)
async def test_w28_codes_in_any_order_give_the_same_state(
    take: Take, sheet: Sheet, database: str, case: str
) -> None:
    paths = [sheet(f"2025010{i}_{i}.csv", rows) for i, rows in enumerate(FILES[case], 1)]
    digests: list[StateDigest] = []
    for order in _ORDERS:
        async with another(database, f"order{len(digests)}") as (_, pool):
            for index in order:
                await take(paths[index], pool=pool)
            async with pool.acquire() as connection:
                digests.append(await state_digest(connection))
    assert [digest.differing(digests[0]) for digest in digests] == [[]] * 3


async def test_a_joined_body_leaves_evidence_and_tells_the_graph(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    await take(sheet("20250101_p.csv", [penalty(**BY_REG_NO)]))
    weak = await pool.fetchval("SELECT subject_id FROM record")
    await take(sheet("20250102_p.csv", [penalty(行政处罚决定书文号="第二号")]))
    await take(sheet("20250103_f.csv", [firm(注册号=REG_NO)]))
    strong = await pool.fetchval("SELECT merged_into FROM subject WHERE subject_id = $1", weak)
    assert strong is not None
    assert await pool.fetchval("SELECT count(DISTINCT subject_id) FROM record") == 1
    issue = await pool.fetchrow("SELECT * FROM quality_issue WHERE kind = 'JOINED'")
    assert (issue["subject_id"], issue["closed_at"] is None) == (strong, False)
    told = await pool.fetch("SELECT entity_id FROM outbox WHERE entity = 'SUBJECT'")
    assert {weak, strong} <= {row["entity_id"] for row in told}


async def test_a_body_that_a_file_makes_is_joined_by_a_later_line_of_it(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    """Known by an old code alone; one file names it by the USCC first, then by both."""
    await take(sheet("20250101_p.csv", [penalty(**BY_REG_NO)]))
    summary = await take(
        sheet(
            "20250102_p.csv",
            [
                penalty(行政处罚决定书文号="第二号"),
                penalty(行政处罚决定书文号="第三号", 工商注册号=REG_NO),
            ],
        )
    )
    assert summary.accepted == 2
    assert await pool.fetchval("SELECT count(DISTINCT subject_id) FROM record") == 1


async def test_a_stub_is_one_whether_its_firm_is_known_or_not(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    await take(sheet("20250101_h.csv", [holder(**STUB)]))
    await take(sheet("20250102_f.csv", [firm()]))
    await take(sheet("20250103_h.csv", [holder(**STUB)]))
    assert await pool.fetchval("SELECT count(*) FROM person WHERE is_stub") == 1
    assert await pool.fetchval("SELECT count(*) FROM relation WHERE kind = 'HOLDS'") == 2
