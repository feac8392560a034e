"""Ownership 穿透持股: who finally owns a company, how much, and through whom."""

from __future__ import annotations

import datetime as dt
from enum import Enum
from typing import Annotated, Any

import strawberry

from schema.binding import described
from schema.cost import at_most
from schema.graph_figure import (
    AsOf,
    CompanyFinding,
    GraphNode,
    HoldingStep,
    KnownAt,
    ShareBasis,
    ShareRange,
    Subject,
)
from schema.neighbourhood import Truncation
from schema.party import Party
from schema.scalars import Share


@strawberry.enum(description="穿透结果 whether the shares could be determined.")
class OwnershipState(Enum):
    DETERMINED = strawberry.enum_value("DETERMINED", description="已确定")
    CIRCULAR_UNDETERMINED = strawberry.enum_value(
        "CIRCULAR_UNDETERMINED", description="循环持股无法确定 no outside owner, see `circle`"
    )


@strawberry.type(description="持股路径 one way from an owner down to the company.")
class OwnershipPath:
    share: ShareRange = described(
        "贡献 the product along the way; circles on it add to what the ways together give."
    )
    steps: list[HoldingStep] = described("步骤 the owner's holding first.", size=at_most(2))


@strawberry.type(description="所有者 who holds of the company, directly or through others.")
class Owner:
    key: str = described("节点键.")
    party: Party | None = described("主体.")
    direct: ShareRange = described("直接比例 0 when held through others only.")
    integrated: ShareRange = described(
        "穿透比例 direct and indirect, each share once, however holdings turn in circles."
    )
    ultimate: bool = described("最终 nobody is known to own it: persons, state organs, open ends.")
    paths: list[OwnershipPath] = described("路径 greatest contributions first.", size=at_most(2))
    paths_complete: bool = described("路径完整 false: there are more ways than shown.")


@strawberry.type(description="穿透持股 the owners of a company on one basis.")
class Ownership:
    as_of: dt.date = described("时点.")
    known_at: dt.datetime | None = described("知悉时点 null: now.")
    position: str = described("图位置 how far the snapshot has followed the store; opaque.")
    snapshot: str | None = described("快照 the state that was read; null as known at a past time.")
    truncated: list[Truncation] = described("截断 empty when nothing was cut off.", size=at_most(3))
    basis: ShareBasis = described("口径.")
    state: OwnershipState = described("结果.")
    findings: list[CompanyFinding] = described("提示 by company.", size=at_most(3))
    unknown: Share = described(
        "未知余额 what no final owner is known to hold, or may be seen to hold."
    )
    circle: list[str] = described(
        "闭环 keys of the closed circle the company belongs to.", size=at_most(5)
    )
    undetermined: list[list[str]] = described(
        "上层闭环 closed circles above, shown as owners whose own owners are not determined.",
        size=at_most(2),
    )
    total_count: int = described("总数 owners, before `first` and `minShare`.")
    nodes: list[GraphNode] = described("节点 the company as n0, owners, and who stands between.")
    owners: list[Owner] = described("所有者 greatest integrated share first.")


def owner_arguments(
    subject: Subject,
    basis: Annotated[ShareBasis, strawberry.argument(description="口径.")] = ShareBasis.EQUITY,
    as_of: AsOf = strawberry.UNSET,
    known_at: KnownAt = strawberry.UNSET,
    first: Annotated[int, strawberry.argument(description="条数 owners, 1–1000.")] = 100,
    min_share: Annotated[
        Share | None,
        strawberry.argument(description="下限 only owners whose upper bound reaches this."),
    ] = strawberry.UNSET,
    max_paths: Annotated[int, strawberry.argument(description="路径数 for each owner, 1–20.")] = 3,
) -> Any: ...
