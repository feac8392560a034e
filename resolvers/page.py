"""Pages: keyset cursors, limits and counts of one list."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

import orjson

from resolvers.context import Call
from resolvers.errors import QuestionError
from resolvers.field import put
from resolvers.pseudonym import person_of, token_sql
from resolvers.statement import Level, Row, Selected, Statement

DEFAULT_FIRST = 20


@dataclass(frozen=True, slots=True)
class Key:
    """One part of an order: a column of the page's rows."""

    column: str
    cast: str  # text, date, timestamptz, uuid, numeric or person (uuid, shown as a token)
    descending: bool = False
    nullable: bool = False

    @property
    def sql_type(self) -> str:
        return "uuid" if self.cast == "person" else self.cast


@dataclass(frozen=True, slots=True)
class Source:
    """The rows of a list before paging: `alias` of `table`, under `where`, in an order.

    `order` names the order inside cursors, so that a cursor of another order is refused.
    """

    table: str
    alias: str
    where: str
    keys: tuple[Key, ...]
    order: str


@dataclass(frozen=True, slots=True)
class Window:
    """Which page: the size and the cursors as SQL, and what its first row is counted from."""

    backward: bool
    size: Callable[[Call], int]
    literal_size: int | None
    starts_after: bool  # a cursor bounds the side that paging starts from


def _cursor_values(call: Call, cursor: Any, source: Source) -> list[Any]:
    invalid = QuestionError(
        "CURSOR_INVALID", "the cursor is not one of this list and order: start without it"
    )
    if not isinstance(cursor, str) or len(cursor) > 4096:
        raise invalid
    try:
        told = orjson.loads(base64.b64decode(cursor, validate=True))
        if not isinstance(told, list) or told[0] != source.order:
            raise invalid
        if len(told) != len(source.keys) + 1:
            raise invalid
        return [_typed(call, key, part) for key, part in zip(source.keys, told[1:], strict=True)]
    except (ValueError, binascii.Error, InvalidOperation, TypeError, IndexError) as error:
        raise invalid from error


def _typed(call: Call, key: Key, text: Any) -> Any:
    if text is None:
        if key.nullable:
            return None
        raise ValueError("null")
    if not isinstance(text, str) or "\x00" in text:
        raise ValueError("not text")
    match key.cast:
        case "date":
            return dt.date.fromisoformat(text)
        case "timestamptz":
            instant = dt.datetime.fromisoformat(text)
            if instant.tzinfo is None:
                raise ValueError("no offset")
            return instant
        case "uuid":
            return UUID(text)
        case "numeric":
            number = Decimal(text)
            if not number.is_finite():
                raise ValueError("not finite")
            return number
        case "person":
            person = person_of(call.context.person_key, text)
            if person is None:
                raise ValueError("not a token")
            return person
    return text


def cursor_sql(statement: Statement, source: Source) -> str:
    """The cursor of a row: base64 of a JSON array of the order's name and the row's keys."""
    parts = []
    for key in source.keys:
        column = f"{source.alias}.{key.column}"
        match key.cast:
            case "person":
                parts.append(token_sql(statement.person_key, column))
            case "timestamptz":
                form = """'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'"""
                parts.append(f"to_char({column} AT TIME ZONE 'UTC', {form})")
            case _:
                parts.append(f"{column}::text")
    return (
        f"translate(encode(convert_to(json_build_array('{source.order}'::text,"
        f" {', '.join(parts)})::text, 'UTF8'), 'base64'), E'\\n', '')"
    )


def _beyond(statement: Statement, source: Source, cursor: Any, backward: bool) -> str:
    """The predicate of the rows after the cursor, or before it when `backward`."""

    def part(index: int) -> Callable[[Call], Any]:
        return lambda call: _cursor_values(call, cursor.read(call), source)[index]

    keys = source.keys
    bound = [statement.bind(part(i), key.sql_type) for i, key in enumerate(keys)]
    columns = [f"{source.alias}.{key.column}" for key in keys]
    descending = {key.descending for key in keys}
    if len(descending) == 1 and not any(key.nullable for key in keys):
        sign = "<" if descending.pop() != backward else ">"
        return f"({', '.join(columns)}) {sign} ({', '.join(bound)})"
    chain = ""
    for key, column, value in reversed(list(zip(keys, columns, bound, strict=True))):
        if key.descending != backward:
            strictly = f"{column} < {value}"
            nulls = f"({value} IS NULL AND {column} IS NOT NULL)"
        else:
            strictly = f"{column} > {value}"
            nulls = f"({value} IS NOT NULL AND {column} IS NULL)"
        if key.nullable:
            strictly = f"({strictly} OR {nulls})"
        same = f"{column} IS NOT DISTINCT FROM {value}" if key.nullable else f"{column} = {value}"
        chain = f"({strictly} OR ({same} AND {chain}))" if chain else strictly
    if keys[0].nullable:
        return chain
    # What an index can begin at: alone, the alternatives would be tried from the list's start.
    sign = "<=" if keys[0].descending != backward else ">="
    return f"({columns[0]} {sign} {bound[0]} AND {chain})"


