"""Regions: GB/T 2260 with its history, zones without a code, demo divisions."""

from __future__ import annotations

from datetime import date

import pytest

from store.regions import RegionKind, is_division, load_regions

# Current counties by prefecture, counted in the list of the Ministry of Civil Affairs (2024).
COUNTIES = {
    "210100": 13, "210200": 10, "210300": 7, "210400": 7, "210500": 6, "210600": 6, "210700": 7,
    "210800": 6, "210900": 7, "211000": 7, "211100": 4, "211200": 7, "211300": 7, "211400": 6,
}  # fmt: skip


def named(code: str, day: date) -> list[str]:
    return [r.name for r in load_regions(False) if r.gbt2260_code == code and r.holds_on(day)]


def test_ids_are_unique_and_parents_come_first() -> None:
    seen: set[str] = set()
    for region in load_regions(demo=True):
        assert region.id not in seen
        assert region.parent is None or region.parent in seen
        seen.add(region.id)


def test_all_provinces_are_there() -> None:
    provinces = [r for r in load_regions(False) if r.kind is RegionKind.PROVINCE]
    assert len(provinces) == 34
    assert all(r.parent is None for r in provinces)


@pytest.mark.parametrize(("prefecture", "count"), COUNTIES.items())
def test_current_counties_of_liaoning_are_complete(prefecture: str, count: int) -> None:
    today = date(2026, 6, 30)
    current = [
        r
        for r in load_regions(False)
        if r.parent == prefecture
        and r.kind is RegionKind.COUNTY
        and r.holds_on(today)
        and r.name != "市辖区"
    ]
    assert len(current) == count


@pytest.mark.parametrize(
    ("code", "day", "name"),
    [
        ("210112", date(2013, 12, 31), "东陵区"),
        ("210112", date(2014, 1, 1), "浑南区"),
        ("210113", date(2005, 1, 1), "新城子区"),
        ("210113", date(2026, 6, 30), "沈北新区"),
        ("210521", date(1988, 6, 1), "本溪县"),
        ("210521", date(2026, 6, 30), "本溪满族自治县"),
        ("210511", date(1984, 6, 1), "立新区"),
    ],
)
def test_a_code_has_the_name_of_its_day(code: str, day: date, name: str) -> None:
    assert named(code, day) == [name]


def test_a_closed_division_holds_no_longer_but_is_known() -> None:
    assert named("210122", date(2026, 6, 30)) == []
    assert is_division("210122", demo=False)
    assert is_division("212125", demo=False)


def test_zones_without_a_code_are_regions() -> None:
    zones = {r.id: r for r in load_regions(False) if r.kind is RegionKind.FUNCTIONAL_ZONE}
    assert zones["benxi-hightech"].parent == "210500"
    assert zones["shenfu"].name == "沈抚改革创新示范区"
    assert all(zone.gbt2260_code is None for zone in zones.values())


def test_demo_divisions_are_loaded_in_demo_mode_only() -> None:
    demo = {r.id for r in load_regions(True)} - {r.id for r in load_regions(False)}
    assert demo == {"210190", "210590"}
    assert is_division("210590", demo=True)
    assert not is_division("210590", demo=False)


@pytest.mark.parametrize(
    ("code", "listed"),
    [
        ("219900", False),
        ("210599", False),
        ("210000", True),
        ("320594", True),
        ("100000", True),
        ("100001", False),
        ("990101", False),
        ("000000", False),
    ],
)
def test_outside_liaoning_the_province_digits_decide(code: str, listed: bool) -> None:
    assert is_division(code, demo=False) is listed
