"""Neighbourhood 关联邻域: what surrounds a subject in the graph, budgeted and honest about it."""

from __future__ import annotations

import datetime as dt

import strawberry

from schema.binding import described
from schema.party import Party
from schema.relation_kind import RelationKind as RelationKind
from schema.scalars import Share


@strawberry.type(description="截断 what a budget cut off.")
class Truncation:
    reason: str = described(
        "原因 LEVELS, NODES, FAN or TIME; PERSONS: natural persons are not followed;"
        " CASE_REQUIRED: they are followed when the question names its case."
    )
    stage: int = described("层 the distance at which something is missing.")


@strawberry.type(description="邻域节点 one party of the neighbourhood.")
class NeighbourhoodNode:
    key: str = described("节点键 names the node in `edges` of this answer only.")
    party: Party | None = described("主体 null for a loan.")
    distance: int = described("距离 edges from the subject.")
    degree: int | None = described("度 relations seen at this node, null when not counted.")
    expanded: bool = described("已展开 false: shown, its own relations were not followed.")


@strawberry.type(description="关系陈述 what one city states of an edge.")
class EdgeStatement:
    relation_id: str = described("关系标识 the evidence of this statement.")
    origin_region: str = described("来源地区.")
    share_min: Share | None = described("出资比例下限 fraction 0–1.")
    share_max: Share | None = described("出资比例上限 fraction 0–1.")
    valid_from: dt.date | None = described("起始日期.")
    valid_to: dt.date | None = described("终止日期.")


@strawberry.type(
    description=(
        "邻域关系 one edge of the neighbourhood; what several cities state is one edge, shown with"
        " the figures of the node's own city first."
    )
)
class NeighbourhoodEdge:
    relation_id: str = described("关系标识 the evidence of this edge.")
    kind: RelationKind = described("关系类型.")
    source: str = described("起点 key of a node of this answer.")
    target: str = described("终点 key of a node of this answer.")
    share_min: Share | None = described("出资比例下限 fraction 0–1.")
    share_max: Share | None = described("出资比例上限 fraction 0–1.")
    position: str | None = described("职务.")
    origin_region: str = described("来源地区.")
    valid_from: dt.date | None = described("起始日期.")
    valid_to: dt.date | None = described("终止日期.")
    statements: list[EdgeStatement] = described("各地陈述 each city's, the first as shown here.")


@strawberry.type(description="关联邻域 breadth first by level, deterministic order.")
class Neighbourhood:
    as_of: dt.date = described("时点 relations in force on that day.")
    position: str = described("图位置 how far the graph has followed the store; opaque.")
    truncated: list[Truncation] = described("截断 empty when nothing was cut off.")
    nodes: list[NeighbourhoodNode] = described("节点 nearest first.")
    edges: list[NeighbourhoodEdge] = described("关系.")
