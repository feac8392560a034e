"""Beneficial owners 受益所有人 as the rules of 人民银行、市场监管总局令〔2024〕3号 give them."""

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
    ShareRange,
    Subject,
)
from schema.neighbourhood import Truncation
from schema.ownership import OwnershipPath
from schema.party import Party

First = Annotated[int, strawberry.argument(description="条数 1–1000.")]


@strawberry.enum(description="认定规则 the rule by which somebody is a beneficial owner.")
class BeneficialRule(Enum):
    EQUITY = strawberry.enum_value("EQUITY", description="股权25%以上 finally held")
    INCOME = strawberry.enum_value("INCOME", description="收益权25%以上")
    VOTES = strawberry.enum_value("VOTES", description="表决权25%以上")
    CONTROL = strawberry.enum_value("CONTROL", description="单独实际控制")
    JOINT_CONTROL = strawberry.enum_value("JOINT_CONTROL", description="联合实际控制")
    DAILY_MANAGEMENT = strawberry.enum_value(
        "DAILY_MANAGEMENT", description="日常经营管理人员 when nobody meets the others"
    )
    STATE_OWNED = strawberry.enum_value(
        "STATE_OWNED", description="国有独资、国有控股 the legal representative"
    )


@strawberry.type(description="受益所有人 a natural person and the rule that fired.")
class BeneficialOwner:
    key: str = described("节点键.")
    party: Party | None = described("主体.")
    rule: BeneficialRule = described("规则.")
    label: str = described("标注 疑似 for rules that are computed from control.")
    share: ShareRange | None = described("比例 of what the rule is about; null for other rules.")
    certain: bool = described(
        "确定 false: it depends on shares not known, its own or those by which another may meet an"
        " earlier rule, or on rounding at 25 %."
    )
    borderline: bool = described("临界 the share stands on 25 %, within 1e-9; 25%以上 includes it.")
    position: str | None = described("职务 where the rule is about it.")
    together_with: list[str] = described("联合 keys of allies, for JOINT_CONTROL.")
    paths: list[OwnershipPath] = described(
        "路径 greatest contributions first, at most 3.", size=at_most(2)
    )


@strawberry.type(description="免报条件 the conditions of art. 3, each by itself.")
class FilingExemption:
    small: bool | None = described("注册资本不超过1000万元 null when it is not known.")
    persons_alone: bool | None = described(
        "股东、合伙人全部为自然人 null where not all of them are known."
    )
    no_other: bool | None = described(
        "无他人控制或受益 nobody else controls it or has 25 % of it; null where that is not known."
    )
    committed: bool = described("已承诺 a commitment of the firm that says so is on record.")
    applies: bool = described("适用 all of them.")


@strawberry.type(description="受益所有人 of a firm.")
class BeneficialOwners:
    as_of: dt.date = described("时点.")
    known_at: dt.datetime | None = described("知悉时点 null: now.")
    position: str = described("图位置.")
    snapshot: str | None = described("快照.")
    truncated: list[Truncation] = described("截断 empty when nothing was cut off.", size=at_most(3))
    rule: BeneficialRule | None = described("规则 that fired; null when nobody is found.")
    rule_text: str = described("规则说明 in words.")
    source: str = described("依据 the order that the rules are from.")
    undetermined: bool = described("无法确定 closed circles keep shares from being determined.")
    exemption: FilingExemption = described("免报条件.")
    findings: list[CompanyFinding] = described("提示 by company.", size=at_most(3))
    nodes: list[GraphNode] = described("节点 the firm as n0.")
    owners: list[BeneficialOwner] = described("受益所有人 certain ones first.")


def beneficial_arguments(
    subject: Subject,
    as_of: AsOf = strawberry.UNSET,
    known_at: KnownAt = strawberry.UNSET,
) -> Any: ...


