"""Kinds of records that a question names."""

from __future__ import annotations

from collections.abc import Iterable

from resolvers.errors import QuestionError
from store.kind import Kinds


def demand_kinds(kinds: Kinds, named: Iterable[str]) -> None:
    """Refuse what is no kind: a mistyped one were one of which nothing is recorded or missing.

    Raises QuestionError KIND_UNKNOWN.
    """
    if not kinds.by_name.keys() >= set(named):
        raise QuestionError("KIND_UNKNOWN", "name kinds that `kinds` lists")
