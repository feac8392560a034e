"""docs/intake.md names every code and every column that intake knows."""

from __future__ import annotations

from pathlib import Path

from schema.records import kinds
from store.intake.finding import CODES
from store.intake.layout import layouts

TEXT = (Path(__file__).parents[2] / "docs/intake.md").read_text("utf-8")


def test_every_code_is_documented_with_its_sentence() -> None:
    for entry in CODES.values():
        assert f"| `{entry.code}` | {entry.severity} | {entry.chinese}{entry.english} |" in TEXT


def test_every_column_is_documented() -> None:
    for layout in layouts(kinds()).values():
        section = TEXT.split(f"### {layout.label} `{layout.name}`")[1].split("\n### ")[0]
        for field in layout.fields:
            assert f"| {field.label} |" in section
            assert f"`{field.api_name}`" in section
