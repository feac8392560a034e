"""组织机构代码, GB 11714-1997: eight characters and a check, printed XXXXXXXX-C."""

from __future__ import annotations

import re
from datetime import date

from store.identifiers.check_characters import org_check
from store.identifiers.finding import Finding, Identification, conclude
from store.identifiers.normalisation import compact

_BODY = re.compile("[0-9A-Z]{8}")
_CHECK = re.compile("[0-9X]")
_OUTSIDE = re.compile("[^0-9A-Z]")

_LENGTH = Finding(
    "LENGTH",
    "error",
    "组织机构代码应为9位，请核对原件。"
    "An organisation code has 9 characters: compare it with the certificate.",
)
_ALPHABET = Finding(
    "ALPHABET",
    "error",
    "只能用数字和大写字母，末位只能是数字或X，请更正。"
    "Use digits and capital letters, the last one a digit or X: correct it.",
)
_CHECKSUM = Finding(
    "CHECKSUM",
    "error",
    "校验码不符，代码有录入错误，请核对原件。"
    "The check character does not match: the code was mistyped, compare it with the certificate.",
    "check",
)
_PLACEHOLDER = Finding(
    "PLACEHOLDER",
    "warning",
    "全零代码疑为占位，请填写真实代码或留空。"
    "All zeros look like a filler: give the real code or leave it empty.",
)


def org_code(text: str, *, strict: bool = True, on: date, demo: bool = False) -> Identification:
    """Judge an 组织机构代码; nothing about it depends on the mode or the day.

    Source: GB 11714-1997.
    """
    code = compact(text)
    findings = []
    if len(code) != 9:
        findings.append(_LENGTH)
    body, check = code[:8], code[8:9]
    if _OUTSIDE.search(code) or (len(code) == 9 and not _CHECK.fullmatch(check)):
        findings.append(_ALPHABET)
    if len(code) == 9 and _BODY.fullmatch(body):
        if org_check(body) != check:
            findings.append(_CHECKSUM)
        elif body == "00000000":
            findings.append(_PLACEHOLDER)
    return conclude(text, "org_code", code, findings)
