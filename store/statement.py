"""What every statement has in common: who it is about, when it was made, and what was found."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from store.identifiers import org_code_of_uscc

LEGAL_ENTITY = "LEGAL_ENTITY"
INDIVIDUAL_BUSINESS = "INDIVIDUAL_BUSINESS"
NATURAL_PERSON = "NATURAL_PERSON"
LOAN = "LOAN"

# A code that names a body on its own, strongest first.
SCHEMES = (
    "uscc",
    "org_code",
    "reg_no",
    "inst_cert_no",
    "social_cert_no",
    "tax_no",
    "lei",
    "finbench-company",
    "finbench-person",
    "partner-person",
    "bods-entity",
    "bods-person",
    "foreign",
    "finbench-loan",
    "person_number",
    "loan_no",
)


@dataclass(frozen=True, slots=True, order=True)
class Order:
    """The order of statements: sent at, then SHA-256 of the batch, then line.

    The greatest order key is shown, whatever the order of arrival (W28, X36).
    """

    stamp: datetime
    batch_sha: bytes
    line_no: int


@dataclass(frozen=True, slots=True)
class Document:
    """The number that names a natural person: only its ciphertext and what may be derived."""

    id_type: str
    id_number: bytes
    birth_year: int | None = None
    gender: str | None = None


@dataclass(frozen=True, slots=True)
class Party:
    """A party as a statement names it: category, name, and codes in their normalised form.

    `codes` are (scheme, value). Persons have `person_number` with the blind index as value and
    the encrypted number in `document`; a person without any code needs `stub_of`, the firm it is
    tied to. `name` is empty when a statement gives only a code. `former` are the same codes under
    older epochs of the index key, by which a person may still be known.
    """

    category: str
    name: str
    codes: tuple[tuple[str, str], ...] = ()
    document: Document | None = None
    stub_of: Party | None = None
    former: tuple[tuple[str, str], ...] = ()

    def code(self, scheme: str) -> str | None:
        """The value under that scheme."""
        for held, value in self.codes:
            if held == scheme:
                return value
        return None

    @property
    def key(self) -> str:
        """What names the party in a record's id: the same for a USCC and its embedded code."""
        uscc = self.code("uscc")
        if uscc:
            inner = org_code_of_uscc(uscc)
            return f"org_code:{inner}" if inner else f"uscc:{uscc}"
        for scheme in SCHEMES:
            value = self.code(scheme)
            if value:
                return f"{scheme}:{value}"
        return f"name:{plain_name(self.name)}"


@dataclass(frozen=True, slots=True)
class Remark:
    """Something found when a statement was applied; becomes a finding of its line.

    `field` names the field of the kind that it is about, "" for the party.
    """

    code: str
    severity: str
    reason: str
    field: str = ""


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of one statement. `changed` is false for a repetition of what is shown.

    `other_id` is the second end of a relation.
    """

    subject_id: UUID
    entity_id: UUID
    changed: bool
    remarks: tuple[Remark, ...] = ()
    other_id: UUID | None = None


def plain_name(name: str) -> str:
    """A name as names are compared: half-width, without blanks."""
    if not name.isascii():
        name = unicodedata.normalize("NFKC", name)
    return "".join(name.split()).upper()
