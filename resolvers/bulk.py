"""Many codes at once: whose they are, in the order in which they were given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from resolvers.argument import Given
from resolvers.context import Call
from resolvers.errors import QuestionError
from resolvers.lookup import CodeTerms, parts_bound, written
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

    def columns(found: Sequence[str]) -> Sequence[Sequence[Any]]:
        return list(zip(*map(written, found), strict=True)) or ((),) * 4

    arrays = parts_bound(statement, codes, columns, "text[]")
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
