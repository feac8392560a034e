"""Jobs as their callers see them: started by mutations, read by nobody else, judged again when
their result is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol
from uuid import UUID, uuid4

import orjson

from resolvers.answer import NOTHING, Disclosure
from resolvers.change import Change, Outcome, given_arguments
from resolvers.connection import size_of
from resolvers.context import Call
from resolvers.desk import Desk
from resolvers.errors import QuestionError
from resolvers.global_id import read_uuid
from resolvers.projection import shanghai, shaper
from resolvers.reading import FAILURES, refusal_of
from resolvers.statement import Selected, Statement
from security.policy import Role
from store import job as jobs
from store.job import Job, Part

UNKNOWN = "there is no such job of yours: it may have expired"


class Progress(Protocol):
    """What a job's handler is given to say how far it is and to hand over its result.

    Each call raises asyncio.CancelledError once the caller has cancelled the job or the lease is
    lost; a handler lets it pass. Work that computes for long in Python goes through `compute`.
    """

    @property
    def parts(self) -> int:
        """Parts that an earlier attempt has stored: the handler goes on behind them."""
        ...

    @property
    def most(self) -> int:
        """Most subjects that one part may disclose."""
        ...

    async def told(self, done: int, total: int | None, stage: str = "") -> None:
        """Say how far the job is; written at most twice a second."""
        ...

    async def anew(self) -> None:
        """Forget the parts of an earlier attempt, when they may be of another state."""
        ...

    async def put(self, lines: list[Any], disclosure: Disclosure) -> None:
        """Hand over the next part: JSON values, and what they disclose.

        It is logged before it is stored. A part discloses at most as many subjects as the
        setting `job_part_subjects` says.
        """
        ...

    async def compute(self, function: Any, *arguments: Any) -> Any:
        """Run a function of a module in a process of its own, which ends when the job is
        cancelled; arguments and result are pickled."""
        ...


async def start(
    change: Change,
    kind: str,
    arguments: Mapping[str, Any],
    *,
    size: int = 0,
    review: bool = False,
    likeness: bytes | None = None,
) -> Outcome:
    """Enter a job in the transaction of the change; the outcome is the job.

    With `review` it begins when a supervisor approves it; `size` tells that one how much it
    asks for. Raises QuestionError JOB_LIMIT.
    """
    desk, caller = change.desk, change.call.context.scope.caller
    job_id = uuid4()
    content = orjson.dumps({"claim": desk.claim.to_json(), "arguments": dict(arguments)})
    found = await jobs.enqueue(
        change.connection,
        job_id,
        caller,
        kind,
        desk.keeping.seal(content, job_id.bytes),
        limit=desk.limits.open_jobs,
        state="REVIEW" if review else "QUEUED",
        size=size,
        purpose=desk.claim.purpose,
        likeness=likeness,
    )
    if found is None:
        raise QuestionError(
            "JOB_LIMIT", f"wait for one of your {desk.limits.open_jobs} open jobs, or cancel one"
        )
    return Outcome(job_value(found), told={"job": str(job_id), "kind": kind})


async def cancel(change: Change) -> Outcome:
    """Ask a job to end. Raises QuestionError JOB_UNKNOWN."""
    caller, id_ = change.call.context.scope.caller, read_uuid(change.arguments["id"])
    found = await jobs.cancel(change.connection, caller, id_) if id_ else None
    if found is None:
        raise QuestionError("JOB_UNKNOWN", UNKNOWN)
    return Outcome(job_value(found), told={"job": str(found.id)})


async def approve(change: Change) -> Outcome:
    """Let a job begin that somebody else asked for. Raises QuestionError JOB_UNKNOWN."""
    return await _reviewed(change, "QUEUED")


async def refuse(change: Change) -> Outcome:
    """Do not let it begin. Raises QuestionError JOB_UNKNOWN."""
    return await _reviewed(change, "FAILED")


async def _reviewed(change: Change, state: str) -> Outcome:
    supervisor, id_ = change.call.context.scope.caller, read_uuid(change.arguments["id"])
    found = await jobs.review(change.connection, id_, supervisor, state) if id_ else None
    if found is None:
        raise QuestionError("JOB_UNKNOWN", "no job of somebody else waits under this id")
    return Outcome(_review(found), told={"job": str(found.id), "to": state})


async def reviews(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """Jobs that wait for approval, oldest first. Raises QuestionError FORBIDDEN."""
    desk = call.context.desk
    if desk is None or statement.scope.role is not Role.SUPERVISOR:
        raise QuestionError("FORBIDDEN", "supervisors approve jobs")
    shape = shaper(statement, selected)
    try:
        found = await jobs.waiting_for_review(desk.pool, statement.scope.row.list_limit)
    except FAILURES as error:
        raise refusal_of(error) from error
    disclosure = Disclosure(coordinates=(selected.coordinate,), rows=len(found))
    return shape([_review(one) for one in found]), disclosure


def _review(job: Job) -> dict[str, Any]:
    return {
        "id": str(job.id),
        "kind": job.kind,
        "caller": job.caller,
        "purpose": job.purpose,
        "size": job.size,
        "createdAt": shanghai(job.created_at),
    }


async def answer(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """One job of the caller, None when there is none."""
    desk, shape = call.context.desk, shaper(statement, selected)
    found = await job_of(desk, call, given_arguments(selected, call)["id"])
    if found is None:
        return None, NOTHING
    return shape(job_value(found)), Disclosure(coordinates=(selected.coordinate,), rows=1)


async def listed(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """The caller's jobs, newest first. Raises QuestionError BAD_SIZE, LIST_LIMIT."""
    desk, shape = call.context.desk, shaper(statement, selected)
    size = size_of(statement, given_arguments(selected, call))
    if desk is None:
        return [], NOTHING
    try:
        found = await jobs.jobs_of(desk.pool, call.context.scope.caller, size)
    except FAILURES as error:
        raise refusal_of(error) from error
    disclosure = Disclosure(coordinates=(selected.coordinate,), rows=len(found))
    return shape([job_value(one) for one in found]), disclosure


