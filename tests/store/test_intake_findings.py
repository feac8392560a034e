"""Findings and clocks that the kinds' own rules ask for (W20–W24, X23, records.md §5–§10)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.records import kinds
from store.intake import IntakeRules
from store.intake.amount import amounts, is_unit_suspect
from store.intake.chronology import exchanged
from store.intake.period import Period, read_period
from store.intake.value import Invalid, read_date
from store.rule_set import Transition
from tests.store.conftest import TODAY, Take
from tests.store.test_exclusion import SOURCE, SUBJECT, red, serious
from tests.store.test_intake import ISSUER, Sheet, code, firm, number, one, penalty, report


def arrears(**changed: str) -> dict[str, str]:
    return {
        **SUBJECT,
        "税种": "增值税",
        "欠缴所属期": "2026-01",
        "欠缴金额（元）": "2000",
        "公告日期": "2026-03-01",
        "主管税务机关": "本溪市税务局",
        "主管税务机关代码": ISSUER,
        "缴清日期": "",
        "备注": "",
        **SOURCE,
    } | changed


def utility(**changed: str) -> dict[str, str]:
    return {
        **SUBJECT,
        "证件类型": "",
        "证件号码": "",
        "公用事业种类": "水",
        "用户编号": "100001",
        "欠缴所属期": "2026-01",
        "欠缴金额（元）": "200",
        "催缴日期": "2026-03-01",
        "供应单位": "本溪示例水务有限公司",
        "供应单位代码": code(7),
        **SOURCE,
    } | changed


def commitment(**changed: str) -> dict[str, str]:
    return {
        "承诺编码": "21050020260301000001",
        "承诺人名称": "本溪示例机械有限公司",
        "主体类别": "法人及非法人组织",
        "统一社会信用代码": code(1),
        "承诺类型": "容缺受理型",
        "承诺事由": "补正材料",
        "承诺内容": "十日内补正",
        "违诺责任": "撤销许可",
        "承诺作出日期": "2026-03-01",
        "承诺履行状态": "全部履行",
        "未履行的承诺内容": "",
        "违诺责任追究内容": "",
        "受理单位": "本溪市市场监督管理局",
        "受理单位代码": ISSUER,
        "公开类型": "可向社会公开",
        **SOURCE,
    } | changed


def evaluation(**changed: str) -> dict[str, str]:
    return {
        **SUBJECT,
        "评价方案": "SY-1000",
        "方案版本": "v2",
        "评价得分": "872",
        "评价等级": "",
        "评价日期": "2026-03-01",
        "评价单位": "沈阳市信用中心",
        "评价单位代码": ISSUER,
        **SOURCE,
    } | changed


# --- units (W24) ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("罚款2000元", {2000}),
        ("罚款人民币贰仟元整", {2000}),
        ("罚款2千元", {2000}),
        ("罚款1.5万元", {15000}),
        ("罚款一万二千元", {12000}),
        ("罚款三万五元", {35000}),
        ("罚款三万零五元", {30005}),
        ("罚款2万5千元", {25000}),
        ("没收1,234.50元，罚款两百元", {Decimal("1234.5"), 200}),
        ("罚款壹佰贰拾叁万肆仟伍佰陆拾柒元", {1234567}),
        ("投资一亿三千万元", {130_000_000}),
        ("罚款２０００元", {2000}),
        ("依据第12条，处3个月", set()),
        ("罚款20万", {200_000}),
        ("罚款￥2,000.00", {2000}),
        ("罚款RMB2000", {2000}),
        ("罚款叁元柒角捌分", {Decimal("3.78")}),
        ("违规排放20万吨，没收20万件", set()),
    ],
)
def test_amounts_are_read_in_digits_and_in_numerals(text: str, expected: set[Any]) -> None:
    assert amounts(text) == {Decimal(amount) for amount in expected}


@given(st.integers(1, 10**9))
def test_w24_ten_thousandfold_is_suspect_and_the_amount_itself_never(yuan: int) -> None:
    texts = [f"罚款{yuan}元"]
    assert not is_unit_suspect(Decimal(yuan), texts)
    assert is_unit_suspect(Decimal(yuan) * 10_000, texts)
    assert is_unit_suspect(Decimal(yuan) / 10_000, texts)
    assert not is_unit_suspect(Decimal(yuan) * 100, texts)


@pytest.mark.parametrize(
    "row",
    [
        penalty(**{"罚款金额（万元）": "2000"}),
        penalty(**{"罚款金额（万元）": "2000", "处罚内容": "罚款人民币贰仟元整"}),
        penalty(**{"罚款金额（万元）": "0.00002"}),
        penalty(
            处罚类别="没收违法所得",
            处罚内容="没收违法所得1.5万元",
            **{"罚款金额（万元）": "", "没收违法所得、没收非法财物的金额（万元）": "15000"},
        ),
        arrears(**{"欠缴金额（元）": "0.2", "备注": "欠税2000元"}),
    ],
)
async def test_w24_every_amount_is_compared_with_the_text(
    take: Take, sheet: Sheet, row: dict[str, str]
) -> None:
    assert await one(take, sheet, row) == ((0, 1, 0), {"UNIT_SUSPECT"})


# --- dates ---------------------------------------------------------------------------------------


@given(st.dates())
def test_a_day_exchanged_twice_is_itself(day: date) -> None:
    other = exchanged(day)
    assert other is None or (exchanged(other) == day and other != day)


async def test_a_decision_after_its_receipt_is_told_with_the_day_it_may_mean(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    row = penalty(处罚决定日期="2025-10-05", 公示截止期="2028-05-10")
    summary = await take(sheet("20250601_p.csv", [row]))
    [found] = report(summary)
    assert found["代码"] == "DATE_SWAPPED"
    assert "2025-05-10" in found["原因"]
    # Told, and not corrected.
    assert await pool.fetchval("SELECT decision_date FROM record") == date(2025, 10, 5)


async def test_decision_and_deadline_the_wrong_way_round_are_told(take: Take, sheet: Sheet) -> None:
    row = penalty(处罚决定日期="2028-05-01", 公示截止期="2025-05-01")
    [found] = report(await take(sheet("p.csv", [row])))
    assert found["代码"] == "DATE_FUTURE；DATE_SWAPPED"
    assert "2025-05-01 – 2028-05-01" in found["原因"]


async def test_a_deadline_that_fits_the_exchanged_day_tells_it(take: Take, sheet: Sheet) -> None:
    row = penalty(处罚决定日期="2025-05-03", 公示截止期="2028-03-05")
    assert await one(take, sheet, row) == ((0, 1, 0), {"DATE_SWAPPED"})


@pytest.mark.parametrize(
    ("changed", "meant"),
    [
        ({"认定时间": "2025-12-01", "移出日期": "2025-02-01"}, "2025-01-12"),
        ({"认定时间": "2025-12-20", "移出日期": "2025-12-05"}, "2025-12-05 – 2025-12-20"),
    ],
)
async def test_start_and_end_the_wrong_way_round_are_told(
    take: Take, sheet: Sheet, changed: dict[str, str], meant: str
) -> None:
    [found] = report(await take(sheet("r.csv", [red(**changed)])))
    assert set(found["代码"].split("；")) == {"DATE_ORDER", "DATE_SWAPPED"}
    assert meant in found["原因"]


async def test_what_ends_a_record_is_not_in_the_future(take: Take, sheet: Sheet) -> None:
    assert await one(take, sheet, red(移出日期="2026-12-31")) == ((0, 0, 1), {"DATE_FUTURE"})


# --- clocks (W20–W22, X23) -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("transition", "expected"),
    [
        (
            Transition.DECISION_DATE,
            {
                "2023-02-01": ("R2019", "2024-02-01"),
                "2024-05-01": ("R2023", "2027-05-01"),
                "2026-04-10": ("R2026", "2027-04-10"),
            },
        ),
        (
            Transition.NEWEST_MORE_LENIENT,
            {
                "2023-02-01": ("R2019", "2024-02-01"),
                "2024-05-01": ("R2026", "2025-05-01"),
                "2026-04-10": ("R2026", "2027-04-10"),
            },
        ),
    ],
)
async def test_x23_the_transition_of_old_decisions_is_a_setting(
    take: Take,
    sheet: Sheet,
    pool: asyncpg.Pool[Any],
    transition: Transition,
    expected: dict[str, tuple[str, str]],
) -> None:
    ends = {"2023-02-01": "2024-02-01", "2024-05-01": "2027-05-01", "2026-04-10": "2027-04-10"}
    rows = [
        penalty(行政处罚决定书文号=day, 处罚决定日期=day, 公示截止期=end)
        for day, end in ends.items()
    ]
    summary = await take(sheet("p.csv", rows), rules=IntakeRules(transition))
    # A deadline that was lawful on the day of the decision is no fault of the file.
    assert summary.accepted == 3
    found = await pool.fetch("SELECT document_no, rule_set_id, display_until FROM record")
    assert {
        r["document_no"]: (r["rule_set_id"], str(r["display_until"])) for r in found
    } == expected


async def test_the_departments_own_severity_goes_before_the_types(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    row = penalty(处罚决定日期="2026-04-10", 公示截止期="2029-04-10")
    await take(sheet("p.csv", [row | {"失信程度": "严重"}]))
    found = await pool.fetchrow("SELECT severity, display_min_until, display_until FROM record")
    assert tuple(found) == ("SERIOUS", date(2027, 4, 10), date(2029, 4, 10))


async def test_a_serious_listing_stands_until_it_is_removed(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    columns = (
        "severity, rule_set_id, display_from, display_min_until, display_until,"
        " display_ended_on, query_until, class"
    )
    await take(sheet("20260401_s.csv", [serious()]))
    assert tuple(await pool.fetchrow(f"SELECT {columns} FROM record")) == (
        "SERIOUS", "R2023", date(2026, 3, 1), date(2027, 3, 1), None, None, None, "O",
    )  # fmt: skip
    await take(sheet("20260601_s.csv", [serious(移出日期="2026-05-20")]))
    found = await pool.fetchrow(f"SELECT {columns} FROM record")
    assert (found["display_ended_on"], found["query_until"]) == (
        date(2026, 5, 20),
        date(2031, 5, 20),
    )


async def test_cleared_arrears_are_neither_displayed_nor_queried(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    from store.display import displayed, government

    async def seen() -> tuple[bool, bool]:
        row = await pool.fetchrow(
            f"SELECT {displayed('r', '$1')} AS d, {government('r', '$1')} AS g FROM record r", TODAY
        )
        assert row is not None
        return row["d"], row["g"]

    await take(sheet("20260401_a.csv", [arrears()]))
    assert await seen() == (True, True)
    await take(sheet("20260601_a.csv", [arrears(缴清日期="2026-05-20")]))
    assert await pool.fetchval("SELECT count(*) FROM record") == 1
    assert await seen() == (False, False)


# --- what single kinds ask for -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "standard"),
    [
        ("2025-03", "2025-03"),
        ("202503", "2025-03"),
        ("2025年3月", "2025-03"),
        ("2025-01/2025-03", "2025-01/2025-03"),
        ("2025年1月至2025年3月", "2025-01/2025-03"),
        ("202412-202502", "2024-12/2025-02"),
        ("２０２５－０３", "2025-03"),
        ("2025-01-01至2025-03-31", "2025-01/2025-03"),
        ("2025年3月1日至2025年3月31日", "2025-03"),
    ],
)
def test_periods_are_read_in_one_form(text: str, standard: str) -> None:
    assert str(read_period(text)) == standard


@pytest.mark.parametrize(
    "text",
    ["", "2025", "2025-13", "2025-03-01", "2025-03/2025-01", "2025-03-02至2025-03-31", "三月"],
)
def test_what_is_no_period_is_none(text: str) -> None:
    assert read_period(text) is None


def test_a_period_ends_with_the_last_day_of_its_month() -> None:
    assert read_period("2024-01/2024-02") == Period(date(2024, 1, 1), date(2024, 2, 29))


@pytest.mark.parametrize(
    ("row", "codes", "counts"),
    [
        (arrears(欠缴所属期="2026-13"), {"PERIOD_INVALID"}, (0, 0, 1)),
        (arrears(缴清日期="2026-01-30"), {"DATE_ORDER"}, (0, 0, 1)),
        (arrears(缴清日期="2026-01-31"), set(), (1, 0, 0)),
        (arrears(**{"欠缴金额（元）": "-1"}), {"NUMBER_RANGE"}, (0, 0, 1)),
        (utility(), set(), (1, 0, 0)),
        (commitment(), set(), (1, 0, 0)),
        (commitment(承诺编码="210500202603010001"), {"COMMITMENT_CODE"}, (0, 0, 1)),
        (commitment(承诺编码="21050020261301000001"), {"COMMITMENT_CODE"}, (0, 0, 1)),
        (commitment(承诺编码="21050020260302000001"), {"COMMITMENT_CODE_DIFFERS"}, (0, 1, 0)),
        (commitment(承诺编码="21010020260301000001"), {"COMMITMENT_CODE_DIFFERS"}, (0, 1, 0)),
        (commitment(未履行的承诺内容="未补正"), {"MUST_BE_EMPTY"}, (0, 1, 0)),
        (commitment(承诺履行状态="部分履行", 未履行的承诺内容="甲"), {"REQUIRED"}, (0, 0, 1)),
        (evaluation(), set(), (1, 0, 0)),
        (evaluation(评价得分="1872"), {"SCORE_RANGE"}, (0, 0, 1)),
        (evaluation(评价得分=""), {"EVALUATION_EMPTY"}, (0, 0, 1)),
        (evaluation(评价方案="NOWHERE"), {"SCHEME_UNKNOWN"}, (0, 1, 0)),
    ],
)
async def test_each_kind_is_judged_by_its_own_rules(
    take: Take, sheet: Sheet, row: dict[str, str], codes: set[str], counts: tuple[int, int, int]
) -> None:
    assert await one(take, sheet, row) == (counts, codes)


async def test_what_a_rule_forbids_is_left_out(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    await take(sheet("c.csv", [commitment(未履行的承诺内容="未补正")]))
    assert await pool.fetchval("SELECT fields ? 'unperformed' FROM record") is False


@pytest.mark.parametrize(
    ("publication", "expected"), [("可向社会公开", "O"), ("特定范围内公开", "G"), ("不可公开", "I")]
)
async def test_a_commitment_says_itself_who_may_see_it(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any], publication: str, expected: str
) -> None:
    await take(sheet("c.csv", [commitment(公开类型=publication)]))
    assert await pool.fetchval("SELECT class FROM record") == expected


async def test_persons_utility_arrears_are_taken_only_where_a_setting_says_so(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    row = utility(
        主体名称="王伟",
        主体类别="自然人",
        统一社会信用代码="",
        证件类型="身份证",
        证件号码=number(3),
    )
    assert await one(take, sheet, row) == ((0, 0, 1), {"PERSON_NOT_TAKEN"})
    summary = await take(
        sheet("20260601_u.csv", [row]), rules=IntakeRules(person_utility_arrears=True)
    )
    assert summary.accepted == 1
    assert await pool.fetchval("SELECT class FROM record") == "A"


def test_every_negative_kind_has_a_clock() -> None:
    for kind in kinds():
        if kind.negative:
            assert kind.severity or any(f.name == "penalty_types" for f in kind.fields), kind.name
            assert "decision_date" in {f.envelope for f in kind.fields}, kind.name


async def test_a_severity_that_is_said_not_to_apply_is_none_stated(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    assert await one(take, sheet, {**serious(), "失信程度": "不适用"}) == ((1, 0, 0), set())
    assert await pool.fetchval("SELECT severity FROM record") == "SERIOUS"


# --- corrections 更正 -----------------------------------------------------------------------------


async def test_what_one_document_names_is_not_a_correction_of_each_other(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    announced = {"公告文号": "第1号"}
    await take(
        sheet("20260601_s.csv", [serious(), serious(名单种类="环保领域严重失信")]),
        sheet("20260601_r.csv", [red(认定文号="第2号", 评价年度=y) for y in ("2024", "2025")]),
        sheet(
            "20260601_t.csv",
            [
                arrears(**announced),
                arrears(**announced, 税种="房产税"),
                arrears(**announced, 欠缴所属期="2026-02"),
            ],
        ),
    )
    assert await pool.fetchval("SELECT count(*) FROM record WHERE status = 'VALID'") == 7


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0)])
async def test_what_has_no_document_number_is_corrected_once_its_bodies_are_one(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any], order: tuple[int, int, int]
) -> None:
    """Owed under an old code and cleared under the USCC is cleared, whatever ties the two first."""
    files = (
        sheet("20260601_t.csv", [arrears(统一社会信用代码="", 注册号="210500000000011")]),
        sheet("20260602_t.csv", [arrears(缴清日期="2026-05-01")]),
        sheet("20260603_f.csv", [firm(注册号="210500000000011")]),
    )
    for index in order:
        await take(files[index])
    rows = await pool.fetch(
        "SELECT status, display_ended_on, count(*) OVER (PARTITION BY subject_id) FROM record"
    )
    assert {tuple(row) for row in rows} == {
        ("VALID", date(2026, 5, 1), 2),
        ("WITHDRAWN", date(2026, 6, 2), 2),
    }
    assert not await pool.fetchval("SELECT count(*) FROM quality_issue WHERE closed_at IS NULL")


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
async def test_a_commitment_has_one_party_whatever_was_sent_first(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any], order: tuple[int, int, int]
) -> None:
    """Its code alone makes its id: sent under its right party it is not the former one's."""
    files = (
        sheet("20260601_c.csv", [commitment(承诺人名称="本溪另一企业", 统一社会信用代码=code(8))]),
        sheet("20260602_c.csv", [commitment()]),
        sheet("20260603_c.csv", [commitment(承诺事由="补正全部材料")]),
    )
    for index in order:
        await take(files[index])
    rows = await pool.fetch("SELECT reported_code, status, display_ended_on FROM record")
    assert {tuple(row) for row in rows} == {
        (code(1), "VALID", None),
        (code(8), "WITHDRAWN", date(2026, 6, 3)),
    }


