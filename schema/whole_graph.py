"""Analyses of the whole graph 全图分析, run as jobs."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import Annotated, Any

import strawberry

from schema.graph_figure import AsOf
from schema.relation_kind import RelationKind
from schema.risk import RiskDecayInput, RiskModel


@strawberry.enum(description="全图分析 what is looked for over the whole graph.")
class WholeGraphAnalysis(Enum):
    CIRCLES = strawberry.enum_value("CIRCLES", description="循环持股 firms that hold each other")
    COMPONENTS = strawberry.enum_value(
        "COMPONENTS", description="关联群 subjects tied together by `kinds`"
    )
    GUARANTEE_CIRCLES = strawberry.enum_value(
        "GUARANTEE_CIRCLES", description="担保圈 with its rings and the debts in it"
    )
    RISK = strawberry.enum_value("RISK", description="风险传导 from `seeds`, to whatever distance")
    COMMUNITIES = strawberry.enum_value(
        "COMMUNITIES",
        description="社群 subjects tied more closely among themselves; Leiden, fixed seed",
    )


def whole_graph_arguments(
    client_key: Annotated[
        str, strawberry.argument(description="幂等键 8–64 characters of the caller's choice.")
    ],
    kind: Annotated[WholeGraphAnalysis, strawberry.argument(description="分析 which one.")],
    as_of: AsOf = strawberry.UNSET,
    kinds: Annotated[
        list[RelationKind] | None,
        strawberry.argument(
            description="关系类型 of COMPONENTS, COMMUNITIES; all but officers and loans if null."
        ),
    ] = strawberry.UNSET,
    min_size: Annotated[
        int | None,
        strawberry.argument(description="最小规模 of a group; 2 if null, 1 for CIRCLES."),
    ] = strawberry.UNSET,
    first: Annotated[
        int,
        strawberry.argument(
            description="条数 most groups, largest first, or subjects of RISK; 1–100,000."
        ),
    ] = 1_000,
    seeds: Annotated[
        list[str] | None,
        strawberry.argument(description="源头 of RISK: 1–500 codes or global ids."),
    ] = strawberry.UNSET,
    model: Annotated[RiskModel, strawberry.argument(description="模型 of RISK.")] = (
        RiskModel.DEBTRANK
    ),
    decays: Annotated[
        list[RiskDecayInput] | None,
        strawberry.argument(description="衰减 of RISK, instead of the product's own assumptions."),
    ] = strawberry.UNSET,
    min_score: Annotated[
        Decimal, strawberry.argument(description="最低得分 of RISK, 0 to 1.")
    ] = Decimal("0.001"),
    resolution: Annotated[
        Decimal,
        strawberry.argument(
            description="分辨率 of COMMUNITIES: greater finds smaller ones; 0.01–100."
        ),
    ] = Decimal(1),
) -> Any: ...
