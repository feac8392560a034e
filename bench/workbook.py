"""Reading rate: rows of a penalty file out of XLSX, CSV and JSON, before anything is judged.

python -m bench.workbook [rows]
"""

from __future__ import annotations

import csv
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import python_calamine

from bench.table import Cell, Table
from schema.records import kinds
from service.spreadsheet import Sheet, write_workbook
from store.intake.layout import layouts
from store.intake.opening import open_readings
from store.intake.source import examine
from store.intake.template import Template


def measure(rows: int, folder: Path) -> Table:
    """Rates of reading so many rows; files are written to `folder`."""
    template = Template(layouts(kinds())["penalty"])
    number = next(at for at, f in enumerate(template.layout.fields) if f.name == "document_no")
    made = []
    for row in range(rows):
        cells = list(template.example)
        cells[number] = f"本示罚〔2026〕{row}号"
        made.append(cells)
    paths = {form: folder / f"penalty.{form}" for form in ("xlsx", "csv", "json")}
    write_workbook(paths["xlsx"], [Sheet("数据", [template.headers, *made])])
    with paths["csv"].open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([template.headers, *made])
    objects = [dict(zip(template.headers, cells, strict=True)) for cells in made]
    paths["json"].write_text(json.dumps(objects, ensure_ascii=False), "utf-8")
    del made, objects
    table: list[tuple[Cell, ...]] = []
    for form, path in paths.items():
        taken, peak = _timed(lambda path=path: _node(path, rows))  # type: ignore[misc]
        peer = _timed(lambda path=path, form=form: _PEERS[form](path))  # type: ignore[misc]
        label = f"{rows:,} rows of {len(template.headers)} columns, {form.upper()}"
        table.append((label, rows / taken, rows / peer[0], peak if form == "xlsx" else None))
    return Table(
        "Reading files",
        ("what", "rows/s", "bare calamine, csv, json: rows/s", "memory of the reading process, MB"),
        table,
    )


def _node(path: Path, rows: int) -> float:
    """What intake does before it judges a row; the peak memory of a reading process, if any."""
    [reading] = open_readings(path, examine(path), kinds(), None)
    read = sum(1 for _ in reading.rows())
    assert read == rows, read
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def _calamine(path: Path) -> float:
    with python_calamine.load_workbook(path) as book:
        for _ in book.get_sheet_by_index(0).iter_rows():
            pass
    return 0.0


def _csv(path: Path) -> float:
    with path.open(encoding="utf-8", newline="") as file:
        for _ in csv.reader(file):
            pass
    return 0.0


def _json(path: Path) -> float:
    json.loads(path.read_text("utf-8"))
    return 0.0


_PEERS: dict[str, Callable[[Path], float]] = {"xlsx": _calamine, "csv": _csv, "json": _json}


def _timed(work: Callable[[], float]) -> tuple[float, float]:
    began = time.perf_counter()
    told = work()
    return time.perf_counter() - began, told


def main() -> None:
    """Run the benchmark."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    with tempfile.TemporaryDirectory() as folder:
        print(measure(rows, Path(folder)).markdown())


if __name__ == "__main__":
    main()
