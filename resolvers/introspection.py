"""Introspection: answered by graphql-core over the schema, nothing is read from the store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionSetNode,
    execute_sync,
)
from graphql.execution.collect_fields import FragmentDetails, collect_fields
from graphql.execution.values import VariableValues


def answer(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDetails],
    variables: VariableValues,
) -> Mapping[str, Any]:
    """The `__schema` and `__type` fields of the operation by response key."""
    query = schema.query_type
    assert query is not None
    grouped = collect_fields(schema, dict(fragments), variables, query, operation).grouped_field_set
    nodes: list[FieldNode] = []
    for details in grouped.values():
        if details[0].node.name.value in ("__schema", "__type"):
            nodes += [detail.node for detail in details]
    asked = OperationDefinitionNode(
        operation=operation.operation,
        name=operation.name,
        variable_definitions=operation.variable_definitions,
        directives=(),
        selection_set=SelectionSetNode(selections=tuple(nodes)),
    )
    document = DocumentNode(
        definitions=(asked, *(fragment.definition for fragment in fragments.values()))
    )
    raw = {
        name: source.value
        for name, source in variables.sources.items()
        if name in variables.coerced and source.value.__class__.__name__ != "UndefinedType"
    }
    result = execute_sync(schema, document, variable_values=raw)
    assert isinstance(result, ExecutionResult)
    return result.data or {}
