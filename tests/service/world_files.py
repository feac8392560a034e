"""Reading a written world: its truth, and the rows of its feeds in whatever format."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import orjson
from python_calamine import load_workbook

from schema.records import kinds

ON = date(2026, 6, 30)
ARREARS = (
    "tax_arrears", "social_insurance_arrears", "housing_fund_arrears", "utility_arrears",
)  # fmt: skip
LISTS = ("abnormal_operation", "serious_list", "red_list", "watch_list", "court_defaulter")


def truth(root: Path, name: str) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in (root / f"truth/{name}.jsonl").read_bytes().splitlines()]


def rows(path: Path) -> list[dict[str, str]]:
    """The rows of a feed with headers as they are, every value as text."""
    content = path.read_bytes()
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in content.splitlines()]
    if path.suffix == ".json":
        return list(json.loads(content))
    if path.suffix == ".xlsx":
        return sheet_rows(path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("gb18030")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def sheet_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a workbook below its header, the first row without an empty cell."""
    lines = load_workbook(str(path)).get_sheet_by_index(0).to_python()
    at = next(place for place, line in enumerate(lines) if all(line))
    names = [str(name) for name in lines[at]]
    return [
        {name: cell_text(cell) for name, cell in zip(names, line, strict=True)}
        for line in lines[at + 1 :]
    ]


def cell_text(cell: object) -> str:
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def is_former(row: dict[str, str]) -> bool:
    """Whether a row is on the form of 2015/16, which has a project or case name."""
    return bool(row.keys() & {"项目名称", "处罚名称", "XK_XMMC", "CF_CFMC"})


def acts(root: Path, kind: str) -> Iterator[tuple[Path, dict[str, str]]]:
    """The rows of all feeds of a record kind on its present form, by its own field names."""
    fields = {header: f.api_name for header, f in kinds().by_name[kind].headers().items()}
    for path in sorted((root / "feeds").glob(f"*/*_{kind}.*")):
        for row in rows(path):
            if not is_former(row):
                yield path, {fields[header]: value for header, value in row.items()}


def number(party: dict[str, Any]) -> str:
    return str(party["id"])


def sent(root: Path, kind: str, **said: str) -> list[tuple[str, str, dict[str, str]]]:
    """City, day of the batch and row of every statement of a kind that says so."""
    return [
        (path.parent.name, path.name[:8], row)
        for path, row in acts(root, kind)
        if all(row.get(name, "") == value for name, value in said.items())
    ]
