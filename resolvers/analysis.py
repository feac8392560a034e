"""Multi-dimensional analysis: counted in the store, protected here, shown as a table.

What a filter names counts as an attribute of the table like a dimension, so that a question for a
part is answered from the same cells, hidden or not, as the question for the whole.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import accumulate
from typing import Any

from resolvers.answer import Disclosure
from resolvers.argument import Given
from resolvers.context import Call
from resolvers.division import LEVELS, LISTS, Attribute, Party
from resolvers.errors import QuestionError
from resolvers.projection import shaper
from resolvers.reading import fetch, refusal_of
from resolvers.statement import Selected, Statement
from resolvers.suppression import (
    TOTAL,
    Budget,
    Cell,
    Path,
    Protected,
    TooManyHidden,
    protect,
    tables,
)
from resolvers.tally import Part, Tally, of_organisations, of_records, parts
from security.policy import Reach
from store.industry import load_sections
from store.kind import Kinds

MAX_DIMENSIONS = 3
MAX_ATTRIBUTES = 5
MAX_CELLS = 5_000
MAX_SECONDS = 20
PART_BODIES = 30_000  # of more than these records are counted in parts
AT_ONCE = 2
MAX_PARTS = 4  # each may take half of the time
MAX_SUMS = 100_000  # times that a cell of the store is added to a total

_BODIES = "SELECT reltuples::bigint AS bodies FROM pg_class WHERE oid = 'organisation'::regclass"
_RECORD_MEASURES = frozenset({"RECORDS", "AMOUNT_SUM", "AMOUNT_AVERAGE"})
_CAPITAL = frozenset({"CAPITAL_SUM", "CAPITAL_AVERAGE"})
_SUMMED = _CAPITAL | {"AMOUNT_SUM", "AMOUNT_AVERAGE"}
_GRADED = "evaluation"
_PLACES = {
    "LIST": ("MATTER", 2),
    "GRADE": ("MATTER", 2),
    **{name: (family, names.index(name) + 1) for family, names in LEVELS.items() for name in names},
}
_CATEGORIES = {"LEGAL_ENTITY": "法人和非法人组织", "INDIVIDUAL_BUSINESS": "个体工商户"}


@dataclass(frozen=True, slots=True)
class Figures:
    """What stands behind a cell; `owners` are bodies with an amount, `amounts` such records."""

    bodies: int = 0
    records: int = 0
    owners: int = 0
    amount: Decimal = Decimal(0)
    amounts: int = 0

    def __add__(self, other: Figures) -> Figures:
        return Figures(
            self.bodies + other.bodies,
            self.records + other.records,
            self.owners + other.owners,
            self.amount + other.amount,
            self.amounts + other.amounts,
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """A question for a table. `places` says of each dimension its attribute and level; `paths` of
    attributes what a filter says of them, None when two filters exclude each other."""

    dimensions: tuple[str, ...]
    measures: tuple[str, ...]
    attributes: tuple[Attribute, ...]
    places: tuple[tuple[int, int], ...]
    paths: Mapping[int, Path] | None
    totals: str
    day: Given | None

    @property
    def of_records(self) -> bool:
        return any(one.of_records for one in self.attributes) or any(
            measure in _RECORD_MEASURES for measure in self.measures
        )


async def answer(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """The table as the caller may see it.

    Raises QuestionError FORBIDDEN, ANALYSIS_LIMIT, ANALYSIS_MEASURE, ANALYSIS_FILTER.
    """
    fresh = statement.anew(call.context.scope)
    if fresh.scope.row.open is not Reach.ALL:
        raise QuestionError(
            "FORBIDDEN", "the role sees single subjects or none: it has no analysis"
        )
    regions = {
        row["region_id"]: row
        for row in await fetch(
            call.context.pool, "SELECT region_id, name, kind, parent_id FROM region", ()
        )
    }
    asked = _asked(selected, call, regions, fresh.kinds)
    counted = await _counted(statement, asked, call)

    def table() -> tuple[Any, int]:
        value = _table(asked, _cube(asked, *counted), regions, fresh.kinds, call)
        return shaper(fresh, selected)(value), len(value["cells"])

    shown, rows = await asyncio.to_thread(table)
    return shown, Disclosure(
        coordinates=("Query.analysis", *(f"AnalysisMeasure.{one}" for one in asked.measures)),
        rows=rows,
    )


async def _counted(
    statement: Statement, asked: Asked, call: Call
) -> tuple[Sequence[tuple[int, ...]], dict[tuple[Any, ...], Figures]]:
    """The tables that the store counts, and their cells: number of the table, values, figures.

    Records, and parties, of many bodies are counted in parts of the bodies, each whole in one
    part: two parts at a time, on a core each.
    """
    sums = bool(_SUMMED & set(asked.measures))

    def tally(part: Part | None) -> Tally:
        fresh = statement.anew(call.context.scope)
        count = of_records if asked.of_records else of_organisations
        return count(fresh, asked.attributes, asked.day, sums=sums, part=part)

    wanted: list[Part | None] = [None]
    of_parties = any(one.party for one in asked.attributes)
    if asked.of_records or of_parties:
        [size] = await fetch(call.context.pool, _BODIES, ())
        if size["bodies"] > PART_BODIES:
            # Each part looks up anew who is a party.
            most = AT_ONCE if of_parties else MAX_PARTS
            rounds = -(-size["bodies"] // (AT_ONCE * PART_BODIES))
            wanted = [*parts(min(AT_ONCE * rounds, most))]
    tallies = [tally(part) for part in wanted]
    cells: dict[tuple[Any, ...], Figures] = {}
    pending = iter(tallies)

    async def count() -> None:
        for one in pending:
            rows = await fetch(call.context.pool, one.sql, [bind(call) for bind in one.binds])
            for row in rows if len(rows) <= MAX_CELLS * 2 else ():
                *key, bodies, records, owners, amount, amounts = row
                found = Figures(bodies, records, owners, amount or Decimal(0), amounts)
                held = cells.get(tuple(key))
                cells[tuple(key)] = found if held is None else held + found
            if max(len(rows), len(cells)) > MAX_CELLS * 2:
                raise _too_fine()

    try:
        async with asyncio.timeout(MAX_SECONDS):
            counting = [asyncio.ensure_future(count()) for _ in range(AT_ONCE)]
            try:
                await asyncio.gather(*counting)
            finally:
                for one in counting:
                    one.cancel()
    except TimeoutError as error:
        raise refusal_of(error) from None
    return tallies[0].tables, cells


def _asked(selected: Selected, call: Call, regions: Mapping[str, Any], kinds: Kinds) -> Asked:
    def read(name: str) -> Any:
        given = selected.given(name)
        return None if given is None else given.read(call)

    dimensions = tuple(dict.fromkeys(_names(read("dimensions") or ())))
    measures = tuple(dict.fromkeys(_names(read("measures") or ())))
    if not measures or len(dimensions) > MAX_DIMENSIONS:
        raise QuestionError(
            "ANALYSIS_LIMIT",
            f"ask for at least one measure and at most {MAX_DIMENSIONS} dimensions",
        )
    depths: dict[tuple[str, Party | None], int] = {}
    named: list[tuple[tuple[str, Party | None], Path]] = []
    for name in dimensions:
        family, level = _PLACES[name]
        depths[family, None] = max(depths.get((family, None), 0), level)
    for name, member in selected.members("filter").items():
        if isinstance(member, dict):
            told = {side: one.read(call) for side, one in member.items()}
            _known(told.get("region"), regions, told.get("list"), kinds)
            path: Path = ("true",)
            key: tuple[str, Party | None] = _party(name, member)
        else:
            family, path = _condition(name, member.read(call), regions, kinds)
            key = (family, None)
        depths[key] = max(depths.get(key, 0), len(path))
        named.append((key, path))
    if len(depths) > MAX_ATTRIBUTES:
        raise QuestionError(
            "ANALYSIS_LIMIT",
            f"ask for dimensions and conditions of at most {MAX_ATTRIBUTES} matters together",
        )
    # In one order however it is asked: of cells alike the first one is hidden to hide others.
    order = sorted(depths, key=lambda key: key[0])
    at = {key: i for i, key in enumerate(order)}
    asked = Asked(
        dimensions,
        measures,
        tuple([Attribute(name, depths[name, party], party) for name, party in order]),
        tuple([(at[_PLACES[name][0], None], _PLACES[name][1]) for name in dimensions]),
        _paths([(at[key], path) for key, path in named]),
        str(getattr(read("totals"), "value", read("totals")) or "CUBE"),
        selected.given("asOf"),
    )
    if asked.of_records and _CAPITAL & set(measures):
        raise QuestionError(
            "ANALYSIS_MEASURE",
            "capital is of organisations: ask for it without records' dimensions, conditions or"
            " measures",
        )
    return asked


def _names(values: Sequence[Any]) -> Iterator[str]:
    for value in values:
        yield str(getattr(value, "value", value))


def _paths(named: Sequence[tuple[int, Path]]) -> Mapping[int, Path] | None:
    found: dict[int, Path] = {}
    for at, path in named:
        held = found.get(at, ())
        short, long = sorted((held, path), key=len)
        if long[: len(short)] != short:
            return None
        found[at] = long
    return found


def _party(side: str, members: Mapping[str, Any]) -> tuple[str, Party]:
    region, listed = members.get("region"), members.get("list")
    if region is None and listed is None:
        raise QuestionError("ANALYSIS_FILTER", f"name the region or the list of `{side}`")
    return side, Party(side, region, listed)


def _known(region: str | None, regions: Mapping[str, Any], kind: str | None, kinds: Kinds) -> None:
    """Raises QuestionError for what no organisation can be in, or have."""
    if region is not None and region not in regions:
        raise QuestionError("ANALYSIS_FILTER", "name a region by its id: see `regions`")
    if kind is not None and kind not in kinds.by_name:
        raise QuestionError("ANALYSIS_FILTER", "name a kind of record: see `kinds`")


def _condition(name: str, value: Any, regions: Mapping[str, Any], kinds: Kinds) -> tuple[str, Path]:
    """The attribute and the path that a condition names."""
    text = str(getattr(value, "value", value))
    match name:
        case "region":
            _known(text, regions, None, kinds)
            return "PLACE", _place(text, regions)
        case "industry":
            if not re.fullmatch("[A-T]", text):
                raise QuestionError(
                    "ANALYSIS_FILTER", "name an industry section by its letter, A–T"
                )
            return "INDUSTRY", (text,)
        case "entityType":
            category = "INDIVIDUAL_BUSINESS" if text == "个体工商户" else "LEGAL_ENTITY"
            return "BODY", (category, text)
        case "category":
            return "BODY", (text,)
        case "status":
            return "STATUS", (text,)
        case "kind":
            _known(None, regions, text, kinds)
            return "MATTER", (text,)
        case "list":
            kind, _, code = text.partition(":")
            _known(None, regions, kind, kinds)
            return "MATTER", (kind, code) if code else (kind,)
        case "grade":
            return "MATTER", (_GRADED, text)
        case "year":
            return "TIME", (text,)
    if not re.fullmatch("[0-9]{4}-(0[1-9]|1[0-2])", text):
        raise QuestionError("ANALYSIS_FILTER", "write the month as 2026-06")
    return "TIME", (text[:4], text)


def _place(region: str, regions: Mapping[str, Any]) -> Path:
    """The path of a region: its province, its city where it has one, itself."""
    found = regions[region]
    above = regions.get(found["parent_id"])
    match found["kind"]:
        case "PROVINCE":
            return (region,)
        case "PREFECTURE":
            return found["parent_id"], region
    if above is not None and above["kind"] == "PREFECTURE":
        return above["parent_id"], above["region_id"], region
    return found["parent_id"], None, region


def _too_fine() -> QuestionError:
    return QuestionError(
        "ANALYSIS_LIMIT",
        f"the table would have more than {MAX_CELLS} cells: ask for fewer dimensions or conditions",
    )


def _cube(
    asked: Asked,
    counted: Sequence[tuple[int, ...]],
    rows: Mapping[tuple[Any, ...], Figures],
) -> dict[Cell, Figures]:
    """Every cell of every table, from the cells of each table of the records' own attributes."""
    own = [one.of_records for one in asked.attributes]
    cuts = [
        [
            cut
            for cut in tables(table)
            if all(not mine or cut[i] == table[i] for i, mine in enumerate(own))
        ]
        for table in counted
    ]
    if len(rows) * max(map(len, cuts)) > MAX_SUMS:
        raise _too_fine()
    starts = list(accumulate([1, *[one.depth for one in asked.attributes]]))
    cells: dict[Cell, Figures] = {}
    for told, figures in rows.items():
        for cut in cuts[told[0]]:
            key = tuple([told[at : at + level] for at, level in zip(starts, cut, strict=False)])
            held = cells.get(key)
            cells[key] = figures if held is None else held + figures
    return cells


