"""Exports 导出 of the graph, and interests 受益权益 as they were declared."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any

import strawberry

from schema.binding import described
from schema.connection import After, First, PageInfo
from schema.neighbourhood import Truncation
from schema.party import Party
from schema.relation_kind import RelationKind


@strawberry.enum(description="导出格式 form of an export.")
class ExportFormat(Enum):
    GRAPHML = strawberry.enum_value("GRAPHML", description="图标记语言 GraphML 1.0")
    CSV = strawberry.enum_value("CSV", description="表格 CSV, a row for each statement of an edge")
    BODS = strawberry.enum_value(
        "BODS", description="受益所有权数据标准 Beneficial Ownership Data Standard 0.4"
    )


@strawberry.type(description="图谱导出 what the caller sees of the graph, as a file.")
class GraphExport:
    format: ExportFormat = described("格式.")
    media_type: str = described("媒体类型.")
    content: str = described("内容 the file's text.")
    sha256: str = described("摘要 SHA-256 of the text in UTF-8, hexadecimal.")
    as_of: dt.date = described("时点.")
    position: str = described("图位置.")
    truncated: list[Truncation] = described("截断 what the search left out.")
    nodes: int = described("节点数.")
    edges: int = described("关系数.")
    left_out: int = described("未列入 relations that the format has no place for.")


@strawberry.enum(description="直接或间接 how an interest is held.")
class Directness(Enum):
    DIRECT = strawberry.enum_value("DIRECT", description="直接")
    INDIRECT = strawberry.enum_value("INDIRECT", description="间接")
    UNKNOWN = strawberry.enum_value("UNKNOWN", description="未知")


@strawberry.type(description="申报权益 as declared, beside what is computed and never part of it.")
class DeclaredInterest:
    interest_id: str = described("权益标识.")
    party: Party | None = described("权益人 null when nobody is named, or none to see.")
    unnamed_reason: str | None = described("未具名原因 as declared.")
    type: str = described("权益类型 a code of BODS 0.4, for example votingRights.")
    directness: Directness = described("直接或间接.")
    beneficial: bool = described("受益所有或控制 as declared.")
    share_min: Decimal | None = described("比例下限 fraction 0–1.")
    share_max: Decimal | None = described("比例上限 fraction 0–1.")
    bounds: str = described("区间端点 whether the ends belong to it: [], [), (] or ().")
    details: str | None = described("说明.")
    valid_from: dt.date | None = described("起始日期.")
    valid_to: dt.date | None = described("终止日期.")
    origin_region: str = described("来源地区.")
    source: str = described("声明来源 publisher.")


@strawberry.type(description="申报权益 one row of a page.")
class DeclaredInterestEdge:
    cursor: str = described("游标.")
    node: DeclaredInterest = described("申报权益.")


@strawberry.type(description="申报权益 one page, by type.")
class DeclaredInterestConnection:
    page_info: PageInfo = described("分页信息.")
    edges: list[DeclaredInterestEdge] = described("各申报权益 with their cursors.")
    nodes: list[DeclaredInterest] = described("各申报权益.")


AsOf = Annotated[dt.date | None, strawberry.argument(description="时点 the default is today.")]


def interest_arguments(
    subject: Annotated[
        str, strawberry.argument(description="主体 any code, scheme:value, or a global id.")
    ],
    as_of: AsOf = strawberry.UNSET,
    first: First = strawberry.UNSET,
    after: After = strawberry.UNSET,
) -> Any: ...


def export_arguments(
    format_: Annotated[ExportFormat, strawberry.argument(name="format", description="导出格式.")],
    subject: Annotated[
        str, strawberry.argument(description="主体 any code, scheme:value, or a global id.")
    ],
    target: Annotated[
        str | None,
        strawberry.argument(name="to", description="终点 the paths to it, not the neighbourhood."),
    ] = strawberry.UNSET,
    hops: Annotated[int, strawberry.argument(description="层数 of the neighbourhood.")] = 1,
    max_length: Annotated[int, strawberry.argument(description="最大长度 of paths.")] = 4,
    first: Annotated[int, strawberry.argument(description="条数 of paths, 1–10.")] = 10,
    kinds: Annotated[
        list[RelationKind] | None, strawberry.argument(description="关系类型; all if null.")
    ] = strawberry.UNSET,
    as_of: AsOf = strawberry.UNSET,
    max_nodes: Annotated[int, strawberry.argument(description="节点上限 1–5000.")] = 500,
    max_fan: Annotated[int, strawberry.argument(description="扇出上限 1–1000.")] = 100,
) -> Any: ...
