"""Jobs: long answers that the node makes while the caller does something else."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from client.errors import ClientError
from client.exchange import Answer, Conversation, Exchange, Wait

_FIELDS = "id kind state progress { done total stage } rows error { code message } expiresAt"
_STATE = f"query Job($id: ID!) {{ job(id: $id) {{ {_FIELDS} }} }}"
_PART = """query Part($id: ID!, $part: Int!) {
  jobResult(id: $id, part: $part) { part parts lines } }"""
ENDED = frozenset({"DONE", "FAILED", "CANCELLED"})


@dataclass(frozen=True, slots=True)
class Job:
    """A job as the node tells of it; `total` is None before it is known."""

    id: str
    kind: str
    state: str
    done: int
    total: int | None
    stage: str
    rows: int
    error: tuple[str, str] | None
    expires_at: str | None

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in ENDED


def _told(answer: Answer[Any]) -> Mapping[str, Any]:
    """The data of a verified answer without errors; else ClientError."""
    answer.require()
    if answer.errors or answer.data is None:
        error = answer.errors[0] if answer.errors else {}
        code = answer.codes[0] if answer.codes else "ANSWER_MALFORMED"
        raise ClientError(code, str(error.get("message", "The answer holds no data.")))
    data: Mapping[str, Any] = answer.data
    return data


def job_state(exchange: Exchange, job_id: str, **claims: Any) -> Conversation[Job | None]:
    """Ask for the state of a job; raises ClientError with the code of the node's refusal."""
    told = _told((yield from exchange.asking(_STATE, {"id": job_id}, **claims)))["job"]
    if told is None:
        return None
    error, progress = told["error"], told["progress"]
    return Job(
        told["id"],
        told["kind"],
        told["state"],
        progress["done"],
        progress["total"],
        progress["stage"],
        told["rows"],
        None if error is None else (error["code"], error["message"]),
        told["expiresAt"],
    )


def job_lines(
    exchange: Exchange, job_id: str, part: int, poll: float, **claims: Any
) -> Conversation[tuple[list[Any], int | None]]:
    """Wait for a job, then read one part of its result, and say which part is next."""
    while True:
        job = yield from job_state(exchange, job_id, **claims)
        if job is None:
            raise _unknown()
        if job.ended:
            break
        yield Wait(poll)
    if job.state != "DONE":
        code, message = job.error or ("JOB_CANCELLED", "Start it again: the job was cancelled.")
        raise ClientError(code, message)
    asked = {"id": job_id, "part": part}
    told = _told((yield from exchange.asking(_PART, asked, **claims)))["jobResult"]
    if told is None:  # it has expired in between
        raise _unknown()
    return list(told["lines"]), part + 1 if part + 1 < told["parts"] else None


def _unknown() -> ClientError:
    return ClientError("JOB_UNKNOWN", "Start it again: the caller has no such job.")
