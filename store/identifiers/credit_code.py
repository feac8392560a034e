"""统一社会信用代码 (USCC), GB 32100-2015: all findings at once (identifiers.md 1.3)."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from functools import lru_cache

from store.identifiers.authorities import authorities_on, heads_on
from store.identifiers.check_characters import org_check, uscc_check
from store.identifiers.finding import Finding, Identification, conclude
from store.identifiers.normalisation import compact
from store.regions import is_division

_ALPHABET = "0-9A-HJ-NP-RTUWXY"
_SHAPE = re.compile(f"[{_ALPHABET}]{{2}}[0-9]{{6}}[{_ALPHABET}]{{10}}")
_CHARACTERS = re.compile(f"[{_ALPHABET}]*")
_DIGITS = re.compile("[0-9]*")
_ZERO_DIVISION = "000000"

_LENGTH = Finding(
    "LENGTH",
    "error",
    "统一社会信用代码应为18位，请核对原件。"
    "A USCC has 18 characters: compare it with the certificate.",
)
_ALPHABET_FAULT = Finding(
    "ALPHABET",
    "error",
    "只能用数字和除I、O、S、V、Z外的大写字母，请检查0与O、1与I。"
    "Use digits and capital letters except I, O, S, V, Z: look for O typed for 0 or I for 1.",
)
_DIVISION_FORMAT = Finding(
    "DIVISION_FORMAT",
    "error",
    "第3至8位行政区划码应为数字，请更正。Positions 3 to 8 (division) are digits: correct them.",
    "division",
)
_AUTHORITY_UNKNOWN = Finding(
    "AUTHORITY_UNKNOWN",
    "error",
    "第1位登记管理部门代码未列入编码表，请核对原件。"
    "Position 1 names no known registration authority: compare it with the certificate.",
    "authority",
)
_CLASS_UNKNOWN = Finding(
    "CLASS_UNKNOWN",
    "error",
    "第2位机构类别代码在该登记管理部门下未定义，请核对原件。"
    "Position 2 is no class of this registration authority: compare it with the certificate.",
    "class",
)
_CHECKSUM = Finding(
    "CHECKSUM",
    "error",
    "校验码不符，代码有录入错误，请核对原件。"
    "The check character does not match: the code was mistyped, compare it with the certificate.",
    "check",
)
_ORG_CHECK = Finding(
    "ORG_CHECK",
    "warning",
    "主体标识码（第9至17位）校验不符，疑为重错码，请向登记机关核实。"
    "The inner check (position 17) does not match: ask the registering authority.",
    "orgCode",
)
_DIVISION_UNKNOWN = Finding(
    "DIVISION_UNKNOWN",
    "warning",
    "第3至8位不是已知的行政区划码，请核实。"
    "Positions 3 to 8 are no division known from GB/T 2260: please confirm.",
    "division",
)


def uscc(text: str, *, strict: bool = True, on: date, demo: bool = False) -> Identification:
    """Judge a 统一社会信用代码 on the day `on`.

    An unknown authority or class is an error, or a warning when not `strict`, because the table
    grows by amendments. `demo` admits the divisions of the demo world. The code says nothing
    about where the body is now. Source: GB 32100-2015; levels of identifiers.md 1.3.
    """
    code = compact(text)
    if _SHAPE.fullmatch(code) is None:
        findings = _faults_of_form(code)
        if len(code) == 18:
            findings += _faults_of_head(code, strict, on)
            findings += _faults_of_checks(code)
            findings += _faults_of_division(code, demo)
        return conclude(text, "uscc", code, findings)
    findings = []
    if code[:2] not in heads_on(on):
        findings += _faults_of_head(code, strict, on)
    if uscc_check(code[:17]) != code[17]:
        findings.append(_CHECKSUM)
    if org_check(code[8:16]) != code[16]:
        findings.append(_ORG_CHECK)
    if not is_division(code[2:8], demo=demo):
        findings.append(_DIVISION_UNKNOWN)
    return conclude(text, "uscc", code, findings)


@lru_cache(maxsize=16_384)
def org_code_of_uscc(code: str) -> str | None:
    """The 组织机构代码 in characters 9–17 of a normalised USCC, None unless its check holds.

    None for all zeros too: a filler whose check holds by accident names nobody.
    """
    inner = code[8:17]
    if len(code) != 18 or inner[:8] == "00000000" or not _CHARACTERS.fullmatch(inner):
        return None
    return inner if org_check(inner[:8]) == inner[8] else None


def _faults_of_form(code: str) -> list[Finding]:
    findings = []
    if len(code) != 18:
        findings.append(_LENGTH)
    if not _CHARACTERS.fullmatch(code):
        findings.append(_ALPHABET_FAULT)
    if len(code) == 18 and not _DIGITS.fullmatch(code, 2, 8):
        findings.append(_DIVISION_FORMAT)
    return findings


def _faults_of_head(code: str, strict: bool, on: date) -> list[Finding]:
    head = code[:2]
    if not _CHARACTERS.fullmatch(head) or head in heads_on(on):
        return []
    fault = _CLASS_UNKNOWN if head[0] in authorities_on(on) else _AUTHORITY_UNKNOWN
    # No amendment will ever issue division 000000: an all-zero code is a filler in any mode,
    # and both of its checks hold.
    if strict or code[2:8] == _ZERO_DIVISION:
        return [fault]
    return [replace(fault, severity="warning")]


def _faults_of_checks(code: str) -> list[Finding]:
    findings = []
    if _CHARACTERS.fullmatch(code, 0, 17) and uscc_check(code[:17]) != code[17]:
        findings.append(_CHECKSUM)
    if _CHARACTERS.fullmatch(code, 8, 17) and org_check(code[8:16]) != code[16]:
        findings.append(_ORG_CHECK)
    return findings


def _faults_of_division(code: str, demo: bool) -> list[Finding]:
    division = code[2:8]
    if _DIGITS.fullmatch(division) and not is_division(division, demo=demo):
        return [_DIVISION_UNKNOWN]
    return []
