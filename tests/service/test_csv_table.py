"""CSV of tables: what a spreadsheet would run is text, and what it shows is what was told."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
