"""Variables of an operation: coerced as GraphQL says, quickly when all are plain scalars."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLSchema,
    NamedTypeNode,
    NonNullTypeNode,
    OperationDefinitionNode,
    TypeNode,
)
from graphql.execution.values import VariableValues, get_variable_values

MAX_ERRORS = 10


def _is_text(value: Any) -> bool:
    return type(value) is str


def _is_int(value: Any) -> bool:
    return type(value) is int and -(2**31) <= value < 2**31


def _is_boolean(value: Any) -> bool:
    return type(value) is bool


# Values that are their own coerced value (GraphQL §3.5).
_PLAIN: Mapping[str, Callable[[Any], bool]] = {
    "String": _is_text,
    "ID": _is_text,
    "Int": _is_int,
    "Boolean": _is_boolean,
}


def _plain(type_: TypeNode) -> Callable[[Any], bool] | None:
    if isinstance(type_, NonNullTypeNode):
        type_ = type_.type
    return _PLAIN.get(type_.name.value) if isinstance(type_, NamedTypeNode) else None


class Variables:
    """What the variables of one operation may be."""

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode) -> None:
        self._schema = schema
        self._definitions = operation.variable_definitions or ()
        checks = [(one.variable.name.value, _plain(one.type)) for one in self._definitions]
        self._plain = [(name, check) for name, check in checks if check is not None]
        self._is_plain = len(self._plain) == len(checks)

    def plain(self, given: Mapping[str, Any]) -> dict[str, Any] | None:
        """The coerced values when each one is given and is its own coerced value, else None."""
        if not self._is_plain:
            return None
        coerced = {}
        for name, check in self._plain:
            value = given.get(name)
            if not check(value):
                return None
            coerced[name] = value
        return coerced

    def values(self, given: Mapping[str, Any]) -> VariableValues | list[GraphQLError]:
        """The coerced values with their sources, or what is wrong with them."""
        return get_variable_values(
            self._schema,
            self._definitions,
            dict(given),
            max_errors=MAX_ERRORS,
            hide_suggestions=True,
        )
