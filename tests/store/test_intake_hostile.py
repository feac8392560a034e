"""Files as departments really send them: nothing is lost silently, nothing stops the import."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from schema.records import kinds
from store.errors import StoreError
from store.intake.opening import open_readings
from store.intake.source import examine
from store.spreadsheet import guard, unguard
from tests.store.conftest import Take
from tests.store.test_intake import code, outcome, penalty, report

Sheet = Callable[..., Path]
HEADER = ",".join(penalty())
FINE = "罚款金额（万元）"


def line(**changed: str) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(penalty(**changed).values())
    return text.getvalue()


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


File = Callable[[str, str | bytes], Path]


async def test_headers_may_be_quoted_spaced_and_have_commas_behind(take: Take, file: File) -> None:
    quoted = "\ufeff" + ",".join(f'" {h} "' for h in penalty())
    assert outcome(await take(file("a.csv", f"{quoted}\r\n{line()}"))) == (1, 0, 0)
    trailing = f"{HEADER},,\n{line().rstrip()},,,\n{line(行政处罚决定书文号='乙')}"
    summary = await take(file("b.csv", trailing))
    assert outcome(summary) == (2, 0, 0)
    assert summary.batches[0].header == ()


async def test_two_columns_of_one_field_must_agree(take: Take, file: File) -> None:
    content = f"{HEADER},CF_WSH\n{line().rstrip()},本市监处〔2025〕1号\n{line().rstrip()},别的号\n"
    summary = await take(file("p.csv", content))
    assert outcome(summary) == (1, 0, 1)
    assert report(summary)[0]["代码"] == "COLUMN_TWICE"


@pytest.mark.parametrize(
    ("content", "refused"),
    [
        (b"", "FILE_EMPTY"),
        (b"\xef\xbb\xbf\n \n", "FILE_EMPTY"),
        (f"{HEADER}\n{line()}".encode("utf-16"), "FILE_ENCODING"),
        (f"{HEADER}\r{line().rstrip()}\r".encode(), "FILE_ENCODING"),
        (b"a,b\n1,2\n", "KIND_UNKNOWN"),
        (b'[{"CF_WSH": "1"}]', "KIND_UNKNOWN"),
    ],
)
async def test_a_file_that_cannot_be_read_is_refused_with_a_code(
    take: Take, file: File, content: bytes, refused: str
) -> None:
    with pytest.raises(StoreError) as error:
        await take(file("p.csv", content))
    assert error.value.code == refused
    summary = await take(file("p.csv", content), file("good.csv", f"{HEADER}\n{line()}"))
    assert ([f.code for f in summary.failures], summary.lines) == ([refused], 1)


async def test_missing_paths_and_empty_folders_are_said(take: Take, tmp_path: Path) -> None:
    for path, refused in ((tmp_path / "no.csv", "FILE_UNREADABLE"), (tmp_path, "FILES_NONE")):
        with pytest.raises(StoreError) as error:
            await take(path)
        assert error.value.code == refused


async def test_a_header_alone_has_no_lines_and_a_file_named_twice_is_read_once(
    take: Take, file: File
) -> None:
    assert outcome(await take(file("h.csv", HEADER))) == (0, 0, 0)
    path = file("P.CSV", f"{HEADER}\n{line()}")
    assert outcome(await take(path, path)) == (1, 0, 0)
    assert outcome(await take(path.parent)) == (1, 0, 0)


async def test_json_lines_that_are_no_objects_cost_only_themselves(take: Take, file: File) -> None:
    broken = '{broken\n[1]\n"x"\nnull\n{"CF_WSH": "1", "CF_WSH": "2"}\n'
    late = '{"CF_XDR_MC": "甲"}\n' * 120 + '{"CF_XDR_MC": "甲", "行政处罚决定书文号": "晚"}\n'
    summary = await take(file("p.jsonl", broken + late))
    assert outcome(summary) == (0, 0, 126)
    rows = report(summary)
    assert [row["代码"] for row in rows[:5]] == ["JSON_INVALID"] * 5
    # A member that only the last object has is a column of the report all the same.
    assert rows[-1]["行政处罚决定书文号"] == "晚"
    assert "行政处罚决定书文号" not in rows[-1]["字段"].split("；")


@pytest.mark.parametrize(
    ("changed", "codes"),
    [
        ({FINE: "0.2万元"}, ""),
        ({FINE: "２"}, ""),
        ({FINE: "2000元"}, "NUMBER_INVALID"),
        ({FINE: "1,00"}, "NUMBER_INVALID"),
        ({FINE: "NaN"}, "NUMBER_INVALID"),
        ({FINE: "0.20000001"}, "NUMBER_RANGE"),
        ({"处罚类别": "罚款、警告"}, ""),
        ({"处罚类别": "罚款，警告"}, ""),
        ({"处罚类别": "罚没款"}, "CODE_UNKNOWN"),
        ({"处罚决定日期": "2024-02-30"}, "DATE_INVALID"),
        ({"处罚决定日期": "长期"}, "DATE_INVALID"),
        ({"统一社会信用代码": f" {code(1)[:8]}-{code(1)[8:]} "}, ""),
        ({"统一社会信用代码": code(1) + "1"}, "LENGTH"),
        ({"处罚机关统一社会信用代码": ""}, "REQUIRED"),
        ({"行政处罚决定书文号": "长" * 129}, "TOO_LONG"),
        ({"违法事实": "x" * 100_000}, "TOO_LONG"),
        ({"法定代表人": "张\x00三"}, "CONTROL_CHARACTER"),
    ],
)
async def test_a_cell_is_read_or_rejected_with_its_one_reason(
    take: Take, file: File, changed: dict[str, str], codes: str
) -> None:
    cells = {"处罚内容": "见决定书"} | changed
    summary = await take(file("p.csv", f"{HEADER}\n{line(**cells)}"))
    assert outcome(summary) == ((0, 0, 1) if codes else (1, 0, 0))
    assert [row["代码"] for row in report(summary)] == ([codes] if codes else [])


async def test_a_report_sent_back_as_it_is_is_rejected_again_without_duplicates(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    rows = [penalty(处罚决定日期=""), penalty(**{FINE: "2000"}, 备注="'=1+1")]
    first = await take(sheet("20250613_p.csv", rows))
    again = await take(first.report)
    assert outcome(again) == outcome(first) == (0, 1, 1)
    assert await pool.fetch("SELECT remark FROM record") == [("'=1+1",)]


async def test_a_corrected_report_stands_and_so_does_what_was_sent_since(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    other = {"行政处罚决定书文号": "乙"}
    warned = [penalty(**{FINE: "2000"}), penalty(**other, **{FINE: "2000"})]
    first = await take(sheet("20250613_p.csv", warned))
    await take(sheet("20250614_p.csv", [penalty(**other, 处罚内容="罚款3000元", **{FINE: "0.3"})]))
    for corrected in ("0.1", "0.2", "0.15"):
        text = first.report.read_text("utf-8-sig")
        path = first.report.with_name(first.report.name)
        path.write_text(text.replace(",2000,", f",{corrected},"), "utf-8-sig")
        await take(path, report_dir=path.parent / "next")
        fines = await pool.fetch("SELECT document_no, x_fine_amount::float FROM record ORDER BY 1")
        assert fines == [("乙", 0.3), ("本市监处〔2025〕1号", float(corrected))]
        path.write_text(text, "utf-8-sig")


@pytest.mark.parametrize("cell", ["=1+1", "'=1+1", "''-2", "+1", "@x", "\t=1", "'abc", "张三", ""])
def test_what_a_spreadsheet_would_run_comes_back_as_it_was(cell: str) -> None:
    assert not guard(cell).startswith(("=", "+", "-", "@", "\t"))
    assert unguard(guard(cell)) == cell


async def test_a_line_longer_than_a_reader_of_csv_takes_stops_nothing(
    take: Take, file: File
) -> None:
    """Also near the header, where lines are looked at for one; the report's name fits a disk."""
    long = line(处罚内容="长" * 140_000, 行政处罚决定书文号="长")
    name = "本" * 80 + ".csv"
    summary = await take(file(name, f"{HEADER}\n{line(行政处罚决定书文号='前')}{long}{line()}"))
    assert (summary.lines, summary.rejected) == (3, 1)
    assert summary.report is not None
    assert ",3,处罚内容,TOO_LONG," in summary.report.read_text("utf-8-sig")


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_row_without_end_is_not_taken_apart(tmp_path: Path, form: str) -> None:
    """One line of 60 MB of separators, or of empty lists, took two gigabytes."""
    path = tmp_path / f"p.{form}"
    if form == "csv":
        path.write_text(HEADER + "\n" + "," * (9 << 20) + "\n" + line())
    else:
        row = json.dumps(penalty(), ensure_ascii=False)
        path.write_text('{"a":[' + "[]," * (3 << 20) + "[]]}\n" + row, encoding="utf-8")
        path.write_text(row + "\n" + path.read_text("utf-8"), encoding="utf-8")
    [reading] = open_readings(path, examine(path), kinds(), None)
    rows = list(reading.rows())
    faulty = [row.fault for row in rows if row.fault]
    assert faulty == ["COLUMN_COUNT" if form == "csv" else "JSON_INVALID"]
    assert len(rows) == (2 if form == "csv" else 3)
    assert max(len(cell) for row in rows for cell in row.cells) <= 1 << 20
