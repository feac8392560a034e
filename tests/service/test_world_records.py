"""Planted cases in lists, evaluations, arrears and old forms, under several seeds."""

from __future__ import annotations

import json
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from service.world import write_world
from tests.service.world_files import ON, is_former, number, rows, sent, truth


def test_w17_listing_is_ended_by_repair(root: Path, golden: dict[str, Any]) -> None:
    told = golden["W17"]
    code = told["parties"]["A"]["uscc"]
    rows_ = sent(root, "abnormal_operation", uscc=code)
    assert [(day, row["removedOn"]) for _, day, row in rows_] == [
        ("20260327", ""), ("20260618", told["listing"]["removedOn"]),
    ]  # fmt: skip
    assert rows_[-1][2]["removedReason"] == "信用修复"


def test_w18_872_points_and_the_courts_list_of_yesterday(
    root: Path, golden: dict[str, Any]
) -> None:
    told = golden["W18"]
    for label in "AB":
        [(city, _, row)] = sent(root, "evaluation", uscc=told["parties"][label]["uscc"])
        assert (city, row["scheme"], row["schemeVersion"]) == ("shenyang", "SY-1000", "v2")
        assert (row["score"], row["grade"]) == ("872", "优")
        assert row["validUntil"] > ON.isoformat()
    [(_, day, row)] = sent(root, "court_defaulter", caseNo=told["caseNo"])
    assert (day, row["filedOn"], row["name"]) == (
        "20260629", "20260629", told["parties"]["A"]["name"],
    )  # fmt: skip


def test_w19_mapping_drafts_have_a_gap_and_a_turned_row(root: Path, golden: dict[str, Any]) -> None:
    files = golden["W19"]["files"]
    gap, turned = (tomllib.loads((root / files[name]).read_text("utf-8")) for name in files)
    assert [(row["from"], row.get("below")) for row in gap["row"]] == [
        ("850", None), ("550", "700"), ("0", "550"),
    ]  # fmt: skip
    assert [row["band"] for row in turned["row"]] == ["优", "中", "良", "差"]


def test_w29_red_and_black_in_both_orders(root: Path, golden: dict[str, Any]) -> None:
    told = golden["W29"]
    order = {}
    for label, other in (("A", "serious"), ("B", "serious"), ("C", "court")):
        documents = told["documents"][label]
        [(_, red, row)] = sent(root, "red_list", documentNo=documents["red"])
        assert row["validFrom"] <= ON.isoformat() <= row["validTo"]
        kind, name = ("serious_list", "documentNo") if other == "serious" else (
            "court_defaulter", "caseNo")  # fmt: skip
        [(_, black, row)] = sent(root, kind, **{name: documents[other]})
        assert not row.get("removedOn")
        order[label] = red < black
    assert order == {"A": True, "B": False, "C": True}


def test_nobody_else_is_on_a_red_list_and_a_list_of_dishonesty(
    root: Path, golden: dict[str, Any]
) -> None:
    dishonest = {row["subject"] for row in truth(root, "serious_list")}
    dishonest |= {row["subject"] for row in truth(root, "court_defaulter")}
    both = dishonest & {row["subject"] for row in truth(root, "red_list")}
    assert both == {number(golden["W29"]["parties"][label]) for label in "ABC"}


def test_court_numbers_of_persons_are_masked(root: Path, golden: dict[str, Any]) -> None:
    told = golden["COURT"]
    persons = {person["idNumber"] for person in truth(root, "persons")}
    for path in (root / "feeds").glob("*/*_court_defaulter.json"):
        assert not any(number in path.read_text("utf-8") for number in persons)
    for label in "PQ":
        [(_, _, row)] = sent(root, "court_defaulter", caseNo=told["caseNo"][label])
        full = told["parties"][label]["idNumber"]
        assert row["idMasked"] == f"{full[:10]}****{full[14:]}"
        assert row["partyKind"] == "0"
    [(_, _, row)] = sent(root, "court_defaulter", caseNo=told["caseNo"]["A"])
    assert row["idMasked"] == told["parties"]["A"]["uscc"][8:17]


def test_x02_the_partner_may_see_the_penalty_and_not_the_fund(
    root: Path, golden: dict[str, Any]
) -> None:
    told = golden["X02"]
    code = told["parties"]["A"]["uscc"]
    assert sent(root, "penalty", uscc=code, documentNo=told["penalty"])
    for kind, period in (
        ("housing_fund_arrears", told["housingFundPeriod"]),
        ("tax_arrears", told["taxPeriod"]),
    ):
        [(city, _, row)] = sent(root, kind, uscc=code)
        assert (city, row["period"], row["clearedOn"]) == ("benxi", period, "")


