"""What is read of the access log: auditors and supervisors all of it, a subject who asked about
it; everybody else is refused alike."""

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

_FORBIDDEN = QuestionError(
    "FORBIDDEN", "the access log is read by auditors, supervisors and the subject itself only"
)
# Access rules §3 (SELF) and §5.4: a subject does not see investigative queries; those of auditors
# stand in a log of their own.
INVESTIGATIVE = frozenset({"P2", "P12", "P14", "P15"})
_UNTOLD = ("actor", "keyId", "case", "entry")  # they name officers and other people's matters
_OWN = (
    "SELECT audit_ref FROM subject WHERE subject_id = ANY($1::uuid[])"
    " OR merged_into = ANY($1::uuid[]) OR subject_id IN"
    " (SELECT merged_into FROM subject WHERE subject_id = ANY($1::uuid[]))"
)
_NAMED = (
    "SELECT s.audit_ref FROM identifier i JOIN subject s USING (subject_id)"
    " WHERE i.value = ANY($1::text[]) AND i.scheme = ANY($2::text[]) AND i.is_open"
)


async def answer(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """One page of sealed entries, newest first.

    Raises QuestionError FORBIDDEN, LIST_LIMIT, BAD_SIZE, CURSOR_INVALID, LOG_UNAVAILABLE.
    """
    context = call.context
    own = statement.scope.row.log == "OWN"
    if statement.scope.row.log == "NONE":
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
    if own:
        mine = await fetch(context.pool, _OWN, [list(context.scope.grounds.own)])
        refs = {row["audit_ref"] for row in mine}
        asked = wanted.get("audit_refs")
        wanted["audit_refs"] = sorted(refs if asked is None else refs & set(asked))
        wanted["without_purposes"] = INVESTIGATIVE
        if "case" in wanted:
            wanted["audit_refs"] = []
    start = _index(after.read(call)) if after else None
    entries, more = await context.access.entries(wanted, first=size, after=start)
    if own:
        entries = [{**entry, **dict.fromkeys(_UNTOLD)} for entry in entries]
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
    coordinates = ("AccessEntry.time" if own else "AccessEntry.entry",) if entries else ()
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
