"""From a code as people write it to the subject: USCC, any other code, or `scheme:value`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from resolvers.argument import Given
from resolvers.context import Call
from resolvers.statement import Statement
from store.identifiers.normalisation import compact, trimmed

# Codes whose value alone says what it is; others need their scheme before the colon.
BARE_SCHEMES = (
    "uscc",
    "org_code",
    "reg_no",
    "tax_no",
    "inst_cert_no",
    "social_cert_no",
    "lei",
)
_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9_-]{0,39})\s*[:\uff1a](.*)", re.DOTALL)
_MAX = 200


@dataclass(frozen=True, slots=True)
class Code:
    """A code to look up: the schemes it may belong to and the spellings of its value."""

    schemes: tuple[str, ...]
    values: tuple[str, ...]

    @property
    def is_of_person(self) -> bool:
        """Whether the scheme itself says that a natural person is meant."""
        return self.schemes == ("finbench-person",)


def read_code(text: str) -> Code:
    """The code in a text; no spellings when it cannot be one."""
    if text.isascii() and text.isalnum() and len(text) <= _MAX:
        upper = text.upper()
        return Code(BARE_SCHEMES, (upper,) if upper == text else (upper, text))
    schemes: tuple[str, ...] = BARE_SCHEMES
    match = _SCHEME.fullmatch(text)
    if match:
        schemes, text = (match[1].lower(),), match[2]
    if len(text) > _MAX or "\x00" in text:
        return Code(schemes, ())
    values = dict.fromkeys((compact(text), trimmed(text)))
    return Code(schemes, tuple(value for value in values if value))


def subjects_named(statement: Statement, code: Given) -> str:
    """A sub-select of the subject ids that carry the code, as open codes."""
    identifier = statement.alias("i")

    def values(call: Call) -> tuple[str, ...]:
        return read_code(code.read(call)).values

    def schemes(call: Call) -> tuple[str, ...]:
        return read_code(code.read(call)).schemes

    return (
        f"SELECT {identifier}.subject_id FROM identifier {identifier}"
        f" WHERE {identifier}.value = ANY({statement.bind(values, 'text[]')})"
        f" AND {identifier}.scheme = ANY({statement.bind(schemes, 'text[]')})"
        f" AND {identifier}.is_open"
    )


def subject_named(statement: Statement, code: Given) -> str:
    """The one subject that carries the code; null when there is none, or when two bodies share
    it 重错码: then the USCC must be given."""
    one = statement.alias("i")
    return (
        f"(SELECT (array_agg(DISTINCT {one}.subject_id))[1] FROM"
        f" ({subjects_named(statement, code)}) {one}"
        f" HAVING count(DISTINCT {one}.subject_id) = 1)"
    )
