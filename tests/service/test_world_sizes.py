"""The larger world M: contains S, and shows what only numbers can show. Takes some seconds."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from statistics import correlation, mean, stdev
from typing import Any

import pytest

from service.world import DEFAULT_SEED, write_world
from service.world.form import KINDS
from tests.service.world_files import ARREARS, LISTS, truth

LIVE = "存续(在营/开业)"


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("worlds")
    for size in "SM":
        write_world(size, DEFAULT_SEED, folder / size)
    return folder / "S", folder / "M"


@pytest.mark.parametrize(
    "name",
    ["units", "persons", "organisations", "holdings", "officers", "branches", "guarantees",
     "loans", "licences", "penalties", *KINDS, "procedure_case"],
)  # fmt: skip
def test_everything_of_s_is_in_m(worlds: tuple[Path, Path], name: str) -> None:
    small, large = (
        set((world / f"truth/{name}.jsonl").read_bytes().split(b"\n")) for world in worlds
    )
    assert len(small) > 1
    assert small <= large


def test_m_has_the_numbers_of_the_table(worlds: tuple[Path, Path]) -> None:
    large = worlds[1]
    bodies = truth(large, "organisations")
    cities = Counter(body["city"] for body in bodies)
    assert cities == {"benxi": 8_000, "shenyang": 32_000}
    traders = sum(body["category"] == "个体工商户" for body in bodies)
    assert abs(traders / len(bodies) - 0.66) < 0.01
    statuses = Counter(body["regStatus"] for body in bodies)
    assert abs(statuses["注销"] / len(bodies) - 0.22) < 0.01
    wanted = {"holdings": 30_000, "officers": 48_000, "guarantees": 3_000, "licences": 12_000,
              "penalties": 6_000, "persons": 45_000, "inspection": 6_000, "commitment": 5_000,
              "evaluation": 20_000, "procedure_case": 1_500}  # fmt: skip
    for name, count in wanted.items():
        assert abs(len(truth(large, name)) - count) < count * 0.12, name
    for names, count in ((ARREARS, 6_500), (LISTS, 5_000)):
        assert abs(sum(len(truth(large, name)) for name in names) - count) < count * 0.12, names


def test_w26_three_thousand_firms_share_an_address_in_m(worlds: tuple[Path, Path]) -> None:
    address = json.loads((worlds[1] / "truth/golden.json").read_text("utf-8"))["W26"]["address"]
    assert sum(body["address"] == address for body in truth(worlds[1], "organisations")) == 3_000


def test_m_has_stubs_and_namesakes(worlds: tuple[Path, Path]) -> None:
    large = worlds[1]
    officers = truth(large, "officers")
    assert sum(row["stub"] for row in officers + truth(large, "holdings")) >= 500
    region = {body["id"]: body["regionCode"] for body in truth(large, "organisations")}
    name = {person["id"]: person["name"] for person in truth(large, "persons")}
    people = {(region[row["company"]], name[row["person"]], row["person"]) for row in officers}
    pairs = Counter((where, who) for where, who, _ in people)
    assert sum(count > 1 for count in pairs.values()) >= 20


def test_punishment_follows_quality(worlds: tuple[Path, Path]) -> None:
    large = worlds[1]
    quality = {body["id"]: body["quality"] for body in truth(large, "organisations")}
    punished = [quality[row["subject"]] for row in truth(large, "penalties")
                if row["subject"] in quality]  # fmt: skip
    assert sum(punished) / len(punished) < -300 < sum(quality.values()) / len(quality)


def bodies_of(large: Path) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """Firms and individual businesses by id."""
    bodies = {body["id"]: body for body in truth(large, "organisations")}
    traders = {key: body for key, body in bodies.items() if body["category"] == "个体工商户"}
    return {key: body for key, body in bodies.items() if key not in traders}, traders


def share(rows: Iterable[dict[str, Any]], among: Mapping[str, Any]) -> float:
    """Which part of a population has at least one row."""
    return len({row["subject"] for row in rows} & among.keys()) / len(among)


def test_lists_have_the_rates_of_demo_world_3(worlds: tuple[Path, Path]) -> None:
    large = worlds[1]
    firms, traders = bodies_of(large)
    abnormal = truth(large, "abnormal_operation")
    assert abs(share(abnormal, firms) - 0.09) < 0.012
    assert abs(share(abnormal, traders) - 0.06) < 0.012
    reasons = Counter(row["reason"] for row in abnormal)
    assert abs(reasons["未按期公示年报"] / len(abnormal) - 0.78) < 0.03
    assert abs(reasons["通过登记的住所（经营场所）无法联系"] / len(abnormal) - 0.20) < 0.03
    court = truth(large, "court_defaulter")
    persons = {person["id"]: person for person in truth(large, "persons")}
    assert abs(share(court, firms) - 0.012) < 0.003
    assert abs(share(court, persons) - 0.0035) < 0.001


@pytest.mark.parametrize(
    ("kind", "field", "value", "rate"),
    [("tax_arrears", "", "", 0.006), ("social_insurance_arrears", "", "", 0.03),
     ("housing_fund_arrears", "", "", 0.015), ("utility_arrears", "utility", "水", 0.012),
     ("utility_arrears", "utility", "电", 0.009), ("utility_arrears", "utility", "燃气", 0.007),
     ("utility_arrears", "utility", "供热", 0.04)],
)  # fmt: skip
def test_arrears_have_the_rates_of_demo_world_3(
    worlds: tuple[Path, Path], kind: str, field: str, value: str, rate: float
) -> None:
    firms, _ = bodies_of(worlds[1])
    live = {key: body for key, body in firms.items() if body["regStatus"] == LIVE}
    told = [row for row in truth(worlds[1], kind) if row.get(field, "") == value]
    assert abs(share(told, live) - rate) < rate * 0.25 + 0.001


def test_85_percent_of_arrears_are_cleared_within_180_days(worlds: tuple[Path, Path]) -> None:
    told = [row for name in ARREARS for row in truth(worlds[1], name)]
    assessed = [row.get("announcedOn") or row.get("assessedOn") or row["noticeOn"] for row in told]
    long_ago = [(row, day) for row, day in zip(told, assessed, strict=True) if day < "2025-11-01"]
    quick = sum("clearedOn" in row and days(day, row["clearedOn"]) <= 180 for row, day in long_ago)
    assert abs(quick / len(long_ago) - 0.85) < 0.03


def days(first: str, last: str) -> int:
    return (date.fromisoformat(last) - date.fromisoformat(first)).days


def test_grades_are_distributed_as_in_demo_world_3(worlds: tuple[Path, Path]) -> None:
    told = truth(worlds[1], "evaluation")
    for scheme, wanted in (
        ("TAX-ABMCD", {"A": 9, "B": 50, "M": 34, "C": 3.5, "D": 3.5}),
        ("BX-ABCD", {"A": 12, "B": 60, "C": 23, "D": 5}),
    ):
        grades = Counter(row["grade"] for row in told if row["scheme"] == scheme)
        for grade, percent in wanted.items():
            assert abs(grades[grade] * 100 / grades.total() - percent) < 2, (scheme, grade)
    scores = [int(row["score"]) for row in told if row["scheme"] == "SY-1000"]
    assert abs(mean(scores) - 735) < 6
    assert abs(stdev(scores) - 85) < 6
    assert min(scores) >= 350
    assert max(scores) <= 985
    schemes = {(row["scheme"], row["schemeVersion"]) for row in told}
    assert schemes >= {("SY-1000", "v1"), ("SY-1000", "v2"), ("TL-AAA-D", "v1"), ("FIRE", "v1"),
                       ("RISK-SAMR", "v1"), ("ENV-COLOUR", "v1")}  # fmt: skip


def test_grades_follow_quality_and_risk_reads_the_other_way(worlds: tuple[Path, Path]) -> None:
    large = worlds[1]
    quality = {body["id"]: body["quality"] for body in truth(large, "organisations")}
    scores = [(int(row["score"]), quality[row["subject"]]) for row in truth(large, "evaluation")
              if row["scheme"] == "SY-1000"]  # fmt: skip
    assert 0.5 < correlation(*zip(*scores, strict=True)) < 0.7
    risk = [row for row in truth(large, "evaluation") if row["scheme"] == "RISK-SAMR"]
    means = [mean(quality[row["subject"]] for row in risk if row["grade"] == grade)
             for grade in "ABCD"]  # fmt: skip
    assert means == sorted(means, reverse=True)  # A is low risk: the best bodies


def test_no_two_rows_have_one_natural_key(worlds: tuple[Path, Path]) -> None:
    keys = {"abnormal_operation": ("subject", "includedOn", "reason"), "inspection": ("taskNo",),
            "commitment": ("code",), "evaluation": ("subject", "scheme", "evaluatedOn"),
            "red_list": ("subject", "listCode", "year"), "court_defaulter": ("subject", "caseNo"),
            "serious_list": ("subject", "listCode", "documentNo"),
            "watch_list": ("subject", "watchCode", "includedOn"),
            "tax_arrears": ("subject", "taxType", "period"),
            "social_insurance_arrears": ("subject", "insuranceKind", "period"),
            "housing_fund_arrears": ("subject", "period"),
            "utility_arrears": ("subject", "utility", "accountNo", "period")}  # fmt: skip
    assert keys.keys() == set(KINDS)
    for kind, fields in keys.items():
        told = Counter(tuple(row[f] for f in fields) for row in truth(worlds[1], kind))
        assert max(told.values()) == 1, kind


def test_three_percent_of_the_csv_files_are_gb18030(worlds: tuple[Path, Path]) -> None:
    files = list((worlds[1] / "feeds").glob("*/*.csv"))
    chinese = 0
    for path in files:
        try:
            path.read_bytes().decode("utf-8")
        except UnicodeDecodeError:
            chinese += 1
    assert 0.015 < chinese / len(files) < 0.06


def test_two_percent_of_the_further_statements_are_faulty(worlds: tuple[Path, Path]) -> None:
    expected = json.loads((worlds[1] / "truth/expected_intake.json").read_text("utf-8"))
    further = {path: told for path, told in expected.items() if path.split("_", 2)[2].split(".")[0]
               in KINDS}  # fmt: skip
    lines = sum(told["lines"] for told in further.values())
    wrong = [odd["fault"] for told in further.values() for odd in told["odd"]]
    assert 0.015 < len(wrong) / lines < 0.05
    assert {"letter_o", "transposed", "inner_check", "duplicate", "date_swapped", "missing_uscc",
            "wrong_code", "full_width"} <= set(wrong)  # fmt: skip
