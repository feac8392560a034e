"""Records as SQL: one kind or all of them, filtered by their envelope and their hot fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from resolvers.argument import Given
from resolvers.field import put_all
from resolvers.lookup import subjects_named
from resolvers.page import Key, Page, Source
from resolvers.party import global_id, object_type, party_json
from resolvers.pseudonym import masked_sql
from resolvers.statement import Level, Routine, Row, Selected, Statement
from resolvers.visibility import field_visible, record_visible
from schema.record_kinds import Comparison, KindTypes
from security.policy import Persons
from store.kind import FieldType, Kinds

_ORDER = (
    Key("decision_date", "date", descending=True, nullable=True),
    Key("record_id", "uuid"),
)
_SQL_TYPES = {
    FieldType.DATE: "date",
    FieldType.DECIMAL: "numeric",
    FieldType.INTEGER: "integer",
    FieldType.BOOLEAN: "boolean",
}


def record_row(statement: Statement, level: Level, alias: str, kind: str) -> Row:
    """A record of one kind at an alias of its table; the answer names it."""
    level.records[f"uuid_send({alias}.record_id)"] = None
    type_name = statement.kinds.by_name[kind].type_name
    row = Row(statement, level, alias, object_type(statement, type_name))
    row.context["kind"] = kind
    return row


def record_json(
    level: Level, statement: Statement, alias: str, kinds: Sequence[str], details: Sequence[Any]
) -> str:
    """A record at an alias as an expression, by its kind."""
    arms = []
    for kind in kinds:
        row = record_row(statement, level, alias, kind)
        put_all(row, statement.select(row.type, list(details)))
        if len(kinds) == 1:
            return row.value()
        arms.append(f"WHEN '{kind}' THEN {row.json()}")
    return f"CASE {alias}.kind {' '.join(arms)} END"


def _conditions(statement: Statement, alias: str, selected: Selected) -> list[str]:
    """The conditions of the envelope that a filter gives."""
    where = []
    for name, value in selected.members("filter").items():
        if not isinstance(value, Given):
            continue
        match name:
            case "kinds":
                where.append(f"{alias}.kind = ANY({statement.given(value, 'text[]')})")
            case "subject":
                where.append(f"{alias}.subject_id IN ({subjects_named(statement, value)})")
            case "subjectCategory":
                where.append(f"{alias}.subject_category = {statement.given(value, 'text')}")
            case "decidedFrom":
                where.append(f"{alias}.decision_date >= {statement.given(value, 'date')}")
            case "decidedTo":
                where.append(f"{alias}.decision_date <= {statement.given(value, 'date')}")
            case "issuer":
                text = statement.given(value, "text")
                where.append(
                    f"({alias}.issuer_uscc = upper({text}) OR {alias}.issuer_name = {text})"
                )
            case "originRegion":
                where.append(f"{alias}.origin_region = {statement.given(value, 'text')}")
            case "documentNo":
                where.append(f"{alias}.document_no = {statement.given(value, 'text')}")
    return where


def _own_conditions(
    statement: Statement, alias: str, selected: Selected, made: KindTypes
) -> list[str]:
    """The conditions of the kind's hot fields; a field that the caller may not see matches
    nothing."""
    where = []
    given = selected.members("filter")
    for condition in made.conditions:
        value = given.get(condition.argument)
        if not isinstance(value, Given):
            continue
        field = condition.field
        if not field_visible(statement, field.visibility, made.kind.name):
            where.append("false")
            continue
        column = f"{alias}.x_{field.name}"
        sql_type = _SQL_TYPES.get(field.type, "text")
        match condition.comparison:
            case Comparison.EQUAL:
                where.append(f"{column} = {statement.given(value, sql_type)}")
            case Comparison.AT_LEAST:
                where.append(f"{column} >= {statement.given(value, sql_type)}")
            case Comparison.AT_MOST:
                where.append(f"{column} <= {statement.given(value, sql_type)}")
            case Comparison.ONE_OF:
                where.append(f"{column} = ANY({statement.given(value, 'text[]')})")
            case Comparison.OVERLAPS:
                where.append(f"{column} && {statement.given(value, 'text[]')}")
    return where


def _connection(kinds: tuple[str, ...], of_subject: bool) -> Routine:
    def compile_(row: Row, selected: Selected) -> str:
        statement = row.statement
        statement.disclose(selected.coordinate)
        alias = statement.alias("r")
        where = [_kinds(alias, kinds), record_visible(statement, alias)]
        if of_subject:
            where.insert(0, f"{alias}.subject_id = {row.context['subject']}")
        where += _conditions(statement, alias, selected)
        if len(kinds) == 1:
            made = statement.record_kinds.by_name[kinds[0]]
            where += _own_conditions(statement, alias, selected, made)
        source = Source("record", alias, " AND ".join(where), _ORDER, "record")
        edge_name = (
            statement.kinds.by_name[kinds[0]].type_name
            if selected.type.name != "RecordConnection"
            else "Record"
        )

        def named(level: Level) -> None:
            if not of_subject:
                level.subjects[
                    f"coalesce((SELECT s.audit_ref FROM subject s"
                    f" WHERE s.subject_id = {alias}.subject_id), ''::bytea)"
                ] = None

        def edge(level: Level) -> Row:
            named(level)
            return Row(statement, level, alias, object_type(statement, f"{edge_name}Edge"))

        def node(level: Level, details: Sequence[Any]) -> str:
            named(level)
            return record_json(level, statement, alias, kinds, details)

        return Page(statement, selected, source, edge, node).compile(row.level)

    return compile_


def _kinds(alias: str, kinds: tuple[str, ...]) -> str:
    names = ", ".join(f"'{kind}'" for kind in kinds)
    return f"{alias}.kind IN ({names})" if names else "false"


def _id(row: Row, _: Selected) -> str:
    return global_id(row.type.name, f"{row.alias}.record_id")


def _subject(row: Row, selected: Selected) -> str:
    row.statement.disclose(selected.coordinate)
    return party_json(row.level, row.statement, selected.details, f"{row.alias}.subject_id")


def _reported_name(row: Row, selected: Selected) -> str:
    statement, alias = row.statement, row.alias
    statement.disclose(selected.coordinate)
    if statement.scope.row.persons is Persons.CLEAR:
        return f"{alias}.reported_name"
    if statement.scope.row.person_records:
        statement.disclose(selected.coordinate, masked=True)
    hidden = masked_sql(f"{alias}.reported_name", statement.surnames)
    return (
        f"CASE WHEN {alias}.subject_category = 'NATURAL_PERSON' THEN {hidden}"
        f" ELSE {alias}.reported_name END"
    )


def _reported_code(row: Row, selected: Selected) -> str:
    row.statement.disclose(selected.coordinate)
    return (
        f"CASE WHEN {row.alias}.subject_category <> 'NATURAL_PERSON'"
        f" THEN {row.alias}.reported_code END"
    )


def routines(kinds: Kinds) -> dict[str, Routine]:
    """The routines of records, with one connection per declared kind."""
    names = tuple(kind.name for kind in kinds)
    found: dict[str, Routine] = {
        "Query.records": _connection(names, of_subject=False),
        "Party.records": _connection(names, of_subject=True),
        "Record.id": _id,
        "Record.subject": _subject,
        "Record.reportedName": _reported_name,
        "Record.reportedCode": _reported_code,
    }
    for kind in kinds:
        found[f"Query.{kind.plural}"] = _connection((kind.name,), of_subject=False)
        found[f"Organisation.{kind.plural}"] = _connection((kind.name,), of_subject=True)
    return found
