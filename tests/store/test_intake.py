"""Intake of licence and penalty files: every line accounted for, all findings at once."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from store.errors import StoreError
from store.identifiers.check_characters import id_check, org_check, uscc_check
from store.intake import ImportSummary, IntakeRules
from store.withdrawal import withdraw_record
from tests.store.conftest import Take

Sheet = Callable[..., Path]


def code(serial: int, head: str = "91") -> str:
    """A code of the demo block with right checks."""
    org = f"XD{serial:06d}"
    body = f"{head}210500{org}{org_check(org)}"
    return body + uscc_check(body)


def number(serial: int, born: str = "19800101") -> str:
    body = f"210590{born}{serial:03d}"
    return body + id_check(body)


ISSUER = code(900001, "11")


def penalty(**changed: str) -> dict[str, str]:
    row = {
        "行政相对人名称": "本溪示例机械有限公司",
        "行政相对人类别": "法人及非法人组织",
        "统一社会信用代码": code(1),
        "工商注册号": "",
        "组织机构代码": "",
        "税务登记号": "",
        "法定代表人": "张三",
        "法定代表人证件类型": "",
        "法定代表人证件号码": "",
        "自然人证件类型": "",
        "自然人证件号码": "",
        "行政处罚决定书文号": "本市监处〔2025〕1号",
        "违法行为类型": "未按规定公示",
        "违法事实": "未公示年度报告",
        "处罚依据": "《中华人民共和国行政处罚法》",
        "处罚类别": "罚款",
        "处罚内容": "罚款2000元",
        "罚款金额（万元）": "0.2",
        "没收违法所得、没收非法财物的金额（万元）": "",
        "暂扣或吊销证照名称及编号": "",
        "处罚决定日期": "2025-05-01",
        "处罚有效期": "2099-12-31",
        "公示截止期": "2028-05-01",
        "处罚机关": "本溪市市场监督管理局",
        "处罚机关统一社会信用代码": ISSUER,
        "数据来源单位": "本溪市市场监督管理局",
        "数据来源单位代码": ISSUER,
        "备注": "",
    }
    assert not changed.keys() - row.keys()
    return row | changed


def firm(**changed: str) -> dict[str, str]:
    return {
        "主体名称": "本溪示例机械有限公司",
        "统一社会信用代码": code(1),
        "组织机构代码": "",
        "注册号": "",
        "主体类型": "公司",
        "登记状态": "存续",
        "成立日期": "2015-03-01",
        "营业期限至": "长期",
        "注册资本(万元)": "300",
        "币种": "CNY",
        "曾用名": "",
        "法定代表人": "张三",
        "法定代表人证件类型": "身份证",
        "法定代表人证件号码": number(11),
        "数据来源单位": "本溪市市场监督管理局",
        "数据来源单位代码": ISSUER,
    } | changed


def holder(**changed: str) -> dict[str, str]:
    return {
        "企业名称": "本溪示例机械有限公司",
        "企业统一社会信用代码": code(1),
        "股东名称": "王伟",
        "股东类型": "自然人",
        "股东代码": "",
        "证件类型": "身份证",
        "证件号码": number(1),
        "认缴出资额(万元)": "100",
        "出资比例(%)": "33.33",
        "起始日期": "2015-03-01",
        "数据来源单位": "本溪市市场监督管理局",
        "数据来源单位代码": ISSUER,
    } | changed


def report(summary: ImportSummary) -> list[dict[str, str]]:
    return list(csv.DictReader(summary.report.read_text("utf-8-sig").splitlines()))


def outcome(summary: ImportSummary) -> tuple[int, int, int]:
    assert summary.lines == summary.accepted + summary.with_findings + summary.rejected
    return summary.accepted, summary.with_findings, summary.rejected


async def one(
    take: Take, sheet: Sheet, row: dict[str, str]
) -> tuple[tuple[int, int, int], set[str]]:
    summary = await take(sheet("one.csv", [row]))
    [codes, *_] = [r["代码"] for r in report(summary)] or [""]
    return outcome(summary), set(codes.split("；")) - {""}


async def test_a_mark_before_gb18030_is_none_of_its_header(
    take: Take, sheet: Sheet, tmp_path: Path
) -> None:
    text = sheet("20250601_p.csv", [penalty()]).read_text("utf-8")
    marked = tmp_path / "20250602_p.csv"
    marked.write_bytes(f"\ufeff{text}".encode("gb18030"))
    assert outcome(await take(marked)) == (1, 0, 0)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
async def test_encodings_and_line_ends_are_recognised(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any], encoding: str, line_end: str
) -> None:
    summary = await take(sheet("p.csv", [penalty()], encoding=encoding, line_end=line_end))
    assert outcome(summary) == (1, 0, 0)
    assert summary.batches[0].encoding == encoding
    row = await pool.fetchrow("SELECT reported_name, x_fine_amount FROM record")
    assert row["reported_name"] == "本溪示例机械有限公司"
    assert float(row["x_fine_amount"]) == 0.2


async def test_a_late_invalid_byte_rejects_its_line_only(take: Take, sheet: Sheet) -> None:
    path = sheet("p.csv", [penalty(行政处罚决定书文号=f"第{i}号") for i in range(60)])
    lines = path.read_bytes().split(b"\n")
    lines[50] = lines[50].replace("第".encode(), b"\xff\xfe", 1)
    path.write_bytes(b"\n".join(lines))
    summary = await take(path)
    assert outcome(summary) == (59, 0, 1)
    [row] = report(summary)
    assert (row["行号"], row["代码"]) == ("51", "ENCODING")


async def test_lines_are_physical_and_empty_ones_are_none(take: Take, sheet: Sheet) -> None:
    rows = [
        penalty(处罚内容="罚款2000元\n限期改正", 行政处罚决定书文号="甲"),
        penalty(行政相对人名称=""),
    ]
    path = sheet("p.csv", rows)
    path.write_text(path.read_text("utf-8").replace("\n本溪", "\n\n\n本溪", 1) + "\n\n", "utf-8")
    summary = await take(path)
    assert outcome(summary) == (1, 0, 1)
    [row] = report(summary)
    assert (row["行号"], row["字段"], row["代码"]) == ("6", "行政相对人名称", "REQUIRED")


async def test_an_unclosed_quote_costs_one_line(take: Take, sheet: Sheet) -> None:
    path = sheet("p.csv", [penalty(行政处罚决定书文号=f"第{i}号") for i in range(5)])
    lines = path.read_text("utf-8").split("\n")
    lines[2] = '"' + lines[2]
    path.write_text("\n".join(lines), "utf-8")
    summary = await take(path)
    assert outcome(summary) == (4, 0, 1)
    assert report(summary)[0]["代码"] == "COLUMN_COUNT"


async def test_all_findings_of_a_line_come_at_once(take: Take, sheet: Sheet) -> None:
    counts, codes = await one(
        take,
        sheet,
        penalty(
            统一社会信用代码=code(1)[:-1],
            处罚决定日期="2026-13-01",
            **{"罚款金额（万元）": "", "处罚类别": "罚款;没收"},
        ),
    )
    assert counts == (0, 0, 1)
    assert codes == {"LENGTH", "DATE_INVALID", "CODE_UNKNOWN"}


@pytest.mark.parametrize(
    ("changed", "codes", "counts"),
    [
        ({"处罚决定日期": "2026-07-01"}, {"DATE_FUTURE", "DATE_SWAPPED"}, (0, 0, 1)),
        ({"处罚决定日期": "1949-09-30", "公示截止期": "1950-01-01"}, {"DATE_RANGE"}, (0, 0, 1)),
        ({"公示截止期": "2099-12-31"}, {"PUB_DEADLINE_OPEN"}, (0, 1, 0)),
        ({"公示截止期": "2028-05-02"}, {"PUB_DEADLINE"}, (0, 0, 1)),
        ({"罚款金额（万元）": "2000"}, {"UNIT_SUSPECT"}, (0, 1, 0)),
        ({"罚款金额（万元）": ""}, {"REQUIRED"}, (0, 0, 1)),
        ({"罚款金额（万元）": "-1"}, {"NUMBER_RANGE"}, (0, 0, 1)),
        ({"处罚机关统一社会信用代码": code(5)}, {"ISSUER_CLASS"}, (0, 1, 0)),
        ({"统一社会信用代码": "", "组织机构代码": code(1)[8:17]}, {"USCC_MISSING"}, (0, 1, 0)),
        ({"统一社会信用代码": ""}, {"SUBJECT_UNRESOLVED"}, (0, 1, 0)),
        ({"处罚决定日期": "2025年5月1日", "公示截止期": "20280501"}, set(), (1, 0, 0)),
        ({"行政相对人类别": "自然人", "统一社会信用代码": ""}, {"REQUIRED"}, (0, 0, 1)),
    ],
)  # fmt: skip
async def test_a_line_ends_as_the_record_rules_say(
    take: Take, sheet: Sheet, changed: dict[str, str], codes: set[str], counts: tuple[int, int, int]
) -> None:
    assert await one(take, sheet, penalty(**changed)) == (counts, codes)


async def test_information_only_counts_as_accepted(take: Take, sheet: Sheet) -> None:
    wide = "".join(chr(ord(c) + 0xFEE0) for c in code(1))
    summary = await take(sheet("p.csv", [penalty(统一社会信用代码=wide.lower())]))
    assert outcome(summary) == (1, 0, 0)
    assert report(summary) == []


async def test_the_corrected_report_is_sent_again_as_it_is(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any], tmp_path: Path
) -> None:
    wrong = penalty(公示截止期="2099-01-01", 备注="=1+1")
    summary = await take(sheet("p.csv", [penalty(行政处罚决定书文号="甲"), wrong]))
    assert outcome(summary) == (1, 0, 1)
    assert summary.report.stat().st_mode & 0o777 == 0o600
    text = summary.report.read_text("utf-8-sig")
    assert "'=1+1" in text
    corrected = tmp_path / "corrected.csv"
    corrected.write_text(text.replace("2099-01-01", "2028-05-01"), "utf-8-sig")
    assert outcome(await take(corrected)) == (1, 0, 0)
    assert await pool.fetchval("SELECT remark FROM record WHERE remark IS NOT NULL") == "=1+1"


async def test_a_rejected_line_is_kept_encrypted_only(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    person = penalty(
        行政相对人名称="王伟",
        行政相对人类别="自然人",
        统一社会信用代码="",
        自然人证件类型="身份证",
        自然人证件号码=number(7),
    )
    await take(sheet("p.csv", [person, person | {"处罚决定日期": ""}]))
    assert await pool.fetchval("SELECT count(*) FROM batch_rejected") == 1
    tables = await pool.fetch("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace ="
                              " 'public'::regnamespace")  # fmt: skip
    for table in tables:
        plain = await pool.fetchval(
            f"SELECT count(*) FROM {table['relname']} t WHERE t::text LIKE $1 OR t::text LIKE $2",
            f"%{number(7)}%",
            f"%{number(7).encode().hex()}%",
        )
        assert plain == 0, table["relname"]
    assert await pool.fetchval("SELECT class FROM record") == "G"


async def test_national_ids_and_json_lines_say_the_same(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any], tmp_path: Path
) -> None:
    national = {
        "CF_XDR_MC": "本溪示例机械有限公司",
        "CF_XDR_LB": "法人及非法人组织",
        "CF_XDR_SHXYM": code(1),
        "CF_FRDB": "张三",
        "CF_WSH": "本市监处（2025）1号",
        "CF_WFXW": "未按规定公示",
        "CF_SY": "未公示年度报告",
        "CF_YJ": "《中华人民共和国行政处罚法》",
        "CF_CFLB": "罚款",
        "CF_NR": "罚款2000元",
        "CF_NR_FK": 0.2,
        "CF_JDRQ": "2025/05/01",
        "CF_GSJZQ": "2028-05-01",
        "CF_CFJG": "本溪市市场监督管理局",
        "CF_CFJGDM": ISSUER,
        "CF_SJLY": "本溪市市场监督管理局",
        "CF_SJLYDM": ISSUER,
    }
    path = tmp_path / "p.jsonl"
    path.write_text(json.dumps(national, ensure_ascii=False) + "\n{broken\n", "utf-8")
    summary = await take(path)
    assert outcome(summary) == (1, 0, 1)
    assert report(summary)[0]["代码"] == "JSON_INVALID"
    row = penalty(行政处罚决定书文号="本市监处(2025)1号")
    await take(sheet("p.csv", [row]), sent_on=date(2025, 6, 1))
    # The same record by either road, brackets full-width or not.
    assert await pool.fetchval("SELECT count(*) FROM record") == 1


async def test_an_unknown_header_is_one_clear_error(take: Take, sheet: Sheet) -> None:
    with pytest.raises(StoreError) as error:
        await take(sheet("x.csv", [{"行政相对人名称": "甲", "处罚机关": "乙", "其他列": "丙"}]))
    assert error.value.code == "KIND_UNKNOWN"
    assert "行政处罚" in error.value.message
    assert "行政处罚决定书文号" in error.value.message


async def test_w14_a_former_name_is_known_and_a_strange_one_warned(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    await take(sheet("f.csv", [firm(曾用名="本溪旧名厂;本溪更旧厂")]))
    former = await take(sheet("p1.csv", [penalty(行政相对人名称="本溪旧名厂")]))
    assert outcome(former) == (1, 0, 0)
    strange = penalty(行政相对人名称="沈阳别的公司", 行政处罚决定书文号="乙")
    summary = await take(sheet("p2.csv", [strange]))
    assert outcome(summary) == (0, 1, 0)
    assert report(summary)[0]["代码"] == "NAME_MISMATCH"
    assert report(summary)[0]["字段"] == "行政相对人名称"
    names = await pool.fetch("SELECT reported_name FROM record ORDER BY 1")
    assert [row[0] for row in names] == ["本溪旧名厂", "沈阳别的公司"]
    assert await pool.fetchval("SELECT count(*) FROM organisation") == 1


async def test_w15_persons_meet_by_number_only(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    stub = {"证件类型": "", "证件号码": ""}
    rows = [
        holder(),
        holder(企业统一社会信用代码=code(2), 企业名称="本溪乙公司"),
        holder(企业统一社会信用代码=code(3), 企业名称="本溪丙公司", 证件号码=number(2)),
        holder(企业统一社会信用代码=code(1), **stub),
        holder(企业统一社会信用代码=code(2), 企业名称="本溪乙公司", **stub),
    ]
    assert outcome(await take(sheet("h.csv", rows))) == (5, 0, 0)
    persons = await pool.fetch("SELECT is_stub, id_number IS NULL FROM person ORDER BY 1")
    assert [tuple(row) for row in persons] == [
        (False, False),
        (False, False),
        (True, True),
        (True, True),
    ]


async def test_a_fifteen_digit_number_meets_its_eighteen_digits(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    full = number(5)
    await take(sheet("h.csv", [holder(证件号码=full[:6] + full[8:17]),
                               holder(企业统一社会信用代码=code(2), 证件号码=full)]))  # fmt: skip
    assert await pool.fetchval("SELECT count(*) FROM person") == 1


async def test_w16_an_old_code_and_the_uscc_are_one_body(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    old = penalty(统一社会信用代码="", 组织机构代码=f"{code(1)[8:16]}-{code(1)[16]}")
    await take(sheet("p.csv", [old]))
    await take(sheet("f.csv", [firm()]))
    assert await pool.fetchval("SELECT count(*) FROM organisation") == 1
    assert await pool.fetchval("SELECT uscc FROM organisation") == code(1)
    again = await take(sheet("q.csv", [penalty()]))
    assert outcome(again) == (1, 0, 0)
    assert await pool.fetchval("SELECT count(*) FROM record") == 1


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_a_corrected_code_supersedes_by_document_number(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any], order: tuple[int, int]
) -> None:
    files = (
        sheet("20250601_p.csv", [penalty(统一社会信用代码=code(8))]),
        sheet(
            "20250701_p.csv",
            [penalty(), penalty(行政相对人名称="另一当事人", 统一社会信用代码=code(9))],
        ),
    )
    for index in order:
        await take(files[index])
    rows = await pool.fetch("SELECT reported_code, status, display_ended_on FROM record")
    assert {tuple(row) for row in rows} == {
        (code(8), "WITHDRAWN", date(2025, 7, 1)),
        (code(1), "VALID", None),
        (code(9), "VALID", None),
    }


async def test_what_was_repaired_stays_so_under_a_corrected_code(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    """X20: display, sharing and use have ended, whatever code the decision is sent under."""
    await take(sheet("20250601_p.csv", [penalty()]))
    async with pool.acquire() as connection:
        identity = await connection.fetchval("SELECT record_id FROM record")
        day = date(2026, 6, 1)
        await withdraw_record(connection, identity, reason="修复", on=day, status="REPAIRED")
    for sent in ("20250701_p.csv", "20250801_p.csv"):
        await take(sheet(sent, [penalty(统一社会信用代码=code(8))]))
        rows = await pool.fetch("SELECT status, display_ended_on FROM record")
        assert [tuple(row) for row in rows] == [("REPAIRED", day)] * 2


async def test_a_file_of_a_day_to_come_is_refused(take: Take, sheet: Sheet) -> None:
    """It would stand above every correction until then."""
    with pytest.raises(StoreError, match="2099-06-01") as refused:
        await take(sheet("20990601_p.csv", [penalty()]))
    assert refused.value.code == "SENT_ON_FUTURE"
    summary = await take(sheet("20990602_p.csv", [penalty()]), sheet("20250601_p.csv", [penalty()]))
    assert (summary.lines, [f.code for f in summary.failures]) == (1, ["SENT_ON_FUTURE"])


async def test_a_code_of_two_bodies_leads_to_a_placeholder(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    inner = code(1)[8:17]
    body = f"93210500{inner}"
    other = body + uscc_check(body)
    await take(sheet("f.csv", [firm(), firm(主体名称="本溪另一合作社", 统一社会信用代码=other)]))
    assert await pool.fetchval("SELECT count(*) FROM organisation") == 2
    summary = await take(sheet("p.csv", [penalty(统一社会信用代码="", 组织机构代码=inner)]))
    assert outcome(summary) == (0, 1, 0)
    assert "CODE_SHARED" in report(summary)[0]["代码"]
    placed = await pool.fetchval("SELECT placeholder FROM record JOIN subject USING (subject_id)")
    assert placed is True
    assert await pool.fetchval("SELECT count(*) FROM quality_issue WHERE kind = 'CODE_SHARED'") > 0


async def test_shares_are_derived_from_amounts_whatever_comes_first(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    rows = [
        holder(),
        holder(股东名称="李四", 证件号码=number(2), **{"出资比例(%)": ""}),
        holder(股东名称="赵六", 证件号码=number(3), **{"认缴出资额(万元)": "", "出资比例(%)": ""}),
    ]
    await take(sheet("h.csv", rows))
    await take(sheet("f.csv", [firm()]))
    shares = await pool.fetch(
        "SELECT share_min::text, share_max::text FROM relation WHERE kind = 'HOLDS'"
        " AND direction = 'IN' ORDER BY line_no"
    )
    third = "0.333333333333"
    assert [tuple(row) for row in shares] == [(third, third), (third, third), ("0", "1")]


async def test_what_is_given_beside_money_is_a_holding_of_its_own(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    share = {"认缴出资额(万元)": "", "出资比例(%)": "30", "出资方式": ""}
    goods = share | {"出资方式": "实物", "出资比例(%)": "25"}
    await take(sheet("h.csv", [holder(**share), holder(**goods)]))
    await take(sheet("again.csv", [holder(**share | {"出资比例(%)": "35", "出资方式": "货币"})]))
    shares = await pool.fetch(
        "SELECT share_min FROM relation WHERE kind = 'HOLDS' AND direction = 'IN' ORDER BY 1"
    )
    assert [row[0] for row in shares] == [Decimal("0.25"), Decimal("0.35")]


async def test_a_new_legal_representative_ends_the_old_one_whatever_comes_first(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    later = firm(法定代表人="李四", 法定代表人证件号码=number(12))
    await take(sheet("20250601_f.csv", [later]))
    await take(sheet("20240101_f.csv", [firm()]))
    rows = await pool.fetch(
        "SELECT p.name, r.valid_to FROM relation r JOIN person p ON p.subject_id = r.other_id"
        " WHERE r.kind = 'LEGAL_REP_OF' AND r.direction = 'IN' ORDER BY p.name"
    )
    assert [tuple(row) for row in rows] == [("张三", date(2025, 6, 1)), ("李四", None)]
    assert await pool.fetchval("SELECT legal_rep_name FROM organisation") == "李四"


async def test_open_ends_are_null(take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]) -> None:
    await take(sheet("f.csv", [firm()]))
    assert await pool.fetchval("SELECT operating_to FROM organisation") is None
    await take(sheet("p.csv", [penalty()]))
    assert await pool.fetchval("SELECT fields ? 'effectiveUntil' FROM record") is False


async def test_a_withdrawn_record_does_not_come_back(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    await take(sheet("20250601_p.csv", [penalty()]))
    identity = await pool.fetchval("SELECT record_id FROM record")
    async with pool.acquire() as connection:
        assert await withdraw_record(connection, identity, reason="法院撤销", on=date(2026, 1, 1))
        assert not await withdraw_record(
            connection, identity, reason="法院撤销", on=date(2026, 1, 1)
        )
    await take(sheet("20250601_p.csv", [penalty()]))
    await take(sheet("20260601_p.csv", [penalty()]))
    assert await pool.fetchval("SELECT status FROM record") == "WITHDRAWN"
    assert await pool.fetchval("SELECT count(*) FROM outbox WHERE entity = 'RECORD'") == 2


async def test_two_importers_of_one_file_take_it_once(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    import asyncio

    path = sheet("p.csv", [penalty(行政处罚决定书文号=f"第{i}号") for i in range(30)])
    first, second = await asyncio.gather(take(path), take(path))
    assert outcome(first) == outcome(second) == (30, 0, 0)
    assert await pool.fetchval("SELECT count(*) FROM record_version") == 30


async def test_no_persons_number_is_kept_in_plain_whatever_column_it_stands_in(
    take: Take, pool: asyncpg.Pool[Any], sheet: Sheet
) -> None:
    """Owners' numbers are tax numbers; one that passes for a USCC stood among the open codes."""
    both, person = "210502199408097396", number(7)
    old = person[:6] + person[8:17]
    owner = {"主体类型": "个体工商户", "统一社会信用代码": code(2, "92"), "主体名称": "本溪小店"}
    firms = [
        firm() | {"税务登记号": person + "01"},
        firm(**owner) | {"税务登记号": old},
        firm(注册号=person, 主体名称="本溪丙", 统一社会信用代码=code(3)) | {"税务登记号": ""},
        firm(统一社会信用代码=both, 主体名称="本溪丁") | {"税务登记号": ""},
    ]
    none = {"证件类型": "", "证件号码": ""}
    holders = [
        holder(**none, 股东代码=number(1)),
        holder(**none, 股东代码=both, 股东名称="李四", 股东类型="法人及非法人组织"),
        holder(证件号码=number(2), 股东代码=number(2)),
    ]
    told = []
    for name, rows in (("f", firms), ("h", holders), ("p", [penalty(统一社会信用代码=both)])):
        summary = await take(sheet(f"20250613_{name}.csv", rows))
        told.append([(row["行号"], row["字段"], row["代码"]) for row in report(summary)])
        assert summary.rejected == 1
    assert told == [
        [
            ("2", "税务登记号", "PERSON_NUMBER"),
            ("3", "税务登记号", "PERSON_NUMBER"),
            ("4", "注册号", "PERSON_NUMBER"),
            ("5", "统一社会信用代码", "PERSON_NUMBER"),
        ],
        [("3", "股东代码", "PERSON_NUMBER"), ("4", "股东代码", "MUST_BE_EMPTY")],
        [("2", "统一社会信用代码", "PERSON_NUMBER")],
    ]
    tables = await pool.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    for (table,) in tables:
        for plain in (both, person, old, number(1), number(2)):
            held = f"SELECT count(*) FROM {table} t WHERE strpos(t::text, $1) > 0"
            assert await pool.fetchval(held, plain) == 0, table
    # The holder whose number stood in the other column is known by it.
    assert (
        await pool.fetchval("SELECT count(*) FROM person WHERE NOT is_stub AND name = '王伟'") == 2
    )


