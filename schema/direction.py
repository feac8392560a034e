"""Direction 顺序 of an order."""

from __future__ import annotations

from enum import Enum

import strawberry


@strawberry.enum(description="顺序 direction of an order.")
class Direction(Enum):
    ASC = "ASC"
    DESC = "DESC"
