"""Mappings of grades 评价结果互认映射: which grade of a partner's scheme is which common band.

A mapping belongs to an agreement, is dated, names purposes, and is signed by every party as the
agreement is: a signed note (C2SP signed-note) of the line `xinqiao grade mapping v1` and the
document in canonical JSON (RFC 8785). It must be total on the source scale and monotone; scores
are never rescaled. Source: cross-region requirements §2.1, X09–X13.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from itertools import pairwise
from typing import Any

from store.scheme import Scale, Scheme, Schemes
from sync.agreement import Agreement
from sync.canonical import Value, canonical
from sync.errors import MappingError

HEADER = "xinqiao grade mapping v1\n"
_ID = re.compile(r"[a-z0-9][a-z0-9.-]{0,99}")
_PURPOSE = re.compile(r"P[1-9][0-9]?")
_MEMBERS = {"id", "agreement", "scheme", "version", "purposes", "valid_from", "valid_to", "row"}


class Band(StrEnum):
    """Common bands from best to worst; unrated is a band of no mapping."""

    EXCELLENT = "EXCELLENT"
    GOOD = "GOOD"
    FAIR = "FAIR"
    POOR = "POOR"

    @property
    def label(self) -> str:
        """The Chinese word that mapping files write."""
        return _LABELS[self]


_LABELS = {Band.EXCELLENT: "优", Band.GOOD: "良", Band.FAIR: "中", Band.POOR: "差"}
_BANDS = {label: band for band, label in _LABELS.items()}
_RANK = {band: rank for rank, band in enumerate(Band)}


@dataclass(frozen=True, slots=True)
class MappingRow:
    """One row: a grade of an ordinal scheme, or scores from `low` to before `below`.

    `below` is None in the row that reaches to the scheme's maximum, itself included.
    """

    band: Band
    grade: str | None = None
    low: Decimal | None = None
    below: Decimal | None = None

    @property
    def source(self) -> str:
        """The grade or interval, as errors name it."""
        if self.grade is not None:
            return self.grade
        return f"[{self.low}, {'…' if self.below is None else self.below})"


@dataclass(frozen=True, slots=True)
class GradeMapping:
    """What a scheme's grades mean to the parties of an agreement; `valid_to` is exclusive."""

    id: str
    agreement: str
    scheme: str
    version: str
    purposes: tuple[str, ...]
    rows: tuple[MappingRow, ...]
    valid_from: date
    valid_to: date | None = None

    def text(self) -> str:
        """The text that the parties sign."""
        return HEADER + canonical(document(self)).decode() + "\n"


def check_rows(scheme: Scheme, rows: Sequence[MappingRow]) -> None:
    """Demand that the rows cover the whole source scale once and never rate worse as better.

    Raises MappingError `MAPPING_GAP`, `MAPPING_OVERLAP`, `MAPPING_RANGE`, `MAPPING_GRADE_UNKNOWN`
    or `MAPPING_NOT_MONOTONE`, naming the interval or grade.
    """
    ordered = _by_score(scheme, rows) if scheme.scale is Scale.NUMERIC else _by_grade(scheme, rows)
    for better, worse in pairwise(ordered):
        if _RANK[worse.band] < _RANK[better.band]:
            raise MappingError(
                "MAPPING_NOT_MONOTONE",
                f"Correct the row {worse.source} → {worse.band.label}: the better {better.source}"
                f" is only {better.band.label}.",
            )


def _by_grade(scheme: Scheme, rows: Sequence[MappingRow]) -> list[MappingRow]:
    told: dict[str, MappingRow] = {}
    for row in rows:
        if row.grade is None or row.grade not in scheme.grades:
            raise MappingError(
                "MAPPING_GRADE_UNKNOWN",
                f"Correct the row {row.source}: {scheme.id} {scheme.version} has the grades"
                f" {', '.join(scheme.grades)}.",
            )
        if told.setdefault(row.grade, row) is not row:
            raise MappingError("MAPPING_OVERLAP", f"Give the grade {row.grade} one row only.")
    missing = [grade for grade in scheme.grades if grade not in told]
    if missing:
        raise MappingError("MAPPING_GAP", f"Add the missing grades: {', '.join(missing)}.")
    return [told[grade] for grade in scheme.grades]


def _by_score(scheme: Scheme, rows: Sequence[MappingRow]) -> list[MappingRow]:
    least, most = scheme.minimum, scheme.maximum
    assert least is not None
    assert most is not None
    for row in rows:
        if row.low is None or (row.below is not None and row.below <= row.low):
            raise MappingError(
                "MAPPING_RANGE", f"Write the row {row.source} as a score interval, from below to."
            )
        if row.low < least or row.low > most or (row.below is not None and row.below > most):
            raise MappingError(
                "MAPPING_RANGE",
                f"Keep the row {row.source} inside the scale from {least} to {most}; the row that"
                " reaches the top has no `below`.",
            )
    ordered = sorted(rows, key=_low)
    reached: Decimal | None = least
    for row in ordered:
        if reached is None or _low(row) < reached:
            raise MappingError("MAPPING_OVERLAP", f"Shorten the row {row.source}: it overlaps.")
        if _low(row) > reached:
            raise MappingError("MAPPING_GAP", f"Add the missing interval [{reached}, {row.low}).")
        reached = row.below
    if reached is not None:
        raise MappingError("MAPPING_GAP", f"Add the missing interval [{reached}, {most}].")
    return ordered[::-1]


def _low(row: MappingRow) -> Decimal:
    return row.low if row.low is not None else Decimal(0)


