"""Many codes at once: whose they are, in the order in which they were given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from resolvers.argument import Given
from resolvers.context import Call
from resolvers.errors import QuestionError
from resolvers.lookup import CodeTerms, embedded_code, read_code
from resolvers.statement import Statement

MOST = 500
"""Codes of one request."""


def codes_given(statement: Statement, codes: Given) -> None:
    """Have the plan refuse more codes than one request may name."""

    def check(call: Call) -> None:
        asked = codes.read(call)
        if len(asked) > MOST:
            raise QuestionError(
                "LIST_LIMIT", f"name at most {MOST} codes, or start a job for more of them"
            )
        if any("\x00" in code for code in asked):
            raise QuestionError("BAD_VALUE", "texts cannot hold the character U+0000")

    statement.checks.append(check)


def subjects_of(statement: Statement, codes: Given, row: str) -> str:
    """The codes as a FROM item `row(n, id)`: number from 1, and the subject or null.

    A code that two bodies share 重错码 has none.
    """

    def spelling(index: int) -> Callable[[str], Any]:
        def read(code: str) -> str | None:
            values = read_code(code).values
            return values[min(index, len(values) - 1)] if values else None

        return read

    def scheme(code: str) -> str | None:
        schemes = read_code(code).schemes
        return schemes[0] if len(schemes) == 1 else None

    def bound(read: Callable[[str], Any]) -> str:
        return statement.bind(lambda call: [read(code) for code in codes.read(call)], "text[]")

    arrays = [bound(read) for read in (spelling(0), spelling(1), scheme, embedded_code)]
    asked, one = statement.alias("c"), statement.alias("i")
    terms = CodeTerms(*(f"{asked}.{name}" for name in ("value", "spelling", "scheme", "embedded")))
    subject = (
        f"coalesce((SELECT (array_agg(DISTINCT {one}.subject_id))[1] FROM identifier {one}"
        f" WHERE {terms.carried(one)} HAVING count(DISTINCT {one}.subject_id) = 1),"
        f" body_by_embedded_code({asked}.value, {asked}.embedded))"
    )
    return (
        f"(SELECT {asked}.n, {subject} AS id FROM unnest({', '.join(arrays)})"
        f" WITH ORDINALITY {asked}(value, spelling, scheme, embedded, n)) {row}"
    )
