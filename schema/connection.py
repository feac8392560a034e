"""Connections 分页: Relay's cursor connections, counted after filtering by what the caller sees."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from inspect import signature as arguments_of
from typing import Annotated, Any, Generic, TypeVar

import strawberry

from schema.binding import described
from schema.cost import PAGE, ListSize, priced, sized
from schema.record import RecordOrderArgument

NodeType = TypeVar("NodeType")


@strawberry.type(description="分页信息 what lies before and after this page.")
class PageInfo:
    has_next_page: bool = described("是否有下一页 more rows follow this page.")
    has_previous_page: bool = described("是否有上一页 rows precede this page.")
    start_cursor: str | None = described("首游标 cursor of the first row, null on an empty page.")
    end_cursor: str | None = described("末游标 cursor of the last row, null on an empty page.")


@strawberry.type(description="一行 one row of a page.")
class Edge(Generic[NodeType]):
    cursor: str = described("游标 opaque; ask for what comes after it with `after`.")
    node: NodeType = described("内容 the row itself.")


@strawberry.type(description="一页 one page of rows.")
class Connection(Generic[NodeType]):
    total_count: int = described("总数 rows that match and that the caller may see.")
    page_info: PageInfo = described("分页信息 what lies before and after this page.")
    edges: list[Edge[NodeType]] = described("各行 rows with their cursors.")
    nodes: list[NodeType] = described("各行内容 rows without cursors.")


First = Annotated[
    int | None, strawberry.argument(description="前几行 rows from the start; the default is 20.")
]
After = Annotated[str | None, strawberry.argument(description="其后 the page starts after it.")]
Last = Annotated[
    int | None, strawberry.argument(description="后几行 rows from the end instead of the start.")
]
Before = Annotated[str | None, strawberry.argument(description="其前 the page ends before it.")]
AsOf = Annotated[
    dt.date | None,
    strawberry.argument(description="时点 what is in force on that day; the default is today."),
]


ROWS = ("edges", "nodes")
_SLICING = ("first", "last")


def compiled(
    signature: Callable[..., Any],
    description: str,
    *,
    cost: int | None = None,
    size: ListSize | None = None,
    rows: tuple[str, ...] | None = None,
) -> Any:
    """A field with the arguments of `signature`, whose value resolvers/ compiles.

    One that takes a cursor is a connection, whose lists are `rows`. `cost` is what an answer costs
    beside the objects in it, such as a search in the graph.
    """
    taken = arguments_of(signature).parameters
    slicing = [name for name in _SLICING if name in taken]
    if slicing and size is None and (rows or "after" in taken):
        settled = any(isinstance(taken[name].default, int) for name in slicing)
        size = sized(slicing, rows or ROWS, None if settled else PAGE)
    return strawberry.field(
        resolver=signature, description=description, directives=priced(cost, size)
    )


def pages(description: str) -> Any:
    """A connection field with the four paging arguments."""

    def page(
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> Any: ...

    return compiled(page, description)


def records(description: str) -> Any:
    """A connection field of records."""

    def page(
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
        order_by: RecordOrderArgument = strawberry.UNSET,
    ) -> Any: ...

    return compiled(page, description)


def relations(description: str) -> Any:
    """A connection field of relations in force on a day."""

    def page(
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
        as_of: AsOf = strawberry.UNSET,
    ) -> Any: ...

    return compiled(page, description)
