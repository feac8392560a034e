"""Bulk look-up and screening 批量查询与筛查: many codes in one request or one job."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

import strawberry

from schema.binding import described
from schema.party import Organisation
from schema.record import Record

Codes = Annotated[
    list[str],
    strawberry.argument(description="代码 up to 500 of organisations, of any kind."),
]
ListKinds = Annotated[
    list[str] | None,
    strawberry.argument(
        description="记录类型 to screen for; serious, court, abnormal, watch, red lists if null."
    ),
]


@strawberry.type(description="筛查结果 of one code: what its organisation stands on today.")
class Screening:
    code: str = described("代码 as it was given.")
    organisation: Organisation = described("组织.")
    total: int = described("命中数 records of these kinds that the caller may see.")
    kinds: list[str] = described("命中类型 kinds of these records.")
    hits: list[Record] = described("命中记录 the newest 20 of them.")


@strawberry.type(description="待审任务 that begins when a supervisor approves it.")
class JobReview:
    id: strawberry.ID = described("任务标识.")
    kind: str = described("种类.")
    caller: str = described("申请人.")
    purpose: str | None = described("查询目的.")
    size: int = described("规模 codes that it names.")
    created_at: dt.datetime = described("申请时间.")


def lookup_arguments(codes: Codes) -> Any: ...


def screen_arguments(codes: Codes, kinds: ListKinds = strawberry.UNSET) -> Any: ...
