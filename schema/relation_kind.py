"""Kinds of relation 关系类型 between parties (records.md §1.3)."""

from __future__ import annotations

from enum import Enum

import strawberry


@strawberry.enum(description="关系类型 kind of a relation.")
class RelationKind(Enum):
    HOLDS = strawberry.enum_value("HOLDS", description="出资")
    LEGAL_REP_OF = strawberry.enum_value("LEGAL_REP_OF", description="法定代表人")
    OFFICER_OF = strawberry.enum_value("OFFICER_OF", description="任职")
    BRANCH_OF = strawberry.enum_value("BRANCH_OF", description="分支机构")
    GUARANTEES = strawberry.enum_value("GUARANTEES", description="担保")
    BORROWS = strawberry.enum_value("BORROWS", description="借款")