def _table(
    asked: Asked,
    cells: Mapping[Cell, Figures],
    regions: Mapping[str, Any],
    kinds: Kinds,
    call: Call,
) -> dict[str, Any]:
    depths = [one.depth for one in asked.attributes]
    try:
        budget = Budget()
        shared = [at for at, one in enumerate(asked.attributes) if one.of_records]

        def judged(counted: str, summed: str) -> Protected:
            counts, sums = (
                {cell: number for cell, found in cells.items() if (number := getattr(found, name))}
                for name in (counted, summed)
            )
            add_up = sums if asked.of_records else None  # else bodies do
            return protect(counts, depths, budget, shared=shared, summed=add_up)

        bodies = judged("bodies", "records")
        owners = judged("owners", "amounts") if _SUMMED & set(asked.measures) else None
    except TooManyHidden:
        raise QuestionError(
            "ANALYSIS_LIMIT",
            "too many cells of the table are below five bodies: ask for fewer or wider dimensions"
            " or conditions",
        ) from None
    paths = asked.paths
    shown = [] if paths is None else [cell for cell in cells if _wanted(asked, paths, cell)]
    shown.sort(key=lambda cell: _order(asked, cell))
    whole = tuple([(paths or {}).get(i, TOTAL) for i in range(len(depths))])
    total = None if whole in bodies.hidden else cells.get(whole)
    label = _labels(regions, kinds)
    told: list[dict[str, Any]] = []
    for cell in shown:
        gone = cell in bodies.hidden
        if gone and cell not in bodies.listed:
            continue
        found, few = cells[cell], gone
        if owners is not None and cell in owners.hidden:
            # Where being named would tell of whom there is an amount, it is as if of nobody.
            found, few = replace(found, owners=0, amounts=0), gone or cell in owners.listed
        told.append(
            {
                "keys": [
                    {
                        "dimension": name,
                        "value": (value := _shown(name, cell[at], level)),
                        "label": label(name, value, cell[at]),
                        "total": len(cell[at]) < level,
                    }
                    for name, (at, level) in zip(asked.dimensions, asked.places, strict=True)
                ],
                "values": [
                    _value(measure, found, few if measure in _SUMMED else gone, total)
                    for measure in asked.measures
                ],
                "suppressed": gone,
            }
        )
    return {
        "asOf": asked.day.read(call) if asked.day else call.context.today,
        "base": "RECORDS" if asked.of_records else "ORGANISATIONS",
        "suppressed": sum(one["suppressed"] for one in told),
        "cells": told,
    }


