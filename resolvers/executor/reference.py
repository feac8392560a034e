"""Regions and units in the executor lane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from resolvers.executor.connection import Edges, connection
from resolvers.executor.manifest import Mentions
from resolvers.executor.paging import Key, Order
from resolvers.executor.place import Asked, Item, Question, global_id
from resolvers.executor.rows import Fields
from resolvers.executor.sight import in_force

_REGIONS = Order("region", (Key("region_id", "text"),))
_UNITS = Order("unit", (Key("unit_id", "text"),))


async def region(asked: Asked, region_id: str | None) -> Item | None:
    """The region behind an id."""
    row = await asked.question.rows.region(region_id)
    return None if row is None else Item("Region", row, asked.item.mentions)


async def reference(
    question: Question, place: Mentions, type_name: str, key: str | None
) -> Item | None:
    """The region or unit behind its code."""
    read = question.rows.region if type_name == "Region" else question.rows.unit
    row = await read(key)
    return None if row is None else Item(type_name, row, place)


def _id(asked: Asked) -> str:
    column = "region_id" if asked.item.type == "Region" else "unit_id"
    return global_id(asked.item.type, asked.item.row[column])


def _item(type_name: str) -> Any:
    def node(mentions: Mentions, row: Fields) -> Item:
        return Item(type_name, row, mentions)

    return node


def _given(asked: Asked) -> dict[str, Any]:
    given = asked.arguments.get("filter") or {}
    return {name: value for name, value in given.items() if value is not None}


def _regions(asked: Asked) -> Any:
    given = _given(asked)

    def wanted(row: Fields) -> bool:
        return (
            ("code" not in given or row["gbt2260_code"] == given["code"])
            and ("kind" not in given or row["kind"] == given["kind"])
            and ("parent" not in given or row["parent_id"] == given["parent"])
            and ("inForce" not in given or in_force(row, asked.question.today) == given["inForce"])
        )

    async def read() -> Sequence[Fields]:
        return [row for row in await asked.question.rows.table("region") if wanted(row)]

    return connection(asked, _REGIONS, Edges("RegionEdge", _item("Region")), read())


def _units(asked: Asked) -> Any:
    given = _given(asked)

    def wanted(row: Fields) -> bool:
        return (
            ("uscc" not in given or row["unit_id"] == given["uscc"].upper())
            and ("name" not in given or given["name"] in row["name"])
            and ("isSource" not in given or row["is_source"] == given["isSource"])
            and ("isIssuer" not in given or row["is_issuer"] == given["isIssuer"])
        )

    async def read() -> Sequence[Fields]:
        return [row for row in await asked.question.rows.table("unit") if wanted(row)]

    return connection(asked, _UNITS, Edges("UnitEdge", _item("Unit")), read())


RESOLVERS: Mapping[str, Any] = {
    "Region.id": _id,
    "Unit.id": _id,
    "Region.parent": lambda asked: region(asked, asked.item.row["parent_id"]),
    "Unit.region": lambda asked: region(asked, asked.item.row["region_id"]),
    "Query.regions": _regions,
    "Query.units": _units,
}