def window(statement: Statement, selected: Selected) -> Window:
    """The page that the arguments ask for; raises QuestionError PAGING_CONFLICT.

    The size is checked when the plan runs: BAD_SIZE below 0, LIST_LIMIT above the role's limit.
    """
    first, last = selected.given("first"), selected.given("last")
    if first is not None and last is not None:
        raise QuestionError("PAGING_CONFLICT", "give `first` or `last`, not both")
    limit = statement.scope.row.list_limit
    wanted = first or last
    if wanted is None:
        default = min(DEFAULT_FIRST, limit)
        return Window(False, lambda _: default, default, selected.given("after") is not None)
    read = wanted.read

    def check(call: Call) -> None:
        size = read(call)
        if size < 0:
            raise QuestionError("BAD_SIZE", "`first` and `last` must not be negative")
        if size > limit:
            raise QuestionError("LIST_LIMIT", f"ask for at most {limit} rows per list")

    if wanted.literal:
        check(Call(None))  # type: ignore[arg-type]
    else:
        statement.checks.append(check)
    backward = last is not None
    return Window(
        backward,
        read,
        wanted.sample if wanted.literal else None,
        selected.given("before" if backward else "after") is not None,
    )


def _columns_read(alias: str, sql: str) -> list[str]:
    """The columns of a row that SQL reads, all of them where it reads the row as a whole.

    Below a limit PostgreSQL keeps a column that nobody reads, as a null that each execution sets
    up: all columns of `record` were a quarter of what a short list cost.
    """
    if re.search(rf"\b{alias}\b(?!\.[a-z_])", sql):
        return [f"{alias}.*"]
    found = dict.fromkeys(re.findall(rf"\b{alias}\.([a-z0-9_]+)", sql))
    found.pop("n_", None)
    return [f"{alias}.{name}" for name in found]


