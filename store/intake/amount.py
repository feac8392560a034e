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
_DIGITS = f"[0-9０-９{_SIGNS}][0-9０-９,，.．{_SIGNS}]*"
_NUMBER = re.compile(f"({_DIGITS})\\s?[余多]?[元圆](?:([0-9{_SIGNS}])角)?(?:零?([0-9{_SIGNS}])分)?")
# Without 元: behind a sign of money, or so many 万 behind a word of money (罚款20万).
_SIGNED = re.compile(f"(?:[￥¥]|RMB|CNY)\\s?({_DIGITS})(?!\\s?[元圆])")
_BARE = re.compile(
    f"(?:款|罚|币|额|没收)[为计：:\\s]?({_DIGITS})(?<=[千仟万萬亿])(?!\\s?[余多]?[元圆\\w])"
)
_MARK = re.compile("[￥¥千仟万萬亿]|RMB|CNY")
_PART = re.compile(f"([0-9.]+)|([{_SIGNS}])")


def amounts(text: str) -> frozenset[Decimal]:
    """Every amount of money in a text, in 元: 2000元, 2,000.5元, 1.5万元, 2千元, 人民币贰仟元整."""
    found: list[Decimal | None] = []
    if "元" in text or "圆" in text:
        found += (_with_cents(*match.groups()) for match in _NUMBER.finditer(text))
    if _MARK.search(text):
        found += (read_amount(number) for number in _SIGNED.findall(text))
        found += (read_amount(number) for number in _BARE.findall(text))
    return frozenset(amount for amount in found if amount is not None)


def _with_cents(yuan: str, jiao: str | None, fen: str | None) -> Decimal | None:
    """An amount with what follows 元: 叁元柒角捌分."""
    whole = read_amount(yuan)
    if whole is None or not (jiao or fen):
        return whole
    tenths, hundredths = (read_amount(part or "零") or Decimal(0) for part in (jiao, fen))
    return whole + tenths / 10 + hundredths / 100


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
