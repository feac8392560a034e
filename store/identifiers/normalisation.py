"""The standard form of a code as people and files write it (identifiers.md 1.3, level 0)."""

from __future__ import annotations

import re
import unicodedata

# Also the dashes that NFKC leaves alone and the marks nobody sees that copying brings along.
_HYPHEN = re.compile("[-\u2010-\u2015\u2212]")
_BLANK = re.compile("[\\s\u200b-\u200d\u2060\ufeff]+")
_UPPER = {lower: lower - 32 for lower in range(ord("a"), ord("z") + 1)}
_HALF_WIDTH = {full: full - 0xFEE0 for full in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}


def compact(text: str) -> str:
    """NFKC, without blanks and hyphens, the letters a–z in upper case.

    Only a–z are changed: str.upper() would make two characters of ß and an I of ı.
    """
    if text.isascii() and text.isalnum():
        return text.upper()
    plain = _BLANK.sub("", unicodedata.normalize("NFKC", text))
    return _HYPHEN.sub("", plain).translate(_UPPER)


def trimmed(text: str) -> str:
    """Half-width and without outer blanks, else as written: for numbers kept as text."""
    return text.translate(_HALF_WIDTH).strip()
