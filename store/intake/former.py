"""Older forms of a kind's files: what they word in another way, and what they cannot say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from store.identifiers.normalisation import compact
from store.intake.context import Statement
from store.intake.finding import Finding, finding
from store.kind import Generation, Kind
from store.record import RecordStatement
from store.statement import INDIVIDUAL_BUSINESS, LEGAL_ENTITY, NATURAL_PERSON

_CODES = ("uscc", "org_code", "reg_no", "tax_no")
_LICENCE_STATUS = {
    "NORMAL": "IN_FORCE",
    "WITHDRAWN": "NOT_IN_FORCE",
    "OBJECTION": "IN_FORCE",
    "OTHER": "OTHER",
}


@dataclass(frozen=True, slots=True)
class Meant:
    """A row in the words of the kind, and whether the form marked an objection."""

    values: dict[str, object]
    objection: bool


@dataclass(frozen=True, slots=True)
class Form:
    """An older form of a kind's files, with the kind as far as the form can say it.

    Nothing is required of `kind` that the form has no column for; `note` (OLD_FORM) says what.
    """

    generation: Generation
    kind: Kind
    note: Finding

    @classmethod
    def of(cls, generation: Generation, kind: Kind) -> Form:
        """That form of that kind."""
        lacking = generation.lacking(kind)
        has = {declared.name for declared in generation.fields}
        relaxed = replace(
            kind,
            fields=tuple(
                f if f.name in has else replace(f, required=False, required_of_persons=False)
                for f in kind.fields
            ),
            requirements=tuple(rule for rule in kind.requirements if rule.field in has),
        )
        labels = "、".join(declared.label for declared in lacking)
        return cls(generation, relaxed, finding(f"{generation.label}（无{labels}）", "OLD_FORM"))


def translate(
    form: Form,
    values: Mapping[str, object],
    headers: Mapping[str, str],
    findings: list[Finding],
) -> Meant:
    """The row in the words of the kind; what the form cannot say is a finding.

    2015/16: an empty status is 正常, the category follows from the codes, 处罚类别2 goes on
    with 处罚类别1, and the reporting unit is the deciding one.
    """
    told = {name: value for name, value in values.items() if name not in _OWN_WORDS}
    findings.append(form.note)
    _category(told, headers, findings)
    further = values.get("further_types")
    if isinstance(further, tuple):
        first = told.get("penalty_types")
        types = (*first, *further) if isinstance(first, tuple) else further
        told["penalty_types"] = tuple(dict.fromkeys(types))
    status = str(values.get("former_status", "NORMAL"))
    if any(declared.name == "licence_status" for declared in form.kind.fields):
        told["licence_status"] = _LICENCE_STATUS[status]
    elif status == "WITHDRAWN":
        told["review_status"] = "ANNULLED"
    for of, by in (("source_unit_name", "issuer_name"), ("source_unit_uscc", "issuer_uscc")):
        if by in told:
            told.setdefault(of, told[by])
    return Meant(told, status == "OBJECTION")


def marked(statement: Statement, meant: Meant) -> Statement:
    """The statement with the objection that the form marks."""
    if meant.objection and isinstance(statement, RecordStatement):
        return replace(statement, objection=True)
    return statement


_OWN_WORDS = frozenset({"former_status", "further_types", "place_code", "updated_on"})


def _category(
    values: dict[str, object], headers: Mapping[str, str], findings: list[Finding]
) -> None:
    """法人 or 个体工商户 by its code, 自然人 by a number without any code of a body."""
    if "counterparty_category" in values:
        return
    uscc = compact(str(values.get("uscc", "")))
    if any(code in values for code in _CODES):
        category = INDIVIDUAL_BUSINESS if uscc.startswith("92") else LEGAL_ENTITY
        # The number of whoever runs the business is not the number of the subject.
        number = values.pop("person_id_no", None)
        if number is not None and category == INDIVIDUAL_BUSINESS:
            values.setdefault("legal_rep_id_no", number)
            values.setdefault("legal_rep_id_type", "IDENTITY_CARD")
    elif "person_id_no" in values:
        category = NATURAL_PERSON
        values.setdefault("person_id_type", "IDENTITY_CARD")
    else:
        category = LEGAL_ENTITY
        findings.append(finding(headers.get("counterparty_name", ""), "CATEGORY_ASSUMED"))
    values["counterparty_category"] = category
