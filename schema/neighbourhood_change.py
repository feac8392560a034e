"""Changes around a subject 邻域变动: events as they happen, and the digest of a period."""

from __future__ import annotations

import datetime as dt
from enum import Enum
from typing import Annotated, Any

import strawberry

from schema.binding import described
from schema.neighbourhood import Truncation
from schema.party import Party
from schema.record import RecordStatus, Severity
from schema.relation_change import RelationState
from schema.relation_kind import RelationKind


@strawberry.enum(description="邻域变动类型 what became of it.")
class NeighbourhoodChangeKind(Enum):
    NEW = strawberry.enum_value("NEW", description="新增")
    CHANGED = strawberry.enum_value("CHANGED", description="变更 stated anew, or marked")
    ENDED = strawberry.enum_value(
        "ENDED", description="终止 over by its date, removed from the list, repaired"
    )
    UNDONE = strawberry.enum_value(
        "UNDONE", description="撤销 withdrawn: what was told of it does not hold"
    )


@strawberry.enum(description="邻域变动对象.")
class NeighbourhoodTopic(Enum):
    RELATION = strawberry.enum_value("RELATION", description="关系")
    LIST = strawberry.enum_value("LIST", description="名单")
    PENALTY = strawberry.enum_value("PENALTY", description="行政处罚")


@strawberry.type(description="记录要点 what stood of a record at a time.")
class RecordState:
    status: RecordStatus = described("状态.")
    severity: Severity | None = described("失信程度.")
    decision_date: dt.date | None = described("决定日期.")
    display_from: dt.date | None = described("公示起.")
    display_until: dt.date | None = described("公示止.")
    display_ended_on: dt.date | None = described("提前结束公示 removed or repaired on that day.")
    objection: bool = described("异议标注.")
    stated_at: dt.datetime = described("陈述时间 when the city's unit said so.")


@strawberry.type(description="关系变动 before and after.")
class NeighbourhoodRelation:
    relation_id: str = described("关系标识 the evidence.")
    kind: RelationKind = described("关系类型.")
    origin_region: str = described("来源地区.")
    before: RelationState | None = described("此前 null when it is new.")
    after: RelationState | None = described("此后 null when it is undone.")


@strawberry.type(description="记录变动 before and after; both null where no more may be known.")
class NeighbourhoodRecord:
    record_id: str = described("记录标识.")
    kind: str = described("记录类型.")
    origin_region: str = described("来源地区.")
    before: RecordState | None = described("此前.")
    after: RecordState | None = described("此后.")


@strawberry.type(description="变动主体 a party that a change touches.")
class ChangedParty:
    party: Party | None = described("主体 null for a loan.")
    distance: int | None = described("距离 edges from the subject; null: beyond what was searched.")


@strawberry.type(description="邻域变动 one relation, listing or penalty around a subject.")
class NeighbourhoodChange:
    change: NeighbourhoodChangeKind = described("变动类型.")
    what: NeighbourhoodTopic = described("变动对象.")
    recorded_at: dt.datetime | None = described("入库时间 when this node came to know it.")
    parties: list[ChangedParty] = described("主体 of a relation its source, then its target.")
    relation: NeighbourhoodRelation | None = described("关系.")
    record: NeighbourhoodRecord | None = described("记录 a listing or penalty.")


@strawberry.type(description="邻域事件 one change around a subject.")
class NeighbourhoodEvent:
    position: str = described("位置 give it as `after` to go on behind this event.")
    change: NeighbourhoodChange = described("变动.")
    truncated: list[Truncation] = described("截断 what of the neighbourhood was not searched.")


@strawberry.type(description="邻域摘要 each change of a period once, newest first.")
class NeighbourhoodDigest:
    since: dt.datetime = described("自 inclusive.")
    until: dt.datetime = described("至 exclusive.")
    changes: list[NeighbourhoodChange] = described("变动.")
    end_cursor: str | None = described("末位游标 give it as `after`; null: nothing is left.")
    truncated: list[Truncation] = described("截断 what of the neighbourhood was not searched.")


Subject = Annotated[
    str, strawberry.argument(description="主体 any code, scheme:value, or a global id.")
]
Hops = Annotated[int, strawberry.argument(description="层数 levels, 1–4.")]
Kinds = Annotated[
    list[RelationKind] | None,
    strawberry.argument(
        description="关系类型 to follow and to tell of; all that the caller may see if null."
    ),
]


def digest_arguments(
    subject: Subject,
    since: Annotated[dt.datetime, strawberry.argument(description="自 inclusive.")],
    until: Annotated[
        dt.datetime | None, strawberry.argument(description="至 exclusive; now if null.")
    ] = strawberry.UNSET,
    hops: Hops = 1,
    kinds: Kinds = strawberry.UNSET,
    first: Annotated[int, strawberry.argument(description="条数 1–500.")] = 100,
    after: Annotated[
        str | None, strawberry.argument(description="游标 endCursor of the page before.")
    ] = strawberry.UNSET,
) -> Any: ...
