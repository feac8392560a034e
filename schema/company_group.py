"""Company groups 企业族群: firms under one head, with an id that stays and a log of changes."""

from __future__ import annotations

import datetime as dt
from enum import Enum
from typing import Annotated, Any

import strawberry

from schema.binding import described
from schema.cost import at_most
from schema.graph_figure import GraphNode, Subject


@strawberry.enum(description="族群变化 what became of a group.")
class GroupChangeKind(Enum):
    CREATED = strawberry.enum_value("CREATED", description="形成 found for the first time")
    ENDED = strawberry.enum_value("ENDED", description="解散 nobody is left, or others took over")
    HEAD_CHANGED = strawberry.enum_value(
        "HEAD_CHANGED", description="更换核心 another head over more than one half of its members"
    )
    JOINED = strawberry.enum_value("JOINED", description="加入")
    LEFT = strawberry.enum_value("LEFT", description="退出")


@strawberry.type(description="族群变化 one entry of a group's log.")
class GroupChange:
    change: GroupChangeKind = described("变化.")
    subject: str | None = described("主体 key of who joined or left, or of the head.")
    former_head: str | None = described("原核心 key.")
    at: dt.datetime = described("发现时间 when it was found, which may be after it came about.")


@strawberry.type(description="企业族群 firms under one head by majority holdings: computed, 疑似.")
class CompanyGroup:
    id: strawberry.ID = described("族群标识 stays while the group goes on.")
    rule: str = described("规则.")
    snapshot: str = described("快照 in which groups were last found.")
    found_at: dt.datetime = described("计算时间.")
    since: dt.datetime = described("首次发现时间.")
    head: str | None = described("核心 key of who is above all members.")
    total_count: int = described("成员数 that the caller may see, the head among them.")
    members: list[str] = described("成员 keys, the head first, up to `first`.", size=at_most(10))
    changes: list[GroupChange] = described("变化 newest first, at most 100.", size=at_most(10))
    nodes: list[GraphNode] = described("节点.")


def group_arguments(
    subject: Subject,
    first: Annotated[int, strawberry.argument(description="条数 1–1000.")] = 100,
) -> Any: ...