def test_x08_one_person_sits_in_both_cities_and_a_namesake_in_one(
    root: Path, golden: dict[str, Any]
) -> None:
    told = golden["X08"]
    p, q = told["parties"]["P"], told["parties"]["Q"]
    assert p["name"] == q["name"]
    assert p["idNumber"] != q["idNumber"]
    named = defaultdict(set)
    for path in (root / "feeds").glob("*/*_officers.csv"):
        for row in rows(path):
            named[row["证件号码"]].add(path.parent.name)
    assert named[p["idNumber"]] == {"benxi", "shenyang"}
    assert named[q["idNumber"]] == {"shenyang"}


def test_x11_x14_stale_and_missing_grades(root: Path, golden: dict[str, Any]) -> None:
    told, today = golden["X11"], ON.isoformat()
    for label in "ABC":
        [(_, _, row)] = sent(root, "evaluation", uscc=told["parties"][label]["uscc"])
        assert row["schemeVersion"] == told["versions"][label]
        assert (row["validUntil"] < today) == (label == "A")
    assert not sent(root, "evaluation", uscc=golden["X14"]["parties"]["A"]["uscc"])


def test_the_citizen_and_the_firm_have_records_of_many_kinds(
    root: Path, golden: dict[str, Any]
) -> None:
    told = golden["SELF"]
    assert golden["self_person"] == told["parties"]["P"]["idNumber"]
    assert golden["self_person"][:6] == "210590"
    assert golden["self_firm"] == told["parties"]["A"]["uscc"]
    keys = {"abnormal_operation": "includedOn", "inspection": "taskNo", "commitment": "code",
            "evaluation": "scheme", "watch_list": "watchCode", "licence": "documentNo",
            "penalty": "documentNo", "red_list": "documentNo", "tax_arrears": "period",
            "social_insurance_arrears": "period", "housing_fund_arrears": "period",
            "utility_arrears": "period"}  # fmt: skip
    for kind, values in told["ofFirm"].items():
        found = sent(root, kind, uscc=golden["self_firm"])
        assert sorted({row[keys[kind]] for _, _, row in found}) == sorted(values), kind
    assert set(told["ofFirm"]) == set(keys)
    keys["tax_arrears"] = "announceNo"
    for kind, values in told["ofPerson"].items():
        found = sent(root, kind, personIdNo=golden["self_person"])
        assert [row[keys[kind]] for _, _, row in found] == values, kind


def test_former_forms_carry_a_firm_by_old_code_and_a_person(
    root: Path, golden: dict[str, Any]
) -> None:
    told = golden["FORM2015"]
    former = {
        row.get("行政许可决定书文号") or row["CF_WSH"]: row
        for path in (root / "feeds/benxi").glob("*.csv")
        if path.stem.endswith(("licence", "penalty")) and is_former(rows(path)[0])
        for row in rows(path)
        if "CF_WSH" in row or "行政许可决定书文号" in row
    }
    firm = former[told["licenceOfFirm"]]
    assert firm["行政相对人代码_1(统一社会信用代码)"] == ""
    assert firm["行政相对人代码_2(组织机构代码)"] == told["orgCode"]
    person = former[told["licenceOfPerson"]]
    assert person["行政相对人代码_5(居民身份证号)"] == told["parties"]["P"]["idNumber"]
    both = former[told["penalty"]]
    assert [both["CF_CFLB1"], both["CF_CFLB2"]] == told["penaltyTypes"]


@pytest.mark.parametrize("seed", [7, 20260630])
def test_every_case_is_planted_in_every_seed(tmp_path: Path, seed: int) -> None:
    write_world("S", seed, tmp_path)
    other = json.loads((tmp_path / "truth/golden.json").read_text("utf-8"))
    for check in (
        test_w17_listing_is_ended_by_repair,
        test_w18_872_points_and_the_courts_list_of_yesterday,
        test_w29_red_and_black_in_both_orders,
        test_court_numbers_of_persons_are_masked,
        test_x02_the_partner_may_see_the_penalty_and_not_the_fund,
        test_x08_one_person_sits_in_both_cities_and_a_namesake_in_one,
        test_x11_x14_stale_and_missing_grades,
        test_the_citizen_and_the_firm_have_records_of_many_kinds,
        test_former_forms_carry_a_firm_by_old_code_and_a_person,
    ):
        check(tmp_path, other)


def test_units_have_the_same_codes_in_every_seed(root: Path, tmp_path: Path) -> None:
    write_world("S", 7, tmp_path)
    assert (root / "truth/units.jsonl").read_bytes() == (
        tmp_path / "truth/units.jsonl"
    ).read_bytes()
    units = {unit["uscc"][8:17] for unit in truth(root, "units")}
    assert not units & {body["uscc"][8:17] for body in truth(tmp_path, "organisations")}
