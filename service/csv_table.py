"""Tables as CSV that a spreadsheet opens without running anything in it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from store.spreadsheet import FORMULA

_BOM = "\ufeff"


def safe(cell: object) -> str:
    """A cell as text; what a spreadsheet would run as a formula begins with an apostrophe.

    Numbers stay numbers. Source: OWASP, CSV injection.
    """
    if cell is None:
        return ""
    text = str(cell)
    return f"'{text}" if text.startswith(FORMULA) and not _is_number(text) else text


def csv_table(header: Sequence[str], rows: Iterable[Sequence[object]], *, bom: bool) -> bytes:
    """RFC 4180 in UTF-8; with `bom` the mark by which Excel knows it."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([safe(cell) for cell in header])
    writer.writerows([[safe(cell) for cell in row] for row in rows])
    return f"{_BOM if bom else ''}{out.getvalue()}".encode()


def _is_number(text: str) -> bool:
    sign, rest = text[0], text[1:]
    whole, point, fraction = rest.partition(".")
    digits = whole.isdecimal() and whole.isascii()
    return sign == "-" and digits and (not point or (fraction.isdecimal() and fraction.isascii()))
