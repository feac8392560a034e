"""Files that departments submit: received by a mutation, read by a job, reported by line.

A department submits for its own unit and reads its own reports; stewards submit and read all, a
district's steward reads those of its units.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any
from uuid import UUID, uuid4

from resolvers import job
from resolvers.answer import NOTHING, Disclosure
from resolvers.change import Change, Outcome, given_arguments
from resolvers.connection import connection, cursor_invalid, size_of
from resolvers.context import Call
from resolvers.errors import QuestionError
from resolvers.global_id import read_uuid
from resolvers.projection import shanghai, shaper
from resolvers.reading import FAILURES, refusal_of
from resolvers.statement import Selected, Statement
from security.policy import Role, Scope
from store import submission as submissions
from store.submission import Line, Submission, Whose
from store.upload import keep, uploaded

SUBMITTERS = frozenset({Role.DEPT, Role.STEWARD})
_NAME = re.compile(r"[^/\\\x00-\x1f.][^/\\\x00-\x1f]{0,127}")
_NAME_BYTES = 255  # what a file system takes
_NO_COUNTS = {"accepted": 0, "with_findings": 0, "rejected": 0}


async def submit(change: Change) -> Outcome:
    """Receive a file and enter the job that reads it.

    Raises QuestionError CONTENT_REQUIRED, BAD_VALUE, UNIT_REQUIRED, JOB_LIMIT, StoreError
    UPLOAD_UNKNOWN.
    """
    given, scope = change.arguments, change.call.context.scope
    unit = _unit(scope)
    name = given["fileName"]
    if not _NAME.fullmatch(name) or len(name.encode()) > _NAME_BYTES:
        message = f"name the file with 1–128 characters, {_NAME_BYTES} bytes, and no folder"
        raise QuestionError("BAD_VALUE", message)
    content = await _content(change)
    submission_id = uuid4()
    told = {"submission": str(submission_id), "unit": unit}
    outcome = await job.start(change, "INTAKE", told, size=len(content))
    kept = f".submission-{submission_id}"
    await keep(change.connection, scope.caller, kept, content, change.desk.keeping.seal)
    found = await submissions.receive(
        change.connection,
        submission_id,
        unit or "",
        scope.caller,
        name,
        given.get("kind"),
        given.get("sentOn"),
        UUID(outcome.value["id"]),
    )
    return Outcome(_value(found, _NO_COUNTS), told={"batch": str(submission_id)})


async def _content(change: Change) -> bytes:
    given = change.arguments
    forms = [name for name in ("content", "contentBase64", "upload") if name in given]
    if len(forms) != 1:
        raise QuestionError(
            "CONTENT_REQUIRED", "give the file as `content`, `contentBase64` or `upload`, one of it"
        )
    (form,) = forms
    if form == "upload":
        keeping, caller = change.desk.keeping, change.call.context.scope.caller
        return await uploaded(change.connection, caller, given[form], keeping.opened)
    if form == "content":
        content: bytes = given[form].encode()
        return content
    try:
        return base64.b64decode(given[form], validate=True)
    except binascii.Error:
        raise QuestionError("BAD_VALUE", "`contentBase64` is not base64") from None


def _whose(scope: Scope) -> Whose:
    """The submissions that the caller reads. Raises QuestionError as `_unit`."""
    unit = _unit(scope)
    return Whose(unit, scope.grounds.district if unit is None else None, scope.caller)


def _unit(scope: Scope) -> str | None:
    """The unit for which the caller submits and whose reports it reads; None: every unit.

    Raises QuestionError FORBIDDEN, UNIT_REQUIRED.
    """
    if scope.role is Role.STEWARD:
        return None
    if scope.role is not Role.DEPT:
        raise QuestionError("FORBIDDEN", "files are submitted by departments and stewards")
    if not scope.grounds.unit:
        raise QuestionError("UNIT_REQUIRED", "enrol the caller with the USCC of its unit")
    return scope.grounds.unit


async def answer(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """One submission with its counts, None when there is none of the caller's unit."""
    shape = shaper(statement, selected)
    found = await _found(call, given_arguments(selected, call)["id"])
    if found is None or call.context.desk is None:
        return None, NOTHING
    try:
        counts = await submissions.counts(call.context.desk.pool, found.batches)
    except FAILURES as error:
        raise refusal_of(error) from error
    return shape(_value(found, counts)), Disclosure(coordinates=(selected.coordinate,), rows=1)


