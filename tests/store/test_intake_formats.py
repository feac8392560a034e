"""Every kind from every format, and hostile workbooks and documents (issue: kinds and intake)."""

from __future__ import annotations

import csv
import json
import struct
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from schema.records import kinds
from service.spreadsheet import Sheet, letters, write_workbook
from service.template import write_template
from store.errors import StoreError
from store.intake.layout import layouts
from store.intake.template import Template
from tests.store.conftest import Take
from tests.store.test_intake import ISSUER, code, number, outcome, penalty, report
from tests.store.workbooks import Error, write

_LAYOUTS = layouts(kinds())
_KINDS = [kind.name for kind in kinds()]


def _filled(name: str, *, national: bool = False) -> dict[str, str]:
    template = Template(_LAYOUTS[name], national)
    return dict(zip(template.headers, template.example, strict=True))


def book(path: Path, rows: Sequence[Sequence[str]], name: str = "数据") -> Path:
    write_workbook(path, [Sheet(name, rows)])
    return path


def table(path: Path, rows: Sequence[Mapping[str, str]], *above: Sequence[str]) -> Path:
    return book(path, [*above, list(rows[0]), *(list(row.values()) for row in rows)])


def _write(folder: Path, name: str, rows: Sequence[Mapping[str, str]], form: str) -> Path:
    match form:
        case "xlsx":
            return table(folder / f"{name}.xlsx", rows)
        case "jsonl":
            path = folder / f"{name}.jsonl"
            path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        case "json":
            path = folder / f"{name}.json"
            path.write_text(json.dumps(rows, ensure_ascii=False, indent=2))
        case encoding:
            path = folder / f"{name}_{encoding}.csv"
            with path.open("w", encoding=encoding, newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
    return path


@pytest.mark.parametrize("name", _KINDS)
async def test_each_kind_is_read_from_each_of_its_formats(
    take: Take, pool: asyncpg.Pool[Any], tmp_path: Path, name: str
) -> None:
    stored = []
    for form in ("utf-8", "gb18030", "xlsx", "jsonl", "json"):
        national = form in ("xlsx", "json")
        summary = await take(_write(tmp_path, name, [_filled(name, national=national)], form))
        assert outcome(summary) == (1, 0, 0), (form, report(summary))
        assert summary.batches[0].kind == name
        stored.append(
            await pool.fetch(
                "SELECT record_id, subject_id, document_no, decision_date, class, fields::text,"
                " issuer_name, source_unit_name FROM record"
            )
        )
    assert len(stored[0]) == 1
    assert stored == stored[:1] * len(stored)


@pytest.mark.parametrize("form", ["csv", "xlsx"])
async def test_each_template_is_empty_explained_and_recognised(
    take: Take, tmp_path: Path, form: str
) -> None:
    for name in sorted(_LAYOUTS):
        files = write_template(kinds(), name, tmp_path, form=form, national=True)
        summary = await take(files[0])
        assert (summary.lines, summary.batches[0].kind) == (0, name.partition("@")[0]), name
        ignored = [note.split(":")[0] for note in summary.batches[0].header]
        assert ignored == (["说明"] if form == "xlsx" else []), name


def test_a_template_says_of_each_field_what_is_expected() -> None:
    kind = kinds().by_name["penalty"]
    head, *rows = Template(_LAYOUTS["penalty"], False, kind.requirements).explained()
    told = {row[0]: dict(zip(head, row, strict=True)) for row in rows}
    fine = told["罚款金额（万元）"]
    assert (fine["国家字段标识"], fine["单位"], fine["说明"], fine["示例"]) == (
        "CF_NR_FK", "万元", "处罚类别为罚款时必填", "0.2",
    )  # fmt: skip
    assert told["自然人证件号码"]["公开类型"] == "R 限制查询"
    assert told["处罚类别"]["代码表"].startswith("警告；通报批评；罚款")


# --- workbooks ------------------------------------------------------------------------------


async def test_titles_notes_and_repeated_headers_of_a_sheet_are_no_lines(
    take: Take, tmp_path: Path
) -> None:
    rows = [penalty(), penalty(行政处罚决定书文号="乙", 行政相对人名称="")]
    head = [f"*{header}" if header == "处罚内容" else header for header in rows[0]]
    path = book(
        tmp_path / "20250613_双公示.xlsx",
        [
            ["2025年行政处罚双公示报送表"],
            ["填报单位：示例局", "", "单位：万元"],
            [],
            head,
            list(rows[0].values()),
            head,
            list(rows[1].values()),
            [],
            ["填表说明：一行一件。"],
            ["", "合计"],
            ["合 计", "2件", "", "", "0.4"],
            ["填表人：甲", "", "审核人：乙", "", "填报日期：2025-06-13"],
        ],
    )
    summary = await take(path)
    assert outcome(summary) == (1, 0, 1)
    [row] = report(summary)
    # The number that the spreadsheet shows beside the row.
    assert (row["行号"], row["字段"], row["代码"]) == ("7", "行政相对人名称", "REQUIRED")


async def test_titles_above_the_header_of_a_csv_file_are_no_lines(
    take: Take, tmp_path: Path
) -> None:
    rows = [penalty(), penalty(行政处罚决定书文号="乙", 行政相对人名称="")]
    path = _write(tmp_path, "p", rows, "gb18030")
    path.write_bytes("行政处罚报送表,,\n填报单位：示例局\n".encode("gb18030") + path.read_bytes())
    summary = await take(path)
    assert outcome(summary) == (1, 0, 1)
    assert report(summary)[0]["行号"] == "5"


async def test_a_header_whose_cells_have_line_breaks_is_read(
    take: Take, pool: asyncpg.Pool[Any], tmp_path: Path
) -> None:
    """As spreadsheets export headers of several lines; the report of such a file comes back so."""
    rows = [
        {name.replace("（", "\n（"): value for name, value in row.items()}
        for row in (penalty(), penalty(行政处罚决定书文号="乙", 处罚决定日期=""))
    ]
    first = await take(_write(tmp_path, "20250613_p", rows, "utf-8"))
    assert outcome(first) == (1, 0, 1)
    [row] = report(first)
    assert row["行号"] == "5"
    lines = first.report.read_text("utf-8-sig").replace(",,2099-12-31", ",2025-05-01,2099-12-31")
    path = tmp_path / first.report.name
    path.write_text(lines, "utf-8-sig")
    assert outcome(await take(path)) == (1, 0, 0)
    assert await pool.fetchval("SELECT sum(x_fine_amount)::text FROM record") == "0.400000"


def _raw(path: Path, sheet: str, *, extra: Mapping[str, bytes] = {}) -> Path:
    """A workbook whose only sheet holds this XML."""
    book(path, [["x"]])
    with zipfile.ZipFile(path) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    head = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    parts["xl/worksheets/sheet1.xml"] = f"{head}{sheet}</worksheet>".encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in {**parts, **extra}.items():
            packed.writestr(name, content)
    return path


def _cells(row: int, values: Sequence[str | float | None]) -> str:
    cells = ""
    for at, value in enumerate(values):
        place = f"{letters(at)}{row}"
        if isinstance(value, str):
            cells += f'<c r="{place}" t="inlineStr"><is><t>{value}</t></is></c>' if value else ""
        elif value is not None:
            cells += f'<c r="{place}"><v>{value!r}</v></c>'
    return f'<row r="{row}">{cells}</row>'


async def test_numbers_dates_and_merged_cells_as_spreadsheets_keep_them(
    take: Take, pool: asyncpg.Pool[Any], tmp_path: Path
) -> None:
    first: dict[str, Any] = penalty()
    first["罚款金额（万元）"] = 0.1 + 0.1  # 0.2, and 0.30000000000000004 elsewhere
    first["处罚决定日期"] = 45778.0  # 2025-05-01, a number without a date's format
    second = {**penalty(行政处罚决定书文号="乙"), "数据来源单位": None, "罚款金额（万元）": 0.1 * 3}
    third = {**penalty(行政处罚决定书文号="丙"), "统一社会信用代码": 9.12105e17}
    data = [list(first), *(list(row.values()) for row in (first, second, third))]
    column = letters(list(first).index("数据来源单位"))
    sheet = "<sheetData>" + "".join(_cells(n, row) for n, row in enumerate(data, 1))
    merged = f'</sheetData><mergeCells><mergeCell ref="{column}2:{column}3"/></mergeCells>'
    summary = await take(_raw(tmp_path / "p.xlsx", sheet + merged))
    assert outcome(summary)[2] == 1
    [lost] = [row for row in report(summary) if row["行号"] == "4"]
    assert (lost["字段"], lost["代码"]) == ("统一社会信用代码", "DIGITS_LOST")
    rows = await pool.fetch(
        "SELECT document_no, decision_date::text, x_fine_amount::text, source_unit_name"
        " FROM record ORDER BY 1"
    )
    unit = "本溪市市场监督管理局"
    assert [tuple(row) for row in rows] == [
        ("乙", "2025-05-01", "0.300000", unit),
        ("本市监处〔2025〕1号", "2025-05-01", "0.200000", unit),
    ]


@pytest.mark.parametrize("form", ["xlsx", "xls", "csv"])
async def test_a_cell_that_shows_an_error_is_an_error_of_its_line_and_field(
    take: Take, pool: asyncpg.Pool[Any], tmp_path: Path, form: str
) -> None:
    day = 44316.0 if form == "xls" else "20250501"  # from 1904 on
    rows: list[dict[str, Any]] = [
        penalty(),
        {**penalty(行政处罚决定书文号="乙"), "统一社会信用代码": Error("#N/A")},
        {**penalty(行政处罚决定书文号="丙"), "罚款金额（万元）": Error("#REF!"),
         "备注": Error("#DIV/0!", True)},
        {**penalty(行政处罚决定书文号="丁"), "处罚决定日期": day},
    ]  # fmt: skip
    if form == "csv":  # as a spreadsheet exports it
        shown = [
            {k: v.shown if isinstance(v, Error) else v for k, v in row.items()} for row in rows
        ]
        path = _write(tmp_path, "20250613_p", shown, "utf-8")
    else:
        cells = [list(rows[0]), *(list(row.values()) for row in rows)]
        path = write(tmp_path / f"20250613_p.{form}", cells, from_1904=form == "xls")
    summary = await take(path)
    assert outcome(summary) == (2, 0, 2)
    assert [(row["行号"], row["字段"], row["代码"]) for row in report(summary)] == [
        ("3", "统一社会信用代码", "CELL_ERROR"),
        ("4", "备注；罚款金额（万元）", "CELL_ERROR；CELL_ERROR"),
    ]
    days = await pool.fetch("SELECT DISTINCT decision_date::text FROM record")
    assert [row[0] for row in days] == ["2025-05-01"]


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("其他-责令改正", ["OTHER"]),
        ("罚款;其他（责令改正、限期整改）", ["FINE", "OTHER"]),
        ("其他:通报;警告", ["OTHER", "WARNING"]),
    ],
)
async def test_other_is_other_with_or_without_what_it_is(
    take: Take, pool: asyncpg.Pool[Any], tmp_path: Path, written: str, stored: list[str]
) -> None:
    summary = await take(_write(tmp_path, "p", [penalty(处罚类别=written)], "utf-8"))
    assert summary.rejected == 0
    assert await pool.fetchval("SELECT x_penalty_types FROM record") == stored


