"""Connections whose rows are read beside the statement of stored data: size, cursors, page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from resolvers.errors import QuestionError
from resolvers.page import DEFAULT_FIRST
from resolvers.statement import Statement


def size_of(statement: Statement, arguments: Mapping[str, Any]) -> int:
    """`first` within the limit of the role. Raises QuestionError BAD_SIZE, LIST_LIMIT."""
    size: int = arguments.get("first", DEFAULT_FIRST)
    if size < 0:
        raise QuestionError("BAD_SIZE", "`first` must not be negative")
    limit = statement.scope.row.list_limit
    if size > limit:
        raise QuestionError("LIST_LIMIT", f"ask for at most {limit} rows per list")
    return size


def cursor_invalid() -> QuestionError:
    """The refusal of a cursor that this list does not give."""
    return QuestionError("CURSOR_INVALID", "the cursor is not one of this list: start without it")


def connection(
    edges: Sequence[tuple[str, Any]], *, more: bool, starts_after: bool
) -> dict[str, Any]:
    """A page as the schema has it, of cursors and nodes."""
    return {
        "pageInfo": {
            "hasNextPage": more,
            "hasPreviousPage": starts_after,
            "startCursor": edges[0][0] if edges else None,
            "endCursor": edges[-1][0] if edges else None,
        },
        "edges": [{"cursor": cursor, "node": node} for cursor, node in edges],
        "nodes": [node for _, node in edges],
    }
