"""Which kind of code a string is, when nobody says so.

Where a string fits several kinds an identity number wins: 3 % of identity numbers pass the USCC
checksum, and an identity number must never be treated as an open code. What fits no kind is
judged as the kind it resembles, so that the findings are of use.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from typing import Protocol

from store.identifiers.credit_code import uscc
from store.identifiers.finding import Finding, Identification, Kind, conclude
from store.identifiers.identity_number import birth_date, id_number
from store.identifiers.normalisation import compact
from store.identifiers.organisation_code import org_code
from store.identifiers.registration_number import looks_legacy, reg_no


class _Judge(Protocol):
    def __call__(
        self, text: str, *, strict: bool = True, on: date, demo: bool = False
    ) -> Identification: ...


_KIND_UNKNOWN = Finding(
    "KIND_UNKNOWN",
    "error",
    "无法识别为统一社会信用代码、组织机构代码、身份证号码或注册号，请核对或指明类别。"
    "Not recognised as any kind of code: check it, or say which kind it is.",
)
_ID_NUMBER_POSSIBLE = Finding(
    "ID_NUMBER_POSSIBLE",
    "warning",
    "也可能是15位旧身份证号码；如是个人号码请指明类别，并勿公开。"
    "May also be a first-generation identity number: say so if it is, and do not show it.",
)
# A birth after the place: by its century, or (one digit of it mistyped) by its month and day.
_BIRTH_LIKE = re.compile(
    "(?:[0-9]{6}(?:18|19|20)[0-9]{6}|"
    "[1-8][0-9]{9}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01]))[0-9]{3}[0-9A-Z]"
)
_MISREAD_DIGITS = str.maketrans("OI", "01")
_ALNUM = re.compile("[0-9A-Z]")
_DIGIT = re.compile("[0-9]")
_DEMO_PLACES = ("210190", "210590")  # given to synthetic persons only, never to a body


def identify(
    text: str, kind: Kind | None = None, *, strict: bool = True, on: date, demo: bool = False
) -> Identification:
    """Judge a code of a given kind, or of the kind it shows by itself.

    `on` is the domain date: births after it are refused, amendments from it on are unknown. With
    `strict` an unknown registration authority or class is an error, else a warning. `demo` admits
    the divisions of the demo world. A string that resembles nothing has kind None and the error
    KIND_UNKNOWN. Source: identifiers of GB 32100-2015, GB 11714, GB 11643, GS 15-2006.
    """
    if kind is not None:
        return _judge(kind)(text, strict=strict, on=on, demo=demo)
    code = compact(text)
    if len(code) == 18:
        return _of_eighteen(text, code, strict, on, demo)
    if len(code) == 15:
        return _of_fifteen(text, code, on, demo)
    resembled = _resembled(text, code)
    if resembled is None:
        return conclude(text, None, code, [_KIND_UNKNOWN])
    return _judge(resembled)(text, strict=strict, on=on, demo=demo)


def _judge(kind: Kind) -> _Judge:
    judges: dict[Kind, _Judge] = {
        "uscc": uscc,
        "org_code": org_code,
        "id_number": id_number,
        "reg_no": reg_no,
    }
    return judges[kind]


def _of_eighteen(text: str, code: str, strict: bool, on: date, demo: bool) -> Identification:
    if _BIRTH_LIKE.fullmatch(code.translate(_MISREAD_DIGITS)):
        person = id_number(text, on=on, demo=demo)
        if person.valid:
            return person
        body = uscc(text, strict=strict, on=on, demo=demo)
        # Both checks of a USCC hold by chance once in 341 times: then it is one. With any doubt
        # it stays a person's number, mistyped.
        return body if _is_spotless(body) else person
    if _share(_ALNUM, code) >= 14 and _share(_DIGIT, code) >= 4:
        return uscc(text, strict=strict, on=on, demo=demo)
    if looks_legacy(text):
        return reg_no(text, on=on, demo=demo)
    return conclude(text, None, code, [_KIND_UNKNOWN])


def _of_fifteen(text: str, code: str, on: date, demo: bool) -> Identification:
    if _share(_DIGIT, code) < 13:
        if looks_legacy(text):
            return reg_no(text, on=on, demo=demo)
        return conclude(text, None, code, [_KIND_UNKNOWN])
    body = reg_no(text, on=on, demo=demo)
    # Persons' numbers were given by counties, so that none begins with a city's code.
    if code[4:6] == "00":
        return body
    person = id_number(text, on=on, demo=demo)
    if not person.valid:
        return body
    # The check digit and a serial below 100,000 under its type digit make a registration number:
    # fewer than one identity number in a hundred looks like that, and then the doubt is said.
    if body.valid and code[7:9] == "00" and not code.startswith(_DEMO_PLACES):
        findings = (*body.findings, _ID_NUMBER_POSSIBLE)
        return replace(body, findings=findings)
    return person


def _resembled(text: str, code: str) -> Kind | None:
    length = len(code)
    if looks_legacy(text):
        return "reg_no"
    if not _DIGIT.search(code) or _share(_ALNUM, code) < length - 2:
        return None
    if 16 <= length <= 20 and _holds_birth(code):
        return "id_number"
    if length in (14, 16) and _share(_DIGIT, code) >= length - 1:
        return "reg_no"
    if 16 <= length <= 20:
        return "uscc"
    if 8 <= length <= 10:
        return "org_code"
    return None


def _holds_birth(code: str) -> bool:
    if _share(_DIGIT, code) < len(code) - 1:
        return False
    # A digit too few before the date moves it to the left, one too many to the right.
    return any(birth_date(code[start : start + 8]) is not None for start in (6, 5, 7))


def _share(characters: re.Pattern[str], code: str) -> int:
    return len(characters.findall(code))


def _is_spotless(found: Identification) -> bool:
    return all(finding.severity == "info" for finding in found.findings)
