"""公民身份号码 and the numbers built like it, GB 11643-1999: never to be shown or logged.

The first six digits say where a number was first given, so that a county is not compared with
the year of birth: 平山区 may stand in the number of somebody born before it existed.
"""

from __future__ import annotations

import re
from datetime import date

from store.identifiers.check_characters import id_check
from store.identifiers.finding import Finding, Identification, conclude
from store.identifiers.normalisation import compact
from store.regions import is_division, is_province

_OUTSIDE = re.compile("[^0-9X]")
_DIGITS = re.compile("[0-9]+")
_EARLIEST_BIRTH_YEAR = 1800  # numbers exist since 1984; the standard's oldest example is of 1880
_TAIWAN_PERMIT = "830000"  # 港澳台居民居住证; 810000 and 820000 are divisions anyway

_LENGTH = Finding(
    "LENGTH",
    "error",
    "身份证号码应为18位，请核对证件。"
    "An identity number has 18 characters: compare it with the document.",
)
_ALPHABET = Finding(
    "ALPHABET",
    "error",
    "只能用数字，末位可为X，请核对证件。"
    "Use digits, the last one may be X: compare it with the document.",
)
_DATE_INVALID = Finding(
    "DATE_INVALID",
    "error",
    "出生日期不存在，请核对证件。"
    "The date of birth is not in the calendar: compare it with the document.",
    "birthDate",
)
_DATE_FUTURE = Finding(
    "DATE_FUTURE",
    "error",
    "出生日期晚于当前日期，请核对证件。"
    "The date of birth is in the future: compare it with the document.",
    "birthDate",
)
_CHECKSUM = Finding(
    "CHECKSUM",
    "error",
    "校验码不符，号码有录入错误，请核对证件。"
    "The check character does not match: the number was mistyped, compare it with the document.",
    "check",
)
_DIVISION_UNKNOWN = Finding(
    "DIVISION_UNKNOWN",
    "warning",
    "前6位不是已知的行政区划码，请核实。"
    "The first six digits are no known division: please confirm.",
    "division",
)
_LEGACY_15 = Finding(
    "LEGACY_15",
    "warning",
    "15位号码自2013年起停用，已推算为18位，请核对现行证件。"
    "15-digit numbers ended in 2013: 18 digits were derived, compare them with the document.",
)


def id_number(text: str, *, strict: bool = True, on: date, demo: bool = False) -> Identification:
    """Judge an identity number; births after `on` are refused.

    A first-generation number of 15 digits is valid only as what it stands for: `normalised` is
    the 18-digit number, `derived` is true, and the input has to be kept beside it. Residence
    permits (810000, 820000, 830000) and the permanent-residence card of 2023 (first digit 9,
    then the province) are judged alike. Source: GB 11643-1999.
    """
    code = compact(text)
    if len(code) == 15 and _DIGITS.fullmatch(code):
        body = f"{code[:6]}19{code[6:]}"
        findings = [_LEGACY_15, *_faults_of_body(body, on, demo)]
        return conclude(text, "id_number", body + id_check(body), findings, derived_from=code)
    findings = []
    if len(code) != 18:
        findings.append(_LENGTH)
    if _OUTSIDE.search(code) or "X" in code[:17]:
        findings.append(_ALPHABET)
    if len(code) == 18:
        findings += _faults_of_body(code[:17], on, demo)
        if _DIGITS.fullmatch(code, 0, 17) and id_check(code[:17]) != code[17]:
            findings.append(_CHECKSUM)
    return conclude(text, "id_number", code, findings)


def birth_date(digits: str) -> date | None:
    """The date written YYYYMMDD, None when it is not in the calendar or before 1800."""
    if len(digits) != 8 or not _DIGITS.fullmatch(digits):
        return None
    try:
        day = date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None
    return day if day.year >= _EARLIEST_BIRTH_YEAR else None


def _faults_of_body(body: str, on: date, demo: bool) -> list[Finding]:
    findings = []
    if _DIGITS.fullmatch(body, 6, 14):
        born = birth_date(body[6:14])
        if born is None:
            findings.append(_DATE_INVALID)
        elif born > on:
            findings.append(_DATE_FUTURE)
    if _DIGITS.fullmatch(body, 0, 6) and not _is_place(body[:6], demo):
        findings.append(_DIVISION_UNKNOWN)
    return findings


def _is_place(code: str, demo: bool) -> bool:
    if code[0] == "9":
        return is_province(code[1:3])
    return code == _TAIWAN_PERMIT or is_division(code, demo=demo)
