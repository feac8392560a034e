"""经营异常名录: one file in schema/records made it importable, stored and askable."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path
from typing import Any

import asyncpg

from resolvers.context import Context
from resolvers.operation import Operations
from schema.definition import CreditSchema
from schema.records import kinds
from security.field_encryption import FieldCipher
from security.keys import KeyFolder
from security.policy import Role, load_policy
from store.intake import ImportSummary, import_paths
from store.pool import open_pool

TODAY = date(2026, 6, 30)
LISTED, REMOVED = "91210500XD0000016N", "92210502XD0000024B"
ISSUER = {
    "作出决定机关（列入）": "本溪市市场监督管理局",
    "作出决定机关（列入）代码": "11210500XD0000040F",
    "数据来源单位": "本溪市市场监督管理局",
    "数据来源单位代码": "11210500XD0000040F",
}
DOCUMENT = """
query ($code: String!) { organisation(code: $code) { abnormalOperations { totalCount nodes {
  decisionDate reason removedOn issuerName } } } }
"""


def _file(path: Path) -> Path:
    rows = [
        {
            "企业名称": "本溪澄岚商贸有限公司",
            "主体类别": "法人及非法人组织",
            "统一社会信用代码": LISTED,
            "列入经营异常名录原因": "未按期公示年报",
            "列入日期": "2025-07-08",
            "移出日期": "",
            **ISSUER,
        },
        {
            "企业名称": "平山区澄岚小吃店",
            "主体类别": "个体工商户",
            "统一社会信用代码": REMOVED,
            "列入经营异常名录原因": "通过登记的住所（经营场所）无法联系",
            "列入日期": "2024-03-01",
            "移出日期": "2025-02-01",
            **ISSUER,
        },
        {
            "企业名称": "本溪澄岚商贸有限公司",
            "主体类别": "法人及非法人组织",
            "统一社会信用代码": LISTED,
            "列入经营异常名录原因": "心情不好",
            "列入日期": "2025-07-08",
            "移出日期": "",
            **ISSUER,
        },
    ]
    with path.open("w", encoding="gb18030", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


async def _take(pool: asyncpg.Pool[Any], folder: Path) -> ImportSummary:
    return await import_paths(
        pool,
        [_file(folder / "20260601_samr_abnormal.csv")],
        kinds=kinds(),
        cipher=FieldCipher(KeyFolder(folder / "keys")),
        region="210500",
        platform="benxi",
        today=TODAY,
        report_dir=folder,
    )


async def test_a_file_is_taken_and_read_back_until_removal(database: str, tmp_path: Path) -> None:
    pool = await open_pool(database)
    try:
        summary = await _take(pool, tmp_path)
        assert (summary.lines, summary.accepted, summary.rejected) == (3, 2, 1)
        operations = Operations(CreditSchema(kinds()))
        scope = load_policy().scope("public", Role.PUB, None, "")
        context = Context(pool, scope, TODAY, bytes(32))
        plan = operations.prepare(DOCUMENT, None, scope)
        listed = await plan.run(context, {"code": LISTED})
        assert (
            listed.body
            == (
                '{"data":{"organisation":{"abnormalOperations":{"totalCount":1,"nodes":['
                '{"decisionDate":"2025-07-08","reason":"NO_ANNUAL_REPORT","removedOn":null,'
                '"issuerName":"本溪市市场监督管理局"}]}}}}'
            ).encode()
        )
        removed = await plan.run(context, {"code": REMOVED})
        assert b'"nodes":[]' in removed.body or b'"organisation":null' in removed.body
    finally:
        await pool.close()
