"""Entities for gateways: many objects by their keys in one statement, as `node` gives one.

A key of another caller's, of what does not exist and of what may not be seen give the same null.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from resolvers.argument import Given
from resolvers.context import Call
from resolvers.errors import QuestionError
from resolvers.global_id import read_key, read_text_key
from resolvers.lookup import the_only
from resolvers.node import followed_person_json, loan_json, present, record_of_kind_json
from resolvers.party import organisation_json
from resolvers.reference import region_json, unit_json
from resolvers.statement import Level, Routine, Row, Selected
from schema.federation import keys_of
from store.identifiers.normalisation import compact

_MALFORMED = "REPRESENTATION_INVALID"


def named(representation: Mapping[str, Any]) -> str:
    """The key by which a representation names its entity."""
    type_name = representation.get("__typename")
    if isinstance(type_name, str):
        for key in keys_of(type_name):
            value = representation.get(key)
            if isinstance(value, str) and value:
                return value
    raise QuestionError(
        _MALFORMED, "give each representation its `__typename` and one of the type's keys as text"
    )


def _entities(row: Row, selected: Selected) -> str:
    statement = row.statement
    given = selected.arguments["representations"]
    assert isinstance(given, Given)
    union = selected.type
    possible = {type_.name for type_ in statement.schema.get_possible_types(union)}
    limit = statement.scope.row.list_limit

    def check(call: Call) -> None:
        asked = given.read(call)
        if len(asked) > limit:
            raise QuestionError("LIST_LIMIT", f"ask for at most {limit} entities at once")
        for one in asked:
            named(one)
            if one["__typename"] not in possible:
                raise QuestionError(
                    _MALFORMED, "`__typename` is no entity of this node: see `_service`"
                )

    statement.checks.append(check)

    def bound(read: Callable[[Call, Mapping[str, Any]], Any], cast: str) -> str:
        return statement.bind(lambda call: [read(call, one) for one in given.read(call)], cast)

    types = bound(lambda _, one: one["__typename"], "text[]")
    keys = bound(_key, "uuid[]")
    codes = bound(_code, "text[]")
    asked, result, level = statement.alias("e"), statement.alias("n"), Level()

    def wanted(type_name: str) -> bool:
        type_ = statement.schema.type_map[type_name]
        return bool(statement.select(type_, selected.details))  # type: ignore[arg-type]

    def key(type_name: str) -> str:
        return f"CASE WHEN {asked}.type = '{type_name}' THEN {asked}.key END"

    def code(type_name: str) -> str:
        return f"CASE WHEN {asked}.type = '{type_name}' THEN {asked}.code END"

    found = []
    with statement.deeper():
        if wanted("Organisation"):
            subject = (
                f"coalesce({present(statement, key('Organisation'))},"
                f" (SELECT {the_only('i.subject_id')} FROM identifier i"
                f" WHERE i.scheme = 'uscc' AND i.value = {asked}.code AND i.is_open))"
            )
            condition = f"{{o}}.subject_id = {subject}"
            found.append(organisation_json(level, statement, selected.details, condition))
        if wanted("Person"):
            person = present(statement, key("Person"))
            found.append(followed_person_json(level, statement, selected.details, person))
        if wanted("Loan"):
            found.append(loan_json(level, statement, selected.details, key("Loan")))
        if wanted("Region"):
            found.append(region_json(level, statement, selected.details, code("Region")))
        if wanted("Unit"):
            found.append(unit_json(level, statement, selected.details, code("Unit")))
        for kind in statement.kinds:
            if wanted(kind.type_name):
                at = key(kind.type_name)
                found.append(record_of_kind_json(level, statement, selected.details, kind, at))
    value = f"coalesce({', '.join(found)})" if len(found) > 1 else "".join(found) or "NULL::json"
    shown = [f"coalesce(json_agg({value} ORDER BY {asked}.n), '[]'::json) AS j"]
    for kind_, target in (("a", row.level.subjects), ("r", row.level.records)):
        manifest = level.manifest(kind_)
        if manifest is not None:
            shown.append(
                f"coalesce(string_agg({manifest}, ''::bytea ORDER BY {asked}.n), ''::bytea)"
                f" AS {kind_}"
            )
            target[f"{result}.{kind_}"] = None
    row.level.take(
        f"CROSS JOIN LATERAL (SELECT {', '.join(shown)} FROM unnest({types}, {keys}, {codes})"
        f" WITH ORDINALITY {asked}(type, key, code, n) {' '.join(level.joins)}) {result}"
    )
    return f"{result}.j"


def _key(call: Call, representation: Mapping[str, Any]) -> UUID | None:
    type_name, id_ = representation["__typename"], representation.get("id")
    if type_name in ("Region", "Unit") or not isinstance(id_, str):
        return None
    return read_key(call, type_name, id_)


def _code(_: Call, representation: Mapping[str, Any]) -> str | None:
    """The key that is a code and not an id of ours."""
    type_name, id_ = representation["__typename"], representation.get("id")
    if isinstance(id_, str):
        return read_text_key(type_name, id_) if type_name in ("Region", "Unit") else None
    code = compact(named(representation))
    return None if "\x00" in code else code


ROUTINES: dict[str, Routine] = {"Query._entities": _entities}
