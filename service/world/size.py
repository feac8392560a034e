"""How many of each: sizes S, M and L, each containing the smaller ones."""

from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Size:
    """Rows of the kinds that are counted; pairs are (Benxi, Shenyang).

    Further record kinds follow from the bodies by rates.

    `firms` are ordinary firms, without the planted ones; `traders` the individual businesses that
    records may speak about (a few more exist).
    """

    name: str
    organisations: tuple[int, int]
    firms: tuple[int, int]
    traders: tuple[int, int]
    rows: MappingProxyType[str, int] = field(hash=False)


def _rows(*counts: int) -> MappingProxyType[str, int]:
    kinds = (
        "guarantee", "loan", "licence", "penalty", "procedure_case",
    )  # fmt: skip
    return MappingProxyType(dict(zip(kinds, counts, strict=True)))


SIZES = (
    Size("S", (120, 180), (10, 40), (20, 110), _rows(40, 45, 180, 120, 40)),
    Size(
        "M", (8_000, 32_000), (2_690, 10_840), (5_200, 21_000),
        _rows(3_000, 3_200, 12_000, 6_000, 1_500),
    ),
    Size(
        "L", (140_000, 860_000), (46_200, 283_800), (93_000, 574_000),
        _rows(60_000, 65_000, 300_000, 120_000, 30_000),
    ),
)  # fmt: skip


def size_of(name: str) -> Size:
    """Return the size named S, M or L."""
    for size in SIZES:
        if size.name == name:
            return size
    raise ValueError(f"{name} is no size of the world: choose S, M or L")


def population_of(kind: str, index: int) -> Size:
    """Return the smallest size that has row `index` of a kind: whom that row may speak about."""
    for size in SIZES:
        if index < size.rows[kind]:
            return size
    raise ValueError(f"{kind} {index} is beyond the largest world")
