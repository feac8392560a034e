"""The list of the courts 失信被执行人, as they publish it (records.md §7).

最高人民法院关于公布失信被执行人名单信息的若干规定 art. 4: four digits of a person's number are
hidden, so that a person is known by the entry only: by case and name, never by the name alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from store.identifiers.normalisation import compact
from store.intake.context import Context, Statement
from store.intake.value import half_width
from store.kind import Kind
from store.record import RecordStatement
from store.statement import LEGAL_ENTITY, NATURAL_PERSON, Party
from store.subject import CASE, case_key

_NUMBER = re.compile(r"\d{15}|\d{17}[\dX]")
_MASKED = re.compile(r"\d{6,10}\*{4,8}[\dX]{3,4}")
_NOTHING = frozenset({"暂无", "无", "-", "/", "null"})
_BRACKETS = str.maketrans("()〔〕[]【】", "（）（）（）（）")
_FREE = ("legal_rep_name", "performed_part", "unperformed_part", "basis_no", "basis_unit")
_SHAPES = {9: "org_code", 10: "org_code", 18: "uscc", 13: "reg_no", 15: "reg_no"}


def is_court_list(kind: Kind) -> bool:
    """Whether the kind names its party by a number that may be masked, as the courts do."""
    return any(declared.name == "id_masked" for declared in kind.fields)


def translate(values: dict[str, object], headers: Mapping[str, str]) -> dict[str, str]:
    """Put the entry into the words of the kind; returns under which header the codes stand.

    Firms have no age (0) and no gender; 暂无 is nothing; brackets of a case number are full-width;
    a number that is not masked is masked, and kept only where numbers are encrypted.
    """
    for name in _FREE:
        if half_width(str(values.get(name, ""))) in _NOTHING:
            values.pop(name, None)
    if isinstance(case := values.get("case_no"), str):
        values["case_no"] = "".join(half_width(case).split()).translate(_BRACKETS)
    number = compact(str(values.get("id_masked", "")))
    if "party_kind" not in values:
        masked = "*" in number or _NUMBER.fullmatch(number) is not None
        person = masked and "legal_rep_name" not in values
        values["party_kind"] = NATURAL_PERSON if person else LEGAL_ENTITY
    if not values.get("age"):
        values.pop("age", None)
    if "source_unit_name" not in values and "court" in values:
        values["source_unit_name"] = values["court"]
        values["source_unit_uscc"] = values.get("court_uscc", "")
    if values["party_kind"] == NATURAL_PERSON:
        if _NUMBER.fullmatch(number):
            values.setdefault("person_id_no", number)
            values.setdefault("person_id_type", "IDENTITY_CARD")
            number = f"{number[:10]}****{number[14:]}" if len(number) == 18 else ""
        if number and not _MASKED.fullmatch(number):
            number = ""
        if number:
            values["id_masked"] = number
        elif "person_id_no" in values:
            values["id_masked"] = "****"
        else:
            values.pop("id_masked", None)
        return {"person_id_no": headers.get("person_id_no", headers.get("id_masked", ""))}
    values.pop("gender", None)
    scheme = _SHAPES.get(len(number.replace("-", "")))
    if scheme is not None:
        values.setdefault(scheme, number)
    return dict.fromkeys(("uscc", "org_code", "reg_no"), headers.get("id_masked", ""))


def named_by_case(context: Context, statement: Statement) -> Statement:
    """The statement about a person without a number, who is known by case and name."""
    if not isinstance(statement, RecordStatement) or statement.party.codes:
        return statement
    party = statement.party
    if party.category != NATURAL_PERSON:
        return statement
    known_by = case_key(statement.document_no or "", party.name)
    index, *older = context.cipher.blind_indexes(CASE, known_by)
    former = tuple([(CASE, one) for one in older])
    return replace(
        statement, party=Party(NATURAL_PERSON, party.name, ((CASE, index),), former=former)
    )