def check_scale(mapping: GradeMapping, schemes: Schemes) -> None:
    """Demand a known scheme version and rows that `check_rows` accepts.

    Raises MappingError as it does, and `SCHEME_VERSION_UNKNOWN`.
    """
    scheme = schemes.get((mapping.scheme, mapping.version))
    if scheme is None:
        raise MappingError(
            "SCHEME_VERSION_UNKNOWN", "Name a scheme and version that this node knows: see schemes."
        )
    check_rows(scheme, mapping.rows)


def check_mapping(mapping: GradeMapping, schemes: Schemes, agreement: Agreement) -> None:
    """Demand a sound scale, and purposes and dates that the agreement has.

    Raises MappingError as `check_scale`, and `MAPPING_PURPOSE`, `MAPPING_DATES`.
    """
    check_scale(mapping, schemes)
    beyond = sorted(set(mapping.purposes) - set(agreement.purposes))
    if beyond or not mapping.purposes:
        raise MappingError(
            "MAPPING_PURPOSE",
            f"Name purposes of the agreement only, at least one: {', '.join(beyond) or '—'}.",
        )
    if (mapping.valid_to is not None and mapping.valid_to <= mapping.valid_from) or (
        mapping.valid_from < agreement.valid_from
    ):
        raise MappingError(
            "MAPPING_DATES", "Let the mapping begin within the agreement and end after it begins."
        )


def read_draft(text: str) -> GradeMapping:
    """Read a mapping as people draw it up, in TOML; see docs/recognition.md.

    Raises MappingError `MAPPING_MALFORMED`, naming row and member.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MappingError("MAPPING_MALFORMED", f"Correct the file's TOML: {error}.") from None
    rows = table.get("row")
    unknown = sorted(set(table) - _MEMBERS)
    if unknown or not isinstance(rows, list):
        raise MappingError(
            "MAPPING_MALFORMED", f"Take out {', '.join(unknown)}." if unknown else "Add [[row]]."
        )
    try:
        return mapping_of(table, [_drafted(number, row) for number, row in enumerate(rows, 1)])
    except (KeyError, TypeError, ValueError) as error:
        raise MappingError(
            "MAPPING_MALFORMED",
            f"Give id, agreement, scheme, version, purposes P1…P17, valid_from: {error}.",
        ) from None


def _drafted(number: int, row: Any) -> MappingRow:
    if not isinstance(row, dict) or set(row) - {"grade", "from", "below", "band"}:
        raise MappingError(
            "MAPPING_MALFORMED", f"Row {number}: write grade, or from and below, and band."
        )
    band = _BANDS.get(row.get("band", ""))
    if band is None or ("grade" in row) == ("from" in row):
        raise MappingError(
            "MAPPING_MALFORMED", f"Row {number}: write one of 优 良 中 差, and a grade or a from."
        )
    return row_of(number, band, row.get("grade"), row.get("from"), row.get("below"))


def row_of(number: int, band: Band, grade: Any, low: Any, below: Any) -> MappingRow:
    """A row of these members; MappingError `MAPPING_MALFORMED`."""
    try:
        return MappingRow(
            band,
            None if grade is None else str(grade),
            None if low is None else _score(low),
            None if below is None else _score(below),
        )
    except (InvalidOperation, ValueError):
        raise MappingError(
            "MAPPING_MALFORMED", f'Row {number}: write scores as "850" or "849.5".'
        ) from None


def _score(told: Any) -> Decimal:
    if isinstance(told, bool) or not isinstance(told, str | int):
        raise ValueError
    value = Decimal(told)
    if not value.is_finite():
        raise ValueError
    return value


def mapping_of(table: Mapping[str, Any], rows: Sequence[MappingRow]) -> GradeMapping:
    """The mapping with these members; KeyError, TypeError or ValueError when it is none."""
    names = {name: table[name] for name in ("id", "agreement", "scheme", "version")}
    start, end, purposes = table["valid_from"], table.get("valid_to"), table["purposes"]
    if not all(isinstance(value, str) for value in (*names.values(), *purposes)):
        raise ValueError("names are texts")
    if any("\0" in name for name in names.values()):
        raise ValueError("names hold no U+0000")
    if _ID.fullmatch(names["id"]) is None:
        raise ValueError("the id has lower-case letters, digits, dots and hyphens")
    if type(start) is not date or not (end is None or type(end) is date):
        raise ValueError("dates are written YYYY-MM-DD without quotes")
    if not all(_PURPOSE.fullmatch(purpose) for purpose in purposes):
        raise ValueError("purposes are P1…P17")
    return GradeMapping(
        **names, purposes=tuple(purposes), rows=tuple(rows), valid_from=start, valid_to=end
    )


def document(mapping: GradeMapping) -> Value:
    """The document that is signed."""

    def told(row: MappingRow) -> dict[str, Value]:
        source: dict[str, Value] = {"grade": row.grade}
        if row.grade is None:
            source = {
                "from": str(row.low),
                "below": None if row.below is None else str(row.below),
            }
        return {**source, "band": row.band.value}

    return {
        "v": 1,
        "id": mapping.id,
        "agreement": mapping.agreement,
        "scheme": mapping.scheme,
        "version": mapping.version,
        "purposes": list(mapping.purposes),
        "rows": [told(row) for row in mapping.rows],
        "validFrom": mapping.valid_from.isoformat(),
        "validTo": None if mapping.valid_to is None else mapping.valid_to.isoformat(),
    }
