"""Submissions 报送: files that departments send by the API, with a report per line."""

from __future__ import annotations

import datetime as dt
import enum
from typing import Annotated, Any

import strawberry

from schema.binding import described
from schema.connection import After, First, PageInfo


@strawberry.enum(description="报送状态.")
class SubmissionState(enum.Enum):
    RECEIVED = strawberry.enum_value("RECEIVED", description="已接收 waits for intake.")
    READING = strawberry.enum_value("READING", description="归集中")
    DONE = strawberry.enum_value("DONE", description="已归集: every line is accounted for.")
    REFUSED = strawberry.enum_value(
        "REFUSED", description="未归集: nothing of it was taken, or not all; `code` says why."
    )


@strawberry.type(description="报送 one file and what became of its lines.")
class Submission:
    id: strawberry.ID = described("标识.")
    unit: str | None = described("报送单位 USCC; null for a steward's.")
    file_name: str = described("文件名.")
    kind: str | None = described("类型 as given; null when told by the header.")
    state: SubmissionState = described("状态.")
    code: str | None = described("代码 why it was refused, as in the documentation of errors.")
    message: str | None = described("说明 what to do.")
    job_id: strawberry.ID = described("任务标识 to follow its progress.")
    lines: int = described("行数 lines read so far.")
    accepted: int = described("接收.")
    with_findings: int = described("接收但有问题.")
    rejected: int = described("退回.")
    received_at: dt.datetime = described("报送时间.")
    finished_at: dt.datetime | None = described("完成时间.")


@strawberry.type(description="问题 one finding of one line; never the content of the line.")
class SubmissionFinding:
    line: int = described("行号 in the file, the header counted.")
    field: str | None = described("字段 header as in the file; null for the line as a whole.")
    code: str = described("代码 as in the documentation of intake.")
    severity: str = described("级别 error (the line was rejected), warning or info.")
    reason: str = described("原因 what is wrong and what to do.")


@strawberry.type(description="问题 one row of a page.")
class SubmissionFindingEdge:
    cursor: str = described("游标.")
    node: SubmissionFinding = described("问题.")


@strawberry.type(description="问题 one page, by line.")
class SubmissionFindingConnection:
    total_count: int = described("总数.")
    page_info: PageInfo = described("分页信息.")
    edges: list[SubmissionFindingEdge] = described("各问题 with their cursors.")
    nodes: list[SubmissionFinding] = described("各问题.")


def _id(
    id_: Annotated[strawberry.ID, strawberry.argument(name="id", description="报送标识.")],
) -> Any: ...


def listed_arguments(first: First = strawberry.UNSET) -> Any: ...


def finding_arguments(
    id_: Annotated[strawberry.ID, strawberry.argument(name="id", description="报送标识.")],
    first: First = strawberry.UNSET,
    after: After = strawberry.UNSET,
) -> Any: ...


batch_arguments = _id
