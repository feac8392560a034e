"""Regions 行政区划: GB/T 2260 divisions with their history, and zones that have no code."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from importlib import resources

NATIONAL_CODE = "100000"  # what a body registered by a national authority carries


class RegionKind(StrEnum):
    """Level of a region; a functional zone is a real authority without a GB/T 2260 code."""

    PROVINCE = "PROVINCE"
    PREFECTURE = "PREFECTURE"
    COUNTY = "COUNTY"
    FUNCTIONAL_ZONE = "FUNCTIONAL_ZONE"


@dataclass(frozen=True, slots=True)
class Region:
    """One region under one name: valid from `valid_from` until before `valid_to`.

    `id` never changes: the code for its latest bearer, `<code>-until-<year>` for earlier ones, a
    word for zones without a code. None as a date means open or not established; GB/T 2260
    histories are known by year. `demo` marks divisions that exist in synthetic data only.
    """

    id: str
    gbt2260_code: str | None
    name: str
    kind: RegionKind
    parent: str | None
    valid_from: date | None
    valid_to: date | None
    demo: bool

    def holds_on(self, day: date) -> bool:
        """Whether the region existed under this name on `day`."""
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_to is None or day < self.valid_to
        )


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


@cache
def load_regions(demo: bool) -> tuple[Region, ...]:
    """All regions, parents before children; with `demo` the divisions of the demo world too.

    Source: store/data/regions.csv (GB/T 2260 and its amendments; see store/data/README.md).
    """
    table = resources.files("store").joinpath("data/regions.csv").read_text("utf-8")
    regions = (
        Region(
            id=row["region_id"],
            gbt2260_code=row["gbt2260_code"] or None,
            name=row["name"],
            kind=RegionKind(row["kind"]),
            parent=row["parent_id"] or None,
            valid_from=_day(row["valid_from"]),
            valid_to=_day(row["valid_to"]),
            demo=row["demo"] == "true",
        )
        for row in csv.DictReader(table.splitlines())
    )
    levels = list(RegionKind)
    return tuple(
        sorted(
            (region for region in regions if demo or not region.demo),
            key=lambda region: levels.index(region.kind),
        )
    )


@cache
def division_codes(demo: bool) -> frozenset[str]:
    """Every GB/T 2260 code that was ever listed among `load_regions`."""
    return frozenset(region.gbt2260_code for region in load_regions(demo) if region.gbt2260_code)


@cache
def _provinces() -> frozenset[str]:
    return frozenset(
        region.gbt2260_code[:2]
        for region in load_regions(False)
        if region.kind is RegionKind.PROVINCE and region.gbt2260_code
    )


@cache
def _listed_provinces() -> frozenset[str]:
    """Provinces whose counties are in the table: the others are judged by two digits."""
    return frozenset(
        region.gbt2260_code[:2]
        for region in load_regions(False)
        if region.kind is RegionKind.COUNTY and region.gbt2260_code
    )


def is_province(digits: str) -> bool:
    """Whether two digits are those of a province-level division."""
    return digits in _provinces()


def is_division(code: str, *, demo: bool) -> bool:
    """Whether six digits are, or once were, a division.

    Liaoning's codes are looked up; elsewhere the two province digits decide, because a code was
    given by the division of its day and only Liaoning's history is kept here.
    """
    if code[:2] in _listed_provinces():
        return code in division_codes(demo)
    return code[:2] in _provinces() or code == NATIONAL_CODE


def inside(region: str) -> str:
    """A region and every region in it, as a query."""
    return (
        f"WITH RECURSIVE inside AS (SELECT {region} AS region_id"
        " UNION SELECT g.region_id FROM region g, inside i WHERE g.parent_id = i.region_id)"
        " SELECT region_id FROM inside"
    )


def unit_of(unit: str, region: str) -> str:
    """Whether a unit is the region's own: its USCC names the division (GB 32100-2015, places 3 to
    8), as a condition."""
    return f"substr({unit}, 3, 6) = (SELECT gbt2260_code FROM region WHERE region_id = {region})"
