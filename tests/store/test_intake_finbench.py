"""FinBench as it is: every line accounted for, ratios exact, parallel edges kept."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.store.conftest import Take

HEADERS = {
    "Company": "companyId|companyName|isBlocked|createTime",
    "Person": "personId|personName|isBlocked|createTime",
    "Loan": "loanId|loanAmount|balance|createTime",
    "CompanyInvestCompany": "investorId|companyId|ratio|createTime",
    "PersonInvestCompany": "investorId|companyId|ratio|createTime",
    "PersonGuaranteePerson": "fromId|toId|createTime",
    "CompanyApplyLoan": "companyId|loanId|createTime",
}
ROWS = {
    "Company": [
        "1|Alpha LLC|false|2020-01-01 12:38:32.171",
        "2|Beta|false|2020-01-02 00:00:00.000",
    ],
    "Person": ["1|Bertrand|false|2020-01-01 18:14:47.133"],
    "Loan": ["4616471093031471711|45962702.20357926|45962702.20357926|2020-01-18 14:29:50.692"],
    "CompanyInvestCompany": [
        "1|2|0.14770874120277874|2020-06-03 05:29:11.668",
        "1|2|1.5E-4|2020-06-04 05:29:11.668",
    ],
    "PersonInvestCompany": ["1|2|0.07095896109718776|2020-04-14 14:17:46.418"],
    "PersonGuaranteePerson": ["1|9|2020-06-28 06:11:02.339"],
    "CompanyApplyLoan": ["1|4616471093031471711|2020-02-23 22:32:05.997"],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "finbench"
    path.mkdir()
    for name, rows in ROWS.items():
        (path / f"{name}.csv").write_text("\n".join([HEADERS[name], *rows, ""]), "utf-8")
    return path


async def test_finbench_folder_is_taken_whole_with_exact_ratios(
    take: Take, pool: asyncpg.Pool[Any], folder: Path
) -> None:
    summary = await take(folder)
    assert (summary.lines, summary.accepted) == (9, 9)
    shares = await pool.fetch(
        "SELECT share_min FROM relation WHERE kind = 'HOLDS' AND direction = 'OUT' ORDER BY 1"
    )
    assert [row[0] for row in shares] == [
        Decimal("0.00015"),
        Decimal("0.07095896109718776"),
        Decimal("0.14770874120277874"),
    ]
    assert await pool.fetchval("SELECT amount FROM loan") == Decimal("45962702.20357926")
    # A person only named by an edge is known by its id until its own row comes.
    assert await pool.fetchval("SELECT name FROM person ORDER BY name LIMIT 1") == "9"
    unit = await pool.fetchval("SELECT unit_id FROM unit")
    assert unit[:2] == "12"
    assert unit[8:10] == "XD"
    assert await pool.fetchval("SELECT count(*) FROM identifier WHERE scheme = 'uscc'") == 0


async def test_a_ratio_above_one_is_rejected_with_its_field(
    take: Take, pool: asyncpg.Pool[Any], folder: Path
) -> None:
    path = folder / "CompanyInvestCompany.csv"
    path.write_text(HEADERS[path.stem] + "\n1|2|1.2|2020-06-03 05:29:11.668\n", "utf-8")
    summary = await take(path)
    assert summary.rejected == 1
    [row] = csv.DictReader(summary.report.read_text("utf-8-sig").splitlines())
    assert (row["行号"], row["字段"], row["代码"]) == ("2", "ratio", "NUMBER_RANGE")
