"""CSV that a spreadsheet opens and takes nothing in it for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from store.spreadsheet import guard

BOM = b"\xef\xbb\xbf"
"""What tells spreadsheets that the text is UTF-8."""


def csv_header(columns: Sequence[str]) -> bytes:
    """The first line, RFC 4180, after the byte order mark."""
    return BOM + (",".join(columns) + "\r\n").encode()


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Rows as lines of CSV; true, false and nothing as `true`, `false` and an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    for row in rows:
        writer.writerow([_cell(row.get(column)) for column in columns])
    return text.getvalue().encode()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return guard(str(value))
