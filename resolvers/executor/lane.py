"""The executor lane: an operation over stored data, answered field by field by graphql-core.

Key order, merging of fields and what becomes of errors and nulls are those of the GraphQL
specification, §6; what a field shows is said by the resolver of its coordinate.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    OperationDefinitionNode,
    SelectionSetNode,
    build_schema,
    execute,
    get_named_type,
    is_abstract_type,
    print_schema,
)
from graphql.execution.collect_fields import FragmentDetails

from resolvers.answer import Disclosure, distinct
from resolvers.context import Call
from resolvers.entity import named
from resolvers.errors import QuestionError
from resolvers.executor import entity, party, recognition, record, reference, relation, root, search
from resolvers.executor.budget import MAX_ROWS, MAX_SECONDS, Budget
from resolvers.executor.connection import CONNECTION, EDGE
from resolvers.executor.coordinates import Coordinates
from resolvers.executor.manifest import Mentions
from resolvers.executor.place import Asked, Item, Question
from resolvers.executor.rows import Rows
from resolvers.executor.sight import Sight
from resolvers.executor.stored import stored
from resolvers.executor.timeliness import RESOLVERS as TIMELINESS
from resolvers.statement import Selected, Statement
from schema import binding
from schema.definition import CreditSchema

_log = logging.getLogger("xinqiao.executor")

_LOOKUPS = {
    "organisation": ("code",),
    "person": ("id", "code"),
    "node": ("id",),
    "_entities": ("representations",),
}
# Plain values: every field is read from its row by its own name.
_PLAIN = frozenset(
    {"SourceUnit", "Money", "PageInfo", "CatalogItem", "CatalogValue", "PersonMatch"}
)

Resolver = Callable[[Asked], Any]


@dataclass(frozen=True, slots=True)
class Executed:
    """What the lane answers: JSON by response key, what it discloses, and what went wrong."""

    data: Mapping[str, bytes] | None  # None when an error took all of it
    disclosure: Disclosure
    version: str
    errors: list[dict[str, Any]] = field(default_factory=list)


class ExecutorLane:
    """Answers operations over the stored data of one schema."""

    def __init__(self, credit: CreditSchema, *, rows: int = MAX_ROWS) -> None:
        self._kinds = credit.kinds
        self._rows = rows
        self._resolvers = resolvers(credit)
        self._without: list[str] = []
        self._schema = self._executable(credit.graphql)

    def missing(self, roots: Iterable[str]) -> list[str]:
        """The coordinates that are reached from these root fields and have no resolver."""
        reached = _reached(self._schema, roots)
        return sorted(reached.intersection(self._without))

    def _executable(self, schema: GraphQLSchema) -> GraphQLSchema:
        """The schema with this lane's resolvers in it, and none of another's."""
        made = build_schema(print_schema(schema), assume_valid=True)
        for name, type_ in made.type_map.items():
            if name.startswith("__"):
                continue
            original = schema.type_map[name]
            if isinstance(type_, GraphQLScalarType) and isinstance(original, GraphQLScalarType):
                type_.coerce_input_value = original.coerce_input_value
                type_.coerce_input_literal = original.coerce_input_literal
            elif isinstance(type_, GraphQLInterfaceType | GraphQLUnionType):
                type_.resolve_type = _type_of
            elif isinstance(type_, GraphQLObjectType):
                assert isinstance(original, GraphQLObjectType)
                for field_name in type_.fields:
                    found = self._resolver(original, field_name)
                    if found is None:
                        self._without.append(f"{name}.{field_name}")
                    else:
                        type_.fields[field_name].resolve = _called(found)
        return made

    def _resolver(self, type_: GraphQLObjectType, name: str) -> Resolver | None:
        """By coordinate, of the type or an interface; by binding; by what every page has."""
        for owner in (type_, *type_.interfaces):
            found = self._resolvers.get(f"{owner.name}.{name}")
            if found is not None:
                return found
        definition = type_.fields[name].extensions.get("strawberry-definition")
        bound = binding.of(getattr(definition, "metadata", None))
        if bound is not None:
            return stored(name, bound)
        if type_.name in _PLAIN:
            return lambda asked: asked.item.row[name]
        if type_.name.endswith("Connection"):
            return CONNECTION.get(name)
        return EDGE.get(name) if type_.name.endswith("Edge") else None

    async def run(
        self,
        statement: Statement,
        selected: Sequence[Selected],
        call: Call,
        variables: Mapping[str, Any],
    ) -> Executed:
        """The answer of these root fields; `variables` are as they were sent.

        Raises QuestionError for what concerns the whole question: STORE_UNAVAILABLE, TIMEOUT.
        """
        try:
            async with asyncio.timeout(MAX_SECONDS):
                return await self._run(statement, selected, call, variables)
        except TimeoutError:
            raise QuestionError("TIMEOUT", "the question took too long: ask for less") from None

    async def _run(
        self,
        statement: Statement,
        selected: Sequence[Selected],
        call: Call,
        variables: Mapping[str, Any],
    ) -> Executed:
        context = call.context
        rows = Rows(context.pool, self._kinds, Budget(self._rows))
        version = await rows.read("SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS v")
        sight = Sight(context.scope, context.today, rows, self._kinds)
        await sight.prepare()
        mentions = Mentions()
        result = execute(
            self._schema,
            _document(statement.operation, statement.fragments, selected),
            root_value=Item("Query", {}, mentions),
            context_value=Question(context, rows, sight, self._kinds, statement.fragments),
            variable_values=dict(variables),
        )
        if not isinstance(result, ExecutionResult):
            result = await result
        assert isinstance(result, ExecutionResult)
        errors = [_error(error) for error in result.errors or ()]
        _fail_whole(result.errors or ())
        if result.data is None:
            return Executed(None, Disclosure(), version[0]["v"], errors)
        subjects, records = mentions.gathered()
        coordinates = Coordinates(statement)
        coordinates.gather(selected)
        failed = {error["path"][0] for error in errors if error.get("path")}
        disclosure = Disclosure(
            subjects=distinct(subjects),
            records=distinct(records),
            coordinates=tuple(coordinates.shown),
            masked=tuple(coordinates.masked),
            rows=(len(subjects) + len(records)) // 16,
            not_found=tuple(_not_found(selected, result.data, failed, call)),
        )
        data = {key: orjson.dumps(value) for key, value in result.data.items()}
        return Executed(data, disclosure, version[0]["v"], errors)


def _reached(schema: GraphQLSchema, roots: Iterable[str]) -> set[str]:
    """Every coordinate of an object type that a question may reach from these root fields."""
    query = schema.query_type
    assert query is not None
    found = {f"Query.{name}" for name in roots}
    pending = [get_named_type(query.fields[name].type) for name in roots]
    seen = set()
    while pending:
        type_ = pending.pop()
        if type_.name in seen:
            continue
        seen.add(type_.name)
        if is_abstract_type(type_):
            pending += schema.get_possible_types(type_)
        elif isinstance(type_, GraphQLObjectType):
            for name, member in type_.fields.items():
                found.add(f"{type_.name}.{name}")
                pending.append(get_named_type(member.type))
    return found


def resolvers(credit: CreditSchema) -> Mapping[str, Resolver]:
    """Every resolver of stored data by coordinate."""
    return {
        **root.RESOLVERS,
        **entity.RESOLVERS,
        **search.RESOLVERS,
        **party.RESOLVERS,
        **relation.RESOLVERS,
        **recognition.RESOLVERS,
        **reference.RESOLVERS,
        **TIMELINESS,
        **record.resolvers(credit.kinds, credit.record_kinds),
    }


def _called(resolver: Resolver) -> Any:
    def resolve(item: Item, info: Any, /, **arguments: Any) -> Any:
        given = {name: value for name, value in arguments.items() if value is not None}
        return resolver(Asked(item, info, info.context, given))

    return resolve


def _type_of(item: Item, *_: Any) -> str:
    return item.type


def _document(
    operation: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDetails],
    selected: Sequence[Selected],
) -> DocumentNode:
    """The operation with these root fields only."""
    nodes: list[FieldNode] = [detail.node for one in selected for detail in one.details]
    asked = OperationDefinitionNode(
        operation=operation.operation,
        name=operation.name,
        variable_definitions=operation.variable_definitions,
        directives=(),
        selection_set=SelectionSetNode(selections=tuple(nodes)),
    )
    return DocumentNode(
        definitions=(asked, *(fragment.definition for fragment in fragments.values()))
    )


def _not_found(
    selected: Sequence[Selected], data: Mapping[str, Any], failed: set[Any], call: Call
) -> list[str]:
    """The codes and ids that were asked for and not found."""
    found: list[str] = []
    for one in selected:
        value = data.get(one.key)
        if one.key in failed:
            continue
        for name in _LOOKUPS.get(one.name, ()):
            given = one.given(name)
            asked = None if given is None else given.read(call)
            if isinstance(asked, list):
                told = zip(value or (), asked, strict=True)
                found += [named(key) for place, key in told if place is None]
            elif asked is not None and value is None:
                found.append(str(asked))
    return found


def _fail_whole(errors: Sequence[GraphQLError]) -> None:
    """What no field is to blame for fails the question: nothing of it is answered."""
    for error in errors:
        cause = error.original_error
        if isinstance(cause, QuestionError) and cause.code in ("STORE_UNAVAILABLE", "TIMEOUT"):
            raise cause


def _error(error: GraphQLError) -> dict[str, Any]:
    cause = error.original_error
    if isinstance(cause, QuestionError):
        code, message = cause.code, cause.message
    else:
        _log.error("a field failed: %s", type(cause).__name__, exc_info=cause)
        code, message = "INTERNAL", "the question could not be answered"
    shown: dict[str, Any] = {"message": message}
    if error.path:
        shown["path"] = list(error.path)
    shown["extensions"] = {"code": code}
    return shown
