"""Industries 国民经济行业分类, GB/T 4754-2017: section letter and up to four digits."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

from store.identifiers.finding import NORMALISED, Finding
from store.identifiers.normalisation import compact

_SHAPE = re.compile("(?P<letter>[A-Z]?)(?P<digits>[0-9]{2,4})?")

_FORMAT = Finding(
    "INDUSTRY_FORMAT",
    "error",
    "行业代码应为门类字母加2至4位数字（字母可省），请更正。"
    "An industry is a section letter and two to four digits (the letter may be left out).",
)
_UNKNOWN = Finding(
    "INDUSTRY_UNKNOWN",
    "error",
    "GB/T 4754-2017无此门类或大类，请更正。"
    "GB/T 4754-2017 has no such section or division: correct it.",
)
_SECTION = Finding(
    "INDUSTRY_SECTION",
    "error",
    "门类字母与大类不一致，请更正。"
    "The letter is not the section of this division: correct one of them.",
)


@dataclass(frozen=True, slots=True)
class Section:
    """One section 门类 with its divisions 大类, `first` to `last` inclusive (1–97)."""

    letter: str
    name: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Industry:
    """What an industry code says: `normalised` has its letter (`C3110`), None when not valid."""

    input: str
    normalised: str | None
    section: Section | None
    findings: tuple[Finding, ...]

    @property
    def valid(self) -> bool:
        """True when no finding is an error."""
        return self.normalised is not None


@cache
def load_sections() -> tuple[Section, ...]:
    """The 20 sections of GB/T 4754-2017 (store/data/industry_sections.csv)."""
    file = resources.files("store").joinpath("data/industry_sections.csv")
    return tuple(
        Section(row["letter"], row["name"], int(row["first_division"]), int(row["last_division"]))
        for row in csv.DictReader(file.read_text("utf-8").splitlines())
    )


def parse_industry(text: str) -> Industry:
    """Read an industry code; a missing letter is derived from the division.

    Groups 中类 and classes 小类 are not looked up, their division is. Source: GB/T 4754-2017.
    """
    code = compact(text)
    shape = _SHAPE.fullmatch(code)
    if shape is None or not code:
        return Industry(text, None, None, (_FORMAT,))
    letter, digits = shape["letter"], shape["digits"] or ""
    named = next((section for section in load_sections() if section.letter == letter), None)
    if digits:
        division = int(digits[:2])
        section = next((s for s in load_sections() if s.first <= division <= s.last), None)
    else:
        section = named
    if section is None or (letter and named is None):
        return Industry(text, None, None, (_UNKNOWN,))
    if letter and named != section:
        return Industry(text, None, None, (_SECTION,))
    normalised = section.letter + digits
    findings = () if normalised == text else (NORMALISED,)
    return Industry(text, normalised, section, findings)
