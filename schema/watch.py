"""Watch notices 关注提示: whom a subject stands for that is on a list of serious dishonesty."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

import strawberry

from schema.binding import described
from schema.cost import at_most
from schema.graph_figure import AsOf, GraphNode, Subject
from schema.neighbourhood import Truncation


@strawberry.type(description="关注提示 a reason to look closer, and no change of any grade.")
class WatchNotice:
    listed: str = described("失信主体 key of who is listed.")
    record_id: strawberry.ID = described("记录标识 of the listing.")
    kind: str = described("记录类型 of the listing.")
    document_no: str | None = described("文号 of the listing.")
    decision_date: dt.date | None = described("列入日期.")
    origin_region: str = described("来源地区.")
    distance: int = described("距离 guarantees between the subject and who is listed.")
    in_ring: bool = described("同一担保环 both stand for each other in a ring.")
    way: list[str] = described("担保链 keys from the subject to who is listed.", size=at_most(4))


@strawberry.type(description="关注提示 about one subject, as its lists and guarantees stand.")
class WatchNotices:
    as_of: dt.date = described("时点.")
    position: str = described("图位置 how far the snapshot has followed the store; opaque.")
    snapshot: str = described("快照 the state that was read.")
    truncated: list[Truncation] = described("截断 empty when nothing was cut off.", size=at_most(3))
    rule: str = described("规则 when there is a notice.")
    total_count: int = described("提示数.")
    nodes: list[GraphNode] = described("节点 the subject as n0.")
    notices: list[WatchNotice] = described("提示 nearest first, up to `first`.")


def watch_arguments(
    subject: Subject,
    as_of: AsOf = strawberry.UNSET,
    first: Annotated[int, strawberry.argument(description="条数 1–1000.")] = 100,
) -> Any: ...
