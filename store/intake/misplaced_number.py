"""Numbers of natural persons in columns that are not for them: never kept in plain."""

from __future__ import annotations

import re
from collections.abc import Mapping

from store.identifiers.check_characters import id_check
from store.identifiers.normalisation import compact
from store.intake.finding import Finding, finding
from store.kind import FieldType, Kind
from store.statement import NATURAL_PERSON

_CODES = ("uscc", "reg_no", "org_code", "tax_no", "inst_cert_no", "social_cert_no")
_SHAPE = re.compile(r"[1-9]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])\d{3}[\dXx]")


def category_field(kind: Kind) -> str:
    """The field that says whether the record is about a person."""
    return next((f.name for f in kind.fields if f.envelope == "subject_category"), "")


def put_right(
    kind: Kind,
    category: str,
    values: dict[str, object],
    headers: Mapping[str, str],
    findings: list[Finding],
) -> None:
    """Take a person's number out of the columns of codes; changes `values`.

    `category` is the kind's `category_field`.
    A natural person's goes where numbers of persons are encrypted, if that is empty; every code
    of an organisation in the row of a natural person is left out (MUST_BE_EMPTY). In the row of a
    business, as a tax number that is its owner's, it is left out (PERSON_NUMBER).
    """
    is_person = values.get(category) == NATURAL_PERSON
    for code in _CODES if is_person else _CODES[1:]:
        text = values.get(code)
        if not isinstance(text, str):
            continue
        number = is_number(text)
        if is_person:
            del values[code]
            if number and _takes_number(kind) and "person_id_no" not in values:
                values["person_id_no"] = compact(text)
                values.setdefault("person_id_type", "IDENTITY_CARD")
                findings.append(finding(headers.get(code, code), "PERSON_NUMBER", "info"))
            else:
                findings.append(finding(headers.get(code, code), "MUST_BE_EMPTY"))
        elif number:
            del values[code]
            findings.append(finding(headers.get(code, code), "PERSON_NUMBER"))


def is_number(text: str) -> bool:
    """Whether a text begins with an identity card number: its shape, and its check character."""
    plain = compact(text).upper()
    return _SHAPE.match(plain) is not None and id_check(plain[:17]) == plain[17]


def _takes_number(kind: Kind) -> bool:
    return any(f.name == "person_id_no" and f.type is FieldType.SECRET for f in kind.fields)