async def listed(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """The newest submissions of the caller's unit, of a steward all or those of its district."""
    shape, size = shaper(statement, selected), size_of(statement, given_arguments(selected, call))
    desk, whose = call.context.desk, _whose(call.context.scope)
    if desk is None:
        raise QuestionError("FORBIDDEN", "files are submitted by departments and stewards")
    try:
        found = await submissions.submissions(desk.pool, whose, size)
        values = [_value(one, await submissions.counts(desk.pool, one.batches)) for one in found]
    except FAILURES as error:
        raise refusal_of(error) from error
    disclosure = Disclosure(coordinates=(selected.coordinate,), rows=len(found))
    return shape(values), disclosure


async def findings(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """A page of the findings of one submission, None when there is none.

    Raises QuestionError CURSOR_INVALID, BAD_SIZE, LIST_LIMIT.
    """
    shape, arguments = shaper(statement, selected), given_arguments(selected, call)
    size, found = size_of(statement, arguments), await _found(call, arguments["id"])
    after = _place(arguments["after"]) if "after" in arguments else None
    if found is None or call.context.desk is None:
        return None, NOTHING
    pool = call.context.desk.pool
    try:
        rows = await submissions.findings(pool, found.batches, size, after)
        total = await submissions.finding_count(pool, found.batches)
    except FAILURES as error:
        raise refusal_of(error) from error
    page = rows[:size]
    nodes = [
        {
            "line": one.line,
            "field": one.field or None,
            "code": one.code,
            "severity": one.severity,
            "reason": one.reason,
        }
        for one in page
    ]
    edges = list(zip(map(_cursor, page), nodes, strict=True))
    value = connection(edges, more=len(rows) > size, starts_after=after is not None)
    return shape({"totalCount": total, **value}), Disclosure(
        coordinates=(selected.coordinate,), rows=len(page)
    )


async def _found(call: Call, id_: str) -> Submission | None:
    whose, told = _whose(call.context.scope), read_uuid(id_)
    if call.context.desk is None or told is None:
        return None
    try:
        return await submissions.submission(call.context.desk.pool, told, whose)
    except FAILURES as error:
        raise refusal_of(error) from error


def _cursor(line: Line) -> str:
    text = f"{line.batch_id}|{line.line}|{line.code}|{line.field}"
    return base64.b64encode(text.encode()).decode()


def _place(cursor: str) -> tuple[UUID, int, str, str]:
    try:
        told = base64.b64decode(cursor, validate=True).decode()
        batch, line, code, field = told.split("|", 3)
        if "\x00" not in told and line.isascii() and line.isdigit() and len(line) < 10:
            return UUID(batch), int(line), field, code
    except (binascii.Error, ValueError):
        pass
    raise cursor_invalid()


def _value(found: Submission, counts: dict[str, int]) -> dict[str, Any]:
    return {
        "id": str(found.id),
        "unit": found.unit or None,
        "fileName": found.file_name,
        "kind": found.kind,
        "state": found.state,
        "code": found.code,
        "message": found.message,
        "jobId": str(found.job_id),
        "lines": sum(counts.values()),
        "accepted": counts["accepted"],
        "withFindings": counts["with_findings"],
        "rejected": counts["rejected"],
        "receivedAt": shanghai(found.received_at),
        "finishedAt": shanghai(found.finished_at),
    }
