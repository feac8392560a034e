"""Money 金额: a number with its unit; 万元 and 元 both occur in the source files."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum

import strawberry

from schema.binding import described


@strawberry.enum(description="金额单位 unit of an amount.")
class MoneyUnit(Enum):
    YUAN = strawberry.enum_value("YUAN", description="元")
    TEN_THOUSAND_YUAN = strawberry.enum_value("TEN_THOUSAND_YUAN", description="万元")


UNITS = {"元": "YUAN", "万元": "TEN_THOUSAND_YUAN"}


@strawberry.type(description="金额 an exact amount in the unit it was reported in.")
class Money:
    value: Decimal = described("数额 the number, in `unit`.")
    unit: MoneyUnit = described("单位 元 or 万元.")
    currency: str = described("币种 ISO 4217 (GB/T 12406), CNY unless reported otherwise.")
