"""Jobs 任务: long answers that the node makes while the caller does something else."""

from __future__ import annotations

import datetime as dt
import enum

import strawberry
from strawberry.scalars import JSON

from schema.binding import described


@strawberry.enum(description="任务状态.")
class JobState(enum.Enum):
    REVIEW = strawberry.enum_value("REVIEW", description="待审 begins when a supervisor approves.")
    QUEUED = strawberry.enum_value("QUEUED", description="排队")
    RUNNING = strawberry.enum_value("RUNNING", description="执行中")
    DONE = strawberry.enum_value("DONE", description="已完成: its result can be read.")
    FAILED = strawberry.enum_value("FAILED", description="失败: `error` says why.")
    CANCELLED = strawberry.enum_value("CANCELLED", description="已取消")


@strawberry.type(description="进度 how far a job is.")
class JobProgress:
    done: int = described("已完成 units of work done.")
    total: int | None = described("总量 null before it is known.")
    stage: str = described("阶段 what is being done; empty before it begins.")


@strawberry.type(description="失败原因.")
class JobError:
    code: str = described("代码 stable, as in the documentation of errors.")
    message: str = described("说明 what to do next.")


@strawberry.type(description="任务 of the caller that started it; nobody else sees it.")
class Job:
    id: strawberry.ID = described("标识.")
    kind: str = described("种类 for example SCREENING.")
    state: JobState = described("状态.")
    progress: JobProgress = described("进度.")
    rows: int = described("结果行数 so far.")
    error: JobError | None = described("失败原因 null unless it failed.")
    created_at: dt.datetime = described("创建时间.")
    started_at: dt.datetime | None = described("开始时间.")
    finished_at: dt.datetime | None = described("结束时间.")
    expires_at: dt.datetime | None = described("失效时间 after it the job and its result are gone.")


@strawberry.type(description="任务结果 one part of it, in the order of the question.")
class JobResult:
    job: Job = described("任务.")
    part: int = described("分段 which part this is, from 0.")
    parts: int = described("段数 how many there are.")
    lines: list[JSON] = described("各行 as in the job's download; of a graph job one document.")