def _value(measure: str, found: Figures, hidden: bool, total: Figures | None) -> dict[str, Any]:
    value: Decimal | None = None
    if measure == "SHARE":
        hidden = hidden or total is None
    if not hidden:
        match measure:
            case "ORGANISATIONS":
                value = Decimal(found.bodies)
            case "RECORDS":
                value = Decimal(found.records)
            case "SHARE":
                assert total is not None
                value = round(Decimal(found.bodies) / total.bodies, 6)
            case "CAPITAL_SUM" | "AMOUNT_SUM":
                value = found.amount if found.owners else None
            case "CAPITAL_AVERAGE":
                value = round(found.amount / found.owners, 2) if found.owners else None
            case "AMOUNT_AVERAGE":
                value = round(found.amount / found.amounts, 2) if found.amounts else None
    return {"measure": measure, "value": value, "suppressed": hidden}


def _wanted(asked: Asked, paths: Mapping[int, Path], cell: Cell) -> bool:
    """Whether the cell is in the answer: the filters' values, and the totals that are asked for."""
    for i, path in enumerate(cell):
        given = paths.get(i, TOTAL)
        divided = {level for at, level in asked.places if at == i and level > len(given)}
        if path[: len(given)] != given or len(path) not in {len(given), *divided}:
            return False
        if len(path) == 2 and asked.attributes[i].name == "MATTER" and 2 in divided:
            listed = path[0] in LISTS and "LIST" in asked.dimensions
            if not listed and not (path[0] == _GRADED and "GRADE" in asked.dimensions):
                return False
    open_ = [
        len(cell[at]) < level for at, level in asked.places if level > len(paths.get(at, TOTAL))
    ]
    match asked.totals:
        case "CUBE":
            return True
        case "ROLLUP":
            return open_ == sorted(open_)
        case "TOTAL":
            return all(open_) or not any(open_)
    return not any(open_)


