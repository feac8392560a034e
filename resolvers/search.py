"""The roots of stored data: one subject by code or id, and searches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from resolvers.argument import Given
from resolvers.context import Call
from resolvers.errors import QuestionError
from resolvers.field import put_all
from resolvers.hit import ROUTINES as HITS
from resolvers.hit import best_name, name_terms
from resolvers.lookup import subject_as_written, subject_named, subjects_named
from resolvers.node import followed_person_json, key_of, present
from resolvers.page import Key, Page, Source
from resolvers.party import (
    object_type,
    organisation_json,
    organisation_row,
    person_row,
)
from resolvers.pseudonym import shown_part_sql
from resolvers.reach import FALSE
from resolvers.relation import in_force
from resolvers.statement import Level, Routine, Row, Selected, Statement
from resolvers.visibility import (
    organisation_visible,
    person_followed,
    registered_visible,
    relation_visible,
)
from store.identifiers.normalisation import compact
from store.industry import parse_industry
from store.regions import inside


def _organisation(row: Row, selected: Selected) -> str:
    code = selected.arguments["code"]
    assert isinstance(code, Given)
    statement = row.statement
    if statement.direct:
        condition = f"{{o}}.subject_id = {subject_as_written(statement, code)} AND {{o}}.registered"
        return organisation_json(
            row.level, statement, selected.details, condition, registered_visible
        )
    condition = f"{{o}}.subject_id = {subject_named(statement, code)}"
    return organisation_json(row.level, statement, selected.details, condition)


def _person(row: Row, selected: Selected) -> str:
    statement = row.statement
    id_, code = selected.given("id"), selected.given("code")
    if (id_ is None) == (code is None):
        raise QuestionError("FILTER_REQUIRED", "name the person by `id` or by `code`")
    if id_ is not None:
        key = present(statement, key_of(statement, "Person", id_))
    elif code is not None and statement.scope.row.person_search:
        key = subject_named(statement, code)
    else:
        return "NULL::json"
    return followed_person_json(row.level, statement, selected.details, key)


_ORDERS = {
    "NAME": ("name", "text", False),
    "ESTABLISHED_ON": ("established_on", "date", True),
    "USCC": ("uscc", "text", True),
}


def _organisations(row: Row, selected: Selected) -> str:
    statement = row.statement
    alias = statement.alias("o")
    where = [organisation_visible(statement, alias)]
    for name, value in selected.members("filter").items():
        if isinstance(value, Given):
            where.append(_organisation_condition(statement, alias, name, value))
    order = selected.members("orderBy")
    by, direction = order.get("field"), order.get("direction")
    field = by.sample if isinstance(by, Given) else "NAME"
    descending = isinstance(direction, Given) and direction.sample == "DESC"
    column, cast, nullable = _ORDERS[field]
    source = Source(
        "organisation",
        alias,
        " AND ".join(where),
        (Key(column, cast, descending, nullable), Key("subject_id", "uuid", descending)),
        f"{field}{'-' if descending else '+'}",
    )

    named = selected.members("filter").get("name")

    def edge(level: Level) -> Row:
        row = Row(statement, level, alias, object_type(statement, "OrganisationEdge"))
        if isinstance(named, Given):
            row.context["named"] = best_name(level, statement, alias, named)
        return row

    def node(level: Level, details: Sequence[Any]) -> str:
        item = organisation_row(statement, level, alias)
        return put_all(item, statement.select(item.type, list(details))).value()

    return Page(statement, selected, source, edge, node).compile(row.level)


def _organisation_condition(statement: Statement, alias: str, name: str, value: Given) -> str:
    match name:
        case "name":
            return _named(statement, alias, value)
        case "uscc":

            def codes(call: Call) -> list[str]:
                asked = value.read(call)
                limit = call.context.scope.row.list_limit
                if len(asked) > limit:
                    raise QuestionError("LIST_LIMIT", f"ask for at most {limit} codes at once")
                return [compact(code) for code in asked]

            return f"{alias}.uscc = ANY({statement.bind(codes, 'text[]')})"
        case "region":
            region = statement.given(value, "text")
            # Who moved out 迁出 is under the jurisdiction of where it went (X06).
            return (
                f"{alias}.region_id IN ({inside(region)})"
                f" AND {alias}.reg_status IS DISTINCT FROM '迁出'"
            )
        case "industry":
            return _industry(statement, alias, value)
        case "establishedFrom":
            return f"{alias}.established_on >= {statement.given(value, 'date')}"
        case "establishedTo":
            return f"{alias}.established_on <= {statement.given(value, 'date')}"
    column = {"entityType": "entity_type", "regStatus": "reg_status", "category": "category"}[name]
    return f"{alias}.{column} = {statement.given(value, 'text')}"


def _named(statement: Statement, alias: str, value: Given) -> str:
    """Open names hold the fragment: the bigram index finds candidates, the text decides."""
    names = statement.alias("w")
    plain, pairs = name_terms(statement, value)
    return (
        f"{alias}.subject_id IN (SELECT {names}.subject_id FROM organisation_name {names}"
        f" WHERE {names}.bigrams @> {pairs} AND position({plain} in {names}.plain) > 0)"
    )


def _industry(statement: Statement, alias: str, value: Given) -> str:
    def read(call: Call) -> str | None:
        return parse_industry(value.read(call)).normalised

    return f"starts_with({alias}.industry, {statement.bind(read, 'text')})"


def _persons(row: Row, selected: Selected) -> str:
    statement = row.statement
    alias = statement.alias("p")
    given = {k: v for k, v in selected.members("filter").items() if isinstance(v, Given)}
    if not given:
        raise QuestionError("FILTER_REQUIRED", "search persons by `name`, `surname` or `firm`")
    followed = person_followed(statement, f"{alias}.subject_id")
    allowed = statement.scope.row.person_search and followed != FALSE
    where = [followed if allowed else FALSE]
    if allowed:
        for name, value in given.items():
            where.append(_person_condition(statement, alias, name, value))
    source = Source("person", alias, " AND ".join(where), (Key("subject_id", "person"),), "person")

    def edge(level: Level) -> Row:
        return Row(statement, level, alias, object_type(statement, "PersonEdge"))

    def node(level: Level, details: Sequence[Any]) -> str:
        item = person_row(statement, level, alias)
        return put_all(item, statement.select(item.type, list(details))).value()

    return Page(statement, selected, source, edge, node).compile(row.level)


def _person_condition(statement: Statement, alias: str, name: str, value: Given) -> str:
    match name:
        case "name":
            return f"{alias}.name = {statement.given(value, 'text')}"
        case "surname":
            shown = shown_part_sql(f"{alias}.name", statement.surnames)
            text = statement.given(value, "text")
            return f"(starts_with({alias}.name, {text}) AND {shown} = {text})"
    relation = statement.alias("e")
    kinds = ("HOLDS", "LEGAL_REP_OF", "OFFICER_OF")
    return (
        f"{alias}.subject_id IN (SELECT {relation}.other_id FROM relation {relation}"
        f" WHERE {relation}.subject_id IN ({subjects_named(statement, value)})"
        f" AND {relation}.direction = 'IN' AND {relation_visible(statement, relation, kinds)}"
        f" AND {in_force(relation, statement.today)})"
    )


ROUTINES: dict[str, Routine] = {
    "Query.organisation": _organisation,
    "Query.organisations": _organisations,
    "Query.person": _person,
    "Query.persons": _persons,
    **HITS,
}
