"""Records as SQL: one kind or all of them, filtered by their envelope and their hot fields."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from resolvers import catalog_record
from resolvers.argument import Given
from resolvers.as_of import as_of
from resolvers.context import Call
from resolvers.field import put, put_all
from resolvers.global_id import global_id
from resolvers.known_kind import demand_kinds
from resolvers.lookup import subjects_named
from resolvers.page import Key, Page, Source
from resolvers.party import name_mask, object_type, party_json
from resolvers.reach import FALSE, TRUE, all_of, any_of
from resolvers.statement import Level, Routine, Row, Selected, Statement
from resolvers.timeliness import timeliness
from resolvers.visibility import (
    field_shown,
    person_clear,
    person_followed,
    record_seen,
    record_whole,
)
from schema.record_kinds import Comparison, KindTypes
from store.kind import FieldType, Kinds, Visibility

_ORDERS = {
    "DECISION_DATE": ("decision_date", "date", True),
    "RECEIVED_AT": ("received_at", "timestamptz", True),
}
# Filters on what is shown even of a record that is only a member of a list.
_OPEN_TO_MEMBERS = frozenset(
    {
        "kinds",
        "subject",
        "subjectCategory",
        "decidedFrom",
        "decidedTo",
        "asOf",
        "issuer",
        "originRegion",
    }
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
    rows = [record_row(statement, level, alias, kind) for kind in kinds]
    selected = [statement.select(row.type, list(details)) for row in rows]
    if len(rows) == 1:
        return put_all(rows[0], selected[0]).value()
    asking: dict[tuple[int, ...], list[str]] = {}
    for kind, fields in zip(kinds, selected, strict=True):
        for field in fields:
            if field.name == "subject":
                asking.setdefault(_nodes(field), []).append(kind)
    shared: dict[tuple[int, ...], str] = {}
    arms = []
    for kind, row, fields in zip(kinds, rows, selected, strict=True):
        for field in fields:
            if field.name != "subject":
                put(row, field)
                continue
            # Once for all kinds of which the same is asked, and for rows of these kinds only.
            key = _nodes(field)
            statement.disclose(field.coordinate)
            if key not in shared:
                subject = f"CASE WHEN {_kinds(alias, asking[key])} THEN {alias}.subject_id END"
                shared[key] = party_json(level, statement, field.details, subject)
            row.put(field.key, shared[key])
        arms.append(f"WHEN '{kind}' THEN {row.json()}")
    return f"CASE {alias}.kind {' '.join(arms)} END" if arms else "NULL::json"


def _nodes(field: Selected) -> tuple[int, ...]:
    """What is asked of a field, to be compared with what is asked of it elsewhere."""
    return tuple(id(detail.node) for detail in field.details)


def served_kinds(statement: Statement, asked: Given) -> Callable[[Call], list[str]]:
    """The kinds that an argument names; raises as `demand_kinds`."""

    def read(call: Call) -> list[str]:
        found: list[str] = asked.read(call)
        demand_kinds(statement.kinds, found)
        return found

    return read


def _conditions(statement: Statement, alias: str, selected: Selected) -> list[str]:
    """The conditions of the envelope that a filter gives."""
    where = []
    for name, value in selected.members("filter").items():
        if not isinstance(value, Given):
            continue
        match name:
            case "kinds":
                asked = statement.bind(served_kinds(statement, value), "text[]")
                where.append(f"{alias}.kind = ANY({asked})")
            case "subject":
                where.append(f"{alias}.subject_id IN ({subjects_named(statement, value)})")
            case "subjectCategory":
                where.append(f"{alias}.subject_category = {statement.given(value, 'text')}")
            case "decidedFrom":
                where.append(f"{alias}.decision_date >= {statement.given(value, 'date')}")
            case "decidedTo":
                where.append(f"{alias}.decision_date <= {statement.given(value, 'date')}")
            case "asOf":
                where += as_of(statement, alias, value)
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
        # A masked or screened field would tell by a filter what the answer does not show.
        shown = field_shown(
            statement,
            alias,
            made.kind.name,
            Visibility.GOVERNMENT if field.screened else field.visibility,
        )
        if field.mask is not None or shown == FALSE:
            where.append(FALSE)
            continue
        if shown != TRUE:
            where.append(shown)
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


def _order(selected: Selected) -> tuple[tuple[Key, ...], str]:
    """The keys of the order that is asked for, and its name in cursors."""
    asked = selected.members("orderBy")
    by, direction = asked.get("field"), asked.get("direction")
    field = by.sample if isinstance(by, Given) else "DECISION_DATE"
    descending = not (isinstance(direction, Given) and direction.sample == "ASC")
    column, cast, nullable = _ORDERS[field]
    # Ids run against the dates: the order of the indexes, read from either end.
    keys = (Key(column, cast, descending, nullable), Key("record_id", "uuid", not descending))
    if field == "DECISION_DATE" and descending:
        return keys, "record"
    return keys, f"record:{field}{'-' if descending else '+'}"


def _connection(kinds: tuple[str, ...], of_subject: bool) -> Routine:
    def compile_(row: Row, selected: Selected) -> str:
        statement = row.statement
        statement.disclose(selected.coordinate)
        alias = statement.alias("r")
        seen = record_seen(statement, alias, kinds)
        where = [_kinds(alias, kinds), seen.visible]
        if of_subject:
            where.insert(0, f"{alias}.subject_id = {row.context['subject']}")
        if of_subject and row.type.name == "Person":
            where.append(person_followed(statement, row.context["subject"]))
        where += _conditions(statement, alias, selected)
        item = selected.given("item") if selected.name == "catalogRecords" else None
        if item is not None:
            where.append(f"{alias}.kind = {statement.given(item, 'text')}")
        if seen.whole != TRUE and not _OPEN_TO_MEMBERS.issuperset(selected.members("filter")):
            where.append(seen.whole)
        made = statement.record_kinds.by_name.get(kinds[0]) if len(kinds) == 1 else None
        if made is not None:
            where += _own_conditions(statement, alias, selected, made)
        keys, order = _order(selected)
        if order != "record" and seen.whole != TRUE and keys[0].column == "received_at":
            where.append(seen.whole)
        source = Source("record", alias, " AND ".join(where), keys, order)
        edge_name = selected.type.name.removesuffix("Connection")

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


def _kinds(alias: str, kinds: Sequence[str]) -> str:
    names = ", ".join(f"'{kind}'" for kind in kinds)
    return f"{alias}.kind IN ({names})" if names else "false"


def _id(row: Row, _: Selected) -> str:
    return global_id(row.type.name, f"{row.alias}.record_id")


def _subject(row: Row, selected: Selected) -> str:
    row.statement.disclose(selected.coordinate)
    return party_json(row.level, row.statement, selected.details, f"{row.alias}.subject_id")


def _reported_name(row: Row, selected: Selected) -> str:
    statement, alias = row.statement, row.alias
    whole = record_whole(statement, alias, row.context["kind"])
    statement.disclose(selected.coordinate)
    clear = person_clear(statement, f"{alias}.subject_id")
    if clear != TRUE or whole != TRUE:
        statement.disclose(selected.coordinate, masked=True)
    in_clear = any_of(f"{alias}.subject_category <> 'NATURAL_PERSON'", clear)
    hidden = name_mask(statement, f"{alias}.reported_name")
    return (
        f"CASE WHEN {all_of(whole, in_clear)} THEN {alias}.reported_name"
        f" WHEN {whole} THEN {hidden} END"
    )


def _reported_code(row: Row, selected: Selected) -> str:
    statement, alias = row.statement, row.alias
    whole = record_whole(statement, alias, row.context["kind"])
    statement.disclose(selected.coordinate, masked=whole == FALSE)
    firm = f"{alias}.subject_category <> 'NATURAL_PERSON'"
    return f"CASE WHEN {all_of(whole, firm)} THEN {alias}.reported_code END"


def _matched_by(row: Row, selected: Selected) -> str:
    """By which code the record joined its subject; an old code inside the USCC says so (X05)."""
    statement, alias = row.statement, row.alias
    whole = record_whole(statement, alias, row.context["kind"])
    statement.disclose(selected.coordinate, masked=whole == FALSE)
    one = statement.alias("b")
    embedded = (
        f"EXISTS (SELECT FROM organisation {one} WHERE {one}.subject_id = {alias}.subject_id"
        f" AND substr({one}.uscc, 9, 9) = regexp_replace(upper({alias}.reported_code),"
        " '[^0-9A-Z]', '', 'g'))"
    )
    firm = f"{alias}.subject_category <> 'NATURAL_PERSON'"
    return (
        f"CASE WHEN {all_of(whole, firm)} THEN CASE WHEN {alias}.reported_code_type = 'org_code'"
        f" AND {embedded} THEN 'ORG_CODE_EMBEDDED' ELSE upper({alias}.reported_code_type) END END"
    )


def routines(kinds: Kinds) -> dict[str, Routine]:
    """The routines of records, with one connection per declared kind."""
    names = tuple(kind.name for kind in kinds)
    items = tuple(kind.name for kind in kinds if kind.run_time)
    found: dict[str, Routine] = {
        "Query.records": _connection(names, of_subject=False),
        "Party.records": _connection(names, of_subject=True),
        "Record.id": _id,
        "Record.subject": _subject,
        "Record.reportedName": _reported_name,
        "Record.reportedCode": _reported_code,
        "Record.matchedBy": _matched_by,
        "Record.timeliness": timeliness,
        "Query.catalogRecords": _connection(items, of_subject=False),
        **catalog_record.ROUTINES,
    }
    for kind in kinds:
        if kind.run_time:
            continue
        found[f"Query.{kind.plural}"] = _connection((kind.name,), of_subject=False)
        found[f"Organisation.{kind.plural}"] = _connection((kind.name,), of_subject=True)
    return found