async def test_a_code_that_a_csv_file_shows_with_an_exponent_has_lost_digits(
    take: Take, tmp_path: Path
) -> None:
    row = penalty(统一社会信用代码="9.12105E+17")
    summary = await take(_write(tmp_path, "p", [row], "utf-8"))
    assert [r["代码"] for r in report(summary)] == ["DIGITS_LOST"]


async def test_each_sheet_of_known_header_is_a_batch_of_its_own(
    take: Take, pool: asyncpg.Pool[Any], tmp_path: Path
) -> None:
    path = tmp_path / "20250613_all.xlsx"
    sheets = [Sheet("封面", [["报送说明"], ["甲", "乙"]])]
    for name in ("penalty", "licence", "red_list"):
        row = _filled(name)
        sheets.append(Sheet(name, [list(row), list(row.values())]))
    write_workbook(path, sheets)
    summary = await take(path)
    assert outcome(summary) == (3, 0, 0)
    assert [batch.kind for batch in summary.batches] == ["penalty", "licence", "red_list"]
    assert summary.batches[0].header[0].startswith("封面")
    again = await take(path)
    assert outcome(again) == (3, 0, 0)
    assert await pool.fetchval("SELECT count(*) FROM batch") == 3
    assert await pool.fetchval("SELECT count(*) FROM record") == 3


