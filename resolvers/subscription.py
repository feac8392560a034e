"""The root fields of Subscription, each a source that gives its events step by step.

A step is made under a scope judged at that moment: it is given where the one before it ended and
gives what has happened since. So an event that the caller may no longer see never comes to be, and
a subscription that was interrupted goes on where it was.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import orjson
from graphql import OperationDefinitionNode
from graphql.execution.collect_fields import FragmentDetails, collect_fields

from resolvers import job_progress, neighbourhood_change, record_change
from resolvers.answer import Answer, Disclosure, refusal
from resolvers.context import Call, Context
from resolvers.cost import pay, price
from resolvers.errors import QuestionError, graphql_error
from resolvers.event import Step
from resolvers.statement import Routine, Selected, Statement
from resolvers.variable import Variables
from schema.definition import CreditSchema
from security.policy import Scope

Take = Callable[[Statement, Selected, Call, str | None], Awaitable[Step]]
"""Gives what happened after a position; None: the subscription begins."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the events of a field come from.

    `wakes` names what may bring events: entities of the outbox (SUBJECT, RELATION, RECORD), or
    JOB. Only then, and when it begins, the next step is taken.
    """

    take: Take
    wakes: frozenset[str]


SUBSCRIPTIONS: Mapping[str, Source] = MappingProxyType(
    {
        "neighbourhoodChanged": Source(
            neighbourhood_change.take, frozenset({"RELATION", "RECORD"})
        ),
        "jobProgress": Source(job_progress.take, frozenset({"JOB"})),
        "recordChanged": Source(record_change.take, frozenset({"RECORD"})),
    }
)


@dataclass(frozen=True, slots=True)
class Event:
    """The finished body of one event, what it discloses, and the position after it."""

    body: bytes
    disclosure: Disclosure
    position: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What a step of a subscription gave."""

    events: tuple[Event, ...]
    position: str
    wakes: frozenset[str]
    ended: bool = False
    more: bool = False


@dataclass
class SubscriptionPlan:
    """The plan of a subscription."""

    credit: CreditSchema
    routines: Mapping[str, Routine]
    operation: OperationDefinitionNode
    fragments: dict[str, FragmentDetails]
    scope: Scope
    variables: Variables
    touches_persons: bool = False
    kind: str = field(default="QUERY")

    async def run(
        self,
        context: Context,  # noqa: ARG002 - the shape of every plan
        variables: Mapping[str, Any],  # noqa: ARG002
    ) -> Answer:
        """Over plain HTTP there is nothing to answer."""
        message = "subscribe over WebSocket (graphql-transport-ws) or server-sent events"
        return refusal([QuestionError("OPERATION_NOT_SUPPORTED", message).as_json()], 400)

    async def take(
        self, context: Context, variables: Mapping[str, Any], position: str | None
    ) -> Taken:
        """The next step after `position`. Raises QuestionError for what ends the subscription."""
        values = self.variables.values(variables)
        if isinstance(values, list):
            raise QuestionError("BAD_VARIABLE", graphql_error(values[0], "")["message"])
        schema = self.credit.graphql
        root = schema.subscription_type
        assert root is not None
        statement = Statement(
            schema,
            self.credit.kinds,
            self.credit.record_kinds,
            context.scope,
            self.operation,
            self.fragments,
            values,
            self.routines,
        )
        if position is None:
            limit = context.scope.row.list_limit
            priced = price(schema, self.operation, self.fragments, values, limit)
            pay(priced, Call(context, values.coerced))
        grouped = collect_fields(
            schema, self.fragments, values, root, self.operation
        ).grouped_field_set
        selected = statement.root(grouped)
        if len(grouped) != 1 or len(selected) != 1:
            raise QuestionError("GRAPHQL_VALIDATION_FAILED", "subscribe to one field at a time")
        one = selected[0]
        call = Call(context, values.coerced)
        source = SUBSCRIPTIONS[one.name]
        step = await source.take(statement.anew(context.scope), one, call, position)
        key = orjson.dumps(one.key)
        return Taken(
            tuple(
                Event(
                    context.opened(b'{"data":{' + key + b":" + orjson.dumps(event.value) + b"}}"),
                    event.disclosure,
                    event.position,
                )
                for event in step.happened
            ),
            step.position,
            source.wakes,
            step.ended,
            step.more,
        )
