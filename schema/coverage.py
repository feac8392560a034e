"""Catalogues 信息目录 and 应用目录 as they are published, and coverage: what came from whom."""

from __future__ import annotations

import datetime as dt
from enum import Enum
from typing import Annotated, Any

import strawberry

from schema.binding import described


@strawberry.type(description="来源单位 a unit that reports an item.")
class InformationProvider:
    uscc: str = described("统一社会信用代码.")
    name: str = described("名称.")


@strawberry.type(description="信息目录条目 one kind of record in the information catalogue.")
class InformationItem:
    kind: str = described("记录类型 as in `Record.kind`.")
    label: str = described("名称.")
    categories: list[str] = described("主体类别 of whom it is recorded.")
    share: str = described("共享方式 O 公开, G 政务共享, A 授权查询 or R 限制.")
    providers: list[InformationProvider] = described("来源单位.")
    partners: list[str] = described("共享城市 region ids; * is every party of an agreement.")
    cycle_days: int | None = described("更新周期 days between two reports at most.")
    cycle_is_working: bool = described("周期按工作日 the cycle counts working days.")
    legal_basis: str = described("法律依据.")


@strawberry.type(description="应用目录条目 what a unit may ask for a matter.")
class ApplicationItem:
    unit: str = described("单位代码.")
    unit_name: str = described("单位.")
    matter: str = described("事项.")
    purposes: list[str] = described("用途 P1…P17.")
    kinds: list[str] = described("记录类型.")
    valid_from: dt.date = described("生效日期.")
    valid_to: dt.date | None = described("失效日期 not in force on and after this day.")
    legal_basis: str = described("法律依据.")


@strawberry.type(description="目录版本 an edition of one of the catalogues.")
class CatalogueEdition:
    edition: str = described("版本.")
    valid_from: dt.date = described("生效日期.")
    valid_to: dt.date | None = described("失效日期 not in force on and after this day.")
    legal_basis: str = described("法律依据.")


@strawberry.type(
    description="目录 the catalogues of this city on one day; published, for everybody."
)
class Catalogue:
    on: dt.date = described("日期.")
    region: str = described("城市 region id.")
    information: CatalogueEdition | None = described("信息目录版本 null when none is in force.")
    items: list[InformationItem] = described("信息目录.")
    application: CatalogueEdition | None = described("应用目录版本 null when none is in force.")
    applications: list[ApplicationItem] = described("应用目录.")


@strawberry.enum(description="覆盖状态 whether an item is there as it should be.")
class CoverageState(Enum):
    CURRENT = strawberry.enum_value(
        "CURRENT", description="正常 reported in time: no record means that there is none"
    )
    OVERDUE = strawberry.enum_value(
        "OVERDUE", description="来源未报 the source is silent past its term, or out of reach"
    )
    NEVER = strawberry.enum_value("NEVER", description="从未报送 nothing ever came")
    NOT_SHARED = strawberry.enum_value(
        "NOT_SHARED",
        description="未共享 not in the catalogue, the agreement or the caller's application row",
    )


@strawberry.type(description="覆盖 one item of one source; never about a subject.")
class Coverage:
    kind: str = described("记录类型.")
    label: str = described("名称.")
    source_unit: InformationProvider | None = described("来源单位 null for a partner city.")
    origin_region: str = described("来源地区 region id.")
    state: CoverageState = described("状态.")
    shared: bool = described(
        "共享 whether catalogue, agreement and purpose share the item with the caller that day."
    )
    shared_from: dt.date | None = described(
        "共享起始日期 since when the catalogue shares it with the caller; of what is not shared"
        " the first later day of a loaded edition; null where no edition says so."
    )
    warning: str | None = described(
        "告警 what is wrong with the line to the partner city, as PARTNER_UNAVAILABLE: what it has"
        " recorded since its last answer is not here; null for units of this city."
    )
    last_received_at: dt.datetime | None = described(
        "最近报送时间 of a unit: the day that the report is of; of a partner: its last page."
    )
    last_lines: int | None = described(
        "最近报送行数 accepted lines of the last report; of a partner: entries of its feed."
    )
    next_due_on: dt.date | None = described("下次应报 last day in time.")
    partner_reached_at: dt.datetime | None = described(
        "最近连通伙伴 when the partner city last answered; null for units of this city."
    )


_On = Annotated[
    dt.date | None, strawberry.argument(description="日期 the node's domain date if null.")
]


def catalogue_arguments(on: _On = strawberry.UNSET) -> Any: ...


def coverage_arguments(
    kinds: Annotated[
        list[str] | None, strawberry.argument(description="记录类型 all of them if null.")
    ] = strawberry.UNSET,
    on: _On = strawberry.UNSET,
) -> Any: ...
