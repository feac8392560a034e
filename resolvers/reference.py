"""Regions and units as SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphql import GraphQLObjectType

from resolvers.argument import Given
from resolvers.field import put_all
from resolvers.global_id import global_id
from resolvers.page import Key, Page, Source
from resolvers.statement import Level, Routine, Row, Selected, Statement, sub_object


def _type(statement: Statement, name: str) -> GraphQLObjectType:
    found = statement.schema.type_map[name]
    assert isinstance(found, GraphQLObjectType)
    return found


def region_json(parent: Level, statement: Statement, details: Sequence[Any], region_id: str) -> str:
    """The region behind an id as json, null when there is none."""
    alias, level = statement.alias("g"), Level()
    with statement.deeper():
        row = Row(statement, level, alias, _type(statement, "Region"))
        put_all(row, statement.select(row.type, list(details)))
    return sub_object(
        parent, statement, level, row.json(), f"region {alias}", f"{alias}.region_id = {region_id}"
    )


def unit_json(parent: Level, statement: Statement, details: Sequence[Any], unit_id: str) -> str:
    """The unit behind a USCC as json, null when there is none."""
    alias, level = statement.alias("u"), Level()
    with statement.deeper():
        row = Row(statement, level, alias, _type(statement, "Unit"))
        put_all(row, statement.select(row.type, list(details)))
    where = f"{alias}.unit_id = {unit_id}"
    return sub_object(parent, statement, level, row.json(), f"unit {alias}", where)


def _region_id(row: Row, _: Selected) -> str:
    return global_id("Region", f"{row.alias}.region_id")


def _unit_id(row: Row, _: Selected) -> str:
    return global_id("Unit", f"{row.alias}.unit_id")


def _parent(row: Row, selected: Selected) -> str:
    row.statement.disclose(selected.coordinate)
    return region_json(row.level, row.statement, selected.details, f"{row.alias}.parent_id")


def _unit_region(row: Row, selected: Selected) -> str:
    row.statement.disclose(selected.coordinate)
    return region_json(row.level, row.statement, selected.details, f"{row.alias}.region_id")


def _regions(row: Row, selected: Selected) -> str:
    statement = row.statement
    alias = statement.alias("g")
    where = ["true"]
    for name, value in selected.members("filter").items():
        if not isinstance(value, Given):
            continue
        if name == "inForce":
            in_force = (
                f"(({alias}.valid_from IS NULL OR {alias}.valid_from <= {statement.today})"
                f" AND ({alias}.valid_to IS NULL OR {statement.today} < {alias}.valid_to))"
            )
            where.append(f"{in_force} = {statement.given(value, 'boolean')}")
        else:
            column = {"code": "gbt2260_code", "kind": "kind", "parent": "parent_id"}[name]
            where.append(f"{alias}.{column} = {statement.given(value, 'text')}")
    source = Source("region", alias, " AND ".join(where), (Key("region_id", "text"),), "region")
    return _page(row, selected, source, "Region")


def _units(row: Row, selected: Selected) -> str:
    statement = row.statement
    alias = statement.alias("u")
    where = ["true"]
    for name, value in selected.members("filter").items():
        if not isinstance(value, Given):
            continue
        match name:
            case "uscc":
                where.append(f"{alias}.unit_id = upper({statement.given(value, 'text')})")
            case "name":
                where.append(f"position({statement.given(value, 'text')} in {alias}.name) > 0")
            case "isSource":
                where.append(f"{alias}.is_source = {statement.given(value, 'boolean')}")
            case "isIssuer":
                where.append(f"{alias}.is_issuer = {statement.given(value, 'boolean')}")
    source = Source("unit", alias, " AND ".join(where), (Key("unit_id", "text"),), "unit")
    return _page(row, selected, source, "Unit")


def _page(row: Row, selected: Selected, source: Source, name: str) -> str:
    statement = row.statement

    def edge(level: Level) -> Row:
        return Row(statement, level, source.alias, _type(statement, f"{name}Edge"))

    def node(level: Level, details: Sequence[Any]) -> str:
        item = Row(statement, level, source.alias, _type(statement, name))
        return put_all(item, statement.select(item.type, list(details))).value()

    return Page(statement, selected, source, edge, node).compile(row.level)


ROUTINES: dict[str, Routine] = {
    "Region.id": _region_id,
    "Region.parent": _parent,
    "Unit.id": _unit_id,
    "Unit.region": _unit_region,
    "Query.regions": _regions,
    "Query.units": _units,
}
