"""Decisions on records 记录处置: proposed by one steward, carried out by the word of another."""

from __future__ import annotations

import datetime as dt
import enum
from typing import Annotated, Any

import strawberry

from schema.binding import described
from schema.connection import First


@strawberry.enum(description="处置.")
class DecisionAct(enum.Enum):
    WITHDRAW = strawberry.enum_value(
        "WITHDRAW", description="撤销 the record should not have been."
    )
    REPAIR = strawberry.enum_value(
        "REPAIR", description="修复 no display, sharing or use from today."
    )


@strawberry.enum(description="处置状态.")
class DecisionState(enum.Enum):
    PROPOSED = strawberry.enum_value("PROPOSED", description="待复核")
    CONFIRMED = strawberry.enum_value("CONFIRMED", description="已执行")
    REFUSED = strawberry.enum_value("REFUSED", description="已退回")


@strawberry.type(description="记录处置 one decision on one record, under four eyes.")
class RecordDecision:
    id: strawberry.ID = described("标识.")
    record_id: str = described("记录标识.")
    act: DecisionAct = described("处置.")
    reason: str = described("理由.")
    state: DecisionState = described("状态.")
    record_status: str | None = described("记录状态 after it was carried out; null before.")
    proposed_by: str = described("拟办人.")
    proposed_at: dt.datetime = described("拟办时间.")
    decided_by: str | None = described("复核人.")
    decided_at: dt.datetime | None = described("复核时间.")


def decision_arguments(
    state: Annotated[
        DecisionState | None, strawberry.argument(description="状态 all of them if null.")
    ] = strawberry.UNSET,
    first: First = strawberry.UNSET,
) -> Any: ...