def _shown(dimension: str, path: Path, level: int) -> str | None:
    """The value of a dimension in a cell; None also when the cell is a total over it."""
    if len(path) < level:
        return None
    kind, value = path[0], path[level - 1]
    if dimension == "LIST":
        if kind not in LISTS:
            return None
        return kind if value is None else f"{kind}:{value}"
    return None if dimension == "GRADE" and kind != _GRADED else value


def _order(asked: Asked, cell: Cell) -> list[tuple[int, str]]:
    """Totals first, what is not known last."""
    return [
        (0, "")
        if len(cell[at]) < level
        else (2, "")
        if (value := _shown(name, cell[at], level)) is None
        else (1, value)
        for name, (at, level) in zip(asked.dimensions, asked.places, strict=True)
    ]


def _labels(
    regions: Mapping[str, Any], kinds: Kinds
) -> Callable[[str, str | None, Path], str | None]:
    sections = {section.letter: section.name for section in load_sections()}
    codes = {
        (kind.name, code.value): code.label
        for kind in kinds
        if kind.name in LISTS
        for one in kind.fields
        if one.column == LISTS[kind.name] and one.codes is not None
        for code in one.codes.codes
    }

    def label(dimension: str, value: str | None, path: Path) -> str | None:
        if value is None:
            above = next((one for one in reversed(path) if one in regions), None)
            return None if above is None else str(regions[above]["name"])
        match dimension:
            case "PROVINCE" | "REGION" | "DISTRICT":
                return str(regions[value]["name"]) if value in regions else value
            case "INDUSTRY":
                return sections.get(value, value)
            case "CATEGORY":
                return _CATEGORIES.get(value, value)
            case "KIND":
                return kinds.by_name[value].label if value in kinds.by_name else value
            case "LIST":
                kind, _, code = value.partition(":")
                named = kinds.by_name[kind].label if kind in kinds.by_name else kind
                return codes.get((kind, code), f"{named} {code}".strip())
        return value

    return label
