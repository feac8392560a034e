"""Organisations and persons: their fields, and either of them behind an id."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphql import GraphQLObjectType

from resolvers.field import put_all
from resolvers.global_id import global_id
from resolvers.pseudonym import masked_sql, partly_masked_sql, token_sql
from resolvers.reach import FALSE, TRUE, any_of, not_barred
from resolvers.reference import region_json
from resolvers.statement import Level, Routine, Row, Selected, Statement, sub_object
from resolvers.visibility import (
    home_address_shown,
    organisation_visible,
    person_clear,
    persons_visible,
)
from security.policy import Names, Number


def object_type(statement: Statement, name: str) -> GraphQLObjectType:
    """The schema's object type of that name."""
    found = statement.schema.type_map[name]
    assert isinstance(found, GraphQLObjectType)
    return found


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
    parent: Level,
    statement: Statement,
    details: Sequence[Any],
    condition: str,
    visible: Callable[[Statement, str], str] = organisation_visible,
) -> str:
    """The one organisation under a condition on `{o}` (its alias), as json."""
    alias, level = statement.alias("o"), Level()
    row = organisation_row(statement, level, alias)
    put_all(row, statement.select(row.type, list(details)))
    where = f"{condition.format(o=alias)} AND {visible(statement, alias)}"
    return sub_object(parent, statement, level, row.json(), f"organisation {alias}", where)


def person_json(parent: Level, statement: Statement, details: Sequence[Any], condition: str) -> str:
    """The one person under a condition on `{p}` (its alias), as json."""
    alias, level = statement.alias("p"), Level()
    row = person_row(statement, level, alias)
    put_all(row, statement.select(row.type, list(details)))
    where = f"{condition.format(p=alias)} AND {not_barred(statement, f'{alias}.subject_id')}"
    return sub_object(parent, statement, level, row.json(), f"person {alias}", where)


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
    shown = home_address_shown(statement, f"{row.alias}.subject_id")
    if shown == TRUE:
        return f"{row.alias}.address"
    statement.disclose(selected.coordinate, masked=True)
    business = f"{row.alias}.category <> 'INDIVIDUAL_BUSINESS'"
    return f"CASE WHEN {any_of(business, shown)} THEN {row.alias}.address END"


def _region(row: Row, selected: Selected) -> str:
    row.statement.disclose(selected.coordinate)
    return region_json(row.level, row.statement, selected.details, f"{row.alias}.region_id")


def listed(
    row: Row, selected: Selected, table: str, condition: str, order: str, most: int = 200
) -> str:
    """A short list of the rows of a table, `x` in condition and order, that meet a condition."""
    statement = row.statement
    statement.disclose(selected.coordinate)
    alias, result, level = statement.alias("l"), statement.alias("n"), Level()
    with statement.deeper():
        item = Row(statement, level, alias, selected.type)
        put_all(item, statement.select(item.type, selected.details))
        value = item.value()
    row.level.take(
        f"CROSS JOIN LATERAL (SELECT coalesce(json_agg({value}), '[]'::json) AS j FROM"
        f" (SELECT * FROM {table} x WHERE {condition} ORDER BY {order} LIMIT {most}) {alias}"
        f" {' '.join(level.joins)}) {result}"
    )
    return f"{result}.j"


def _own(row: Row, selected: Selected, table: str, condition: str, order: str) -> str:
    """A subject's own rows of another table."""
    own = f"x.subject_id = {row.alias}.subject_id AND {condition}"
    return listed(row, selected, table, own, order)


def _codes(row: Row, selected: Selected) -> str:
    return _own(row, selected, "identifier", "x.is_open", "x.scheme, x.value")


def _former_names(row: Row, selected: Selected) -> str:
    return _own(
        row, selected, "organisation_name", "x.is_former", "x.valid_to DESC NULLS LAST, x.name"
    )


def _person_id(row: Row, _: Selected) -> str:
    key = row.statement.person_key
    return global_id("Person", token_sql(key, f"{row.alias}.subject_id"))


def name_mask(statement: Statement, name: str) -> str:
    """A person's name as those see it to whom it is not clear (access rules §6)."""
    if statement.scope.row.names in (Names.PARTIAL, Names.ABSENT):
        return partly_masked_sql(name, statement.surnames)
    return masked_sql(name, statement.surnames)


def _person_name(row: Row, selected: Selected) -> str:
    statement, name = row.statement, f"{row.alias}.name"
    clear = person_clear(statement, f"{row.alias}.subject_id")
    statement.disclose(selected.coordinate, masked=clear != TRUE)
    hidden = name_mask(statement, name)
    if clear == FALSE:
        return hidden
    statement.disclose(selected.coordinate)
    return f"CASE WHEN {clear} THEN {name} ELSE {hidden} END"


def _in_clear(column: str) -> Routine:
    """A fact about a person, for those to whom the person is clear."""

    def compile_(row: Row, selected: Selected) -> str:
        clear = person_clear(row.statement, f"{row.alias}.subject_id")
        row.statement.disclose(selected.coordinate, masked=True)
        if clear == FALSE:
            return "NULL::text"
        row.statement.disclose(selected.coordinate)
        return f"CASE WHEN {clear} THEN {row.alias}.{column} END"

    return compile_


def _id_number(row: Row, selected: Selected) -> str:
    """The document number, sealed: the plan opens it after the statement has run."""
    statement, treatment = row.statement, row.statement.scope.row.number
    clear = person_clear(statement, f"{row.alias}.subject_id")
    whole = treatment is Number.FULL
    statement.disclose(selected.coordinate, masked=not whole or clear != TRUE)
    if clear == FALSE or treatment is Number.NONE:
        return "NULL::text"
    statement.disclose(selected.coordinate)
    mark = statement.bind(lambda call: call.context.seal.mark, "text", "seal")
    sealed = f"{mark} || '{treatment.value}:' || encode({row.alias}.id_number, 'hex') || ';'"
    return f"CASE WHEN {clear} AND {row.alias}.id_number IS NOT NULL THEN {sealed} END"


def _person_category(row: Row, selected: Selected) -> str:
    row.statement.disclose(selected.coordinate)
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
    "Person.idType": _in_clear("id_type"),
    "Person.idNumber": _id_number,
    "Person.birthYear": _in_clear("birth_year"),
    "Person.gender": _in_clear("gender"),
}
