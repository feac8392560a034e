"""Saved investigations: whoever opens one asks its question anew, with the own scope.

Nothing of an answer is kept, so opening one shows nobody more than asking would.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import orjson

from resolvers.answer import Disclosure
from resolvers.change import Change, Outcome, given_arguments
from resolvers.context import Call
from resolvers.desk import Desk
from resolvers.errors import QuestionError
from resolvers.graph_scope import demand_search, subject_asked
from resolvers.projection import shanghai, shaper
from resolvers.reach import all_of, any_of, present, within
from resolvers.reading import FAILURES, fetch, refusal_of
from resolvers.statement import Selected, Statement
from resolvers.visibility import person_followed, relation_visible
from security.policy import Role
from store import investigation as kept
from store.investigation import Investigation

ROLES = frozenset({Role.ANALYST, Role.DEPT, Role.PCITY, Role.AGENT, Role.SELF})
_LONGEST = 256 << 10  # bytes of question, variables and layout together
_SUBJECTS = 50


async def save(change: Change) -> Outcome:
    """Save an investigation of subjects that the caller may search from.

    Raises QuestionError FORBIDDEN, BAD_VALUE, SUBJECT_UNKNOWN, UNIT_MISSING, CASE_REQUIRED,
    StoreError INVESTIGATION_LIMIT.
    """
    given, call = change.arguments, change.call
    demand_search(change.statement)
    title, named = given["title"].strip(), list(dict.fromkeys(given["subjects"]))
    if not 1 <= len(title) <= 200 or not 1 <= len(named) <= _SUBJECTS:
        raise QuestionError("BAD_VALUE", f"give a title, and 1 to {_SUBJECTS} subjects")
    _demand_json(given["variables"], given["layout"])
    ids = [await subject_asked(change.statement, one, call) for one in named]
    if None in ids:
        raise QuestionError("SUBJECT_UNKNOWN", "name subjects that you may search from")
    unit = call.context.scope.grounds.unit if given["shared"] else None
    if given["shared"] and not unit:
        raise QuestionError("UNIT_MISSING", "a caller without a unit has nobody to share with")
    id_ = uuid4()
    content = orjson.dumps(
        {
            "title": title,
            "document": given["document"],
            "variables": given["variables"],
            "layout": given["layout"],
            "subjects": named,
            "ids": [str(one) for one in ids],
        }
    )
    if len(content) > _LONGEST:
        raise QuestionError("BAD_VALUE", f"an investigation has at most {_LONGEST >> 10} KiB")
    found = await kept.save(
        change.connection,
        Investigation(
            id_,
            call.context.scope.caller,
            unit,
            change.desk.keeping.seal(content, id_.bytes),
            given["position"][:100],
            given.get("asOf") or call.context.today,
        ),
    )
    value = await _value(found, change.desk, change.statement, call)
    return Outcome(value, told={"investigation": str(id_), "shared": unit is not None})


async def delete(change: Change) -> Outcome:
    """Delete an investigation of the caller's own."""
    id_ = _id(change.arguments["id"])
    caller = change.call.context.scope.caller
    done = id_ is not None and await kept.delete(change.connection, id_, caller)
    return Outcome({"id": change.arguments["id"], "deleted": done}, told={"deleted": done})


async def listed(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """The caller's investigations and those of its unit, newest first. Raises FORBIDDEN."""
    desk = _desk(call)
    scope = call.context.scope
    try:
        found = await kept.listed(desk.pool, scope.caller, scope.grounds.unit)
        value = [await _value(one, desk, statement, call) for one in found]
    except FAILURES as error:
        raise refusal_of(error) from error
    return shaper(statement, selected)(value), Disclosure(
        coordinates=(selected.coordinate,), rows=len(value)
    )


async def opened(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """One investigation, None when there is none that the caller may open. Raises FORBIDDEN."""
    desk = _desk(call)
    asked: str = given_arguments(selected, call)["id"]
    id_, scope = _id(asked), call.context.scope
    try:
        found = id_ and await kept.opened(desk.pool, id_, scope.caller, scope.grounds.unit)
        value = await _value(found, desk, statement, call) if found else None
    except FAILURES as error:
        raise refusal_of(error) from error
    if value is None:
        return None, Disclosure(not_found=(asked,))
    return shaper(statement, selected)(value), Disclosure(
        coordinates=(selected.coordinate,), rows=1
    )


def _desk(call: Call) -> Desk:
    desk = call.context.desk
    if desk is None or call.context.scope.role not in ROLES:
        raise QuestionError("FORBIDDEN", "the role saves no investigations")
    return desk


async def _value(
    found: Investigation, desk: Desk, statement: Statement, call: Call
) -> dict[str, Any]:
    told = orjson.loads(desk.keeping.opened(found.content, found.id.bytes))
    ids = [UUID(one) for one in told.pop("ids")]
    assert found.saved_at is not None
    return {
        **told,
        "id": str(found.id),
        "position": found.position,
        "asOf": found.as_of,
        # Whole: what came in the same second before was seen when it was saved.
        "savedAt": shanghai(found.saved_at, "microseconds"),
        "own": found.owner == call.context.scope.caller,
        "shared": found.unit is not None,
        "changes": await _statements_since(statement, ids, found.saved_at, call),
    }


async def _statements_since(
    statement: Statement, subjects: list[UUID], moment: datetime, call: Call
) -> int:
    """How many statements came about relations that the caller may see, or might before they were
    withdrawn, of those subjects from which it may search now: a case may be closed since."""
    check = statement.anew(call.context.scope)
    ids = present(check, check.bind(lambda _: subjects, "uuid[]"))
    since = check.bind(lambda _: moment, "timestamptz")
    kinds = tuple(sorted(check.scope.row.relations))
    person = "EXISTS (SELECT FROM person p WHERE p.subject_id = v.subject_id)"
    started = all_of(
        within(check, check.scope.row.walk, "v.subject_id"),
        any_of(f"NOT {person}", person_followed(check, "v.subject_id")),
    )
    sql, binds = check.finished(
        "SELECT count(*) FROM relation_version v CROSS JOIN LATERAL ("
        "SELECT x.subject_id, x.other_id, x.kind, x.class, 'VALID'::text AS status FROM relation x"
        " WHERE (x.subject_id, x.relation_id, x.direction)"
        " = (v.subject_id, v.relation_id, v.direction)) w"
        f" WHERE v.subject_id IN ({ids}) AND v.recorded_from > {since}"
        f" AND {started} AND {relation_visible(check, 'w', kinds, walked=True)}"
    )
    rows = await fetch(call.context.pool, sql, [bind(call) for bind in binds])
    count: int = rows[0][0]
    return count


def _demand_json(variables: str, layout: str) -> None:
    try:
        told = orjson.loads(variables)
        orjson.loads(layout)
    except orjson.JSONDecodeError:
        told = None
    if not isinstance(told, dict):
        raise QuestionError("BAD_VALUE", "give variables as a JSON object and layout as JSON")


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
