"""Associations 疑似关联: what bodies share without a relation, and how alike they are."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any

import strawberry

from schema.binding import described
from schema.neighbourhood import Truncation
from schema.party import Party

AsOf = Annotated[dt.date | None, strawberry.argument(description="时点 the default is today.")]


@strawberry.enum(description="共有属性 what bodies may share.")
class AttributeKind(Enum):
    ADDRESS = strawberry.enum_value("ADDRESS", description="同址")
    PERSON = strawberry.enum_value(
        "PERSON", description="同一自然人 represents, manages or holds both"
    )


@strawberry.type(description="共有属性 an attribute of the subject that other bodies have as well.")
class SharedAttribute:
    key: str = described("属性键 names the attribute in this answer only.")
    kind: AttributeKind = described("属性类型.")
    address: str | None = described("住所 of an address.")
    party: Party | None = described("自然人 of a person.")
    degree: int = described("度 bodies that have it, as far as the caller sees; up to 10,000.")
    weight: Decimal = described("权重 1/ln(1 + degree), rounded to six places.")
    crowded: bool = described(
        "集群 true: more than 20 bodies have it, as at cluster addresses and with registration"
        " agents; it weighs nothing and does not lead to the others."
    )


@strawberry.type(description="疑似关联主体 a body that shares something: a hint and no finding.")
class Associate:
    party: Party | None = described("主体.")
    score: Decimal = described("得分 the weights of what is shared, summed.")
    attributes: list[str] = described("共有属性 keys.")


@strawberry.type(description="共有属性 of a subject, and who shares them; suspicion, not fact.")
class SharedAttributes:
    as_of: dt.date = described("时点.")
    truncated: list[Truncation] = described("截断 persons not followed, associates left out.")
    attributes: list[SharedAttribute] = described("属性 crowded ones last.")
    associates: list[Associate] = described("疑似关联主体 the highest score first.")


@strawberry.type(description="共同投资人 an investor of both.")
class CommonInvestor:
    party: Party | None = described("投资人.")


@strawberry.type(description="投资人相似度 Jaccard index of two bodies' investors.")
class InvestorSimilarity:
    as_of: dt.date = described("时点.")
    truncated: list[Truncation] = described("截断 natural persons were not followed.")
    similarity: Decimal = described("相似度 0–1, rounded to twelve places; 0 when nobody invests.")
    common: int = described("共同 investors of both.")
    together: int = described("合计 investors of either.")
    investors: list[CommonInvestor] = described("共同投资人 up to 100.")


def shared_arguments(
    subject: Annotated[
        str, strawberry.argument(description="主体 any code, scheme:value, or a global id.")
    ],
    first: Annotated[int, strawberry.argument(description="条数 associates, 1–100.")] = 20,
    as_of: AsOf = strawberry.UNSET,
) -> Any: ...


def similarity_arguments(
    one: Annotated[
        str,
        strawberry.argument(name="a", description="主体 any code, scheme:value, or a global id."),
    ],
    other: Annotated[
        str,
        strawberry.argument(name="b", description="主体 any code, scheme:value, or a global id."),
    ],
    as_of: AsOf = strawberry.UNSET,
) -> Any: ...
