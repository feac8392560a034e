"""Reporting statistics 报送统计: what units report, how much, how soon and how well."""

from __future__ import annotations

import datetime as dt
import decimal
from enum import Enum
from typing import Annotated, Any

import strawberry

from schema.binding import described
from schema.coverage import InformationProvider


@strawberry.enum(description="统计周期 what one row counts.")
class ReportingPeriod(Enum):
    MONTH = strawberry.enum_value("MONTH", description="月")
    YEAR = strawberry.enum_value("YEAR", description="年")


@strawberry.type(description="报送统计行 one unit, kind of file and period.")
class ReportingRow:
    unit: InformationProvider = described("来源单位.")
    kind: str = described("记录类型, or the kind of a registry file.")
    label: str = described("名称.")
    period: str = described("周期 2026-06 or 2026, in Asia/Shanghai.")
    batches: int = described("批次数 files that name the unit, by the day that they are of.")
    lines: int = described("报送行数 accepted lines.")
    rejected: int = described("退回行数 rejected lines of files that are the unit's alone.")
    with_findings: int = described("有问题行数 accepted with a warning, of such files.")
    records: int = described("记录数 records that were received in the period.")
    corrections: int = described("更正数 further statements of these records.")
    repeated: int = described("重复行数 accepted lines that said nothing new.")
    timed: int = described("计时记录数 of a kind with a term, within the working calendar.")
    on_time: int = described("及时数 of these within the term of working days 工作日.")
    on_time_share: decimal.Decimal | None = described("及时率 onTime of timed, a fraction.")
    late: int = described("超期数 timed ones that are not in time.")
    median_working_days: int | None = described("工作日中位数 from decision to receipt.")
    longest_working_days: int | None = described("最长工作日数.")
    completeness: decimal.Decimal | None = described(
        "完整率 filled fields of those that the kind declares for itself, a fraction."
    )


@strawberry.type(description="问题统计 findings of one code.")
class ReportingFinding:
    unit: InformationProvider = described("来源单位.")
    kind: str = described("记录类型, or the kind of a registry file.")
    period: str = described("周期.")
    code: str = described("代码 as in the line report.")
    severity: str = described("级别 info, warning or error.")
    findings: int = described("次数.")


@strawberry.type(
    description="报送统计 of the units that the caller may judge; counts, and nobody's data."
)
class ReportingStatistics:
    since: dt.date = described("起 first day.")
    until: dt.date = described("止 last day.")
    rows: list[ReportingRow] = described("各行 by unit, kind and period.")
    findings: list[ReportingFinding] = described("问题 by unit, kind, period and code.")


def reporting_arguments(
    unit: Annotated[
        str | None,
        strawberry.argument(description="单位 USCC; null for all units that the caller may judge."),
    ] = strawberry.UNSET,
    since: Annotated[
        dt.date | None, strawberry.argument(name="from", description="起 first day.")
    ] = strawberry.UNSET,
    until: Annotated[
        dt.date | None, strawberry.argument(name="to", description="止 last day.")
    ] = strawberry.UNSET,
    half: Annotated[
        str | None,
        strawberry.argument(description="半年 2026H1, instead of `from` and `to` 年中、年底考核."),
    ] = strawberry.UNSET,
    by: Annotated[
        ReportingPeriod, strawberry.argument(description="周期.")
    ] = ReportingPeriod.MONTH,
) -> Any: ...