async def result(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """One part of a result.

    Raises QuestionError JOB_UNFINISHED, JOB_SCOPE_CHANGED, JOB_OUTDATED, BAD_VALUE.
    """
    desk, shape = call.context.desk, shaper(statement, selected)
    arguments = given_arguments(selected, call)
    number: int = arguments.get("part", 0)
    found = await job_of(desk, call, arguments["id"])
    if found is None or desk is None:
        return None, NOTHING
    judged(found, call)
    try:
        count = await jobs.part_count(desk.pool, found.id)
        stored = await jobs.parts(desk.pool, found.id, number, number)
        await demand_standing(desk, found, stored)
    except FAILURES as error:
        raise refusal_of(error) from error
    if await job_of(desk, call, arguments["id"]) is None:  # it expired, and its parts with it
        return None, NOTHING
    if number < 0 or (number > 0 and number >= count):
        raise QuestionError("BAD_VALUE", f"`part` is 0 to {max(count - 1, 0)}")
    lines = opened(desk, found, number, stored[0]) if stored else b""
    value = {
        "job": job_value(found),
        "part": number,
        "parts": count,
        "lines": [orjson.loads(line) for line in lines.splitlines()],
    }
    return shape(value), disclosed(stored, selected.coordinate)


def judged(job: Job, call: Call) -> None:
    """Refuse a result that is not whole, or that was made for another scope than the reader's
    present one."""
    if job.state != "DONE":
        raise QuestionError("JOB_UNFINISHED", "read the result when the job's state is DONE")
    if job.shape is not None and job.shape != call.context.scope.digest:
        raise QuestionError(
            "JOB_SCOPE_CHANGED",
            "what you may see has changed, or you ask for another purpose or case: start it again",
        )


async def demand_standing(desk: Desk, job: Job, shown: list[Part]) -> None:
    """Refuse parts that show what has ended since, or somebody who was restricted since (X20)."""
    if await jobs.shows_ended(desk.pool, job, shown):
        raise QuestionError(
            "JOB_OUTDATED",
            "something that it shows has ended since, or was restricted: start it again",
        )


def opened(desk: Desk, job: Job, number: int, part: Part) -> bytes:
    """The lines of a part, JSON, each with its line feed."""
    return desk.keeping.opened(part.content, part_place(job.id, number))


def part_place(job_id: UUID, number: int) -> bytes:
    """To which place the ciphertext of a part is tied."""
    return job_id.bytes + number.to_bytes(4, "big")


def disclosed(parts: list[Part], coordinate: str) -> Disclosure:
    """What reading these parts discloses."""
    return Disclosure(
        subjects=b"".join(part.subjects for part in parts),
        records=b"".join(part.records for part in parts),
        coordinates=(
            coordinate,
            *dict.fromkeys(name for part in parts for name in part.coordinates),
        ),
        masked=tuple(dict.fromkeys(name for part in parts for name in part.masked)),
        rows=sum(part.rows for part in parts),
    )


async def job_of(desk: Desk | None, call: Call, id_: str) -> Job | None:
    told = read_uuid(id_)
    if desk is None or told is None:
        return None
    try:
        return await jobs.job_of(desk.pool, call.context.scope.caller, told)
    except FAILURES as error:
        raise refusal_of(error) from error


def job_value(job: Job) -> dict[str, Any]:
    """A job as the schema has it."""
    error = None if job.code is None else {"code": job.code, "message": job.message or ""}
    return {
        "id": str(job.id),
        "kind": job.kind,
        "state": job.state,
        "progress": {"done": job.done, "total": job.total, "stage": job.stage},
        "rows": job.rows,
        "error": error,
        "createdAt": shanghai(job.created_at),
        "startedAt": shanghai(job.started_at),
        "finishedAt": shanghai(job.finished_at),
        "expiresAt": shanghai(job.expires_at),
    }
