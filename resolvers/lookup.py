"""From a code as people write it to the subject: USCC, any other code, or `scheme:value`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

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


class Code(NamedTuple):
    """A code to look up: the schemes it may belong to and the spellings of its value, up to 2."""

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

    def spelling(index: int) -> Callable[[Call], Any]:
        def read(call: Call) -> str | None:
            values = read_code(code.read(call)).values
            return values[min(index, len(values) - 1)] if values else None

        return read

    def scheme(call: Call) -> str | None:
        schemes = read_code(code.read(call)).schemes
        return schemes[0] if len(schemes) == 1 else None

    # Scalars: an array costs more to bind than the whole look-up.
    values = f"{statement.bind(spelling(0), 'text')}, {statement.bind(spelling(1), 'text')}"
    named = statement.bind(scheme, "text")
    bare = ", ".join(f"'{name}'" for name in BARE_SCHEMES)
    return (
        f"SELECT {identifier}.subject_id FROM identifier {identifier}"
        f" WHERE {identifier}.value IN ({values}) AND ({identifier}.scheme = {named}"
        f" OR ({named} IS NULL AND {identifier}.scheme IN ({bare}))) AND {identifier}.is_open"
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
