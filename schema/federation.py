"""Federation: the schema as a subgraph of a supergraph (Apollo Federation 2.9).

What a gateway adds to the public schema: `_service`, `_entities` and the directives of the
federated text. Standard clients read `schema.graphql`, which has none of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, NewType, Union

import strawberry
from graphql import (
    ConstArgumentNode,
    ConstDirectiveNode,
    DefinitionNode,
    DocumentNode,
    GraphQLError,
    NameNode,
    ObjectTypeDefinitionNode,
    StringValueNode,
    parse,
    print_ast,
)
from strawberry.types.field import StrawberryField
from strawberry.types.scalar import ScalarDefinition

from schema.binding import described

VERSION = "https://specs.apollo.dev/federation/v2.9"
KEYS: Mapping[str, tuple[str, ...]] = {
    "Organisation": ("id", "uscc"),
    "Region": ("id", "regionId"),
    "Unit": ("id", "uscc"),
}
"""The keys of entities; every other type that is a `Node` is keyed by its id."""

_SHAREABLE = ("PageInfo", "Money")  # values without a home: any subgraph may give them
_OWN = ("key", "shareable")
_COSTS = ("cost", "listSize")  # directives that federation defines as we do

_Representation = NewType("_Representation", object)


def _representation(value: Any) -> Any:
    if isinstance(value, dict):
        return value
    raise GraphQLError("_Any cannot represent the value: give an object with __typename and a key.")


SCALARS: dict[object, ScalarDefinition] = {
    _Representation: strawberry.scalar(
        name="_Any",
        description="实体引用 representation of an entity: `__typename` and the fields of one key.",
        serialize=_representation,
        parse_value=_representation,
        specified_by_url="https://www.apollographql.com/docs/graphos/schema-design/federated-schemas/reference/subgraph-spec",
    )
}


@strawberry.type(name="_Service", description="子图 this node as a subgraph.")
class Service:
    sdl: str = described("模式 the schema with the directives of federation.")


def keys_of(type_name: str) -> tuple[str, ...]:
    """The fields each of which alone names an entity of the type."""
    return KEYS.get(type_name, ("id",))


def entity_fields(entities: tuple[Any, ...]) -> list[StrawberryField]:
    """The two root fields that a gateway asks, for these types."""
    of_keys = strawberry.union("_Entity", description="实体 whatever can be named by a key.")
    entity: Any = Annotated[Union[entities], of_keys]  # noqa: UP007 - the types are data
    return [
        _root("_service", "子图 the schema as gateways compose it.", {"return": Service}),
        _root(
            "_entities",
            "实体 by their keys, for gateways; null for what the caller may not see.",
            {
                "representations": Annotated[
                    list[_Representation],
                    strawberry.argument(
                        description="实体引用 at most as many as a list may have rows."
                    ),
                ],
                "return": list[entity | None],
            },
        ),
    ]


def _root(name: str, description: str, annotations: dict[str, Any]) -> StrawberryField:
    def asked(representations: Any) -> Any: ...

    def told() -> Any: ...

    resolver: Any = asked if "representations" in annotations else told
    resolver.__annotations__ = annotations
    made: StrawberryField = strawberry.field(resolver=resolver, description=description)
    made.python_name, made.graphql_name = f"{name[1:]}_", name
    return made


def federated(public: str) -> str:
    """The text of a subgraph, from the text of the public schema."""
    document = parse(public, no_location=True)
    used = [name for name in _COSTS if f"directive @{name}(" in public]
    definitions = [
        _keyed(definition)
        for definition in document.definitions
        if getattr(getattr(definition, "name", None), "value", "") not in used
    ]
    imported = ", ".join(f'"@{name}"' for name in (*_OWN, *used))
    head = f'extend schema @link(url: "{VERSION}", import: [{imported}])'
    return f"{head}\n\n{print_ast(DocumentNode(definitions=tuple(definitions)))}\n"


def _keyed(definition: DefinitionNode) -> DefinitionNode:
    if not isinstance(definition, ObjectTypeDefinitionNode):
        return definition
    name = definition.name.value
    added = []
    if any(of.name.value == "Node" for of in definition.interfaces or ()):
        added = [_directive("key", fields=key) for key in keys_of(name)]
    elif name in _SHAREABLE:
        added = [_directive("shareable")]
    return replace(definition, directives=(*(definition.directives or ()), *added))


def _directive(name: str, **arguments: str) -> ConstDirectiveNode:
    return ConstDirectiveNode(
        name=NameNode(value=name),
        arguments=tuple(
            ConstArgumentNode(name=NameNode(value=key), value=StringValueNode(value=value))
            for key, value in arguments.items()
        ),
    )
