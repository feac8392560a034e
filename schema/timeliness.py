"""Timeliness 及时性: whether a record was reported within its term of working days."""

from __future__ import annotations

import datetime as dt

import strawberry

from schema.binding import described


@strawberry.type(
    description=(
        "及时性 working days 工作日 from the decision, not counted, to the day of first receipt in"
        " Asia/Shanghai, by the State Council's calendar; null where it does not reach."
    )
)
class Timeliness:
    working_days: int | None = described("工作日数 a day of rest counts as the one before it.")
    limit: int | None = described("时限 working days; null for kinds without a rule.")
    on_time: bool | None = described("是否及时 workingDays is at most the limit.")
    due_on: dt.date | None = described("截止日期 the last working day of the term.")
