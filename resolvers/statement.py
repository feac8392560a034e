"""One SQL statement being built from one operation: parameters, rows, manifests.

Rows become JSON inside PostgreSQL: `json_agg(q)` over a sub-select whose columns are the response
keys is the cheapest shape. Every value is bound; the only texts that enter the statement are
response keys (GraphQL names, quoted) and names from the declarations.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    TypeNameMetaFieldDef,
    get_named_type,
)
from graphql.execution.collect_fields import FieldDetails, FragmentDetails, collect_subfields
from graphql.execution.values import VariableValues

from resolvers.argument import Given, Value, arguments
from resolvers.context import Call
from resolvers.errors import QuestionError
from resolvers.pseudonym import COMPOUND_SURNAMES
from schema.record_kinds import RecordKinds
from security.policy import Scope
from store.kind import Kinds

_MAX_DEPTH = 24  # of the statement: of what a document within its limits nests, one and a half
MAX_FIELDS = 1_000
MAX_LISTS = 60  # the planner's time grows with the cube of what stands side by side
_PARAMETER = re.compile(r"\$(\d+)")
_NAME_BYTES = 63  # PostgreSQL cuts longer column names


@dataclass(frozen=True, slots=True)
class Selected:
    """One response key of an object: the field and everything selected under it."""

    key: str
    name: str
    coordinate: str
    field: GraphQLField
    details: list[FieldDetails]
    arguments: dict[str, Value]

    @property
    def type(self) -> Any:
        """The named type of the field."""
        return get_named_type(self.field.type)

    def given(self, name: str) -> Given | None:
        """A scalar argument, None when absent or null."""
        value = self.arguments.get(name)
        return value if isinstance(value, Given) else None

    def members(self, name: str) -> dict[str, Value]:
        """An input object argument, empty when absent or null."""
        value = self.arguments.get(name)
        return value if isinstance(value, dict) else {}


@dataclass
class Statement:
    """The statement as far as it is built."""

    schema: GraphQLSchema
    kinds: Kinds
    record_kinds: RecordKinds
    scope: Scope
    operation: OperationDefinitionNode
    fragments: dict[str, FragmentDetails]
    variables: VariableValues
    routines: Mapping[str, Routine]
    direct: bool = False  # the one organisation asked for is looked for where nearly all are found
    binds: list[Callable[[Call], Any]] = field(default_factory=list)
    checks: list[Callable[[Call], None]] = field(default_factory=list)
    coordinates: dict[str, None] = field(default_factory=dict)
    masked: dict[str, None] = field(default_factory=dict)
    # Objects that need not become one json where they stand at the root: by the expression of the
    # whole, keys and the json of each.
    parted: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    _shared: dict[Any, str] = field(default_factory=dict)
    _aliases: int = 0
    _fields: int = 0
    _lists: int = 0
    depth: int = 0

    def anew(self, scope: Scope, *, direct: bool = False) -> Statement:
        """An empty statement for the same operation and variables."""
        return Statement(
            self.schema,
            self.kinds,
            self.record_kinds,
            scope,
            self.operation,
            self.fragments,
            self.variables,
            self.routines,
            direct,
        )

    def alias(self, letter: str) -> str:
        """A fresh table alias."""
        self._aliases += 1
        return f"{letter}{self._aliases}"

    def bind(self, read: Callable[[Call], Any], cast: str, share: Any = None) -> str:
        """A parameter of SQL type `cast`; the same `share` key gives the same parameter."""
        if share is not None and (share, cast) in self._shared:
            return self._shared[share, cast]
        self.binds.append(read)
        shown = f"${len(self.binds)}::{cast}"
        if share is not None:
            self._shared[share, cast] = shown
        return shown

    def finished(self, sql: str) -> tuple[str, tuple[Callable[[Call], Any], ...]]:
        """The statement with the parameters it uses, numbered anew, and what binds them."""
        used: dict[str, int] = {}

        def renumber(match: re.Match[str]) -> str:
            return f"${used.setdefault(match[1], len(used) + 1)}"

        text = _PARAMETER.sub(renumber, sql)
        return text, tuple(self.binds[int(number) - 1] for number in used)

    def given(self, value: Given, cast: str) -> str:
        """A parameter with the value of an argument."""
        return self.bind(value.read, cast)

    @property
    def today(self) -> str:
        return self.bind(lambda call: call.context.today, "date", "today")

    @property
    def surnames(self) -> str:
        return self.bind(lambda _: COMPOUND_SURNAMES, "text[]", "surnames")

    @property
    def person_key(self) -> str:
        return self.bind(lambda call: call.context.person_key, "bytea", "person_key")

    def select(self, type_: GraphQLObjectType, details: list[FieldDetails]) -> list[Selected]:
        """The response keys selected on an object of the type, in document order."""
        grouped = collect_subfields(
            self.schema, self.fragments, self.variables, self.operation, type_, details
        ).grouped_field_set
        return [self._selected(type_, key, found) for key, found in grouped.items()]

    def _selected(
        self, type_: GraphQLObjectType, key: str, details: list[FieldDetails]
    ) -> Selected:
        self._fields += 1
        if self._fields > MAX_FIELDS:
            raise QuestionError("FIELD_LIMIT", f"ask for at most {MAX_FIELDS} fields at once")
        name = details[0].node.name.value
        coordinate = f"{type_.name}.{name}"
        if name == "__typename":
            return Selected(key, name, coordinate, TypeNameMetaFieldDef, details, {})
        field = type_.fields[name]
        return Selected(
            key, name, coordinate, field, details, arguments(field, details[0].node, self.variables)
        )

    def root(self, details: dict[str, list[FieldDetails]]) -> list[Selected]:
        """The response keys of the root that the operation starts from."""
        root = self.schema.get_root_type(self.operation.operation)
        assert root is not None
        found = []
        for key, group in details.items():
            if not group[0].node.name.value.startswith("__"):
                found.append(self._selected(root, key, group))
        return found

    def count_list(self) -> None:
        """Note one more list, or root field; raises QuestionError COST_LIMIT beyond 60."""
        self._lists += 1
        if self._lists > MAX_LISTS:
            raise QuestionError("COST_LIMIT", f"ask for at most {MAX_LISTS} lists or roots at once")

    def deeper(self) -> Deeper:
        """Enter one level; raises QuestionError DEPTH_LIMIT far beyond what documents may nest."""
        return Deeper(self)

    def disclose(self, coordinate: str, *, masked: bool = False) -> None:
        """Note that the answer shows this field, or shows it masked or empty by policy."""
        (self.masked if masked else self.coordinates)[coordinate] = None


class Deeper:
    """One level of selection."""

    def __init__(self, statement: Statement) -> None:
        self._statement = statement

    def __enter__(self) -> Deeper:
        statement = self._statement
        statement.depth += 1
        if statement.depth > _MAX_DEPTH:
            raise QuestionError("DEPTH_LIMIT", "nest selections less deep")
        return self

    def __exit__(self, *_: object) -> None:
        self._statement.depth -= 1


@dataclass
class Level:
    """One FROM clause: lateral joins in order, and what its rows disclose."""

    joins: list[str] = field(default_factory=list)
    subjects: dict[str, None] = field(default_factory=dict)  # bytea expressions, never null
    records: dict[str, None] = field(default_factory=dict)

    def take(self, join: str) -> None:
        self.joins.append(join)

    def manifest(self, kind: str) -> str | None:
        """The bytea expression of what a row discloses, None when nothing."""
        found = self.subjects if kind == "a" else self.records
        return " || ".join(found) if found else None


@dataclass
class Row:
    """One JSON object made of one SQL row of `alias`."""

    statement: Statement
    level: Level
    alias: str
    type: GraphQLObjectType
    columns: list[tuple[str, str]] = field(default_factory=list)
    context: dict[str, str] = field(default_factory=dict)  # what routines of this type need

    def put(self, key: str, expression: str) -> None:
        self.columns.append((key, expression))

    def value(self) -> str:
        """The object as an expression: a whole row, or json when names are too long or none."""
        if not self.columns or any(len(key) > _NAME_BYTES for key, _ in self.columns):
            parts = [
                f"""'"{key}":' || coalesce(to_json({expression})::text, 'null')"""
                for key, expression in self.columns
            ]
            body = " || ',' || ".join(parts)
            return f"('{{' || {body} || '}}')::json" if parts else "'{}'::json"
        row = self.statement.alias("q")
        shown = ", ".join(f'{expression} AS "{key}"' for key, expression in self.columns)
        self.level.take(f"CROSS JOIN LATERAL (SELECT {shown}) {row}")
        return row

    def json(self) -> str:
        """The object as an expression of type json."""
        value = self.value()
        return value if value.endswith("::json") else f"row_to_json({value})"


def sub_object(
    parent: Level,
    statement: Statement,
    level: Level,
    value: str,
    source: str,
    where: str,
) -> str:
    """Join one object of another table to the parent's row; the json expression, null when none.

    The limit keeps the sub-query apart: merged into one join list, a few dozen take the planner
    seconds.
    """
    alias = statement.alias("n")
    shown = [f"{value} AS j"]
    for kind in ("a", "r"):
        manifest = level.manifest(kind)
        if manifest is not None:
            shown.append(f"{manifest} AS {kind}")
            target = parent.subjects if kind == "a" else parent.records
            target[f"coalesce({alias}.{kind}, ''::bytea)"] = None
    parent.take(
        f"LEFT JOIN LATERAL (SELECT {', '.join(shown)} FROM {source} {' '.join(level.joins)}"
        f" WHERE {where} LIMIT 1) {alias} ON true"
    )
    return f"{alias}.j"


Routine = Callable[[Row, Selected], str]
