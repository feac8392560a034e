"""Numbers of natural persons in columns that are not for them: never kept in plain."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from store.identifiers.check_characters import id_check
from store.identifiers.normalisation import compact
from store.intake.finding import Finding, finding
from store.kind import Field, FieldType, Kind
from store.statement import INDIVIDUAL_BUSINESS, NATURAL_PERSON

_CODES = ("uscc", "reg_no", "org_code", "tax_no", "inst_cert_no", "social_cert_no")
# Columns of codes in extracts of the registry; the unit that reports is none of the parties.
_PARTIES = re.compile(r"(?!source_unit)(\w+)_(?:code|uscc)")
_SHAPE = re.compile(r"[1-9]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])\d{3}[\dXx]")
_OLD_SHAPE = re.compile(r"[1-6]\d{7}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}")


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
    business, as a tax number that is its owner's, it is left out (PERSON_NUMBER); instead of its
    USCC it is an error, since the row may be about the person.
    """
    is_person = values.get(category) == NATURAL_PERSON
    for code in _CODES:
        text = values.get(code)
        if not isinstance(text, str):
            continue
        if is_person:
            del values[code]
            if is_number(text) and _takes_number(kind) and "person_id_no" not in values:
                _move(values, "person", text)
                findings.append(finding(headers.get(code, code), "PERSON_NUMBER", "info"))
            else:
                findings.append(finding(headers.get(code, code), "MUST_BE_EMPTY"))
        elif _is_misplaced(code, text, values.get(category)):
            del values[code]
            findings.append(_misplaced(headers.get(code, code), code))


def put_right_extract(
    fields: Sequence[Field],
    values: dict[str, object],
    headers: Mapping[str, str],
    findings: list[Finding],
) -> None:
    """The same in a row of an extract of the registry, which names several parties."""
    columns = {declared.name for declared in fields}
    business = INDIVIDUAL_BUSINESS if values.get("entity_type") == "个体工商户" else None
    for code in [one.name for one in fields if one.name in values]:
        party = _PARTIES.fullmatch(code)
        text = values[code]
        if (party is None and code not in _CODES) or not isinstance(text, str):
            continue
        if not _is_misplaced(code, text, business):
            continue
        del values[code]
        side = party[1] if party is not None else ""
        header = headers.get(code, code)
        if values.get(f"{side}_category") != NATURAL_PERSON or f"{side}_id_no" not in columns:
            findings.append(_misplaced(header, code))
        elif f"{side}_id_no" in values:
            findings.append(finding(header, "MUST_BE_EMPTY"))
        else:
            _move(values, side, text)
            findings.append(finding(header, "PERSON_NUMBER", "info"))


def _move(values: dict[str, object], side: str, text: str) -> None:
    values[f"{side}_id_no"] = compact(text)
    values.setdefault(f"{side}_id_type", "IDENTITY_CARD")


def _misplaced(header: str, code: str) -> Finding:
    return finding(header, "PERSON_NUMBER", "error" if _names_the_party(code) else None)


def _names_the_party(code: str) -> bool:
    return code.endswith(("uscc", "_code")) and code != "org_code"


def _is_misplaced(code: str, text: str, category: object) -> bool:
    """Whether what stands in a column for a code is a person's number.

    A string that is both is a person's (3 % of identity numbers pass the check of a USCC), but
    for what the market's registry issued (9), where none but some foreigners' cards begin so.
    """
    if is_number(text):
        return not _names_the_party(code) or not compact(text).startswith("9")
    plain = compact(text)
    return (
        code == "tax_no"
        and category == INDIVIDUAL_BUSINESS
        and _OLD_SHAPE.fullmatch(plain) is not None
    )


def is_number(text: str) -> bool:
    """Whether a text begins with an identity card number: its shape, and its check character."""
    plain = compact(text).upper()
    return _SHAPE.match(plain) is not None and id_check(plain[:17]) == plain[17]


def _takes_number(kind: Kind) -> bool:
    return any(f.name == "person_id_no" and f.type is FieldType.SECRET for f in kind.fields)
