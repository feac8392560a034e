"""What the reading of workbooks gives of what a spreadsheet shows, in each of their formats."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from store.intake.value import is_cell_error, read_date, serial_or
from store.intake.workbook import open_sheets
from tests.store.workbooks import Error, Formula, write

FORMATS = ("xlsx", "xlsb", "xls", "ods")


def _rows(path: Path) -> list[list[str]]:
    [sheet] = open_sheets(path)
    return [cells for _, cells, _ in sheet.rows()]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", ["as it is", "another"])
def test_a_cell_that_shows_an_error_is_not_read_as_empty(
    tmp_path: Path, form: str, name: str
) -> None:
    path = write(
        tmp_path / f"p.{form}",
        [
            ["甲", "乙", "丙", "丁"],
            [Error("#N/A"), Error("#DIV/0!", True), "文字", 5.0],
            ["戊", Error("#REF!")],
        ],
    )
    if name == "another":  # as files are that somebody renamed
        path = path.rename(tmp_path / ("p.xlsx" if form == "xls" else "p.xls"))
    assert _rows(path) == [
        ["甲", "乙", "丙", "丁"],
        ["#N/A", "#DIV/0!", "文字", "5"],
        ["戊", "#REF!"],
    ]


def test_errors_that_the_library_does_not_know_and_formulas_that_nobody_computed(
    tmp_path: Path,
) -> None:
    """A workbook was refused whole for the first; a program that writes one computes nothing."""
    path = write(tmp_path / "p.xlsx", [["甲", Error("#SPILL!", True), Formula("A1"), "", "乙"]])
    assert _rows(path) == [["甲", "#SPILL!", "#FORMULA!", "", "乙"]]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("from_1904", [False, True])
def test_numbers_of_days_are_those_of_the_workbooks_calendar(
    tmp_path: Path, form: str, from_1904: bool
) -> None:
    number = 45778 - 1462 if from_1904 else 45778
    [sheet] = open_sheets(
        write(tmp_path / f"p.{form}", [["日期"], [float(number)]], from_1904=from_1904)
    )
    [_, (_, [text], _)] = sheet.rows()
    assert serial_or(read_date, sheet.since)(text) == date(2025, 5, 1)


@pytest.mark.parametrize("text", ["#N/A", "#REF!", "#NAME?", "#DIV/0!", "#SPILL!", "Err:502",
                                  "错误:504", "########"])  # fmt: skip
def test_what_spreadsheets_show_for_errors_is_known(text: str) -> None:
    assert is_cell_error(text)


@pytest.mark.parametrize("text", ["", "#", "#1", "#1楼", "N/A", "错误!", "Error", "#甲"])
def test_what_is_written_by_hand_is_no_error(text: str) -> None:
    assert not is_cell_error(text)
