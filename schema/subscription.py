"""Subscription 订阅: what a caller can be told of as it happens."""

from __future__ import annotations

import enum
from typing import Annotated, Any

import strawberry

from schema.binding import described
from schema.connection import compiled
from schema.job import Job
from schema.neighbourhood_change import Hops, Kinds, NeighbourhoodEvent, Subject
from schema.record import Record

Position = Annotated[
    str | None,
    strawberry.argument(
        description="起点 position of the last event that was received; null: from now on."
    ),
]


@strawberry.enum(description="变动.")
class Change(enum.Enum):
    NEW = strawberry.enum_value("NEW", description="新增 its first statement has come.")
    CHANGED = strawberry.enum_value("CHANGED", description="变更 corrected, marked, changed.")
    ENDED = strawberry.enum_value("ENDED", description="终止 withdrawn, repaired: not to be used.")


@strawberry.type(description="记录变动 of one record that the caller may see, or might before.")
class RecordChange:
    change: Change = described("变动.")
    record_id: str = described("记录标识.")
    kind: str = described("记录类型.")
    position: str = described("位置 give it as `after` to go on behind this event.")
    record: Record | None = described("信用记录 as it is now; null when it has ended.")


def _records(
    subjects: Annotated[
        list[str] | None,
        strawberry.argument(description="主体 up to 500 codes of organisations; all if null."),
    ] = strawberry.UNSET,
    kinds: Annotated[
        list[str] | None, strawberry.argument(description="记录类型 all of them if null.")
    ] = strawberry.UNSET,
    after: Position = strawberry.UNSET,
) -> Any: ...


def _neighbourhood(
    subject: Subject,
    hops: Hops = 1,
    kinds: Kinds = strawberry.UNSET,
    after: Position = strawberry.UNSET,
) -> Any: ...


def _job(
    id_: Annotated[strawberry.ID, strawberry.argument(name="id", description="任务标识.")],
    after: Annotated[
        str | None,
        strawberry.argument(
            description="起点 position of the last event that was received; null: tell it now."
        ),
    ] = strawberry.UNSET,
) -> Any: ...


@strawberry.type(description="订阅 events, each authorised, logged and signed by itself.")
class Subscription:
    record_changed: RecordChange = compiled(
        _records, "记录变动 new, changed and ended records that the caller may see."
    )
    neighbourhood_changed: NeighbourhoodEvent = compiled(
        _neighbourhood,
        "邻域变动 relations, listings and penalties around a subject that are new, have changed,"
        " have ended or are undone.",
    )
    job_progress: Job = compiled(
        _job, "任务进度 of a job of the caller, as it changes; ends with the job."
    )