async def test_a_whole_number_has_32_bits(take: Take, sheet: Sheet) -> None:
    for told, found in (("99999999999", "NUMBER_RANGE"), ("2_025", "NUMBER_INVALID")):
        _, codes = await one(take, sheet, red(认定时间="2025-12-31", 评价年度=told))
        assert codes == {found}


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2025-06-13T16:00:00Z", "2025-06-14"),  # as programs write the 14th
        ("2025-06-13T15:59:59.999+00:00", "2025-06-13"),
        ("2025-06-13 23:30:00 -0100", "2025-06-14"),
        ("1988-06-13T15:00:00Z", "1988-06-14"),  # in summer time
        ("2025-06-14T00:00:00+08:00", "2025-06-14"),
        ("2025-06-14 00:00:00+08", "2025-06-14"),
        ("2025/6/14 8:30", "2025-06-14"),
        ("2025/6/14 8:30:00 AM", "2025-06-14"),
        ("2025年6月14日", "2025-06-14"),
        ("20250614", "2025-06-14"),
    ],
)
def test_a_moment_is_of_its_day_in_shanghai(text: str, day: str) -> None:
    assert str(read_date(text)) == day


@pytest.mark.parametrize(
    "text",
    ["2025-06-14 10:00作废", "2025-06-14 99:00:00", "9999-12-31T23:59:59-10:00", "2025-06-31",
     "2025-06-14T16:00:00+99:99:99", "14/06/2025"],
)  # fmt: skip
def test_what_is_no_day_is_not_guessed_at(text: str) -> None:
    with pytest.raises(Invalid, match="DATE_INVALID"):
        read_date(text)
