"""From a code as people write it to the subject: USCC, any other code, or `scheme:value`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from resolvers.argument import Given
from resolvers.context import Call
from resolvers.global_id import read_global_id
from resolvers.statement import Statement
from store.identifiers import org_code_of_uscc
from store.identifiers.check_characters import uscc_check
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
_BARE = ", ".join(f"'{name}'" for name in BARE_SCHEMES)
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


def standard_code(text: str) -> str:
    """A code in its one standard spelling, with its scheme where that was named; what is an id of
    the API, or cannot be a code, as it is."""
    code = read_code(text)
    if not code.values or read_global_id(text) is not None:
        return text
    return code.values[0] if len(code.schemes) > 1 else f"{code.schemes[0]}:{code.values[0]}"


@dataclass(frozen=True, slots=True)
class CodeTerms:
    """A code bound into a statement; every part is null or finds nothing when it is no code."""

    value: str  # in its standard form
    spelling: str  # as written, for numbers kept as text
    scheme: str  # the one scheme it may belong to; null when the value alone says
    inner: str  # the organisation code 主体标识码 inside it when it is a USCC

    def carried(self, identifier: str) -> str:
        """The condition that an alias of table identifier is this code, openly carried."""
        scheme = f"{identifier}.scheme"
        return (
            f"{identifier}.value IN ({self.value}, {self.spelling}) AND ({scheme} = {self.scheme}"
            f" OR ({self.scheme} IS NULL AND {scheme} IN ({_BARE}))) AND {identifier}.is_open"
        )

    def plain(self, identifier: str) -> str:
        """The same where it is written in one way and without its scheme, as nearly all are; no
        alias is where it is not. One value costs an index less than a list does."""
        return (
            f"{identifier}.value = CASE WHEN {self.value} = {self.spelling}"
            f" AND {self.scheme} IS NULL THEN {self.value} END"
            f" AND {identifier}.scheme IN ({_BARE}) AND {identifier}.is_open"
        )

    def embedded(self, identifier: str) -> str:
        """The condition that it is the organisation code inside this USCC, of a body whose own
        USCC nobody has stated (X05): a body with another USCC is another body."""
        return (
            f"{identifier}.value = {self.inner} AND {identifier}.scheme = 'org_code'"
            f" AND {identifier}.is_open AND NOT EXISTS (SELECT FROM identifier x"
            f" WHERE x.subject_id = {identifier}.subject_id AND x.scheme = 'uscc')"
        )


def code_terms(statement: Statement, code: Given) -> CodeTerms:
    """Bind what a code may be; scalars, for an array costs more to bind than the look-up."""
    return CodeTerms(*parts_bound(statement, code, written, "text"))


def written(text: str) -> tuple[str | None, ...]:
    """A code as statements bind it, in the parts of CodeTerms."""
    code = read_code(text)
    first, last = (code.values[0], code.values[-1]) if code.values else (None, None)
    scheme = code.schemes[0] if len(code.schemes) == 1 else None
    return first, last, scheme, _inside(code)


def parts_bound(
    statement: Statement, given: Given, parts: Callable[[Any], Sequence[Any]], cast: str
) -> list[str]:
    """The four parts of what is given as parameters; with each question it is read once."""
    latest: tuple[Any, Sequence[Any]] = (None, ())

    def bound(index: int) -> str:
        def read(call: Call) -> Any:
            nonlocal latest
            value = given.read(call)
            if latest[0] != value:
                latest = value, parts(value)
            return latest[1][index]

        return statement.bind(read, cast)

    return [bound(index) for index in range(4)]


def embedded_code(text: str) -> str | None:
    """The organisation code inside a text that is a USCC; None when it is none or a faulty one."""
    return _inside(read_code(text))


def _inside(code: Code) -> str | None:
    value = code.values[0] if code.values and "uscc" in code.schemes else ""
    inner = org_code_of_uscc(value)
    try:
        return inner if inner and uscc_check(value[:17]) == value[17] else None
    except ValueError:  # a character outside the alphabet
        return None


def subjects_named(statement: Statement, code: Given) -> str:
    """A sub-select of the subject ids that carry the code, as open codes."""
    terms = code_terms(statement, code)
    one, other = statement.alias("i"), statement.alias("i")
    return (
        f"SELECT {one}.subject_id FROM identifier {one} WHERE {terms.carried(one)}"
        f" UNION ALL SELECT {other}.subject_id FROM identifier {other}"
        f" WHERE {terms.embedded(other)}"
    )


def subject_named(statement: Statement, code: Given) -> str:
    """The one subject that carries the code; null when there is none, or when two bodies share
    it 重错码: then the USCC must be given.

    Any other way of writing it, and the body whose organisation code it embeds when nobody has
    such a USCC, are asked for by a function of the store, which costs nothing where the code is
    found as it stands.
    """
    terms = code_terms(statement, code)
    return (
        f"coalesce({_as_written(statement, terms)},"
        f" body_by_code({terms.value}, {terms.spelling}, {terms.scheme}, {terms.inner}))"
    )


def subject_as_written(statement: Statement, code: Given) -> str:
    """The one subject that carries the code just as it is written; null for any other way of
    writing one, which `subject_named` knows as well."""
    return _as_written(statement, code_terms(statement, code))


def _as_written(statement: Statement, terms: CodeTerms) -> str:
    one, found = statement.alias("i"), statement.alias("f")
    return (
        f"(SELECT {_sole(f'{found}.ids')}"
        f" FROM (SELECT ARRAY(SELECT {one}.subject_id FROM identifier {one}"
        f" WHERE {terms.plain(one)}) AS ids OFFSET 0) {found})"
    )


def the_only(column: str) -> str:
    """The one value that a column has in all rows, else null; DISTINCT would sort them first."""
    return _sole(f"array_agg({column})")


def _sole(array: str) -> str:
    return f"CASE WHEN ({array})[1] = ALL ({array}) THEN ({array})[1] END"