async def test_a_file_of_several_units_may_be_sent_by_each(
    take: Take, pool: asyncpg.Pool[Any], sheet: Sheet
) -> None:
    """Whoever sent it first had the others' lines rejected for good."""
    other = code(900002, "11")
    rows = [penalty(), penalty(行政处罚决定书文号="乙", 数据来源单位代码=other)]
    path = sheet("20250613_p.csv", rows)
    for unit, told, held in (
        (other, (1, 0, 1), 1), (ISSUER, (1, 0, 1), 2), (other, (1, 0, 1), 2), (None, (2, 0, 0), 2),
    ):  # fmt: skip
        assert outcome(await take(path, rules=IntakeRules(source_unit=unit))) == told
        assert await pool.fetchval("SELECT count(*) FROM record") == held
    assert await pool.fetchval("SELECT count(*) FROM record_version") == 2


async def test_what_is_ignored_in_a_header_is_told_at_its_line(
    take: Take, pool: asyncpg.Pool[Any], sheet: Sheet
) -> None:
    """A misspelt column was ignored, and nobody was told."""
    path = sheet("p.csv", [penalty() | {"罚款(万)": "0.2", "附注": "a"}])
    summary = await take(path)
    assert outcome(summary) == outcome(await take(path)) == (1, 0, 0)
    assert [note.partition(":")[0] for note in summary.batches[0].header] == ["罚款(万)", "附注"]
    found = await pool.fetch("SELECT line_no, field, code, severity FROM batch_finding ORDER BY 2")
    assert [tuple(row) for row in found] == [
        (1, "罚款(万)", "UNKNOWN_COLUMN", "info"),
        (1, "附注", "UNKNOWN_COLUMN", "info"),
    ]
