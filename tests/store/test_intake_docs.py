"""docs/intake.md and docs/kinds.md name every code and every column that intake knows."""

from __future__ import annotations

import re
from pathlib import Path

from schema.kinds_page import FILE, page
from schema.records import kinds
from store.intake.finding import CODES
from store.intake.layout import layouts

TEXT = (Path(__file__).parents[2] / "docs/intake.md").read_text("utf-8")


def test_every_code_is_documented_with_its_sentence() -> None:
    for entry in CODES.values():
        assert f"| `{entry.code}` | {entry.severity} | {entry.chinese}{entry.english} |" in TEXT


def test_the_page_of_kinds_is_what_the_declarations_say() -> None:
    assert FILE.read_text("utf-8") == page(kinds()), "run python -m schema.kinds_page"


def test_every_column_is_documented() -> None:
    text = FILE.read_text("utf-8")
    for layout in layouts(kinds()).values():
        section = re.split(rf"\n##+ {layout.label} `{layout.name}`\n", text)[1]
        section = re.split(r"\n##+ ", section)[0]
        for field in layout.fields:
            assert f"| {field.label} |" in section
            assert f"`{field.api_name}`" in section
