"""What answers of graph analyses have in common: parties by key, exact shares, their evidence."""

from __future__ import annotations

import datetime as dt
from enum import Enum
from typing import Annotated

import strawberry

from schema.binding import described
from schema.cost import at_most
from schema.neighbourhood import EdgeStatement
from schema.party import Party
from schema.scalars import Share


@strawberry.enum(description="权益口径 of what a share is a share.")
class ShareBasis(Enum):
    EQUITY = strawberry.enum_value("EQUITY", description="认缴 subscribed or stated equity")
    PAID = strawberry.enum_value("PAID", description="实缴 paid-in capital")
    VOTES = strawberry.enum_value(
        "VOTES", description="表决权 without treasury and non-voting shares; general partners alone"
    )
    INCOME = strawberry.enum_value(
        "INCOME", description="收益权 by paid-in capital where it is known of all, else by equity"
    )


@strawberry.enum(description="提示 what a reader of the figures should know.")
class FigureFinding(Enum):
    SUM_ABOVE_ONE = strawberry.enum_value(
        "SUM_ABOVE_ONE", description="合计超过100% flagged, never normalised"
    )
    SUM_BELOW_ONE = strawberry.enum_value(
        "SUM_BELOW_ONE",
        description="合计不足100% nobody who may be seen is stated to hold the rest",
    )
    UNKNOWN_SHARE = strawberry.enum_value(
        "UNKNOWN_SHARE", description="比例未知 counted as an interval"
    )
    STATEMENTS_DIFFER = strawberry.enum_value(
        "STATEMENTS_DIFFER", description="两地陈述不一 the company's own registry counts"
    )
    TREASURY_SHARES = strawberry.enum_value(
        "TREASURY_SHARES", description="库存股 the company holds itself"
    )
    PAID_UNKNOWN = strawberry.enum_value(
        "PAID_UNKNOWN", description="实缴未知 income is counted by equity"
    )
    CIRCULAR_UNDETERMINED = strawberry.enum_value(
        "CIRCULAR_UNDETERMINED", description="封闭循环 a circle that nobody outside owns"
    )


@strawberry.type(description="比例 exact; an interval where shares are unknown.")
class ShareRange:
    low: Share = described("下限 fraction of 1, exact or to 18 places.")
    high: Share = described(
        "上限 equal to low when known; not above 1, or above low where stated shares exceed 1."
    )
    fraction: str | None = described(
        "分数 low as a fraction such as 35/44 where it was worked out exactly."
    )


@strawberry.type(description="节点 one party of an answer.")
class GraphNode:
    key: str = described("节点键 names the party in this answer only.")
    party: Party | None = described("主体 null when it may not be seen any more.")


@strawberry.type(description="公司提示 what is to be known of the holdings in one company.")
class CompanyFinding:
    company: str = described("公司 key.")
    findings: list[FigureFinding] = described("提示.", size=at_most(3))


@strawberry.type(description="出资步 one holding, with each city's statements of it.")
class HoldingStep:
    holder: str = described("股东 key.")
    company: str = described("公司 key.")
    share: ShareRange = described("比例 on the basis of the answer.")
    statements: list[EdgeStatement] = described(
        "陈述 the evidence; those that count come first.", size=at_most(1)
    )


Subject = Annotated[
    str, strawberry.argument(description="主体 any code, scheme:value, or a global id.")
]
AsOf = Annotated[
    dt.date | None,
    strawberry.argument(description="时点 holdings in force on that day; the default is today."),
]
KnownAt = Annotated[
    dt.datetime | None,
    strawberry.argument(
        description="知悉时点 as it was known then, from the versions kept; the default is now."
    ),
]
