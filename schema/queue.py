"""Work queue 待办: what stewards see of the faults that units must mend."""

from __future__ import annotations

import datetime as dt
import enum
from typing import Annotated, Any

import strawberry

from schema.binding import described
from schema.connection import After, First, PageInfo


@strawberry.enum(description="待办状态.")
class TaskState(enum.Enum):
    OPEN = strawberry.enum_value("OPEN", description="待处理")
    CLOSED = strawberry.enum_value("CLOSED", description="已处理")


@strawberry.type(description="责任单位 the unit that must act.")
class TaskUnit:
    uscc: str = described("统一社会信用代码.")
    name: str | None = described("名称.")


@strawberry.type(description="待办 one fault of one matter; never the content of the line.")
class Task:
    id: strawberry.ID = described("标识.")
    code: str = described("代码 as in the documentation of intake.")
    severity: str = described("级别 error or warning.")
    state: TaskState = described("状态.")
    kind: str | None = described("类型 record kind, or kind of registry file.")
    field: str | None = described("字段 header as in the file.")
    reason: str | None = described("原因 what is wrong and what to do.")
    unit: TaskUnit | None = described("责任单位 null when the file did not say.")
    file_name: str | None = described("文件名.")
    line: int | None = described("行号.")
    record_id: str | None = described("记录标识 null for lines that were rejected.")
    opened_at: dt.datetime = described("发现时间.")
    closed_at: dt.datetime | None = described("办结时间.")
    closed_by: str | None = described("办结人 INTAKE when a later file mended it.")
    close_reason: str | None = described("办结原因.")


@strawberry.type(description="待办 one row of a page.")
class TaskEdge:
    cursor: str = described("游标.")
    node: Task = described("待办.")


@strawberry.type(description="待办 one page of tasks, newest first.")
class TaskConnection:
    total_count: int = described("总数 tasks that match.")
    page_info: PageInfo = described("分页信息.")
    edges: list[TaskEdge] = described("各待办.")
    nodes: list[Task] = described("各待办 without cursors.")


def queue_arguments(
    unit: Annotated[
        str | None, strawberry.argument(description="责任单位 USCC.")
    ] = strawberry.UNSET,
    code: Annotated[
        str | None, strawberry.argument(description="代码 for example UNIT_SUSPECT.")
    ] = strawberry.UNSET,
    state: Annotated[TaskState, strawberry.argument(description="状态.")] = TaskState.OPEN,
    first: First = strawberry.UNSET,
    after: After = strawberry.UNSET,
) -> Any: ...