async def test_a_hidden_sheet_is_ignored_and_named(take: Take, tmp_path: Path) -> None:
    path = tmp_path / "p.xlsx"
    rows = [list(penalty()), list(penalty().values())]
    write_workbook(path, [Sheet("数据", rows), Sheet("旧数据", rows)])
    with zipfile.ZipFile(path) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    listed = parts["xl/workbook.xml"].decode()
    hidden = listed.replace('name="旧数据"', 'name="旧数据" state="hidden"')
    parts["xl/workbook.xml"] = hidden.encode()
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    summary = await take(path)
    assert outcome(summary) == (1, 0, 0)
    assert summary.batches[0].header[0].startswith("旧数据")


async def test_an_import_of_a_workbook_goes_on_behind_the_last_chunk(
    take: Take, pool: asyncpg.Pool[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.intake.importer.CHUNK", 10)
    rows = [penalty(行政处罚决定书文号=f"第{i}号") for i in range(35)]
    path = table(tmp_path / "20250613_p.xlsx", rows)

    class Stopped(Exception):
        pass

    calls = 0

    def stop(*_: object) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise Stopped

    with pytest.raises(Stopped):
        await take(path, progress=stop)
    assert await pool.fetchval("SELECT count(*) FROM record") == 20
    assert outcome(await take(path)) == (35, 0, 0)
    assert await pool.fetchval("SELECT count(*) FROM record") == 35
    assert await pool.fetch("SELECT first_line, last_line FROM batch_chunk ORDER BY 1") == [
        (2, 11), (12, 21), (22, 31), (32, 36),
    ]  # fmt: skip


async def test_a_report_that_was_corrected_in_a_spreadsheet_is_taken(
    take: Take, pool: asyncpg.Pool[Any], tmp_path: Path
) -> None:
    first = await take(table(tmp_path / "20250613_p.xlsx", [penalty(处罚决定日期="")]))
    [row] = report(first)
    row["处罚决定日期"] = "2025-05-01"
    assert outcome(await take(table(tmp_path / "corrected.xlsx", [row]))) == (1, 0, 0)
    assert await pool.fetchval("SELECT count(*) FROM record") == 1


_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def _bomb(path: Path) -> Path:
    zeros = b"<row/>" * (64 << 20)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        for part in range(3):
            packed.writestr(f"xl/worksheets/sheet{part}.xml", zeros)
    return path


def _lying_bomb(path: Path) -> Path:
    """A ZIP file whose directory says that its sheet is small."""
    rows = b"<sheetData>" + b"<row r='1'><c r='A1'><v>1</v></c></row>" * (8 << 20)
    _raw(path, rows.decode())
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as packed:
        size = packed.getinfo("xl/worksheets/sheet1.xml").file_size
    told, small = struct.pack("<I", size), struct.pack("<I", 1000)
    at = content.find(told)
    while at >= 0:
        content[at : at + 4] = small
        at = content.find(told, at + 1)
    path.write_bytes(bytes(content))
    return path


def _far_cell(path: Path) -> Path:
    cells = "".join(_cells(1, list(penalty()))) + '<row r="1048576"><c r="XFD1048576"><v>1</v>'
    return _raw(path, f"<sheetData>{cells}</c></row></sheetData>")


_HOSTILE: Mapping[str, tuple[Callable[[Path], object], set[str]]] = {
    "password": (
        lambda p: p.write_bytes(_OLE + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le")),
        {"WORKBOOK_PASSWORD"},
    ),
    "macros of XLS": (
        lambda p: p.write_bytes(_OLE + b"\0" * 600 + "_VBA_PROJECT".encode("utf-16-le")),
        {"WORKBOOK_MACROS"},
    ),
    "macros": (
        lambda p: _raw(p, "<sheetData/>", extra={"xl/vbaProject.bin": b"x"}),
        {"WORKBOOK_MACROS"},
    ),
    "no workbook": (lambda p: p.write_bytes(b"PK\x03\x04" + b"x" * 500), {"WORKBOOK_BROKEN"}),
    "cut off": (
        lambda p: p.write_bytes(table(p.with_suffix(".a"), [penalty()]).read_bytes()[:900]),
        {"WORKBOOK_BROKEN"},
    ),
    "another ZIP file": (
        lambda p: zipfile.ZipFile(p, "w").writestr("a.txt", "x"),
        {"WORKBOOK_BROKEN"},
    ),
    "broken XML": (lambda p: _raw(p, "<sheetData><row><c"), {"WORKBOOK_BROKEN"}),
    "bomb": (_bomb, {"WORKBOOK_TOO_LARGE"}),
    "bomb that lies": (_lying_bomb, {"WORKBOOK_TOO_LARGE", "WORKBOOK_BROKEN", "KIND_UNKNOWN"}),
    "far cell": (_far_cell, {"WORKBOOK_TOO_LARGE"}),
    "empty": (lambda p: book(p, [[]]), {"FILE_EMPTY"}),
    "unknown": (lambda p: book(p, [["甲", "乙"], ["1", "2"]]), {"KIND_UNKNOWN"}),
    "web page": (
        lambda p: p.write_text("<html><table><tr><td>行政相对人名称</td></tr></table></html>"),
        {"FILE_FORMAT"},
    ),
}


@pytest.mark.parametrize("case", sorted(_HOSTILE))
async def test_a_hostile_workbook_is_refused_with_a_code(
    take: Take, tmp_path: Path, case: str
) -> None:
    make, refused = _HOSTILE[case]
    path = tmp_path / "p.xlsx"
    make(path)
    with pytest.raises(StoreError) as error:
        await take(path)
    assert error.value.code in refused
    assert error.value.message.startswith("p.xlsx")


# --- documents ------------------------------------------------------------------------------


def default(**changed: str) -> dict[str, str]:
    """An entry as the court's site gives it; field names and forms from public samples."""
    return {
        "id": "707091354",
        "iname": "王伟",
        "age": "55",
        "sexy": "女性",
        "cardNum": "2105901964****0013",
        "businessEntity": "",
        "caseCode": "(2019)辽0590执1194号",
        "courtName": "本溪市明山区人民法院",
        "areaName": "辽宁",
        "partyTypeName": "0",
        "gistId": "(2019)辽0590民初1103号",
        "regDate": "20190709",
        "gistUnit": "本溪市明山区人民法院",
        "duty": "偿还借款人民币330000元",
        "performance": "全部未履行",
        "performedPart": "暂无",
        "unperformPart": "暂无",
        "disruptTypeName": "违反财产报告制度,以伪造证据、暴力、威胁等方法妨碍、抗拒执行",
        "publishDate": "2019年07月13日",
    } | changed


def firm_default(**changed: str) -> dict[str, str]:
    return default(
        iname="本溪示例机械有限公司",
        age="0",
        sexy="",
        cardNum=code(1)[8:16] + "-" + code(1)[16],
        businessEntity="张三",
        partyTypeName="580",
        **changed,
    )


async def test_pages_one_behind_the_other_are_read_and_nothing_behind_them_is_lost(
    take: Take, tmp_path: Path
) -> None:
    pages = [json.dumps([penalty(行政处罚决定书文号=no)], ensure_ascii=False) for no in "甲乙"]
    path = tmp_path / "p.json"
    path.write_text("\n".join(pages))
    assert outcome(await take(path)) == (2, 0, 0)
    path.write_text("\n".join([*pages, "丙"]))
    summary = await take(path)
    assert outcome(summary) == (2, 0, 1)
    assert [(row["行号"], row["代码"]) for row in report(summary)] == [("3", "JSON_INVALID")]


async def test_a_firms_entry_that_bears_a_persons_number_is_refused(
    take: Take, pool: asyncpg.Pool[Any], tmp_path: Path
) -> None:
    """One in thirty identity numbers passes the check of a USCC."""
    entry = firm_default() | {"cardNum": "210502199408097396"}
    summary = await take(_write(tmp_path, "c", [entry], "json"))
    assert [(row["字段"], row["代码"]) for row in report(summary)] == [("cardNum", "PERSON_NUMBER")]
    assert await pool.fetchval("SELECT count(*) FROM record") == 0


@pytest.mark.parametrize("form", ["array", "one line", "page", "result", "lines"])
async def test_the_courts_list_is_read_as_courts_send_it(
    take: Take, pool: asyncpg.Pool[Any], tmp_path: Path, form: str
) -> None:
    entries = [default(), firm_default(caseCode="（2020）辽0590执２号")]
    document: object = entries
    if form == "page":
        document = {"status": "0", "data": [{"StdStg": 6899, "disp_num": 2, "result": entries}]}
    elif form == "result":
        document = [{"total": 2, "result": entries}]
    path = tmp_path / ("court.jsonl" if form == "lines" else "court.json")
    if form == "lines":
        text = "\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries)
    else:
        text = json.dumps(document, ensure_ascii=False, indent=None if form == "one line" else 1)
    path.write_text(text, "utf-8")
    summary = await take(path)
    assert (summary.lines, summary.rejected) == (2, 0)
    person, firm = await pool.fetch(
        "SELECT r.*, s.subject_id IS NOT NULL AS known FROM record r"
        " JOIN subject s USING (subject_id) ORDER BY document_no"
    )
    told = json.loads(person["fields"])
    assert person["document_no"] == "（2019）辽0590执1194号"
    assert (person["decision_date"].isoformat(), told["publishedOn"]) == (
        "2019-07-09",
        "2019-07-13",
    )
    assert told["behaviour"] == ["FALSE_REPORT_OF_PROPERTY", "OBSTRUCTION"]
    assert (told["gender"], told["age"], told["idMasked"]) == ("FEMALE", 55, "2105901964****0013")
    assert "performedPart" not in told
    assert (person["source_unit_name"], person["subject_category"]) == (
        "本溪市明山区人民法院", "NATURAL_PERSON",
    )  # fmt: skip
    assert (firm["document_no"], firm["subject_category"]) == (
        "（2020）辽0590执2号",
        "LEGAL_ENTITY",
    )
    assert {"age", "gender"}.isdisjoint(json.loads(firm["fields"]))
    assert await pool.fetchval(
        "SELECT subject_id FROM identifier WHERE scheme = 'org_code' AND value = $1", code(1)[8:17]
    ) == firm["subject_id"]  # fmt: skip


async def test_persons_of_the_courts_list_are_never_merged_by_name(
    take: Take, pool: asyncpg.Pool[Any], tmp_path: Path
) -> None:
    path = tmp_path / "court.json"
    entries = [default(), default(caseCode="（2019）辽0590执8号"), default(iname="李静")]
    path.write_text(json.dumps(entries, ensure_ascii=False), "utf-8")
    assert (await take(path)).rejected == 0
    assert await pool.fetchval("SELECT count(DISTINCT subject_id) FROM record") == 3
    # The same entry again, corrected: the same person and the same record.
    entries[0]["performance"] = "全部已履行"
    (tmp_path / "again.json").write_text(json.dumps(entries[:1], ensure_ascii=False), "utf-8")
    assert (await take(tmp_path / "again.json")).rejected == 0
    assert await pool.fetchval("SELECT count(DISTINCT subject_id) FROM record") == 3
    assert await pool.fetchval("SELECT count(*) FROM record") == 3


async def test_a_number_that_the_court_did_not_mask_is_masked_and_encrypted(
    take: Take, pool: asyncpg.Pool[Any], tmp_path: Path
) -> None:
    path = tmp_path / "court.jsonl"
    path.write_text(json.dumps(default(cardNum=number(7)), ensure_ascii=False), "utf-8")
    assert (await take(path)).rejected == 0
    [row] = await pool.fetch("SELECT fields::text, secrets::text, record::text AS r FROM record")
    assert f"{number(7)[:10]}****{number(7)[14:]}" in row["fields"]
    assert number(7) not in row["r"]
    assert "index" in row["secrets"]


async def test_a_document_that_was_cut_off_costs_what_is_missing(
    take: Take, tmp_path: Path
) -> None:
    entries = [default(caseCode=f"（2019）辽0590执{i}号") for i in range(5)]
    text = json.dumps(entries, ensure_ascii=False)
    path = tmp_path / "court.json"
    path.write_text(text[: text.index("执4号")], "utf-8")
    summary = await take(path)
    assert (summary.lines, summary.rejected) == (5, 1)
    assert report(summary)[-1]["代码"] == "JSON_INVALID"


async def test_a_big_list_inside_an_object_is_refused(
    take: Take, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.intake.json_file._WHOLE", 1000)
    path = tmp_path / "court.json"
    path.write_text(json.dumps({"list": [default()] * 3}, ensure_ascii=False), "utf-8")
    with pytest.raises(StoreError) as error:
        await take(path)
    assert error.value.code == "JSON_TOO_LARGE"


# --- the form of 2015/16 ----------------------------------------------------------------------


def old_penalty(**changed: str) -> dict[str, str]:
    return {
        "CF_WSH": "本工商处〔2016〕1号",
        "CF_CFMC": "未按规定公示年报案",
        "CF_CFLB1": "1",
        "CF_CFLB2": "2",
        "CF_SY": "未公示年度报告",
        "CF_YJ": "《企业信息公示暂行条例》",
        "CF_XDR_MC": "本溪示例机械有限公司",
        "CF_XDR_SHXYM": "",
        "CF_XDR_ZDM": code(1)[8:17],
        "CF_XDR_GSDJ": "",
        "CF_XDR_SWDJ": "",
        "CF_XDR_SFZ": "",
        "CF_FR": "张三",
        "CF_JG": "罚款2000元",
        "CF_JDRQ": "2016/03/01",
        "CF_XZJG": "本溪市工商行政管理局",
        "CF_ZT": "0",
        "DFBM": "210500",
        "SJC": "2016/03/02",
        "BZ": "",
    } | changed


_OLD_LABELS = {
    "CF_WSH": "行政处罚决定书文号",
    "CF_CFMC": "处罚名称",
    "CF_CFLB1": "处罚类别1",
    "CF_CFLB2": "处罚类别2",
    "CF_SY": "处罚事由",
    "CF_YJ": "处罚依据",
    "CF_XDR_MC": "行政相对人名称",
    "CF_XDR_SHXYM": "行政相对人代码_1(统一社会信用代码)",
    "CF_XDR_ZDM": "行政相对人代码_2(组织机构代码)",
    "CF_XDR_GSDJ": "行政相对人代码_3(工商登记码)",
    "CF_XDR_SWDJ": "行政相对人代码_4(税务登记号)",
    "CF_XDR_SFZ": "行政相对人代码_5(居民身份证号)",
    "CF_FR": "法定代表人姓名",
    "CF_JG": "处罚结果",
    "CF_JDRQ": "处罚决定日期",
    "CF_XZJG": "处罚机关",
    "CF_ZT": "当前状态",
    "DFBM": "地方编码",
    "SJC": "数据更新时间戳",
    "BZ": "备注",
}


@pytest.mark.parametrize("labels", [False, True])
async def test_the_form_of_2015_is_read_in_its_own_words(
    take: Take, pool: asyncpg.Pool[Any], tmp_path: Path, labels: bool
) -> None:
    rows = [
        old_penalty(),
        old_penalty(CF_WSH="乙", CF_ZT="1"),
        old_penalty(CF_WSH="丙", CF_ZT="2"),
        old_penalty(CF_WSH="丁", CF_XDR_ZDM="", CF_XDR_SFZ=number(3), CF_XDR_MC="王伟", CF_ZT=""),
        old_penalty(CF_WSH="戊", CF_JDRQ=""),
        old_penalty(CF_WSH="己", CF_CFLB1="9"),
    ]
    if labels:
        rows = [{_OLD_LABELS[k]: v for k, v in row.items()} for row in rows]
    summary = await take(_write(tmp_path, "20160301_old", rows, "gb18030"))
    assert (summary.batches[0].kind, summary.rejected) == ("penalty", 2)
    rejected = {row["行号"]: row["代码"] for row in report(summary) if "错误" in row["级别"]}
    assert "REQUIRED" in rejected["6"]
    assert "CODE_UNKNOWN" in rejected["7"]
    held = {r["document_no"]: r for r in await pool.fetch("SELECT * FROM record")}
    first = held["本工商处〔2016〕1号"]
    told = json.loads(first["fields"])
    assert told["penaltyTypes"] == ["FINE", "CONFISCATION"]
    assert (told["penaltyName"], told["content"], told["facts"]) == (
        "未按规定公示年报案", "罚款2000元", "未公示年度报告",
    )  # fmt: skip
    assert (first["subject_category"], first["source_unit_name"], first["status"]) == (
        "LEGAL_ENTITY", "本溪市工商行政管理局", "VALID",
    )  # fmt: skip
    assert held["乙"]["status"] == "WITHDRAWN"
    assert held["丙"]["objection"]
    assert not first["objection"]
    assert (held["丁"]["subject_category"], held["丁"]["class"]) == ("NATURAL_PERSON", "G")
    assert number(3) not in str(dict(held["丁"]))
    notes = await pool.fetch(
        "SELECT DISTINCT field, severity FROM batch_finding WHERE code = 'OLD_FORM'"
    )
    assert len(notes) == 1
    assert "违法行为类型" in notes[0]["field"]


async def test_a_status_digit_means_what_its_generation_says(
    take: Take, pool: asyncpg.Pool[Any], tmp_path: Path
) -> None:
    old = {
        "XK_WSH": "甲", "XK_XMMC": "食品经营许可", "XK_SPLB": "0", "XK_NR": "食品销售",
        "XK_XDR": "本溪示例机械有限公司", "XK_XDR_SHXYM": code(1), "XK_XDR_ZDM": "",
        "XK_XDR_GSDJ": "", "XK_XDR_SWDJ": "", "XK_XDR_SFZ": "", "XK_FR": "张三",
        "XK_JDRQ": "2016/03/01", "XK_JZQ": "2099/12/31", "XK_XZJG": "本溪市食品药品监督管理局",
        "XK_ZT": "1", "DFBM": "210500", "SJC": "2016/03/02", "BZ": "",
    }  # fmt: skip
    assert outcome(await take(_write(tmp_path, "old", [old], "utf-8")))[2] == 0
    new = _filled("licence", national=True) | {"XK_ZT": "1"}
    assert outcome(await take(_write(tmp_path, "new", [new], "utf-8"))) == (1, 0, 0)
    rows = await pool.fetch("SELECT document_no, x_licence_status FROM record ORDER BY 1")
    assert rows == [("本示许〔2026〕1号", "IN_FORCE"), ("甲", "NOT_IN_FORCE")]


# --- numbers of persons where codes belong ------------------------------------------------------


async def test_a_persons_number_among_codes_is_never_kept_in_plain(
    take: Take, pool: asyncpg.Pool[Any], tmp_path: Path
) -> None:
    person = penalty(
        行政相对人类别="自然人", 行政相对人名称="王伟", 统一社会信用代码=number(5), 法定代表人=""
    )
    owner = penalty(行政处罚决定书文号="乙", 税务登记号=number(6) + "01")
    summary = await take(_write(tmp_path, "p", [person, owner], "utf-8"))
    assert summary.rejected == 0
    text = "".join(r[0] for r in await pool.fetch("SELECT record::text FROM record"))
    text += "".join(r[0] for r in await pool.fetch("SELECT identifier::text FROM identifier"))
    assert number(5) not in text
    assert number(6) not in text
    assert await pool.fetchval(
        "SELECT count(*) FROM identifier WHERE scheme = 'person_number'"
    ) == 1  # fmt: skip
    assert ISSUER in text
