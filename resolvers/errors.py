"""Errors of a question: a stable code and what to do next, never data of other people."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # commands of the command line raise these errors and read no GraphQL
    from graphql import GraphQLError

_LONGEST = 300  # characters of a message
# What graphql-core quotes of an exception of the interpreter, such as a number's too many digits.
_INSIDE = re.compile(r", but encountered error '.*?'(?=; found: )", re.DOTALL)


class QuestionError(Exception):
    """A question that is refused or failed; `code` is stable."""

    def __init__(self, code: str, message: str, path: tuple[str, ...] = ()) -> None:
        super().__init__(code, message, path)  # what another process needs to raise it again
        self.code = code
        self.message = message
        self.path = path

    def __str__(self) -> str:
        return self.message

    def as_json(self) -> dict[str, Any]:
        """The error as an answer shows it (GraphQL §7.1.2)."""
        shown: dict[str, Any] = {"message": self.message}
        if self.path:
            shown["path"] = list(self.path)
        shown["extensions"] = {"code": self.code}
        return shown


class NotFoundError(QuestionError):
    """A question about somebody of whom there is none to see; `asked` is how it was named."""

    def __init__(self, code: str, message: str, asked: str) -> None:
        super().__init__(code, message)
        self.asked = asked


class UncompilableError(Exception):
    """A shape of question that no statement of the compiler expresses; the executor answers it."""


class FailedReadError(QuestionError):
    """A read that failed for what was read or how: another lane may answer it.

    `lasting` says that the same statement will fail again, whatever the values.
    """

    def __init__(self, code: str, message: str, *, lasting: bool = False) -> None:
        super().__init__(code, message)
        self.lasting = lasting


def graphql_error(error: GraphQLError, code: str) -> dict[str, Any]:
    """A graphql-core error as an answer shows it, with its code."""
    # What was sent is not sent back at length, and nothing is suggested.
    message = _INSIDE.sub("", error.message.partition(" Did you mean ")[0], count=1)
    shown: dict[str, Any] = {"message": message[:_LONGEST]}
    if error.locations:
        shown["locations"] = [{"line": at.line, "column": at.column} for at in error.locations]
    if error.path:
        shown["path"] = list(error.path)
    shown["extensions"] = {"code": code}
    return shown
