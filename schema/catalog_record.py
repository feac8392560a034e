"""Records of catalogue items that the city defines while its node runs (design §2)."""

from __future__ import annotations

import strawberry

from schema.binding import described
from schema.record import Record


@strawberry.type(description="目录项 a catalogue item that the city defined.")
class CatalogItem:
    name: str = described("名称 as in `Record.kind`.")
    label: str = described("中文名称.")


@strawberry.type(description="字段值 one field of a record of a catalogue item.")
class CatalogValue:
    name: str = described("字段名 as in `kinds`.")
    label: str = described("中文名称.")
    type: str = described("类型 TEXT, DATE, DECIMAL, INTEGER, BOOLEAN, CODE or CODES.")
    unit: str | None = described("单位 of a number.")
    value: str | None = described(
        "值 as text: dates YYYY-MM-DD, exact decimals, true or false, several codes joined with ;."
        " Null when there is none, and for who may not see it."
    )


@strawberry.type(description="目录记录 a record of a catalogue item that the city defined.")
class CatalogRecord(Record):
    item: CatalogItem = described("目录项.")
    values: list[CatalogValue] = described("字段值 every field of the item, in its order.")
