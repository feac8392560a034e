"""Thresholds of the law: 「以上」 includes the number, 「超过」 excludes it (民法典 1259)."""

from __future__ import annotations

from fractions import Fraction

Number = Fraction | float

HALF = Fraction(1, 2)  # 超过50%
QUARTER = Fraction(1, 4)  # 25%以上
FIFTH = Fraction(1, 5)  # 20%以上
_NEAR = Fraction(1, 10**9)


def exceeds(share: Number, threshold: Fraction) -> bool:
    """超过: more than the threshold; a rational exactly, a double beyond rounding."""
    if isinstance(share, Fraction):
        return share > threshold
    return share > float(threshold) + float(_NEAR)


def reaches(share: Number, threshold: Fraction) -> bool:
    """以上: the threshold or more; a rational exactly, a double but for rounding."""
    if isinstance(share, Fraction):
        return share >= threshold
    return share >= float(threshold) - float(_NEAR)


def borderline(share: Number, threshold: Fraction) -> bool:
    """Whether a share stands on the threshold, within 10⁻⁹: rounding of a statement decides."""
    return abs(Fraction(share) - threshold) <= _NEAR