@strawberry.enum(description="关联方类型 by 企业会计准则第36号 art. 4.")
class RelatedTie(Enum):
    PARENT = strawberry.enum_value("PARENT", description="母公司 第四条(一)")
    SUBSIDIARY = strawberry.enum_value("SUBSIDIARY", description="子公司 第四条(二)")
    SAME_PARENT = strawberry.enum_value("SAME_PARENT", description="受同一母公司控制 第四条(三)")
    JOINT_CONTROLLER = strawberry.enum_value(
        "JOINT_CONTROLLER", description="实施共同控制的投资方 第四条(四)"
    )
    SIGNIFICANT_INFLUENCE = strawberry.enum_value(
        "SIGNIFICANT_INFLUENCE", description="施加重大影响的投资方 第四条(五) 20%以上"
    )
    JOINT_VENTURE = strawberry.enum_value("JOINT_VENTURE", description="合营企业 第四条(六)")
    ASSOCIATE = strawberry.enum_value("ASSOCIATE", description="联营企业 第四条(七) 20%以上")
    MAIN_INVESTOR = strawberry.enum_value("MAIN_INVESTOR", description="主要投资者个人 第四条(八)")
    KEY_MANAGER = strawberry.enum_value("KEY_MANAGER", description="关键管理人员 第四条(九)")
    MANAGER_OF_PARENT = strawberry.enum_value(
        "MANAGER_OF_PARENT", description="母公司的关键管理人员 第四条(九)"
    )
    CONTROLLED_BY_PERSON = strawberry.enum_value(
        "CONTROLLED_BY_PERSON", description="主要投资者个人、关键管理人员控制的其他企业 第四条(十)"
    )


@strawberry.type(description="关联方 a party and the tie that makes it related.")
class RelatedParty:
    key: str = described("节点键.")
    party: Party | None = described("主体.")
    tie: RelatedTie = described("类型 the rule that fired.")
    label: str = described("标注 疑似: computed from votes and positions.")
    through: str | None = described("经由 key of the parent or person that makes the tie.")
    votes: ShareRange | None = described("表决权 null where the tie is a position.")
    position: str | None = described("职务.")
    borderline: bool = described("临界 the votes stand on a threshold, within 1e-9.")
    holdings: list[HoldingStep] = described(
        "依据 the votes with their statements.", size=at_most(2)
    )


@strawberry.type(description="关联方 of a firm; kinship is not stored and not found.")
class RelatedParties:
    as_of: dt.date = described("时点.")
    known_at: dt.datetime | None = described("知悉时点 null: now.")
    position: str = described("图位置.")
    snapshot: str | None = described("快照.")
    truncated: list[Truncation] = described(
        "截断 PERSONS, CASE_REQUIRED: firms of persons left out.", size=at_most(3)
    )
    source: str = described("依据.")
    total_count: int = described("总数 before `first`.")
    findings: list[CompanyFinding] = described("提示 by company.", size=at_most(3))
    nodes: list[GraphNode] = described("节点 the firm as n0.")
    related: list[RelatedParty] = described("关联方 in the order of art. 4.")


def related_arguments(
    subject: Subject,
    as_of: AsOf = strawberry.UNSET,
    first: First = 200,
) -> Any: ...


@strawberry.type(description="循环持股 firms that hold each other, around one of them.")
class CircularOwnership:
    as_of: dt.date = described("时点.")
    position: str = described("图位置.")
    snapshot: str | None = described("快照 whose circles were looked up.")
    truncated: list[Truncation] = described("截断 empty when nothing was cut off.", size=at_most(3))
    circular: bool = described("循环 whether the firm is in a circle or holds itself.")
    self_held: bool = described("自持 whether the firm holds itself.")
    size: int = described("规模 firms in the circle, 0 when there is none.")
    nodes: list[GraphNode] = described("节点 the firm as n0.")
    members: list[str] = described("成员 keys, in the order of internal ids.", size=at_most(10))
    holdings: list[HoldingStep] = described("持股 among the members.", size=at_most(2))


def circular_arguments(
    subject: Subject,
    as_of: AsOf = strawberry.UNSET,
    first: First = 200,
) -> Any: ...
