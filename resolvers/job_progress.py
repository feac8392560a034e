"""A job's progress as it changes: the events of `jobProgress`."""

from __future__ import annotations

from hashlib import blake2b

import orjson

from resolvers.answer import Disclosure
from resolvers.change import given_arguments
from resolvers.context import Call
from resolvers.errors import QuestionError
from resolvers.event import Happened, Step
from resolvers.job import UNKNOWN, job_of, job_value
from resolvers.projection import shaper
from resolvers.statement import Selected, Statement

_ENDED = frozenset({"DONE", "FAILED", "CANCELLED"})


async def take(statement: Statement, selected: Selected, call: Call, position: str | None) -> Step:
    """The job as it stands when that differs from `position` or `after`, a digest of how it stood.

    Raises QuestionError JOB_UNKNOWN, also when the job has expired since.
    """
    shape = shaper(statement, selected)
    given = given_arguments(selected, call)
    position = position or given.get("after")
    found = await job_of(call.context.desk, call, given["id"])
    if found is None:
        raise QuestionError("JOB_UNKNOWN", UNKNOWN)
    value = job_value(found)
    now = blake2b(orjson.dumps(value), digest_size=12).hexdigest()
    ended = found.state in _ENDED
    if now == position:
        return Step((), now, ended)
    disclosure = Disclosure(coordinates=(selected.coordinate,), rows=1)
    return Step((Happened(shape(value), disclosure, now),), now, ended)
