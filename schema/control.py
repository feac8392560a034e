"""Control 控制: who decides in a company, and what somebody decides. Computed: 疑似."""

from __future__ import annotations

import datetime as dt
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
from schema.party import Party


@strawberry.type(description="控制步 one company that comes under control, and by which votes.")
class ControlStep:
    company: str = described("公司 key.")
    votes: ShareRange = described("表决权 together, more than one half.")
    voters: list[HoldingStep] = described(
        "投票人 the controller, what it controls, its allies.", size=at_most(2)
    )
    allies: list[str] = described(
        "一致行动人 keys of voters who only act in concert.", size=at_most(2)
    )


@strawberry.type(description="疑似控制人 who, as computed from votes, controls the company.")
class Controller:
    key: str = described("节点键.")
    party: Party | None = described("主体.")
    label: str = described("标注 always 疑似: computed, never declared.")
    ultimate: bool = described("最终 nobody controls it, or only firms of its own `component`.")
    level: int = described("层级 1: by votes of its own; else one more than the firm between.")
    votes: ShareRange = described("表决权 its own and of what it controls.")
    component: list[str] = described(
        "互控组 firms that control each other with nobody above; they are told together."
    )
    jointly_with: list[str] = described(
        "共同控制 allies without whose votes it would not control.", size=at_most(2)
    )
    chain: list[ControlStep] = described(
        "控制链 in the order in which it follows.", size=at_most(2)
    )


@strawberry.type(description="控制人 of a company.")
class Controllers:
    as_of: dt.date = described("时点.")
    known_at: dt.datetime | None = described("知悉时点 null: now.")
    position: str = described("图位置.")
    snapshot: str | None = described("快照.")
    truncated: list[Truncation] = described("截断 empty when nothing was cut off.", size=at_most(3))
    rule: str = described("规则 that decided.")
    findings: list[CompanyFinding] = described("提示 by company.", size=at_most(3))
    nodes: list[GraphNode] = described("节点 the company as n0.")
    controllers: list[Controller] = described("疑似控制人 the nearest first; empty: nobody.")
    possible: list[str] = described(
        "可能 keys of those who would control, were unknown votes theirs.", size=at_most(5)
    )
    borderline: list[str] = described(
        "临界 keys of those who hold one half, which is not enough.", size=at_most(5)
    )


@strawberry.type(description="受控企业 a firm that the subject controls.")
class ControlledFirm:
    key: str = described("节点键.")
    party: Party | None = described("主体.")
    label: str = described("标注 always 疑似: computed.")
    level: int = described("层级 1: by votes of its own.")
    votes: ShareRange = described("表决权.")
    step: ControlStep = described("依据.")


@strawberry.type(description="控制 what a subject controls.")
class Controlled:
    as_of: dt.date = described("时点.")
    known_at: dt.datetime | None = described("知悉时点 null: now.")
    position: str = described("图位置.")
    snapshot: str | None = described("快照.")
    truncated: list[Truncation] = described("截断 empty when nothing was cut off.", size=at_most(3))
    rule: str = described("规则 that decided.")
    findings: list[CompanyFinding] = described("提示 by company.", size=at_most(3))
    total_count: int = described("总数 controlled firms, before `first`.")
    nodes: list[GraphNode] = described("节点 the subject as n0.")
    controlled: list[ControlledFirm] = described("受控企业 in the order in which control follows.")
    possible: list[str] = described(
        "可能 keys of firms it would control, were unknown votes its own.", size=at_most(5)
    )
    borderline: list[str] = described(
        "临界 keys of firms in which it has one half.", size=at_most(5)
    )


def controller_arguments(
    subject: Subject,
    as_of: AsOf = strawberry.UNSET,
    known_at: KnownAt = strawberry.UNSET,
) -> Any: ...


def controlled_arguments(
    subject: Subject,
    as_of: AsOf = strawberry.UNSET,
    known_at: KnownAt = strawberry.UNSET,
    first: Annotated[int, strawberry.argument(description="条数 firms, 1–1000.")] = 100,
) -> Any: ...
