"""Industries of GB/T 4754-2017: sections, divisions, and codes without their letter."""

from __future__ import annotations

import pytest

from store.industry import load_sections, parse_industry


@pytest.mark.parametrize(
    ("text", "normalised", "section"),
    [
        ("C31", "C31", "制造业"),
        ("B08", "B08", "采矿业"),
        ("C27", "C27", "制造业"),
        ("F52", "F52", "批发和零售业"),
        ("I65", "I65", "信息传输、软件和信息技术服务业"),
        ("D4430", "D4430", "电力、热力、燃气及水生产和供应业"),
        ("C311", "C311", "制造业"),
        ("3110", "C3110", "制造业"),
        ("C", "C", "制造业"),
        ("c31", "C31", "制造业"),
        ("97", "T97", "国际组织"),
    ],
)
def test_an_industry_is_read_with_or_without_its_letter(
    text: str, normalised: str, section: str
) -> None:
    found = parse_industry(text)
    assert found.valid
    assert found.normalised == normalised
    assert found.section is not None
    assert found.section.name == section
    assert [f.code for f in found.findings] == ([] if text == normalised else ["NORMALISED"])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("U01", "INDUSTRY_UNKNOWN"),
        ("C44", "INDUSTRY_SECTION"),
        ("31A", "INDUSTRY_FORMAT"),
        ("98", "INDUSTRY_UNKNOWN"),
        ("00", "INDUSTRY_UNKNOWN"),
        ("", "INDUSTRY_FORMAT"),
        ("C3", "INDUSTRY_FORMAT"),
        ("A97", "INDUSTRY_SECTION"),
        ("C31105", "INDUSTRY_FORMAT"),
        ("٣١", "INDUSTRY_FORMAT"),
    ],
)
def test_a_code_outside_the_classification_is_refused(text: str, code: str) -> None:
    found = parse_industry(text)
    assert not found.valid
    assert [(f.code, f.severity) for f in found.findings] == [(code, "error")]


def test_the_sections_cover_the_97_divisions_once() -> None:
    divisions = [n for s in load_sections() for n in range(s.first, s.last + 1)]
    assert divisions == list(range(1, 98))
    assert "".join(s.letter for s in load_sections()) == "ABCDEFGHIJKLMNOPQRST"
