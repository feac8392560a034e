"""Questions that ask for every coordinate which the statement answers: each field, argument, member
of an input and value of an enum, on the shortest way from a root to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
    is_non_null_type,
)

from tests.resolvers.differential.question import Question, Writer
from tests.resolvers.differential.world import World

_AT_ONCE, _DEEPER = 12, 3  # coordinates of one question, and below two lists
_OF_FEW = frozenset({"node", "organisation", "person", "_entities", "subjects"})
_PAGE, _INNER = "first: 20", "first: 3"
_SKIPPED = frozenset({"after", "before", "last"})  # cursors are those of earlier answers


class _Given(Writer):
    """A writer whose chances come from a generator of its own."""

    random: Random

    def number(self, least: int, most: int) -> int:
        return self.random.randint(least, most)

    def text(self, name: str) -> str:
        return "公司" if name in ("name", "text") else super().text(name)


@dataclass
class Sweep:
    """Every coordinate that `roots` lead to."""

    schema: GraphQLSchema
    world: World
    roots: frozenset[str]

    def __post_init__(self) -> None:
        self._writer = _Given(self.schema, self.world, b"k" * 32, lambda _: "甲", ())
        self._writer.random = Random(11)

    def questions(self) -> Iterator[Question]:
        for way, type_ in self._ways():
            parts: list[str] = []
            for name, definition in type_.fields.items():
                if type_ is self.schema.query_type and name not in self.roots:
                    continue
                parts += self._forms(name, definition)
            count = _AT_ONCE if way.count("first:") < 2 else _DEEPER
            for start in range(0, len(parts), count):
                some = [f"c{n}: {one}" for n, one in enumerate(parts[start : start + count])]
                yield Question(way.replace("…", " ".join(some)), {})

    def _ways(self) -> list[tuple[str, GraphQLObjectType | GraphQLInterfaceType]]:
        """Each type that has fields, and a document in which `…` is what is asked of it."""
        query = self.schema.query_type
        assert query is not None
        found: dict[str, tuple[str, Any]] = {query.name: ("{ … }", query)}
        waiting: list[tuple[str, Any]] = [("{ … }", query)]
        while waiting:
            way, type_ = waiting.pop(0)
            for name, definition in getattr(type_, "fields", {}).items():
                if type_ is query and (name not in self.roots or name in _OF_FEW):
                    continue
                inner = get_named_type(definition.type)
                if not is_composite_type(inner):
                    continue
                page = _PAGE if type_ is query else _INNER
                step = f"{name}{self._needed(definition, page=page)} {{ … }}"
                types = [inner]
                if isinstance(inner, GraphQLInterfaceType | GraphQLUnionType):
                    types += self.schema.get_possible_types(inner)
                for one in types:
                    if one.name in found or isinstance(one, GraphQLUnionType):
                        continue
                    narrow = (
                        step if one is inner else step.replace("…", f"... on {one.name} {{ … }}")
                    )
                    found[one.name] = (way.replace("…", narrow), one)
                    waiting.append(found[one.name])
        return list(found.values())

    def _forms(self, name: str, definition: GraphQLField) -> list[str]:
        """The field without more, and with each of its arguments in each of its forms."""
        inner = get_named_type(definition.type)
        below = f" {{ {_key(inner)} }}" if is_composite_type(inner) else ""
        if "nodes" in (members := getattr(inner, "fields", {})):
            key = _key(get_named_type(members["nodes"].type))
            below = f" {{ totalCount nodes {{ {key} }} pageInfo {{ endCursor }} }}"
        forms = []
        if name != "person":  # which needs one of its arguments
            forms.append(f"{name}{self._needed(definition)}{below}")
        for argument, declared in definition.args.items():
            if argument in _SKIPPED:
                continue
            values = self._values(declared.type, argument)
            given = [self._needed(definition, f"{argument}: {value}") for value in values]
            forms += [f"{name}{one}{below}" for one in given]
        return forms

    def _values(self, type_: Any, name: str) -> Iterator[str]:
        """Values in which each member and each value of an enum occurs."""
        plain = get_nullable_type(type_)
        if is_list_type(plain):
            for one in self._values(plain.of_type, name):
                yield f"[{one}]"
        elif isinstance(plain, GraphQLEnumType):
            yield from plain.values
        elif isinstance(plain, GraphQLInputObjectType):
            needed = {
                member: next(self._values(declared.type, member))
                for member, declared in plain.fields.items()
                if is_non_null_type(declared.type) and declared.default is None
            }
            for member, declared in plain.fields.items():
                for value in self._values(declared.type, member):
                    told = needed | {member: value}
                    yield "{" + ", ".join(f"{key}: {one}" for key, one in told.items()) + "}"
        elif plain.name == "USCC":
            yield f'"{self.world.values("organisation", "uscc")[0]}"'
        else:
            writer = self._writer
            yield writer.literal(writer.value(type_, name), type_, constant=True)

    def _needed(self, definition: GraphQLField, also: str = "", page: str = _INNER) -> str:
        """The arguments that the field must have, one of them given, and a page that finds."""
        given = [also] if also else []
        for argument, declared in definition.args.items():
            required = is_non_null_type(declared.type) and declared.default is None
            if also.startswith(f"{argument}:"):
                continue
            if required:
                given.append(f"{argument}: {next(self._values(declared.type, argument))}")
            elif argument == "first":
                given.append(page)
        return f"({', '.join(given)})" if given else ""


def _key(type_: Any) -> str:
    """What tells one object of the type from another."""
    return "id" if "id" in getattr(type_, "fields", {}) else "__typename"
