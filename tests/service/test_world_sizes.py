"""The larger world M: contains S, and shows what only numbers can show. Takes some seconds."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from service.world import DEFAULT_SEED, write_world


def truth(root: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (root / f"truth/{name}.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("worlds")
    for size in "SM":
        write_world(size, DEFAULT_SEED, folder / size)
    return folder / "S", folder / "M"


@pytest.mark.parametrize(
    "name",
    ["units", "persons", "organisations", "holdings", "officers", "branches", "guarantees",
     "loans", "licences", "penalties", "inspection", "evaluation", "list_entry"],
)  # fmt: skip
def test_everything_of_s_is_in_m(worlds: tuple[Path, Path], name: str) -> None:
    small, large = (
        {json.dumps(row, sort_keys=True) for row in truth(world, name)} for world in worlds
    )
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
              "penalties": 6_000, "persons": 45_000}  # fmt: skip
    for name, count in wanted.items():
        assert abs(len(truth(large, name)) - count) < count * 0.1, name


def test_w26_three_thousand_firms_share_an_address_in_m(worlds: tuple[Path, Path]) -> None:
    address = json.loads((worlds[1] / "truth/golden.json").read_text())["W26"]["address"]
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
