"""W01–W28 in the world: who owns and owes, who is who, what was decided and sent."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.service.world_files import ON, acts, number, rows, truth


def shares(root: Path) -> dict[tuple[str, str], Fraction]:
    """Direct current shares by (holder, company)."""
    return {
        (row["holder"], row["company"]): Fraction(row["shareMillionths"], 1_000_000)
        for row in truth(root, "holdings")
        if row["to"] is None and row["shareMillionths"] is not None
    }


def integrated(direct: dict[tuple[str, str], Fraction], firms: list[str]) -> Any:
    """Integrated ownership of firms by outsiders: solve (I - A) exactly."""
    size = len(firms)
    place = {firm: index for index, firm in enumerate(firms)}
    matrix = [[Fraction(int(i == j)) for j in range(size)] for i in range(size)]
    outside: dict[str, list[Fraction]] = {}
    for (holder, company), share in direct.items():
        if company not in place:
            continue
        if holder in place:
            matrix[place[company]][place[holder]] -= share
        else:
            outside.setdefault(holder, [Fraction(0)] * size)[place[company]] = share
    solved = {}
    for holder, column in outside.items():
        table = [[*row[:], value] for row, value in zip(matrix, column, strict=True)]
        for pivot in range(size):
            best = next(r for r in range(pivot, size) if table[r][pivot])
            table[pivot], table[best] = table[best], table[pivot]
            table[pivot] = [value / table[pivot][pivot] for value in table[pivot]]
            for row in range(size):
                if row != pivot:
                    factor = table[row][pivot]
                    table[row] = [
                        value - factor * other
                        for value, other in zip(table[row], table[pivot], strict=True)
                    ]
        for firm in firms:
            solved[holder, firm] = table[place[firm]][size]
    return solved


@pytest.mark.parametrize("case", ["W03", "W04"])
def test_w03_w04_circles_have_the_golden_integrated_shares(
    root: Path, golden: dict[str, Any], case: str
) -> None:
    told = golden[case]
    parties = told["parties"]
    firms = {label: number(parties[label]) for label in told["integrated"]}
    solved = integrated(shares(root), list(firms.values()))
    for firm, owners in told["integrated"].items():
        for owner, share in owners.items():
            assert solved[number(parties[owner]), firms[firm]] == Fraction(share)


def test_w02_pyramid_is_13_464_percent(root: Path, golden: dict[str, Any]) -> None:
    parties, direct = golden["W02"]["parties"], shares(root)
    effective = Fraction(1)
    for above, below in zip("PABC", "ABCD", strict=True):
        effective *= direct[number(parties[above]), number(parties[below])]
    assert effective == Fraction(13464, 100000) == Fraction(golden["W02"]["effective"]["share"])


def test_w05_w06_w10_sums(root: Path, golden: dict[str, Any]) -> None:
    total: dict[str, Fraction] = defaultdict(Fraction)
    for (_, company), share in shares(root).items():
        total[company] += share
    closed = golden["W05"]["parties"]
    assert shares(root)[number(closed["A"]), number(closed["B"])] == 1
    treasury = number(golden["W06"]["parties"]["A"])
    assert shares(root)[treasury, treasury] == Fraction(5, 100)
    rounded = golden["W10"]
    for label, wanted in rounded["sums"].items():
        assert total[number(rounded["parties"][label])] == Fraction(wanted)


def test_w11_ring_and_w12_chain(root: Path, golden: dict[str, Any]) -> None:
    bonds = {row["guarantor"]: row for row in truth(root, "guarantees") if row["case"] == "W11"}
    told = golden["W11"]
    names = {number(party): label for label, party in told["parties"].items()}
    ring = {(names[row["guarantor"]], names[row["debtor"]]) for row in bonds.values()}
    assert ring == {tuple(pair) for pair in told["ring"]}
    assert len(ring) == 5
    assert sum(row["amount"] for row in bonds.values()) == int(told["exposureSum"]) == 10_000_000
    assert sum(p["city"] == "shenyang" for p in told["parties"].values()) == 2
    chain = {row["guarantor"]: row["debtor"] for row in truth(root, "guarantees")
             if row["case"] == "W12"}  # fmt: skip
    at, steps = number(golden["W12"]["parties"]["00"]), 0
    while at in chain:
        at, steps = chain[at], steps + 1
    assert steps == 30


def test_w13_moved_firm_is_told_by_both_cities(root: Path, golden: dict[str, Any]) -> None:
    code = golden["W13"]["parties"]["A"]["uscc"]
    assert code[2:8] == "210106"
    said = [
        (path.parent.name, path.name[:8], row["登记状态"], row["所在区划代码"])
        for path in sorted((root / "feeds").glob("*/*_firms.csv"))
        for row in rows(path)
        if row["统一社会信用代码"] == code
    ]
    assert said == [
        ("benxi", "20230306", "存续(在营/开业)", "210504"),
        ("shenyang", "20221230", "存续(在营/开业)", "210106"),
        ("shenyang", "20230303", "迁出", "210106"),
    ]


def test_w14_two_subjects_share_a_trade_name(root: Path, golden: dict[str, Any]) -> None:
    told = golden["W14"]
    a, b = told["parties"]["A"], told["parties"]["B"]
    assert a["uscc"] != b["uscc"]
    assert told["formerName"][2:] == b["name"][2:]
    sent = [row for _, row in acts(root, "penalty") if row["documentNo"] ==
            told["penaltyUnderOldName"]]  # fmt: skip
    assert [row["counterpartyName"] for row in sent] == [told["formerName"]]


def test_w15_three_mentions_are_two_persons(root: Path, golden: dict[str, Any]) -> None:
    codes = {golden["W15"]["parties"][label]["uscc"]: label for label in "ABC"}
    told = {
        codes[row["企业统一社会信用代码"]]: row["证件号码"]
        for path in (root / "feeds/benxi").glob("*_officers.csv")
        for row in rows(path)
        if row["企业统一社会信用代码"] in codes and row["姓名"] == "王伟"
    }
    assert told["A"] == told["B"] != told["C"]
    assert set(told) == set("ABC")


def test_w16_record_has_the_old_code_only(root: Path, golden: dict[str, Any]) -> None:
    told = golden["W16"]
    (row,) = [row for _, row in acts(root, "penalty") if row["documentNo"] == told["penalty"]]
    assert (row["uscc"], row["orgCode"]) == ("", told["parties"]["A"]["uscc"][8:17])


def test_w20_w22_deadlines_are_the_legal_ones(root: Path, golden: dict[str, Any]) -> None:
    ends = {row["documentNo"]: row["pubDeadline"] for _, row in acts(root, "penalty")}
    told = {row["ruleSet"]: row for row in golden["W20"]["penalties"]}
    assert [told[rule]["pubMaxEnd"] for rule in ("R2019", "R2023", "R2026")] == [
        "2024-02-01", "2027-05-01", "2027-04-10",
    ]  # fmt: skip
    for row in told.values():
        assert ends[row["documentNo"]] == row["pubMaxEnd"]
    assert ends[golden["W22"]["penalty"]] == golden["W22"]["pubMaxEnd"]


def test_w23_is_sent_on_the_sixth_working_day(root: Path, golden: dict[str, Any]) -> None:
    told = golden["W23"]
    ((path, row),) = [
        pair for pair in acts(root, "licence") if pair[1]["documentNo"] == told["licence"]
    ]
    assert (path.name[:8], row["decisionDate"]) == ("20251015", "2025-09-30")


def test_w24_sends_yuan_in_a_column_of_ten_thousands(root: Path, golden: dict[str, Any]) -> None:
    (row,) = [r for _, r in acts(root, "penalty") if r["documentNo"] == golden["W24"]["penalty"]]
    assert row["fineAmount"] == "2000"
    assert "罚款2000元" in row["content"]
    (so,) = [r for r in truth(root, "penalties") if r["documentNo"] == row["documentNo"]]
    assert so["fineAmount"] == "0.2"


def test_w25_without_the_restricted_person_there_is_no_path(
    root: Path, golden: dict[str, Any]
) -> None:
    near: dict[str, set[str]] = defaultdict(set)
    for name, one, other in (
        ("holdings", "holder", "company"),
        ("officers", "person", "company"),
        ("branches", "parent", "branch"),
        ("guarantees", "guarantor", "debtor"),
    ):
        for row in truth(root, name):
            near[row[one]].add(row[other])
            near[row[other]].add(row[one])

    def reached(start: str, without: str) -> set[str]:
        seen, queue = {start}, [start]
        while queue:
            for party in near[queue.pop()] - seen - {without}:
                seen.add(party)
                queue.append(party)
        return seen

    a, b, r = (number(golden["W25"]["parties"][label]) for label in "ABR")
    assert b in reached(a, "")
    assert b not in reached(a, r)
    assert [row["person"] for row in truth(root, "restricted")] == [r]


def test_w26_forty_firms_share_an_address(root: Path, golden: dict[str, Any]) -> None:
    address = golden["W26"]["address"]
    assert sum(body["address"] == address for body in truth(root, "organisations")) == 40


def test_w27_is_annulled_in_a_later_batch(root: Path, golden: dict[str, Any]) -> None:
    sent = {
        path.name[:8]: row["reviewStatus"]
        for path, row in acts(root, "penalty")
        if row["documentNo"] == golden["W27"]["penalty"]
    }
    assert sent == {"20260320": "无", "20260619": "撤销"}


def test_w28_correction_follows_the_original(root: Path, golden: dict[str, Any]) -> None:
    told = golden["W28"]
    latest: dict[str, str] = {}
    for path in told["files"]:
        for row in rows(root / path):
            latest[row["行政处罚决定书文号"]] = row["罚款金额（万元）"]
    assert latest == {row["documentNo"]: row["fineAmount"] for row in told["current"]}
    assert len(latest) == told["records"] == 3


def test_every_case_has_a_golden_answer(golden: dict[str, Any]) -> None:
    assert {f"W{case:02d}" for case in range(1, 31)} | {"demo", "X04", "X27"} <= set(golden)


def test_the_demo_firm_is_worth_asking_about(root: Path, golden: dict[str, Any]) -> None:
    demo = golden["demo"]
    sent = {row["documentNo"]: row for _, row in acts(root, "penalty")}
    today = ON.isoformat()
    assert len(demo["licences"]) >= 2
    assert len(demo["penaltiesDisplayed"]) >= 2
    for document in demo["penaltiesDisplayed"]:
        assert sent[document]["pubDeadline"] > today
    for document in demo["penaltiesNotDisplayed"]:
        assert sent[document]["pubDeadline"] <= today
    holders = {row["企业统一社会信用代码"]: set[str]() for path in
               (root / "feeds/benxi").glob("*_holders.csv") for row in rows(path)}  # fmt: skip
    for path in (root / "feeds/benxi").glob("*_holders.csv"):
        for row in rows(path):
            if not row["终止日期"]:
                holders[row["企业统一社会信用代码"]].add(row["股东代码"])
    firms = holders[demo["uscc"]] - {""}
    assert firms == {stake["holderCode"] for stake in demo["holders"]} - {None}
    above = next(iter(firms & set(holders)))
    shenyang = {body["uscc"] for body in truth(root, "organisations") if body["city"] == "shenyang"}
    assert holders[above] & shenyang
