"""CSV of tables: what a spreadsheet would run is text, and what it shows is what was told."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.cli.analysis import analysis_table
from service.csv_table import csv_table, safe


@pytest.mark.parametrize(
    "text", ["=1+1", "+SUM(A1)", "-2+3", "@x", "\tx", "\rx", "-", "=cmd|' /C calc'!A0", "＝1"]
)
def test_formulas_are_text(text: str) -> None:
    assert safe(text) == f"'{text}"


@pytest.mark.parametrize(("cell", "shown"), [(None, ""), (-3, "-3"), ("-3.05", "-3.05"),
                                             ("0.2", "0.2"), ("本溪", "本溪"), ("*", "*")
                                             ])  # fmt: skip
def test_figures_and_names_stay(cell: object, shown: str) -> None:
    assert safe(cell) == shown


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2), max_size=5), st.booleans())
def test_every_cell_is_read_back_as_it_was_written(rows: list[list[str]], bom: bool) -> None:
    made = csv_table(["维度", "数"], rows, bom=bom)
    assert made.startswith(b"\xef\xbb\xbf") is bom
    told = list(csv.reader(io.StringIO(made.decode("utf-8-sig" if bom else "utf-8"), newline="")))
    assert told[0] == ["维度", "数"]
    assert told[1:] == [[safe(cell) for cell in row] for row in rows]
    assert not any(cell[:1] in ("=", "+", "@", "\t", "\r") for row in told[1:] for cell in row)


def _cell(*values: Any, **keys: tuple[str | None, str | None, bool]) -> dict[str, Any]:
    return {
        "keys": [
            {"dimension": name, "value": value, "label": label, "total": total}
            for name, (value, label, total) in keys.items()
        ],
        "values": [{"value": one, "suppressed": one == "hidden"} for one in values],
    }


def test_a_table_of_counts_says_units_and_names_no_two_rows_alike() -> None:
    told = {
        "cells": [
            _cell("9", "1.5", DISTRICT=(None, None, True)),
            _cell("5", "hidden", DISTRICT=("210106", "铁西区", False)),
            _cell("4", None, DISTRICT=("210303", "铁西区", False)),
            _cell("3", "1", DISTRICT=("210504", "明山区", False)),
            _cell("2", "1", DISTRICT=(None, "本溪市", False)),  # in which district is not known
            _cell("1", "1", DISTRICT=(None, None, False)),
        ]
    }
    header, rows = analysis_table(
        told, ["DISTRICT", "DISTRICT"], ["ORGANISATIONS", "AMOUNT_SUM", "ORGANISATIONS"]
    )
    assert header == ["区县 DISTRICT", "主体数 ORGANISATIONS", "金额合计（元） AMOUNT_SUM"]
    assert rows == [
        ["合计", "9", "1.5"],
        ["铁西区（210106）", "5", "*"],
        ["铁西区（210303）", "4", None],
        ["明山区", "3", "1"],
        ["本溪市（未知）", "2", "1"],
        ["未知", "1", "1"],
    ]
