"""Arguments as the compiler sees them: what is given, and where its value comes from later."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from graphql import (
    FieldNode,
    GraphQLArgument,
    GraphQLField,
    GraphQLInputType,
    ListValueNode,
    ObjectValueNode,
    Undefined,
    ValueNode,
    VariableNode,
    get_nullable_type,
    is_input_object_type,
    is_non_null_type,
)
from graphql.execution.values import VariableValues
from graphql.utilities import coerce_input_literal

from resolvers.context import Call
from resolvers.errors import QuestionError

Read = Callable[[Call], Any]


def plain(value: Any) -> Any:
    """A coerced value with enum members as their stored values."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


@dataclass(frozen=True, slots=True)
class Given:
    """A value that is not null: `read` gives it at run time, `literal` tells that it never varies.

    `sample` is the value of the run that is being compiled; other runs of the same plan have
    another one of the same shape.
    """

    sample: Any
    read: Read
    literal: bool


Value = Given | dict[str, Any]  # a dict: argument names to Value, nulls and absent ones left out


def shape_of(value: Any) -> Any:
    """What of a variable's value decides the plan: presence, booleans, enums, object keys."""
    if type(value) is str:
        return "given"
    if value is None or isinstance(value, bool | Enum):
        return value
    if isinstance(value, dict):
        return tuple((key, shape_of(item)) for key, item in sorted(value.items()))
    return "given"


def arguments(field: GraphQLField, node: FieldNode, variables: VariableValues) -> dict[str, Value]:
    """The arguments of a field that are given and not null, defaults included.

    Raises QuestionError BAD_VARIABLE where a variable is null, or makes a list or object that is
    no value of its type: the document is valid with another value of it (GraphQL §6.4.1).
    """
    nodes = {argument.name.value: argument.value for argument in node.arguments or ()}
    return _members(field.args, nodes, variables)


def _members(
    declared: Mapping[str, Any], nodes: Mapping[str, ValueNode], variables: VariableValues
) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for name, member in declared.items():
        value = _value(member, nodes.get(name), variables)
        if value is not None:
            found[name] = value
        elif is_non_null_type(member.type):
            raise QuestionError("BAD_VARIABLE", f"give a value for `{name}`: it must not be null")
    return found


def _value(
    member: GraphQLArgument | Any, node: ValueNode | None, variables: VariableValues
) -> Value | None:
    if isinstance(node, VariableNode) and node.name.value not in variables.coerced:
        node = None
    if node is None:
        default = _default(member)
        return None if default is None else Given(default, lambda _: default, True)
    if isinstance(node, VariableNode):
        name = node.name.value
        return _from_variable(variables.coerced[name], lambda call: call.variables[name])
    kind: GraphQLInputType = member.type
    nullable: Any = get_nullable_type(kind)
    if is_input_object_type(nullable) and isinstance(node, ObjectValueNode):
        nodes = {field.name.value: field.value for field in node.fields or ()}
        return _members(nullable.fields, nodes, variables)
    value = coerce_input_literal(node, kind, variables)
    if value is Undefined:
        raise QuestionError("BAD_VARIABLE", "a list or object has a variable that must not be null")
    if value is None:
        return None
    if _has_variables(node):

        def read(call: Call) -> Any:
            now = VariableValues(variables.sources, dict(call.variables))
            return plain(coerce_input_literal(node, kind, now))

        return Given(plain(value), read, False)
    fixed = plain(value)
    return Given(fixed, lambda _: fixed, True)


def _default(member: Any) -> Any:
    default = getattr(member, "default", None)
    if default is not None:
        if default.value is not Undefined:
            return plain(default.value)
        if default.literal is not None:
            return plain(coerce_input_literal(default.literal, member.type))
    value = getattr(member, "default_value", Undefined)
    return None if value is Undefined else plain(value)


def _from_variable(value: Any, read: Read) -> Value | None:
    if value is None:
        return None
    if isinstance(value, dict):
        found: dict[str, Value] = {}
        for key, item in value.items():
            member = _from_variable(item, lambda call, key=key: read(call)[key])  # type: ignore[misc]
            if member is not None:
                found[key] = member
        return found
    return Given(plain(value), lambda call: plain(read(call)), False)


def _has_variables(node: ValueNode) -> bool:
    if isinstance(node, ListValueNode):
        return any(_has_variables(one) for one in node.values)
    if isinstance(node, ObjectValueNode):
        return any(_has_variables(member.value) for member in node.fields)
    return isinstance(node, VariableNode)
