"""A plan: how one operation is answered for one shape of scope, whatever the variables."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import orjson
from graphql import FieldNode, OperationDefinitionNode, is_non_null_type
from graphql.execution.collect_fields import FragmentDetails, collect_fields
from graphql.execution.values import VariableValues

from client.value import value_class
from resolvers import introspection
from resolvers.answer import NOTHING, Answer, Disclosure, Lane, refusal, together
from resolvers.argument import shape_of
from resolvers.compiler import Compiled, compile_fields
from resolvers.context import Call, Context
from resolvers.cost import Price, pay, price, settle, unpaid
from resolvers.errors import (
    FailedReadError,
    QuestionError,
    UncompilableError,
    graphql_error,
)
from resolvers.executor.lane import ExecutorLane
from resolvers.lane_count import LaneCount, Reason
from resolvers.part import PARTS
from resolvers.recent import Room
from resolvers.statement import Routine, Selected, Statement
from resolvers.variable import Variables
from schema.definition import CreditSchema
from security.policy import Scope

_SHAPE = 5_000  # characters of SQL that weigh as much as the rest of a shape
_PARTS = 8  # root fields of one question that are not read by its one statement
_PERSON_FIELDS = {"person", "persons", "positions"}


class Plan(Protocol):
    """What `Operations.prepare` gives."""

    @property
    def touches_persons(self) -> bool:
        """Whether the question is about natural persons, so that a case may be demanded."""
        ...

    @property
    def kind(self) -> str:
        """The kind of its entry in the access log."""
        ...

    async def run(self, context: Context, variables: Mapping[str, Any]) -> Answer:
        """The answer; never raises for what the question is to blame for."""
        ...


@dataclass(frozen=True)
class RefusedPlan:
    """The plan of a document that cannot be answered."""

    errors: list[dict[str, Any]]
    status: int = 400
    touches_persons: bool = False
    kind: str = "QUERY"

    async def run(
        self,
        context: Context,  # noqa: ARG002 - the shape of every plan
        variables: Mapping[str, Any],  # noqa: ARG002
    ) -> Answer:
        return refusal(self.errors, self.status)


@dataclass(frozen=True, slots=True)
class _Part:
    """A root field that the executor answers."""

    selected: Selected


@dataclass(frozen=True, slots=True)
class _Shape:
    """The plan for one shape of the variables: the order of keys and who answers each.

    `stored` are the roots of stored data; without `compiled` the executor answers them, for the
    `reason`.
    """

    order: tuple[tuple[bytes, int | _Part | str | None], ...]  # key, and column, part or typename
    stored: tuple[Selected, ...]
    compiled: Compiled | None
    statement: Statement
    introspected: bool
    reason: Reason
    price: Price
    lane: Lane = field(init=False)

    def __post_init__(self) -> None:
        others = self.introspected or any(isinstance(how, _Part) for _, how in self.order)
        lane = Lane.MIXED if others else Lane.COMPILED
        object.__setattr__(self, "lane", Lane.EXECUTOR if self.compiled is None else lane)


@value_class
class _Read:
    """The JSON of the roots of stored data, None when an error took all of it."""

    found: tuple[bytes, ...] | None = ()
    disclosure: Disclosure = NOTHING
    version: str = ""
    errors: tuple[dict[str, Any], ...] = ()


@dataclass
class StoredPlan:
    """The plan of a valid operation."""

    credit: CreditSchema
    routines: Mapping[str, Routine]
    executor: Callable[[], ExecutorLane]
    counts: LaneCount
    operation: OperationDefinitionNode
    fragments: dict[str, FragmentDetails]
    scope: Scope
    touches_persons: bool
    variables: Variables
    room: Room
    kind: str = "QUERY"
    compiles: bool = True
    may_introspect: bool = True
    _shapes: dict[Any, _Shape | QuestionError] = field(default_factory=dict)

    async def run(self, context: Context, variables: Mapping[str, Any]) -> Answer:
        coerced = self.variables.plain(variables)
        if coerced is not None:
            key = _key(coerced)
            shape = self._shapes.get(key)
            if isinstance(shape, _Shape) and shape.lane is Lane.COMPILED:
                return await self._answer(key, shape, Call(context, coerced), variables)
        values = self.variables.values(variables)
        if isinstance(values, list):
            return refusal([graphql_error(error, "BAD_VARIABLE") for error in values])
        key = _key(values.coerced)
        shape = self._shapes.get(key) or self._remember(key, values)
        if isinstance(shape, QuestionError):
            return refusal([shape.as_json()])
        return await self._answer(key, shape, Call(context, values.coerced), variables, values)

    def _remember(self, key: Any, values: VariableValues) -> _Shape | QuestionError:
        weight = _SHAPE
        shape: _Shape | QuestionError
        try:
            shape = found = self._compile(values)
            weight += found.compiled.size if found.compiled else 0
        except QuestionError as error:
            shape = QuestionError(*error.args)  # without all that its traceback holds
        self._shapes[key] = shape
        self.room.hold(self._shapes, key, weight)
        return shape

    def _compile(self, values: VariableValues) -> _Shape:
        schema = self.credit.graphql
        query = schema.query_type
        assert query is not None
        statement = Statement(
            schema,
            self.credit.kinds,
            self.credit.record_kinds,
            self.scope,
            self.operation,
            self.fragments,
            values,
            self.routines,
        )
        grouped = collect_fields(
            schema, self.fragments, values, query, self.operation
        ).grouped_field_set
        selected = {field.key: field for field in statement.root(grouped)}
        stored: list[Selected] = []
        order: list[tuple[bytes, int | _Part | str | None]] = []
        introspected = False
        for key, details in grouped.items():
            quoted = b'"' + key.encode() + b'":'
            name = details[0].node.name.value
            if name == "__typename":
                order.append((quoted, query.name))
            elif name.startswith("__"):
                introspected = True
                order.append((quoted, None))
            elif f"Query.{name}" in self.routines:
                order.append((quoted, len(stored)))
                stored.append(selected[key])
            else:
                order.append((quoted, _Part(selected[key])))
        parts = [how for _, how in order if isinstance(how, _Part)]
        if len(parts) > _PARTS:
            names = ", ".join(sorted({part.selected.name for part in parts}))
            raise QuestionError("COST_LIMIT", f"ask for at most {_PARTS} of {names} at once")
        compiled, reason = None, Reason.PARTS
        try:
            if stored and not self.compiles:
                reason = Reason.UNCOMPILED
            elif stored:
                compiled, reason = compile_fields(statement, stored), Reason.STORED
        except UncompilableError:
            reason = Reason.UNCOMPILED
        federated = any(one.name == "_service" for one in selected.values())
        if (introspected or federated) and not self.may_introspect:
            raise QuestionError("INTROSPECTION_CLOSED", "read the schema where it is published")
        limit = self.scope.row.list_limit
        priced = price(schema, self.operation, self.fragments, values, limit)
        return _Shape(
            tuple(order), tuple(stored), compiled, statement, introspected, reason, priced
        )

    async def _read(
        self,
        key: Any,
        shape: _Shape,
        call: Call,
        variables: Mapping[str, Any],
        bound: list[Any],
    ) -> tuple[_Read, Lane, Reason]:
        """The stored data, by the statement or, where there is none or it fails, the executor."""
        lane, reason = shape.lane, shape.reason
        if shape.compiled is not None:
            try:
                return _Read(*await shape.compiled.run(call, bound)), lane, reason
            except FailedReadError as error:
                lane, reason = Lane.EXECUTOR, Reason.FAILED
                if error.lasting:
                    reason = Reason.REFUSED_BY_STORE
                    self._shapes[key] = replace(shape, compiled=None, reason=reason)
        elif not shape.stored:
            return _Read(), lane, reason
        told = await self.executor().run(
            shape.statement.anew(call.context.scope), shape.stored, call, variables
        )
        found = None
        if told.data is not None:
            found = tuple(told.data[one.key] for one in shape.stored)
        return _Read(found, told.disclosure, told.version, tuple(told.errors)), lane, reason

    async def _answer(
        self,
        key: Any,
        shape: _Shape,
        call: Call,
        variables: Mapping[str, Any],
        values: VariableValues | None = None,
    ) -> Answer:
        try:
            cost = pay(shape.price, call)
        except QuestionError as error:
            return unpaid(error)
        try:
            return await self._paid(key, shape, call, variables, values, cost)
        finally:
            settle(cost, call)

    async def _paid(
        self,
        key: Any,
        shape: _Shape,
        call: Call,
        variables: Mapping[str, Any],
        values: VariableValues | None,
        cost: int,
    ) -> Answer:
        bound: list[Any] = []
        if shape.compiled is not None:
            try:
                bound = shape.compiled.values(call)
            except QuestionError as error:
                return refusal([error.as_json()])  # nothing was read yet
        try:
            read, lane, reason = await self._read(key, shape, call, variables, bound)
        except QuestionError as error:
            return _failed(error, shape.stored)
        self.counts.add(lane, reason)
        if read.found is None:
            return _nothing(read.errors)
        if lane is Lane.COMPILED:
            return self._stored(shape, call, read, cost)
        assert values is not None or not shape.introspected
        return await self._merged(shape, call, read, lane, values, cost)

    def _stored(self, shape: _Shape, call: Call, read: _Read, cost: int) -> Answer:
        assert read.found is not None
        parts = [b'{"data":{']
        for key, how in shape.order:
            parts += (key, read.found[how] if isinstance(how, int) else orjson.dumps(how), b",")
        parts[-1] = b"}}"
        body = call.context.opened(b"".join(parts))
        disclosure = read.disclosure
        if self.touches_persons:
            disclosure = replace(disclosure, touches_persons=True)
        return Answer(200, body, disclosure, Lane.COMPILED, data_version=read.version, cost=cost)

    async def _merged(
        self,
        shape: _Shape,
        call: Call,
        read: _Read,
        lane: Lane,
        values: VariableValues | None,
        cost: int,
    ) -> Answer:
        assert read.found is not None
        disclosures = [read.disclosure] if shape.stored else []
        errors = list(read.errors)
        introspected: Mapping[str, Any] = {}
        if shape.introspected and values is not None:
            # A tenth of a second for the whole schema, in which others are answered.
            introspected = await asyncio.to_thread(
                introspection.answer, self.credit.graphql, self.operation, self.fragments, values
            )
        parts: list[bytes] = []
        for key, how in shape.order:
            if isinstance(how, int):
                parts.append(key + read.found[how])
            elif isinstance(how, _Part):
                try:
                    answer = PARTS[how.selected.name]
                    value, disclosure = await answer(
                        shape.statement.anew(call.context.scope), how.selected, call
                    )
                    disclosures.append(disclosure)
                except QuestionError as error:
                    value = None
                    at = QuestionError(error.code, error.message, (how.selected.key,))
                    errors.append(at.as_json())
                    if is_non_null_type(how.selected.field.type):
                        return _nothing(errors)
                parts.append(key + orjson.dumps(value))
            elif how is None:
                name = key[1:-2].decode()
                parts.append(key + orjson.dumps(introspected.get(name)))
            else:
                parts.append(key + orjson.dumps(how))
        body = b'{"data":{' + b",".join(parts) + b"}"
        if errors:
            body += b',"errors":' + orjson.dumps(errors)
        return Answer(
            200,
            call.context.opened(body + b"}"),
            replace(together(disclosures), touches_persons=self.touches_persons),
            lane,
            tuple(error["extensions"]["code"] for error in errors),
            read.version,
            cost,
        )


def _key(coerced: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple([(name, shape_of(value)) for name, value in coerced.items()])


def _failed(error: QuestionError, stored: Sequence[Selected]) -> Answer:
    """The answer when the data could not be read: none, and no part of it disclosed."""
    path = (stored[0].key,) if len(stored) == 1 else ()
    return _nothing((QuestionError(error.code, error.message, path).as_json(),))


def _nothing(errors: Sequence[dict[str, Any]]) -> Answer:
    """The answer of errors that left no data."""
    body = orjson.dumps({"data": None, "errors": list(errors)})
    codes = tuple(error["extensions"]["code"] for error in errors)
    return Answer(200, body, NOTHING, Lane.REFUSED, codes)


def about_persons(
    operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDetails]
) -> bool:
    """Whether the operation asks about natural persons: starts from one, searches them, or goes
    on from one by its positions. Masked holders and officers of a firm are part of the firm's own
    registration and do not count; entities do that are asked for as persons."""
    pending: list[Any] = [operation.selection_set]
    pending += [fragment.definition.selection_set for fragment in fragments.values()]
    entities = False
    of_persons = any(_is_on_person(fragment.definition) for fragment in fragments.values())
    while pending:
        for selection in pending.pop().selections:
            if isinstance(selection, FieldNode):
                if _is_about_persons(selection):
                    return True
                entities = entities or selection.name.value == "_entities"
            of_persons = of_persons or _is_on_person(selection)
            if entities and of_persons:
                return True
            inner = getattr(selection, "selection_set", None)
            if inner is not None:
                pending.append(inner)
    return False


def _is_on_person(node: Any) -> bool:
    condition = getattr(node, "type_condition", None)
    return condition is not None and condition.name.value == "Person"


def _is_about_persons(field: FieldNode) -> bool:
    # Without arguments `person` is the end of a position, which is no question about a person.
    name = field.name.value
    return name in _PERSON_FIELDS and (name != "person" or bool(field.arguments))
