"""Regions 行政区划 and units 单位: the small tables that everything else points to."""

from __future__ import annotations

import datetime as dt
from enum import Enum

import strawberry

from schema.binding import described, stored
from schema.node import Node
from schema.scalars import Uscc


@strawberry.enum(description="区划级别 level of a region.")
class RegionKind(Enum):
    PROVINCE = strawberry.enum_value("PROVINCE", description="省级")
    PREFECTURE = strawberry.enum_value("PREFECTURE", description="地级")
    COUNTY = strawberry.enum_value("COUNTY", description="县级")
    FUNCTIONAL_ZONE = strawberry.enum_value(
        "FUNCTIONAL_ZONE", description="功能区: an authority without a GB/T 2260 code"
    )


@strawberry.type(description="行政区划 a region: GB/T 2260 divisions and zones without a code.")
class Region(Node):
    region_id: str = stored(
        "region_id", "区划标识 never changes; the GB/T 2260 code where there is one."
    )
    code: str | None = stored("gbt2260_code", "区划代码 GB/T 2260.")
    name: str = stored("name", "名称.")
    kind: RegionKind = stored("kind", "级别 level.")
    valid_from: dt.date | None = stored("valid_from", "启用日期 known by year for old divisions.")
    valid_to: dt.date | None = stored("valid_to", "停用日期 not in force on and after this day.")
    parent: Region | None = described("上级区划 the region it belongs to.")


@strawberry.type(description="单位 an authority that decides or reports.")
class Unit(Node):
    uscc: Uscc = stored("unit_id", "统一社会信用代码.")
    name: str = stored("name", "名称.")
    is_source: bool = stored("is_source", "是否数据来源单位 it reports records.")
    is_issuer: bool = stored("is_issuer", "是否作出机关 it makes decisions.")
    region: Region | None = described("所在区划.")


@strawberry.type(description="数据来源单位 the unit a statement came from, as reported.")
class SourceUnit:
    name: str | None = described("名称.")
    uscc: str | None = described("统一社会信用代码.")


@strawberry.input(description="区划筛选 all given conditions hold.")
class RegionFilter:
    code: str | None = strawberry.field(default=strawberry.UNSET, description="区划代码 GB/T 2260.")
    kind: RegionKind | None = strawberry.field(default=strawberry.UNSET, description="级别.")
    parent: str | None = strawberry.field(
        default=strawberry.UNSET, description="上级区划标识 regionId."
    )
    in_force: bool | None = strawberry.field(
        default=strawberry.UNSET,
        description="现行 in force on the node's date (true) or not (false).",
    )


@strawberry.input(description="单位筛选 all given conditions hold.")
class UnitFilter:
    uscc: Uscc | None = strawberry.field(default=strawberry.UNSET, description="统一社会信用代码.")
    name: str | None = strawberry.field(
        default=strawberry.UNSET, description="名称包含 part of the name."
    )
    is_source: bool | None = strawberry.field(default=strawberry.UNSET, description="数据来源单位.")
    is_issuer: bool | None = strawberry.field(default=strawberry.UNSET, description="作出机关.")
