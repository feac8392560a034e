"""Cells of files that a spreadsheet opens without running anything in them."""

from __future__ import annotations

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet may take for a formula begins so; those of full width are read alike by a
Chinese one (OWASP, CSV injection)."""


def guard(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: an apostrophe before = + - @."""
    return f"'{cell}" if cell.lstrip("'").startswith(FORMULA) else cell


def unguard(cell: str) -> str:
    """The cell that `guard` was given."""
    return cell[1:] if cell[:1] == "'" and cell.lstrip("'").startswith(FORMULA) else cell
