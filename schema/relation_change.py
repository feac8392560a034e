"""Changes 变更 of a subject's relations: a timeline, and the difference between two days."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any

import strawberry

from schema.binding import described
from schema.neighbourhood import RelationKind
from schema.party import Party


@strawberry.enum(description="变更 what became of a relation.")
class ChangeKind(Enum):
    BEGAN = strawberry.enum_value("BEGAN", description="开始")
    CHANGED = strawberry.enum_value("CHANGED", description="变更 figures or terms stated anew")
    ENDED = strawberry.enum_value("ENDED", description="终止")


@strawberry.type(description="关系状态 what a statement says of a relation.")
class RelationState:
    share_min: Decimal | None = described("出资比例下限 fraction 0–1, as stated or derived.")
    share_max: Decimal | None = described("出资比例上限 fraction 0–1.")
    subscribed: Decimal | None = described("认缴出资额 万元.")
    paid: Decimal | None = described("实缴出资额 万元.")
    position: str | None = described("职务.")
    amount: Decimal | None = described("金额 元.")
    currency: str | None = described("币种.")
    valid_from: dt.date | None = described("起始日期.")
    valid_to: dt.date | None = described("终止日期.")
    stated_at: dt.datetime = described("陈述时间 when the city's unit said so.")


@strawberry.type(description="关系变更 one relation of the subject, before and after.")
class RelationChange:
    on: dt.date | None = described("日期 null when no day is stated.")
    change: ChangeKind = described("变更.")
    kind: RelationKind = described("关系类型.")
    outward: bool = described(
        "由主体指向 true: the subject holds, represents, guarantees, borrows."
    )
    party: Party | None = described("另一端 null for a loan.")
    relation_id: str = described("关系标识 the evidence.")
    origin_region: str = described("来源地区.")
    before: RelationState | None = described("此前.")
    after: RelationState | None = described("此后.")


@strawberry.type(description="关系时间线 what became of a subject's relations, newest first.")
class Timeline:
    changes: list[RelationChange] = described("变更.")
    more: bool = described("未尽 true: older changes were left out.")


@strawberry.type(
    description="关系差异 relations in force on one day and not, or otherwise, on another."
)
class RelationDifference:
    since: dt.date = described("自.")
    until: dt.date = described("至.")
    changes: list[RelationChange] = described("变更 by kind, then by relation.")


KnownAt = Annotated[
    dt.datetime | None,
    strawberry.argument(description="已知时间 only what this node knew then; all if null."),
]
Subject = Annotated[
    str, strawberry.argument(description="主体 any code, scheme:value, or a global id.")
]


def timeline_arguments(
    subject: Subject,
    since: Annotated[
        dt.date | None, strawberry.argument(name="from", description="自 inclusive.")
    ] = strawberry.UNSET,
    until: Annotated[
        dt.date | None, strawberry.argument(name="to", description="至 inclusive; today if null.")
    ] = strawberry.UNSET,
    first: Annotated[int, strawberry.argument(description="条数 1–500.")] = 100,
    known_at: KnownAt = strawberry.UNSET,
) -> Any: ...


def difference_arguments(
    subject: Subject,
    since: Annotated[dt.date, strawberry.argument(name="from", description="自 a day.")],
    until: Annotated[
        dt.date | None, strawberry.argument(name="to", description="至 a day; today if null.")
    ] = strawberry.UNSET,
    known_at: KnownAt = strawberry.UNSET,
) -> Any: ...
