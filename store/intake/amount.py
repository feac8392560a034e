"""Amounts in free text 文书中的金额, beside which a field in the wrong unit is told."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

from store.intake.value import half_width

WAN = Decimal(10_000)
_VALUES = {c: n for n, chars in enumerate(
    ("〇零○", "一壹", "二贰两貳", "三叁", "四肆", "五伍", "六陆", "七柒", "八捌", "九玖")
) for c in chars}  # fmt: skip
_TENS = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1_000, "仟": 1_000}
_MYRIADS = {"万": 10_000, "萬": 10_000, "亿": 100_000_000}
_LARGEST = max(_MYRIADS.values())
_SIGNS = "".join((*_VALUES, *_TENS, *_MYRIADS))
_NUMBER = re.compile(f"[0-9０-９{_SIGNS}][0-9０-９,，.．{_SIGNS}]*(?=\\s?[余多]?(?:元|圆))")
_PART = re.compile(f"([0-9.]+)|([{_SIGNS}])")


def amounts(text: str) -> frozenset[Decimal]:
    """Every amount of money in a text, in 元: 2000元, 2,000.5元, 1.5万元, 2千元, 人民币贰仟元整."""
    if "元" not in text and "圆" not in text:
        return frozenset()
    found = map(read_amount, _NUMBER.findall(text))
    return frozenset(amount for amount in found if amount is not None)


def read_amount(text: str) -> Decimal | None:
    """A number in digits, Chinese numerals or both (2万5千, 三万五); None when it is none."""
    if text.isascii():
        try:
            return Decimal(text.replace(",", ""))
        except InvalidOperation:
            return None
    total = section = Decimal(0)
    digit: Decimal | None = None
    unit = shorter = 1  # the last unit, and what a digit right behind it counts
    plain = half_width(text).replace(",", "")
    for number, sign in _PART.findall(plain):
        if number:
            try:
                digit = Decimal(number)
            except InvalidOperation:
                return None
            shorter = 1
        elif sign in _VALUES:
            digit = Decimal(_VALUES[sign])
            shorter = unit // 10 if unit >= 100 and digit else 1
            unit = 1
        elif sign in _TENS:
            unit = _TENS[sign]
            section += (Decimal(1) if digit is None else digit) * unit
            digit = None
        else:
            unit = _MYRIADS[sign]
            section = section + (digit or 0)
            if unit == _LARGEST:
                total = (total + section or Decimal(1)) * unit
            else:
                total += (section or Decimal(1)) * unit
            section, digit = Decimal(0), None
    return total + section + (digit or Decimal(0)) * shorter


def is_unit_suspect(stated: Decimal, texts: Iterable[str]) -> bool:
    """Whether an amount in 元 is 10⁴ times one of the texts, or a 10⁻⁴th, and none of them."""
    told: set[Decimal] = set()
    for text in sorted(texts, key=len):
        told |= amounts(text)
        if stated in told:
            return False
    return stated * WAN in told or stated / WAN in told
