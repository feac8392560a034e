"""Direction 顺序 of an order."""

from __future__ import annotations

from enum import Enum

import strawberry


@strawberry.enum(description="顺序 direction of an order.")
class Direction(Enum):
    ASC = strawberry.enum_value("ASC", description="升序 the smallest, or the oldest, first")
    DESC = strawberry.enum_value("DESC", description="降序 the greatest, or the newest, first")
