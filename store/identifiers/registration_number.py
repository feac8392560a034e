"""工商注册号, GS 15-2006: 15 digits since 2007; what came before is kept as text."""

from __future__ import annotations

import re
from datetime import date

from store.identifiers.check_characters import reg_no_check
from store.identifiers.finding import Finding, Identification, conclude
from store.identifiers.normalisation import compact, trimmed
from store.regions import is_division

_DIGITS = re.compile("[0-9]+")
_OLD_NUMBER = re.compile("(?!0{13})[0-9]{13}")
_WORDED = re.compile("[\u4e00-\u9fff]+.*字(第|.*号)")
_LOOSELY_WORDED = re.compile("[\u4e00-\u9fff].*(字|[0-9])")

_LENGTH = Finding(
    "LENGTH",
    "error",
    "工商注册号应为15位（2007年前的为13位），请核对原件。"
    "A registration number has 15 digits (13 before 2007): compare it with the licence.",
)
_ALPHABET = Finding(
    "ALPHABET",
    "error",
    "工商注册号只能用数字，请核对原件。"
    "A registration number has digits only: compare it with the licence.",
)
_CHECKSUM = Finding(
    "CHECKSUM",
    "error",
    "校验码不符，号码有录入错误，请核对原件。"
    "The check digit does not match: the number was mistyped, compare it with the licence.",
    "check",
)
_DIVISION_UNKNOWN = Finding(
    "DIVISION_UNKNOWN",
    "warning",
    "前6位不是已知的行政区划码，请核实。"
    "The first six digits are no known division: please confirm.",
    "division",
)
_LEGACY_TEXT = Finding(
    "LEGACY_TEXT",
    "info",
    "2007年前的注册号无校验码，按原文保存；无须处理。"
    "A number from before 2007 has no check: kept as written, nothing to do.",
)


def reg_no(text: str, *, strict: bool = True, on: date, demo: bool = False) -> Identification:
    """Judge a 工商注册号; 13-digit numbers and worded ones (…字第…号) are kept as text.

    Source: GS 15-2006.
    """
    code = compact(text)
    if _OLD_NUMBER.fullmatch(code):
        return conclude(text, "reg_no", code, [_LEGACY_TEXT])
    if _LOOSELY_WORDED.match(code):
        return conclude(text, "reg_no", trimmed(text), [_LEGACY_TEXT])
    findings = []
    if len(code) != 15:
        findings.append(_LENGTH)
    if not _DIGITS.fullmatch(code):
        findings.append(_ALPHABET)
    if len(code) == 15:
        if _DIGITS.fullmatch(code, 0, 14) and reg_no_check(code[:14]) != code[14]:
            findings.append(_CHECKSUM)
        if _DIGITS.fullmatch(code, 0, 6) and not is_division(code[:6], demo=demo):
            findings.append(_DIVISION_UNKNOWN)
    return conclude(text, "reg_no", code, findings)


def looks_legacy(text: str) -> bool:
    """Whether a text of unknown kind has the form of a number from before 2007."""
    code = compact(text)
    return bool(_OLD_NUMBER.fullmatch(code) or _WORDED.match(code))
