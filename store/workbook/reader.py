"""A workbook as lines of JSON, made by a process of its own: a hostile file ends it, not the node.

Run as `python -I -m store.workbook.reader PATH`. Each line of standard output is one row that is
not empty, as `[row number, [cells]]`; the last thing said, on standard error, is either
`{"sheets": [{"name", "begin", "end", "hidden"}], "since": DAY}` (byte offsets of their rows; day 0
of the workbook's numbers of days) or `{"refused": CODE}`.

Knows neither kinds nor headers and imports nothing of the project but this folder.
"""

import datetime
import re
import resource
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Set
from pathlib import Path
from typing import IO, Any

import orjson
import python_calamine as calamine

from store.workbook.biff import OLE, errors_of, stream_of
from store.workbook.error_cell import Refused, put_right, since

_MEMORY = 3 << 30  # bytes of address space
_SECONDS = 300  # of CPU
_WRITTEN = 4 << 30  # bytes of rows
_UNPACKED = 1 << 30  # bytes of all parts of a ZIP file, as it says itself
_CELL = 100_000  # characters; Excel itself keeps 32,767
_OLE_MACROS, _OLE_ENCRYPTED = ("_VBA_PROJECT", "EncryptedPackage")
_MACRO_PART = re.compile(r"(^|/)vbaProject\.bin$|^xl/macrosheets/|^Basic/|^Scripts/")
_PACKED = frozenset({".xlsx", ".xlsm", ".xlsb", ".ods"})
_Merged = dict[tuple[int, int], tuple[int, int]]
_Shown = Mapping[tuple[int, int], str]


def main(path: Path) -> int:
    """Write the rows of every sheet to standard output and say what there was."""
    for limit, most in (
        (resource.RLIMIT_AS, _MEMORY),
        (resource.RLIMIT_CPU, _SECONDS),
        (resource.RLIMIT_FSIZE, _WRITTEN),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (most, most))
    try:
        _examine(path)
        told = _read(path)
    except Refused as refusal:
        told = {"refused": str(refusal)}
    except calamine.PasswordError:
        told = {"refused": "WORKBOOK_PASSWORD"}
    except (calamine.CalamineError, zipfile.BadZipFile, OSError, ValueError, EOFError):
        told = {"refused": "WORKBOOK_BROKEN"}
    except MemoryError:
        told = {"refused": "WORKBOOK_TOO_LARGE"}
    except BaseException as panic:  # calamine's own faults are no Exception
        large = "capacity" in str(panic) or "alloc" in str(panic)
        told = {"refused": "WORKBOOK_TOO_LARGE" if large else "WORKBOOK_BROKEN"}
    sys.stderr.buffer.write(b"\n" + orjson.dumps(told))
    return 0


def _examine(path: Path) -> None:
    """Refuse what is encrypted, carries macros, or would unpack to more than memory is for."""
    if _is_old(path):
        with path.open("rb") as file:
            content = file.read(_UNPACKED)
            if _OLE_ENCRYPTED.encode("utf-16-le") in content:
                raise Refused("WORKBOOK_PASSWORD")
            if _OLE_MACROS.encode("utf-16-le") in content:
                raise Refused("WORKBOOK_MACROS")
            return
    with zipfile.ZipFile(path) as packed:
        parts = packed.infolist()
    if any(_MACRO_PART.search(part.filename) for part in parts):
        raise Refused("WORKBOOK_MACROS")
    if sum(part.file_size for part in parts) > _UNPACKED:
        raise Refused("WORKBOOK_TOO_LARGE")


def _read(path: Path) -> dict[str, Any]:
    """Write the rows of every sheet; what there is to say of them."""
    if _is_old(path):
        with path.open("rb") as file, _loaded(path, file, {".xls"}) as book:
            day, errors = errors_of(stream_of(file.read()))
            return {"sheets": list(_written(book, errors)), "since": day}
    with path.open("rb") as file, zipfile.ZipFile(file) as packed, tempfile.TemporaryFile() as copy:
        day = since(packed)
        mended = put_right(packed, copy)
        with _loaded(path, copy if mended else file, set() if mended else _PACKED) as book:
            return {"sheets": list(_written(book, {})), "since": day}


def _loaded(path: Path, file: IO[bytes], suffixes: Set[str]) -> calamine.CalamineWorkbook:
    """The workbook; where its name does not end as its content does, found out by trying."""
    told = path.suffix.lower() in suffixes
    return calamine.load_workbook(path if told else f"/proc/self/fd/{file.fileno()}")


def _is_old(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == OLE


def _written(
    book: calamine.CalamineWorkbook, errors: Mapping[int, _Shown]
) -> Iterator[dict[str, Any]]:
    out, begin = sys.stdout.buffer, 0
    for place, meta in enumerate(book.sheets_metadata):
        if meta.typ is not calamine.SheetTypeEnum.WorkSheet:
            continue
        end = begin
        for number, cells in _rows(book.get_sheet_by_name(meta.name), errors.get(place, {})):
            end += out.write(orjson.dumps([number, cells]) + b"\n")
        hidden = meta.visible is not calamine.SheetVisibleEnum.Visible
        yield {"name": meta.name, "begin": begin, "end": end, "hidden": hidden}
        begin = end
    out.flush()


def _rows(sheet: calamine.CalamineSheet, errors: _Shown) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not empty under their number as a spreadsheet shows it.

    `errors` are cells that the library reads as empty.
    """
    if sheet.start is None:
        return
    first_row, first_column = sheet.start
    left = [""] * first_column
    merged = _vertical(sheet.merged_cell_ranges or ())
    held: dict[tuple[int, int], str] = {}
    faulty = dict[int, list[tuple[int, str]]]()
    for (line, column), text in errors.items():
        faulty.setdefault(line, []).append((column, text))
    for number, row in enumerate(sheet.iter_rows(), first_row):
        cells = left + [text if type(text) is str else _text(text) for text in row]
        for column, text in faulty.get(number, ()):
            if column < len(cells):
                cells[column] = text
        if merged:
            _fill(merged, held, number, cells)
        while cells and not cells[-1]:
            cells.pop()
        if cells and any(not cell.isspace() for cell in cells if cell):
            if len(max(cells, key=len)) > _CELL:
                cells = [cell[:_CELL] for cell in cells]
            yield number + 1, cells


def _vertical(ranges: Iterable[tuple[tuple[int, int], tuple[int, int]]]) -> _Merged:
    """Each cell of a range one column wide, to the cell whose value all of it shows."""
    found: _Merged = {}
    for (top, left), (bottom, right) in ranges:
        if left == right and bottom - top < 100_000:
            found.update({(row, left): (top, left) for row in range(top, bottom + 1)})
    return found


def _fill(merged: _Merged, held: dict[tuple[int, int], str], number: int, cells: list[str]) -> None:
    for column in range(len(cells)):
        first = merged.get((number, column))
        if first == (number, column):
            held[first] = cells[column]
        elif first is not None:
            cells[column] = cells[column] or held.get(first, "")


def _text(value: Any) -> str:
    """A cell as a CSV file would hold it.

    A spreadsheet keeps 15 digits of a number: one with more is written with its exponent, as the
    spreadsheet shows it, so that a code that lost digits is seen to have lost them.
    """
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return format(value, ".15g")
        case datetime.datetime():
            at = value.time()
            return f"{value.date()} {at:%H:%M:%S}" if at != datetime.time() else str(value.date())
    return str(value)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
