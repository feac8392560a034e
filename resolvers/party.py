"""Organisations and persons: their fields, and either of them behind an id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphql import GraphQLObjectType

from resolvers.field import put_all
from resolvers.pseudonym import masked_sql, token_sql
from resolvers.reference import region_json
from resolvers.statement import Level, Routine, Row, Selected, Statement, sub_object
from resolvers.visibility import organisation_visible, persons_visible
from security.policy import Government, Persons


def object_type(statement: Statement, name: str) -> GraphQLObjectType:
    """The schema's object type of that name."""
    found = statement.schema.type_map[name]
    assert isinstance(found, GraphQLObjectType)
    return found


def global_id(type_name: str, key: str) -> str:
    """A Relay id as SQL: base64 of `Type:key` (at most 57 bytes, so without line ends)."""
    return f"encode(convert_to('{type_name}:' || {key}, 'UTF8'), 'base64')"


def organisation_row(statement: Statement, level: Level, alias: str) -> Row:
    """An organisation at an alias of its table; the answer names it as a subject."""
    level.subjects[f"{alias}.audit_ref"] = None
    row = Row(statement, level, alias, object_type(statement, "Organisation"))
    row.context["subject"] = f"{alias}.subject_id"
    return row


def person_row(statement: Statement, level: Level, alias: str) -> Row:
    """A person at an alias of its table; the answer names it as a subject."""
    level.subjects[f"{alias}.audit_ref"] = None
    row = Row(statement, level, alias, object_type(statement, "Person"))
    row.context["subject"] = f"{alias}.subject_id"
    return row


def organisation_json(
    parent: Level, statement: Statement, details: Sequence[Any], condition: str
) -> str:
    """The one organisation under a condition on `{o}` (its alias), as json."""
    alias, level = statement.alias("o"), Level()
    row = organisation_row(statement, level, alias)
    put_all(row, statement.select(row.type, list(details)))
    where = f"{condition.format(o=alias)} AND {organisation_visible(statement, alias)}"
    return sub_object(parent, statement, level, row.json(), f"organisation {alias}", where)


def person_json(parent: Level, statement: Statement, details: Sequence[Any], condition: str) -> str:
    """The one person under a condition on `{p}` (its alias), as json."""
    alias, level = statement.alias("p"), Level()
    row = person_row(statement, level, alias)
    put_all(row, statement.select(row.type, list(details)))
    return sub_object(
        parent, statement, level, row.json(), f"person {alias}", condition.format(p=alias)
    )


def party_json(
    parent: Level,
    statement: Statement,
    details: Sequence[Any],
    subject: str,
    *,
    organisations: bool = True,
    persons: bool = True,
) -> str:
    """The party behind a subject id as json; null when the caller may not see it."""
    with statement.deeper():
        found = []
        if organisations:
            found.append(
                organisation_json(parent, statement, details, f"{{o}}.subject_id = {subject}")
            )
        if persons and persons_visible(statement):
            found.append(person_json(parent, statement, details, f"{{p}}.subject_id = {subject}"))
    if not found:
        return "NULL::json"
    return found[0] if len(found) == 1 else f"coalesce({', '.join(found)})"


def _organisation_id(row: Row, _: Selected) -> str:
    return global_id("Organisation", f"{row.alias}.subject_id")


def _organisation_name(row: Row, selected: Selected) -> str:
    row.statement.disclose(selected.coordinate)
    return f"{row.alias}.name"


def _organisation_category(row: Row, selected: Selected) -> str:
    row.statement.disclose(selected.coordinate)
    return f"{row.alias}.category"


def _address(row: Row, selected: Selected) -> str:
    statement = row.statement
    statement.disclose(selected.coordinate)
    if statement.scope.row.government is Government.ALL:
        return f"{row.alias}.address"
    statement.disclose(selected.coordinate, masked=True)
    return f"CASE WHEN {row.alias}.category <> 'INDIVIDUAL_BUSINESS' THEN {row.alias}.address END"


def _region(row: Row, selected: Selected) -> str:
    row.statement.disclose(selected.coordinate)
    return region_json(row.level, row.statement, selected.details, f"{row.alias}.region_id")


def _listed(row: Row, selected: Selected, table: str, condition: str, order: str) -> str:
    """A short list of a subject's own rows of another table."""
    statement = row.statement
    statement.disclose(selected.coordinate)
    alias, result, level = statement.alias("l"), statement.alias("n"), Level()
    with statement.deeper():
        item = Row(statement, level, alias, selected.type)
        put_all(item, statement.select(item.type, selected.details))
        value = item.value()
    row.level.take(
        f"CROSS JOIN LATERAL (SELECT coalesce(json_agg({value}), '[]'::json) AS j FROM"
        f" (SELECT * FROM {table} x WHERE x.subject_id = {row.alias}.subject_id AND {condition}"
        f" ORDER BY {order} LIMIT 200) {alias} {' '.join(level.joins)}) {result}"
    )
    return f"{result}.j"


def _codes(row: Row, selected: Selected) -> str:
    return _listed(row, selected, "identifier", "x.is_open", "x.scheme, x.value")


def _former_names(row: Row, selected: Selected) -> str:
    return _listed(
        row, selected, "organisation_name", "x.is_former", "x.valid_to DESC NULLS LAST, x.name"
    )


def _person_id(row: Row, _: Selected) -> str:
    key = row.statement.person_key
    return global_id("Person", token_sql(key, f"{row.alias}.subject_id"))


def _person_name(row: Row, selected: Selected) -> str:
    statement = row.statement
    clear = statement.scope.row.persons is Persons.CLEAR
    statement.disclose(selected.coordinate, masked=not clear)
    if clear:
        return f"{row.alias}.name"
    return masked_sql(f"{row.alias}.name", statement.surnames)


def _person_category(_row: Row, _: Selected) -> str:
    return "'NATURAL_PERSON'::text"


ROUTINES: dict[str, Routine] = {
    "Organisation.id": _organisation_id,
    "Organisation.name": _organisation_name,
    "Organisation.category": _organisation_category,
    "Organisation.address": _address,
    "Organisation.region": _region,
    "Organisation.codes": _codes,
    "Organisation.formerNames": _former_names,
    "Person.id": _person_id,
    "Person.name": _person_name,
    "Person.category": _person_category,
}
