"""Names of organisations, found by what they hold, in the executor lane."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from resolvers.errors import QuestionError
from resolvers.executor.budget import MAX_ROWS
from resolvers.executor.place import Question
from resolvers.executor.rows import Fields
from store.simplified import searched_name

_LONGEST = 200
_LONGEST_SENT = 1_000


def plain_text(text: str) -> str:
    """A text as names are compared; raises QuestionError NAME_TOO_SHORT, NAME_TOO_LONG."""
    plain = searched_name(text[: _LONGEST_SENT + 1])
    if len(plain) < 2:
        raise QuestionError("NAME_TOO_SHORT", "search for two or more characters of the name")
    if len(plain) > _LONGEST or len(text) > _LONGEST_SENT:
        raise QuestionError("NAME_TOO_LONG", f"search for at most {_LONGEST} characters of a name")
    return plain


def kind_of(name: Fields) -> str:
    """Why a name that matches is a match."""
    return "FORMER_NAME" if name["is_former"] else "CURRENT_NAME"


async def holding(question: Question, text: str) -> set[UUID]:
    """The organisations with an open name that holds the text."""
    plain_text(text)
    return {row["subject_id"] for row in await question.rows.names_holding(text, MAX_ROWS + 1)}


async def best(question: Question, subject: UUID, text: str) -> Mapping[str, Any]:
    """The name of an organisation that matches best: equal, beginning, current before others."""
    plain = plain_text(text)
    found = [row for row in await question.rows.names(subject) if plain in row["plain"]]

    def rank(row: Fields) -> tuple[Any, ...]:
        name = row["plain"]
        return name != plain, not name.startswith(plain), row["is_former"], name

    if not found:
        return {"matched": None, "matchedBy": None}
    name = min(found, key=rank)
    return {"matched": name["name"], "matchedBy": kind_of(name)}
