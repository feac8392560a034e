"""Check characters of the national codes: pure arithmetic, no opinion on anything else.

Every function takes the characters before the check character, in their standard form, and
raises ValueError when one of them is outside the alphabet or the count is wrong.
"""

from __future__ import annotations

import string
from operator import mul

USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_ORG_ALPHABET = string.digits + string.ascii_uppercase

_USCC_WEIGHTS = bytes(pow(3, i, 31) for i in range(17))
_ORG_WEIGHTS = bytes((3, 7, 9, 10, 5, 8, 4, 2))
_ID_WEIGHTS = bytes(pow(2, 17 - i, 11) for i in range(17))
_ID_CHECKS = "10X98765432"


def _values(alphabet: str) -> bytes:
    outside = bytearray([255] * 256)
    for value, character in enumerate(alphabet):
        outside[ord(character)] = value
    return bytes(outside)


_USCC_VALUES = _values(USCC_ALPHABET)
_ORG_VALUES = _values(_ORG_ALPHABET)
_DIGIT_VALUES = _values(string.digits)
_USCC_CHECKS = tuple(USCC_ALPHABET[-total % 31] for total in range(31))
_ORG_CHECKS = tuple("0123456789X"[-total % 11] for total in range(11))


def _numbers(characters: str, values: bytes, count: int) -> bytes:
    numbers = characters.encode("ascii", "replace").translate(values)
    if len(numbers) != count or 255 in numbers:
        raise ValueError(f"{count} characters of the alphabet are needed")
    return numbers


def _weighted(numbers: bytes, weights: bytes) -> int:
    total: int = sum(map(mul, numbers, weights))
    return total


def uscc_check(body: str) -> str:
    """Character 18 for characters 1–17 of a 统一社会信用代码 (GB 32100-2015, 4.2)."""
    return _USCC_CHECKS[_weighted(_numbers(body, _USCC_VALUES, 17), _USCC_WEIGHTS) % 31]


def org_check(body: str) -> str:
    """Character 9 for characters 1–8 of an 组织机构代码 (GB 11714-1997)."""
    return _ORG_CHECKS[_weighted(_numbers(body, _ORG_VALUES, 8), _ORG_WEIGHTS) % 11]


def id_check(body: str) -> str:
    """Character 18 for digits 1–17 of a 公民身份号码 (GB 11643-1999, ISO 7064 MOD 11-2)."""
    return _ID_CHECKS[_weighted(_numbers(body, _DIGIT_VALUES, 17), _ID_WEIGHTS) % 11]


def reg_no_check(body: str) -> str:
    """Digit 15 for digits 1–14 of a 工商注册号 (GS 15-2006, ISO 7064 MOD 11,10)."""
    product = 10
    for digit in _numbers(body, _DIGIT_VALUES, 14):
        product = ((digit + product) % 10 or 10) * 2 % 11
    return str((11 - product) % 10)