@dataclass
class Page:
    """A list being compiled into its connection object."""

    statement: Statement
    selected: Selected
    source: Source
    row: Callable[[Level], Row]  # an empty edge row over the page's rows
    node: Callable[[Level, Sequence[Any]], str]  # a node's expression from its field details
    relation: bool = False  # the edge is itself a relation, with fields of its own
    more: Mapping[str, str] = field(default_factory=dict)  # further fields of the connection

    def compile(self, parent: Level) -> str:
        """The connection as a json expression; joins what it needs to the parent's row."""
        statement = self.statement
        statement.count_list()
        with statement.deeper():
            shape = window(statement, self.selected)
            inner = Level()
            aggregates: list[tuple[str, str]] = []
            result = statement.alias("c")
            connection_level = Level()
            connection = Row(statement, connection_level, result, self.selected.type)
            needs_number = shape.backward
            page_infos: list[tuple[Selected, list[Selected]]] = []
            for field in statement.select(self.selected.type, self.selected.details):
                if field.name == "__typename":
                    connection.put(field.key, f"'{self.selected.type.name}'::text")
                elif field.name == "totalCount":
                    connection.put(field.key, self._count())
                elif field.name in self.more:
                    connection.put(field.key, self.more[field.name])
                elif field.name == "pageInfo":
                    wanted = statement.select(field.type, field.details)
                    page_infos.append((field, wanted))
                    needs_number = True
                    connection.put(field.key, "")
                else:
                    with statement.deeper():
                        value = (
                            self._edge(inner, field)
                            if field.name == "edges"
                            else self.node(inner, field.details)
                        )
                    name = f"j{len(aggregates)}"
                    aggregates.append((name, value))
                    connection.put(field.key, f"{result}.{name}")
            size = self._size(shape)
            if aggregates or page_infos:
                self._join(parent, inner, result, shape, size, aggregates, needs_number, page_infos)
            else:
                self._check_cursors()
            for field, wanted in page_infos:
                at = next(i for i, (key, _) in enumerate(connection.columns) if key == field.key)
                info = self._page_info(connection_level, result, shape, field, wanted)
                connection.columns[at] = (field.key, info)
            value = connection.json()
            for join in connection_level.joins:
                parent.take(join)
            if connection.columns:
                listed = {f"{result}.{name}" for name, _ in aggregates}
                statement.parted[value] = [
                    (key, shown if shown in listed else f"to_json({shown})")
                    for key, shown in connection.columns
                ]
            return value

    def _check_cursors(self) -> None:
        """Have the cursors judged where no row is read, such as for the count alone."""
        given = [one for one in map(self.selected.given, ("after", "before")) if one is not None]

        def check(call: Call) -> None:
            for cursor in given:
                _cursor_values(call, cursor.read(call), self.source)

        if given:
            self.statement.checks.append(check)

    def _size(self, shape: Window) -> str:
        if shape.literal_size is not None:
            return str(int(shape.literal_size))
        return self.statement.bind(shape.size, "bigint")

    def _count(self) -> str:
        source = self.source
        return f"(SELECT count(*) FROM {source.table} {source.alias} WHERE {source.where})"

    def _edge(self, level: Level, field: Selected) -> str:
        row = self.row(level)
        for inner in self.statement.select(row.type, field.details):
            if inner.name == "cursor":
                row.put(inner.key, cursor_sql(self.statement, self.source))
            elif inner.name == "node" and not self.relation:
                row.put(inner.key, self.node(level, inner.details))
            else:
                put(row, inner)
        return row.value()

    def _join(
        self,
        parent: Level,
        inner: Level,
        result: str,
        shape: Window,
        size: str,
        aggregates: list[tuple[str, str]],
        numbered: bool,
        page_infos: list[Any],
    ) -> None:
        source, statement = self.source, self.statement
        alias = source.alias
        where = [source.where]
        for name, backward in (("after", False), ("before", True)):
            cursor = self.selected.given(name)
            if cursor is not None:
                where.append(_beyond(statement, source, cursor, backward))
        order = ", ".join(
            f"{alias}.{key.column} {'DESC' if key.descending != shape.backward else 'ASC'}"
            for key in source.keys
        )
        inside = f" FILTER (WHERE {alias}.n_ <= {size})" if numbered else ""
        ordered = f" ORDER BY {alias}.n_ DESC" if shape.backward else ""
        shown = [
            f"coalesce(json_agg({value}{ordered}){inside}, '[]'::json) AS {name}"
            for name, value in aggregates
        ]
        for kind in ("a", "r"):
            manifest = inner.manifest(kind)
            if manifest is not None:
                shown.append(
                    f"coalesce(string_agg({manifest}, ''::bytea{ordered}){inside}, ''::bytea)"
                    f" AS {kind}"
                )
                target = parent.subjects if kind == "a" else parent.records
                target[f"{result}.{kind}"] = None
        if page_infos:
            shown_cursor = cursor_sql(statement, source)
            shown.append("count(*) AS n_")
            shown.append(f"min({shown_cursor}) FILTER (WHERE {alias}.n_ = 1) AS near_")
            shown.append(f"(array_agg({shown_cursor} ORDER BY {alias}.n_ DESC){inside})[1] AS far_")
        columns = _columns_read(alias, " ".join([*shown, *inner.joins]))
        if numbered:
            columns.append(f"row_number() OVER (ORDER BY {order}) AS n_")
        rows = (
            f"SELECT {', '.join(columns)} FROM {source.table} {alias}"
            f" WHERE {' AND '.join(where)} ORDER BY {order}"
        )
        if shape.literal_size is not None:
            rows = f"({rows} LIMIT {int(size) + 1 if numbered else size}) {alias}"
        else:
            # The literal bound lets the planner see that few rows are wanted.
            bound = statement.scope.row.list_limit + 1
            more = f"{size} + 1" if numbered else size
            rows = f"(SELECT * FROM ({rows} LIMIT {bound}) {alias} LIMIT {more}) {alias}"
        parent.take(
            f"CROSS JOIN LATERAL (SELECT {', '.join(shown)} FROM {rows}"
            f" {' '.join(inner.joins)}) {result}"
        )

    def _page_info(
        self, level: Level, result: str, shape: Window, field: Selected, wanted: list[Selected]
    ) -> str:
        size = self._size(shape)
        more = f"({result}.n_ > {size})"
        bounded = "true" if shape.starts_after else "false"
        near = f"CASE WHEN {result}.far_ IS NOT NULL THEN {result}.near_ END"
        far = f"{result}.far_"
        start, end = (far, near) if shape.backward else (near, far)
        found = {
            "hasNextPage": bounded if shape.backward else more,
            "hasPreviousPage": more if shape.backward else bounded,
            "startCursor": start,
            "endCursor": end,
            "__typename": "'PageInfo'::text",
        }
        row = Row(self.statement, level, result, field.type)
        for inner in wanted:
            row.put(inner.key, found[inner.name])
        return row.value()
