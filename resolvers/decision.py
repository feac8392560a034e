"""Stewards' decisions on records: proposed by one, carried out by the word of another."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from resolvers.answer import Disclosure
from resolvers.change import Change, Outcome, given_arguments
from resolvers.connection import size_of
from resolvers.context import Call
from resolvers.errors import QuestionError
from resolvers.global_id import read_global_id
from resolvers.projection import shanghai, shaper
from resolvers.reading import FAILURES, refusal_of
from resolvers.statement import Selected, Statement
from security.keeping import Keeping
from security.policy import Role
from store import decision as decisions
from store.decision import Decision
from store.withdrawal import mark_objection

_LONGEST = 500


async def propose(change: Change) -> Outcome:
    """Propose that a record of this city be withdrawn or repaired.

    Raises QuestionError BAD_VALUE, REASON_REQUIRED, StoreError RECORD_UNKNOWN, RECORD_FOREIGN,
    DECISION_OPEN.
    """
    record, reason = _record(change.arguments["recordId"]), change.arguments["reason"].strip()
    if not reason:
        raise QuestionError("REASON_REQUIRED", "say why the record ends")
    if len(reason) > _LONGEST:
        raise QuestionError("BAD_VALUE", f"give the reason in at most {_LONGEST} characters")
    await _demand_decidable(change, record)
    id_ = decisions.new_id()
    found = await decisions.propose(
        change.connection,
        record,
        change.arguments["act"],
        change.desk.keeping.seal(reason.encode(), id_.bytes),
        change.call.context.scope.caller,
        id_,
    )
    return _outcome(change, found)


async def confirm(change: Change) -> Outcome:
    """Carry out what another steward proposed. Raises StoreError DECISION_UNKNOWN, SAME_PERSON."""
    found = await decisions.proposed(change.connection, _id(change))
    await _demand_decidable(change, found.record_id)
    decided, status = await decisions.confirm(
        change.connection,
        found,
        change.call.context.scope.caller,
        _reason(found, change.desk.keeping),
        change.call.context.today,
    )
    return _outcome(change, decided, status)


async def refuse(change: Change) -> Outcome:
    """Leave the record as it is. Raises StoreError DECISION_UNKNOWN."""
    found = await decisions.proposed(change.connection, _id(change))
    await _demand_decidable(change, found.record_id)
    caller = change.call.context.scope.caller
    return _outcome(change, await decisions.refuse(change.connection, found, caller))


async def mark(change: Change) -> Outcome:
    """Mark a record while an objection is examined, or take the mark away.

    Raises StoreError RECORD_UNKNOWN, RECORD_FOREIGN.
    """
    record, objection = _record(change.arguments["recordId"]), change.arguments["objection"]
    await _demand_decidable(change, record)
    changed = await mark_objection(change.connection, record, objection)
    value = {"recordId": str(record), "objection": objection, "changed": changed}
    return Outcome(value, records=record.bytes, told={"record": str(record), "to": objection})


async def listed(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """The decisions of stewards, newest first. Raises QuestionError FORBIDDEN, LIST_LIMIT."""
    desk, scope = call.context.desk, call.context.scope
    grounds = scope.grounds
    if desk is None or scope.role is not Role.STEWARD:
        raise QuestionError("FORBIDDEN", "decisions on records are read by stewards only")
    shape, arguments = shaper(statement, selected), given_arguments(selected, call)
    size = size_of(statement, arguments)
    try:
        found = await decisions.decisions(
            desk.pool, arguments.get("state"), size, grounds.barred, grounds.district
        )
    except FAILURES as error:
        raise refusal_of(error) from error
    value = [_value(one, desk.keeping) for one in found]
    disclosure = Disclosure(
        records=b"".join(one.record_id.bytes for one in found),
        coordinates=(selected.coordinate,),
        rows=len(found),
    )
    return shape(value), disclosure


def _id(change: Change) -> UUID:
    try:
        return UUID(change.arguments["id"])
    except ValueError:
        raise QuestionError(
            "DECISION_UNKNOWN", "no open proposal has this id: list them again"
        ) from None


def _record(text: str) -> UUID:
    told = read_global_id(text)
    try:
        return UUID(told[1] if told else text)
    except ValueError:
        raise QuestionError("RECORD_UNKNOWN", "no record has this id: look it up again") from None


async def _demand_decidable(change: Change, record: UUID) -> None:
    context, grounds = change.call.context, change.call.context.scope.grounds
    await decisions.demand_decidable(
        change.connection, record, context.region, grounds.barred, grounds.district
    )


def _outcome(change: Change, found: Decision, status: str | None = None) -> Outcome:
    told = {"decision": str(found.id), "record": str(found.record_id), "act": found.act}
    return Outcome(
        _value(found, change.desk.keeping, status),
        records=found.record_id.bytes,
        told={**told, "state": found.state},
    )


def _reason(found: Decision, keeping: Keeping) -> str:
    return keeping.opened(found.reason, found.id.bytes).decode()


def _value(found: Decision, keeping: Keeping, status: str | None = None) -> dict[str, Any]:
    return {
        "id": str(found.id),
        "recordId": str(found.record_id),
        "act": found.act,
        "reason": _reason(found, keeping),
        "state": found.state,
        "recordStatus": status,
        "proposedBy": found.proposed_by,
        "proposedAt": shanghai(found.proposed_at),
        "decidedBy": found.decided_by,
        "decidedAt": shanghai(found.decided_at),
    }
