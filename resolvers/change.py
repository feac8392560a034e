"""A change that a caller asks for: authorised, done once per client key, told to the log.

One change is one transaction: the rows it changes, their rows of the outbox, the event of the
access log and the answer kept under the client key are committed together or not at all.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson

from resolvers.answer import Disclosure
from resolvers.argument import Given, Value
from resolvers.context import Call
from resolvers.desk import Desk
from resolvers.errors import QuestionError
from resolvers.projection import scalar, shaper
from resolvers.reading import FAILURES, refusal_of
from resolvers.statement import Selected, Statement
from security.policy import Role
from store import mutation as journal
from store.connection import Connection
from store.errors import StoreError

_log = logging.getLogger("xinqiao.change")

_KEY = re.compile(r"[\x21-\x7e]{8,64}")
_KEY_ARGUMENT = "clientKey"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a change is answered: plain values by field name, and what they show."""

    value: Mapping[str, Any]
    subjects: bytes = b""
    records: bytes = b""
    told: Mapping[str, object] | None = None  # what the event of the log says beside the field


@dataclass(frozen=True, slots=True)
class Change:
    """One change under way, inside its transaction."""

    statement: Statement
    call: Call
    desk: Desk
    connection: Connection
    arguments: Mapping[str, Any]


Act = Callable[[Change], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class Mutation:
    """A field of the root type Mutation: who may ask for it, and what does it."""

    act: Act
    roles: frozenset[Role]


SIGNED = frozenset(Role) - {Role.PUB}
"""Every role whose callers sign."""


async def perform(
    one: Mutation, statement: Statement, selected: Selected, call: Call
) -> tuple[Any, Disclosure]:
    """Do a change and give its answer, or the answer that its key was given before.

    Raises QuestionError FORBIDDEN, CLIENT_KEY_INVALID, IDEMPOTENCY_CONFLICT, MUTATION_RUNNING,
    what the change raises, and as `resolvers.reading.fetch`.
    """
    desk = call.context.desk
    if desk is None or call.context.scope.role not in one.roles:
        raise QuestionError("FORBIDDEN", "the role may not ask for this change")
    shape = shaper(statement, selected)
    arguments = given_arguments(selected, call)
    key = arguments.pop(_KEY_ARGUMENT)
    if not _KEY.fullmatch(key):
        raise QuestionError(
            "CLIENT_KEY_INVALID", "clientKey is 8 to 64 printable ASCII characters, no blanks"
        )
    try:
        outcome = await _once(one, statement, selected, call, desk, key, arguments)
    except FAILURES as error:
        if isinstance(error, asyncpg.LockNotAvailableError):
            raise QuestionError(
                "MUTATION_RUNNING", "the same change is still at work: send it again in a moment"
            ) from error
        refused = refusal_of(error)
        if refused.code == "INTERNAL":
            _log.error("a change failed: %s", selected.name, exc_info=error)
        raise refused from error
    except StoreError as error:
        raise QuestionError(error.code, error.message) from error
    disclosure = Disclosure(
        subjects=outcome.subjects,
        records=outcome.records,
        coordinates=(selected.coordinate, *statement.coordinates),
        rows=1,
    )
    return shape(outcome.value), disclosure


async def _once(
    one: Mutation,
    statement: Statement,
    selected: Selected,
    call: Call,
    desk: Desk,
    key: str,
    arguments: Mapping[str, Any],
) -> Outcome:
    caller, name = call.context.scope.caller, selected.name
    content = orjson.dumps([name, arguments], default=_plain, option=orjson.OPT_SORT_KEYS)
    given, place = desk.keeping.digest(content), f"mutation\n{caller}\n{key}".encode()
    async with (
        desk.turns.taken(caller, desk.limits.wait),
        desk.pool.acquire() as connection,
        connection.transaction(),
    ):
        former = await journal.begin(connection, caller, key, name, given, wait=desk.limits.wait)
        if former is not None:
            if former.input != given:
                raise QuestionError(
                    "IDEMPOTENCY_CONFLICT",
                    "this clientKey was used for another change: take a new one",
                )
            return _kept(desk.keeping.opened(former.outcome, place))
        outcome = await one.act(Change(statement, call, desk, connection, arguments))
        await desk.tell(
            connection,
            "MUTATION",
            {"by": caller, "field": name, "input": given.hex()[:32], **(outcome.told or {})},
        )
        kept = orjson.dumps(
            [outcome.value, outcome.subjects.hex(), outcome.records.hex()], default=_plain
        )
        await journal.finish(connection, caller, key, desk.keeping.seal(kept, place))
        # As it will be read from now on, so that both answers are the same.
        return _kept(kept)


def _kept(told: bytes) -> Outcome:
    value, subjects, records = orjson.loads(told)
    return Outcome(value, bytes.fromhex(subjects), bytes.fromhex(records))


def _plain(value: Any) -> Any:
    found = scalar(value)
    return str(value) if found is value else found


def given_arguments(selected: Selected, call: Call) -> dict[str, Any]:
    """The arguments of a field as they were given; nulls and absent ones left out."""

    def read(value: Value) -> Any:
        if isinstance(value, Given):
            return value.read(call)
        return {name: read(member) for name, member in value.items()}

    return {name: read(value) for name, value in selected.arguments.items()}
