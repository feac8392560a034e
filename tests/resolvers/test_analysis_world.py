"""Analysis of the demo world against what its truth files say (plan, task 10)."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from tests.resolvers.conftest import Known

ASK = """query($d: [AnalysisDimension!], $m: [AnalysisMeasure!]!, $f: AnalysisFilter) {
  analysis(dimensions: $d, measures: $m, filter: $f, totals: TOTAL) {
    cells { keys { value total } values { value suppressed } suppressed } } }"""


def truth(known: Known, name: str) -> list[dict[str, Any]]:
    lines = (known.root / f"truth/{name}.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def figures(told: Any) -> dict[str | None, str | None]:
    """The first figure of each cell by its first key; the total under the key Σ."""
    return {
        "Σ" if cell["keys"][0]["total"] else cell["keys"][0]["value"]: cell["values"][0]["value"]
        for cell in told["analysis"]["cells"]
    }


async def test_firms_by_district_are_those_of_the_register(known: Known) -> None:
    """Fewer by the lines of the register that intake could not take, and never by more."""
    real = Counter(one["regionCode"] for one in truth(known, "organisations"))
    for role in ("PUB", "ANALYST"):
        told = figures(await known.ask(ASK, role, d=["DISTRICT"], m=["ORGANISATIONS"]))
        shown = {key: int(value) for key, value in told.items() if value is not None}
        assert all(value >= 5 for value in shown.values())
        districts = shown.keys() & real.keys()
        assert len(districts) >= 10
        missing = sum(real[one] - shown[one] for one in districts)
        assert 0 <= missing <= 2
        small = {one for one, count in real.items() if count < 5}
        assert small
        assert not small & shown.keys()


async def test_firms_of_benxi_whose_owner_is_in_shenyang(known: Known) -> None:
    """Joined across relations: counted from the truth's holdings."""
    firms = {one["id"]: one for one in truth(known, "organisations")}
    real = {
        one["company"]
        for one in truth(known, "holdings")
        if one["holder"] in firms
        and not one["to"]
        and firms[one["holder"]]["city"] == "shenyang"
        and firms[one["company"]]["city"] == "benxi"
    }
    where = {"region": "210500", "holder": {"region": "210100"}}
    told = figures(await known.ask(ASK, d=["REGION"], m=["ORGANISATIONS"], f=where))
    assert len(real) >= 5
    assert set(told.values()) == {str(len(real))}


async def test_penalties_by_year_are_those_that_were_decided(known: Known) -> None:
    """What the steward sees, everything of firms; a few lines name no sound code or no firm."""
    real = Counter(one["decisionDate"][:4] for one in truth(known, "penalties"))
    told = figures(
        await known.ask(ASK, "STEWARD", d=["YEAR"], m=["RECORDS"], f={"kind": "penalty"})
    )
    years = {key: int(value) for key, value in told.items() if value is not None and key != "Σ"}
    assert years
    for year, count in years.items():
        assert real[year] * 0.7 <= count <= real[year]


async def test_a_table_asked_in_another_order_hides_the_same_cells(known: Known) -> None:
    """Else what one order shows is subtracted from what the other shows."""

    async def shown(*dimensions: str) -> set[tuple[str, ...]]:
        told = await known.ask(ASK, "PUB", d=dimensions, m=["ORGANISATIONS"])
        return {
            (
                *sorted(f"{one['value']} {one['total']}" for one in cell["keys"]),
                str(cell["values"][0]["value"]),
            )
            for cell in told["analysis"]["cells"]
        }

    assert await shown("DISTRICT", "ENTITY_TYPE") == await shown("ENTITY_TYPE", "DISTRICT")
    assert await shown("DISTRICT", "KIND") == await shown("KIND", "DISTRICT")
