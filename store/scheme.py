"""Grading schemes 评价方案: the scale and the grades of each version (records.md §10.1)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from store.connection import Connection


class Scale(StrEnum):
    """Whether a scheme gives grades alone, or scores that fall into grades."""

    ORDINAL = "ORDINAL"
    NUMERIC = "NUMERIC"


@dataclass(frozen=True, slots=True)
class Scheme:
    """One version of a scheme; `grades` from best to worst, `least` the lowest score of each.

    `region` is the city whose scheme it is, None for a sector's. `minimum` and `maximum` bound the
    scores of a numeric scheme, both inclusive.
    """

    id: str
    version: str
    name: str
    scale: Scale
    grades: tuple[str, ...]
    region: str | None = None
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    least: tuple[Decimal, ...] = ()

    def grade_of(self, score: Decimal) -> str | None:
        """The grade of a score; None beyond the scale or for an ordinal scheme."""
        if self.minimum is None or self.maximum is None:
            return None
        if not self.minimum <= score <= self.maximum:
            return None
        pairs = zip(self.grades, self.least, strict=True)
        return next((grade for grade, least in pairs if score >= least), None)

    def faults(self, grade: str | None, score: Decimal | None) -> tuple[str, ...]:
        """What of an evaluation does not fit the scheme: codes of findings, none when it fits.

        `EVALUATION_EMPTY`, `GRADE_UNKNOWN`, `SCORE_RANGE`, `GRADE_SCORE_MISMATCH`.
        """
        if grade is None and score is None:
            return ("EVALUATION_EMPTY",)
        if grade is not None and grade not in self.grades:
            return ("GRADE_UNKNOWN",)
        if self.scale is Scale.ORDINAL:
            return ("EVALUATION_EMPTY",) if grade is None else ()
        if score is None:
            return ("EVALUATION_EMPTY",)
        told = self.grade_of(score)
        if told is None:
            return ("SCORE_RANGE",)
        return ("GRADE_SCORE_MISMATCH",) if grade is not None and grade != told else ()


Schemes = Mapping[tuple[str, str], Scheme]
"""Schemes by id and version."""


@cache
def shipped_schemes() -> Schemes:
    """The schemes that are shipped (store/data/schemes.toml)."""
    text = resources.files("store").joinpath("data/schemes.toml").read_text("utf-8")
    found = [_scheme(row) for row in tomllib.loads(text)["scheme"]]
    return MappingProxyType({(scheme.id, scheme.version): scheme for scheme in found})


async def load_schemes(connection: Connection) -> None:
    """Bring the table of schemes up to this release."""
    await connection.executemany(
        "INSERT INTO grading_scheme (scheme, version, name, region_id, scale, minimum, maximum,"
        " grades, least) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
        " ON CONFLICT (scheme, version) DO UPDATE SET name = EXCLUDED.name",
        [
            (
                scheme.id,
                scheme.version,
                scheme.name,
                scheme.region,
                scheme.scale.value,
                scheme.minimum,
                scheme.maximum,
                list(scheme.grades),
                list(scheme.least) or None,
            )
            for scheme in shipped_schemes().values()
        ],
    )


def _scheme(row: Mapping[str, Any]) -> Scheme:
    return Scheme(
        id=row["id"],
        version=row["version"],
        name=row["name"],
        scale=Scale(row["scale"]),
        grades=tuple(row["grades"]),
        region=row.get("region"),
        minimum=Decimal(row["minimum"]) if "minimum" in row else None,
        maximum=Decimal(row["maximum"]) if "maximum" in row else None,
        least=tuple(Decimal(least) for least in row.get("least", ())),
    )
