"""Risk propagation 风险传导: how far trouble reaches, through what, by a model that is stated."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any

import strawberry

from schema.binding import described
from schema.cost import at_most
from schema.graph_figure import AsOf, GraphNode
from schema.neighbourhood import Truncation
from schema.party import Party


@strawberry.enum(description="模型 how risk spreads.")
class RiskModel(Enum):
    DEBTRANK = strawberry.enum_value(
        "DEBTRANK", description="一次传导 DebtRank: each subject passes its distress on once"
    )
    PAGERANK = strawberry.enum_value(
        "PAGERANK", description="个性化PageRank the share of a walk from the seeds, damping 0.85"
    )


@strawberry.enum(description="传导方向 one way in which trouble passes along a kind of relation.")
class RiskCourse(Enum):
    DEBTOR_TO_GUARANTOR = strawberry.enum_value(
        "DEBTOR_TO_GUARANTOR", description="债务人→保证人 0.8 unless given"
    )
    COMPANY_TO_HOLDER = strawberry.enum_value(
        "COMPANY_TO_HOLDER", description="企业→股东 0.5 times the share"
    )
    HOLDER_TO_COMPANY = strawberry.enum_value(
        "HOLDER_TO_COMPANY", description="股东→企业 0.3 times the share"
    )
    BRANCH_TO_HEAD = strawberry.enum_value("BRANCH_TO_HEAD", description="分支→总部 0.9")
    HEAD_TO_BRANCH = strawberry.enum_value("HEAD_TO_BRANCH", description="总部→分支 0.9")
    FIRM_TO_REPRESENTATIVE = strawberry.enum_value(
        "FIRM_TO_REPRESENTATIVE", description="企业→法定代表人 0.3"
    )
    REPRESENTATIVE_TO_FIRM = strawberry.enum_value(
        "REPRESENTATIVE_TO_FIRM", description="法定代表人→企业 0.3"
    )
    FIRM_TO_OFFICER = strawberry.enum_value("FIRM_TO_OFFICER", description="企业→高管 0.1")
    OFFICER_TO_FIRM = strawberry.enum_value("OFFICER_TO_FIRM", description="高管→企业 0.1")


@strawberry.input(description="衰减 the factor of one way; 0 closes it.")
class RiskDecayInput:
    course: RiskCourse = strawberry.field(description="传导方向.")
    factor: Decimal = strawberry.field(description="衰减系数 0 to 1.")


@strawberry.type(description="衰减 the factor that was used for one way.")
class RiskDecay:
    course: RiskCourse = described("传导方向.")
    factor: Decimal = described("衰减系数.")


@strawberry.type(description="传导来源 the tie by which most of it came.")
class RiskChannel:
    source: str = described("来源 key.")
    course: RiskCourse = described("传导方向.")
    weight: Decimal = described("权重 decay, for holdings times the share.")
    relation_id: str = described("证据 relation in the store.")
    origin_region: str = described("来源地区.")


@strawberry.type(description="受影响主体 whom trouble reaches.")
class RiskImpact:
    key: str = described("节点键.")
    party: Party | None = described("主体.")
    score: Decimal = described("影响度 0 to 1, to 12 places; of the model, and no probability.")
    seed: bool = described("源头 one of those asked about.")
    via: RiskChannel | None = described("主要来源 null for a seed.")


@strawberry.type(description="风险传导 suspicion by a stated model, never a fact.")
class RiskPropagation:
    as_of: dt.date = described("时点.")
    position: str = described("图位置 how far the snapshot has followed the store; opaque.")
    snapshot: str = described("快照 the state that was read.")
    truncated: list[Truncation] = described("截断 empty when nothing was cut off.", size=at_most(3))
    model: RiskModel = described("模型.")
    decays: list[RiskDecay] = described("衰减 as used.", size=at_most(9))
    missing: list[str] = described("未找到 seeds of which there is none to see.", size=at_most(5))
    hubs: list[str] = described(
        "枢纽 keys of subjects with too many ties, hit and not passed.", size=at_most(5)
    )
    total_count: int = described("受影响数 seeds among them.")
    nodes: list[GraphNode] = described("节点 those shown.")
    impacts: list[RiskImpact] = described("受影响主体 greatest score first, up to `first`.")


def risk_arguments(
    seeds: Annotated[
        list[str],
        strawberry.argument(description="源头 1–50 codes, scheme:value or global ids."),
    ],
    model: Annotated[RiskModel, strawberry.argument(description="模型.")] = RiskModel.DEBTRANK,
    decays: Annotated[
        list[RiskDecayInput] | None,
        strawberry.argument(description="衰减 instead of the product's own assumptions."),
    ] = strawberry.UNSET,
    steps: Annotated[int, strawberry.argument(description="步数 from the seeds, 1–6.")] = 3,
    max_fan: Annotated[
        int, strawberry.argument(description="扇出上限: above it a subject is hit, not passed.")
    ] = 100,
    as_of: AsOf = strawberry.UNSET,
    first: Annotated[int, strawberry.argument(description="条数 1–1000.")] = 100,
) -> Any: ...
