"""Any object by its global id: null for what does not exist and for what may not be seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphql import GraphQLInterfaceType

from resolvers.argument import Given
from resolvers.field import put_all
from resolvers.global_id import read_key, read_text_key
from resolvers.party import object_type, organisation_json, person_json
from resolvers.reach import FALSE, case_given
from resolvers.record import record_json
from resolvers.reference import region_json, unit_json
from resolvers.statement import Level, Routine, Row, Selected, Statement, sub_object
from resolvers.visibility import person_followed, record_visible, relation_visible
from store.kind import Kind


def key_of(statement: Statement, type_name: str, id_: Given) -> str:
    """The id bound as the key of that type; null for other types, so that nothing is found."""
    if type_name in ("Region", "Unit"):
        return statement.bind(lambda call: read_text_key(type_name, id_.read(call)), "text")
    return statement.bind(lambda call: read_key(call, type_name, id_.read(call)), "uuid")


def present(statement: Statement, subject: str) -> str:
    """The subject that an id names today: what was merged is what it became."""
    one = statement.alias("s")
    return (
        f"(SELECT coalesce({one}.merged_into, {one}.subject_id) FROM subject {one}"
        f" WHERE {one}.subject_id = {subject})"
    )


def _node(row: Row, selected: Selected) -> str:
    statement, level = row.statement, row.level
    id_ = selected.arguments["id"]
    assert isinstance(id_, Given)
    interface = selected.type
    assert isinstance(interface, GraphQLInterfaceType)
    details = selected.details

    def key(type_name: str) -> str:
        return key_of(statement, type_name, id_)

    organisation = present(statement, key("Organisation"))
    found = [
        organisation_json(level, statement, details, f"{{o}}.subject_id = {organisation}"),
        followed_person_json(level, statement, details, present(statement, key("Person"))),
        loan_json(level, statement, details, key("Loan")),
        region_json(level, statement, details, key("Region")),
        unit_json(level, statement, details, key("Unit")),
    ]
    for kind in statement.kinds:
        at = key(kind.type_name)
        found.append(record_of_kind_json(level, statement, details, kind, at))
    return f"coalesce({', '.join(found)})"


def followed_person_json(
    parent: Level, statement: Statement, details: Sequence[Any], subject: str
) -> str:
    """The person behind a subject id as json, for those who may start from it; else null."""
    followed = person_followed(statement, "{p}.subject_id")
    if followed == FALSE:
        return "NULL::json"
    condition = f"{{p}}.subject_id = {subject} AND {followed}"
    return person_json(parent, statement, details, condition)


def record_of_kind_json(
    parent: Level, statement: Statement, details: Sequence[Any], kind: Kind, key: str
) -> str:
    """The record of a kind behind a record id as json; null when the caller may not see it."""
    alias, level = statement.alias("r"), Level()
    level.subjects[
        f"coalesce((SELECT s.audit_ref FROM subject s"
        f" WHERE s.subject_id = {alias}.subject_id), ''::bytea)"
    ] = None
    value = record_json(level, statement, alias, (kind.name,), details)
    where = (
        f"{alias}.record_id = {key} AND {alias}.kind = '{kind.name}'"
        f" AND {record_visible(statement, alias, (kind.name,))}"
    )
    shown = value if value.endswith("::json") else f"row_to_json({value})"
    return sub_object(parent, statement, level, shown, f"record {alias}", where)


def loan_json(parent: Level, statement: Statement, details: Sequence[Any], key: str) -> str:
    """The loan behind an id as json; null when the caller may not see it."""
    alias, level = statement.alias("l"), Level()
    level.subjects[f"{alias}.audit_ref"] = None
    loan = Row(statement, level, alias, object_type(statement, "Loan"))
    put_all(loan, statement.select(loan.type, list(details)))
    relation = statement.alias("e")
    seen = relation_visible(statement, relation, ("BORROWS",))
    where = (
        f"{alias}.subject_id = {key} AND EXISTS (SELECT FROM relation {relation}"
        f" WHERE {relation}.subject_id = {alias}.subject_id AND {seen}"
        f" AND ({case_given(statement)} OR EXISTS (SELECT FROM organisation x"
        f" WHERE x.subject_id = {relation}.other_id)))"
    )
    return sub_object(parent, statement, level, loan.json(), f"loan {alias}", where)


ROUTINES: dict[str, Routine] = {"Query.node": _node}
