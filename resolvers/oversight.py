"""What an auditor reads of the access log; everybody else is refused alike."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from resolvers.answer import Disclosure
from resolvers.argument import Given
from resolvers.context import Call
from resolvers.errors import QuestionError
from resolvers.lookup import read_code
from resolvers.page import DEFAULT_FIRST
from resolvers.projection import shaper
from resolvers.reading import fetch
from resolvers.statement import Selected, Statement

_FORBIDDEN = QuestionError("FORBIDDEN", "the access log is read by auditors only")
_NAMED = (
    "SELECT s.audit_ref FROM identifier i JOIN subject s USING (subject_id)"
    " WHERE i.value = ANY($1::text[]) AND i.scheme = ANY($2::text[]) AND i.is_open"
)


async def answer(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """One page of sealed entries, newest first.

    Raises QuestionError FORBIDDEN, LIST_LIMIT, BAD_SIZE, CURSOR_INVALID, LOG_UNAVAILABLE.
    """
    context = call.context
    if statement.scope.row.log != "READ":
        raise _FORBIDDEN
    if context.access is None:
        raise QuestionError("LOG_UNAVAILABLE", "this node has no access log to read")
    first = selected.given("first")
    size = first.read(call) if first else DEFAULT_FIRST
    limit = statement.scope.row.list_limit
    if size < 0:
        raise QuestionError("BAD_SIZE", "`first` must not be negative")
    if size > limit:
        raise QuestionError("LIST_LIMIT", f"ask for at most {limit} rows per list")
    after = selected.given("after")
    wanted: dict[str, Any] = {
        name: value.read(call)
        for name, value in selected.members("filter").items()
        if isinstance(value, Given)
    }
    not_found: tuple[str, ...] = ()
    if "subject" in wanted:
        code = read_code(wanted.pop("subject"))
        rows = await fetch(context.pool, _NAMED, (code.values, code.schemes))
        wanted["audit_refs"] = [row["audit_ref"] for row in rows]
    start = _index(after.read(call)) if after else None
    entries, more = await context.access.entries(wanted, first=size, after=start)
    cursors = [_cursor(entry["index"]) for entry in entries]
    value = {
        "pageInfo": {
            "hasNextPage": more,
            "hasPreviousPage": start is not None,
            "startCursor": cursors[0] if cursors else None,
            "endCursor": cursors[-1] if cursors else None,
        },
        "edges": [
            {"cursor": cursor, "node": entry}
            for cursor, entry in zip(cursors, entries, strict=True)
        ],
        "nodes": list(entries),
    }
    shown = shaper(statement, selected)(value)
    coordinates = ("AccessEntry.entry",) if entries else ()
    return shown, Disclosure(coordinates=coordinates, rows=len(entries), not_found=not_found)


def _cursor(index: int) -> str:
    return base64.b64encode(f"entry:{index}".encode()).decode()


def _index(cursor: str) -> int:
    try:
        name, _, index = base64.b64decode(cursor, validate=True).decode("ascii").partition(":")
        if name == "entry":
            return int(index)
    except (binascii.Error, ValueError):
        pass
    raise QuestionError("CURSOR_INVALID", "the cursor is not one of this list: start without it")
