"""What a benchmark found, as a table for people and as JSON for scripts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Cell = str | int | float | None


@dataclass(frozen=True, slots=True)
class Table:
    """Figures of one benchmark; the first column says what was measured."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[Cell, ...]]

    def markdown(self) -> str:
        """The table under its title."""
        kinds = ["---" if _is_text(self.rows, at) else "---:" for at in range(len(self.columns))]
        lines = [self.columns, kinds, *([_shown(cell) for cell in row] for row in self.rows)]
        return "\n".join(
            [f"### {self.title}", "", *(f"| {' | '.join(cells)} |" for cells in lines), ""]
        )

    def to_json(self) -> dict[str, Any]:
        """The same with its numbers as they were measured."""
        return {
            "title": self.title,
            "rows": [dict(zip(self.columns, row, strict=True)) for row in self.rows],
        }


def _is_text(rows: list[tuple[Cell, ...]], at: int) -> bool:
    return all(isinstance(row[at], str) for row in rows)


def _shown(cell: Cell) -> str:
    if cell is None:
        return "–"
    if isinstance(cell, float):
        return f"{cell:,.0f}" if abs(cell) >= 100 else f"{cell:.3g}"
    return f"{cell:,}" if isinstance(cell, int) else cell
