"""Cost 代价: what a field may cost beside what it returns, and how long a list may become.

The directives are those of IBM's GraphQL cost specification, as Apollo Federation 2.9 has them
(`weight` is an Int there), so that a gateway reckons as the node does (`resolvers.cost`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import strawberry
from strawberry.schema_directive import Location


@strawberry.schema_directive(
    name="cost",
    locations=[Location.FIELD_DEFINITION],
    description="代价 of one answer to the field, beside the objects in it.",
)
class Cost:
    weight: int


@strawberry.schema_directive(
    name="listSize",
    locations=[Location.FIELD_DEFINITION],
    description="列表长度 rows that a list, or the named lists below the field, may have.",
)
class ListSize:
    assumed_size: int | None = strawberry.UNSET
    slicing_arguments: list[str] | None = strawberry.UNSET
    sized_fields: list[str] | None = strawberry.UNSET
    require_one_slicing_argument: bool | None = True


PAGE = 20
"""Rows of a page unless asked otherwise."""


def priced(cost: int | None = None, size: ListSize | None = None) -> list[Any]:
    """The directives of a field of this weight and list size."""
    found: list[Any] = [] if cost is None else [Cost(weight=cost)]
    return found if size is None else [*found, size]


def text_cost(longest: int | None) -> int | None:
    """The weight of a text that may have so many characters: 1 for each thousand."""
    return (longest or 0) // 1_000 or None


def sized(
    arguments: Iterable[str], fields: Iterable[str] = (), assumed: int | None = None
) -> ListSize:
    """A list, or the lists `fields` of a connection, whose length an argument says; `assumed`
    when none does and none has a default."""
    return ListSize(
        assumed_size=strawberry.UNSET if assumed is None else assumed,
        slicing_arguments=list(arguments),
        sized_fields=list(fields) or strawberry.UNSET,
        require_one_slicing_argument=False,
    )


def at_most(size: int) -> ListSize:
    """A list without arguments for its length, that has this many rows at most."""
    return ListSize(assumed_size=size, require_one_slicing_argument=False)
