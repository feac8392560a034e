"""Parties as rows name them: codes judged, numbers of persons encrypted before anything else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from store.identifiers import id_number, org_code_of_uscc
from store.identifiers.normalisation import compact
from store.intake.context import Context
from store.intake.finding import Finding, finding
from store.intake.value import half_width
from store.statement import (
    INDIVIDUAL_BUSINESS,
    LEGAL_ENTITY,
    NATURAL_PERSON,
    Document,
    Party,
)

NUMBER_CONTEXT = b"person.number"
IDENTITY_CARD = "IDENTITY_CARD"
_CHECKED = ("uscc", "org_code", "reg_no")
_OTHERS = ("inst_cert_no", "social_cert_no", "tax_no")


@dataclass(frozen=True, slots=True)
class Named:
    """What the row said: values by field name, and the file's header of each field."""

    values: Mapping[str, object]
    headers: Mapping[str, str]
    findings: list[Finding]

    def text(self, name: str) -> str:
        value = self.values.get(name)
        return value if isinstance(value, str) else ""

    def header(self, name: str) -> str:
        return self.headers.get(name, name)

    def faulty(self, name: str) -> bool:
        """Whether an error was found in that field."""
        header = self.header(name)
        return any(f.severity == "error" and f.field == header for f in self.findings)

    def note(self, name: str, code: str, severity: str | None = None) -> None:
        self.findings.append(finding(self.header(name), code, severity))

    def missing(self, header: str) -> None:
        """A field that is required is empty."""
        self.findings.append(finding(header, "REQUIRED"))


def judged(context: Context, row: Named, scheme: str, field: str, *, mild: bool = False) -> str:
    """A code in its standard form, "" when absent or invalid; its findings go to the row.

    `mild`: the subject is named by a better code, so that errors are only warnings.
    """
    text = row.text(field)
    if not text:
        return ""
    result = context.judge(scheme, text)
    for found in result.findings:
        severity = "warning" if mild and found.severity == "error" else found.severity
        row.findings.append(Finding(row.header(field), found.code, severity, found.message))
    return result.normalised if result.valid else ""


def organisation(
    context: Context,
    row: Named,
    category: str,
    name: str,
    fields: Mapping[str, str],
    *,
    want_uscc: bool = True,
    beside: Party | None = None,
) -> Party:
    """An organisation by its codes; `fields` gives the row's field for each scheme.

    `beside` is the firm that keeps a body without any code apart from others of its name.
    """
    codes: list[tuple[str, str]] = []
    for scheme in _CHECKED:
        value = judged(context, row, scheme, fields.get(scheme, ""), mild=bool(codes))
        if value:
            codes.append((scheme, value))
    for scheme in _OTHERS:
        value = compact(row.text(fields.get(scheme, "")))
        if value:
            codes.append((scheme, value))
    held = dict(codes)
    given = row.text(fields.get("uscc", ""))
    inner = org_code_of_uscc(held.get("uscc", ""))
    if inner and held.get("org_code") not in (None, inner):
        row.note(fields["org_code"], "ORG_CODE_DIFFERS")
        codes.remove(("org_code", held["org_code"]))
    if want_uscc and codes and not given:
        row.note(fields["uscc"], "USCC_MISSING")
    if (category == INDIVIDUAL_BUSINESS) != held.get("uscc", "00").startswith("92") and (
        "uscc" in held and (category == INDIVIDUAL_BUSINESS or held["uscc"][:2] == "92")
    ):
        row.note(fields.get("category", "") or fields["uscc"], "CATEGORY_DIFFERS")
    return Party(category, row.text(name), tuple(codes), stub_of=beside if not codes else None)


def by_any_code(
    context: Context, row: Named, category: str, name: str, field: str, beside: Party | None
) -> Party:
    """An organisation by one column that may hold a USCC or an older code."""
    length = len(compact(row.text(field)))
    scheme = {9: "org_code", 13: "reg_no", 15: "reg_no"}.get(length, "uscc")
    fields = {"uscc": "", "org_code": "", "reg_no": "", scheme: field}
    return organisation(context, row, category, name, fields, want_uscc=False, beside=beside)


def person(
    context: Context,
    row: Named,
    name: str,
    type_field: str,
    number_field: str,
    *,
    stub_of: Party | None = None,
) -> Party:
    """A natural person by number, else a stub tied to a firm."""
    number = number_of(context, row, type_field, number_field)
    if number is None:
        return Party(NATURAL_PERSON, row.text(name), stub_of=stub_of)
    (index, *older), document = number
    return Party(
        NATURAL_PERSON,
        row.text(name),
        (("person_number", index),),
        document,
        former=tuple([("person_number", one) for one in older]),
    )


def number_of(
    context: Context, row: Named, type_field: str, number_field: str
) -> tuple[tuple[str, ...], Document] | None:
    """The blind indexes, newest first, and the ciphertext of a document number; None when absent
    or invalid."""
    text = row.text(number_field)
    kind = row.values.get(type_field)
    if not text:
        if kind:
            row.note(number_field, "DOCUMENT_PAIR")
        return None
    if not isinstance(kind, str) or not kind:
        kind = IDENTITY_CARD
        if not row.faulty(type_field):
            row.note(type_field, "DOCUMENT_PAIR")
    if kind != IDENTITY_CARD:
        plain = compact(half_width(text))
        indexes = context.cipher.blind_indexes("person_number", f"{kind}:{plain}")
        return indexes, Document(kind, context.cipher.encrypt(plain, NUMBER_CONTEXT))
    result = id_number(text, on=context.today, demo=context.demo)
    row.findings.extend(
        Finding(row.header(number_field), f.code, f.severity, f.message) for f in result.findings
    )
    if not result.valid:
        return None
    plain = result.normalised
    return context.cipher.blind_indexes("person_number", plain), Document(
        kind,
        context.cipher.encrypt(plain, NUMBER_CONTEXT),
        int(plain[6:10]),
        "MALE" if int(plain[16]) % 2 else "FEMALE",
    )


def unit(context: Context, row: Named, field: str, *, organ: bool) -> str:
    """The USCC of a unit; `organ` expects a state organ (11, 12, 13)."""
    code = judged(context, row, "uscc", field)
    if code and organ and code[:2] not in ("11", "12", "13"):
        row.note(field, "ISSUER_CLASS")
    return code


__all__ = [
    "LEGAL_ENTITY",
    "Named",
    "by_any_code",
    "judged",
    "number_of",
    "organisation",
    "person",
    "unit",
]
