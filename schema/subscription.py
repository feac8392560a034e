"""Subscription 订阅: what a caller can be told of as it happens."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from schema.connection import compiled
from schema.job import Job

Position = Annotated[
    str | None,
    strawberry.argument(
        description="起点 position of the last event that was received; null: from now on."
    ),
]


def _job(
    id_: Annotated[strawberry.ID, strawberry.argument(name="id", description="任务标识.")],
) -> Any: ...


@strawberry.type(description="订阅 events, each authorised, logged and signed by itself.")
class Subscription:
    job_progress: Job = compiled(
        _job, "任务进度 of a job of the caller, as it changes; ends with the job."
    )
