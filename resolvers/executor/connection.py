"""Connections of the executor lane: rows that are seen, one page of them, and their edges."""

from __future__ import annotations

from asyncio import gather
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

from graphql import get_named_type

from resolvers.executor.manifest import Mentions
from resolvers.executor.paging import Order, Page, Window, cut, page_info, window
from resolvers.executor.place import Asked, Item
from resolvers.executor.rows import Fields

Node = Callable[[Mentions, Fields], Any]  # the value of `node` over a row; may be awaited
Chunks = Callable[[Window, bool], AsyncIterator[Sequence[Fields]]]


@dataclass(frozen=True, slots=True)
class Edges:
    """What a row of a list becomes.

    `node` gives what stands at `node` and `nodes`; `edge` is the name of the edge's type, `named`
    the subject that each shown row mentions by itself, and `more` what the edges are given beside
    their rows.
    """

    edge: str
    node: Node
    named: Callable[[Fields], Awaitable[bytes | None]] | None = None
    more: Callable[[Fields], Awaitable[Mapping[str, Any]]] | None = None


def _window(asked: Asked, order: Order) -> Window:
    context = asked.question.context
    return window(asked.arguments, order, context.scope.row.list_limit, context.person_key)


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of a page: what it mentions by itself, and what its edge is given beside it."""

    fields: Fields
    mentions: Mentions
    subject: bytes | None
    more: Mapping[str, Any]


def connection(
    asked: Asked,
    order: Order,
    edges: Edges,
    source: Awaitable[Sequence[Fields] | Chunks],
    more: Mapping[str, Any] = MappingProxyType({}),
) -> Any:
    """The connection of a list: of rows that are read at once, or of a long one in chunks.

    Of a long list no more is read than the page, or its count, needs. Its chunks are the seen rows
    from the window's start on in its direction, or, unbounded, all of them. `more` are further
    fields of the connection.
    """
    return _read(asked, order, edges, asked.item.mentions.within(), source, more)


async def _read(
    asked: Asked,
    order: Order,
    edges: Edges,
    mentions: Mentions,
    source: Awaitable[Sequence[Fields] | Chunks],
    told: Mapping[str, Any],
) -> Item:
    found = await source
    wanted = _window(asked, order)
    if not callable(found):
        rows = found

        async def known() -> int:
            return len(rows)

        return await _item(
            asked, order, edges, mentions, wanted, cut(rows, order, wanted), known, told
        )
    chunks = found
    held: list[Fields] = []
    async for read in chunks(wanted, True):
        held += [row for row in read if wanted.holds(order.rank(row))]
        if len(held) > wanted.size:
            break
    page = Page(held[: wanted.size], len(held) > wanted.size)
    if wanted.backward:
        page = Page(page.rows[::-1], page.more)

    async def count() -> int:
        return sum([len(read) async for read in chunks(wanted, False)])

    return await _item(asked, order, edges, mentions, wanted, page, count, told)


async def _item(
    asked: Asked,
    order: Order,
    edges: Edges,
    mentions: Mentions,
    wanted: Window,
    page: Page,
    count: Callable[[], Awaitable[int]],
    told: Mapping[str, Any],
) -> Item:
    cursor = partial(order.cursor, person_key=asked.question.context.person_key)
    named: Sequence[bytes | None] = [None] * len(page.rows)
    if edges.named is not None:
        named = await gather(*map(edges.named, page.rows))
    more: Sequence[Mapping[str, Any]] = [{}] * len(page.rows)
    if edges.more is not None:
        more = await gather(*map(edges.more, page.rows))
    # A row is named as it stands in the page, with all that is shown of it.
    rows = [
        _Row(row, mentions.within(), subject, told)
        for row, subject, told in zip(page.rows, named, more, strict=True)
    ]
    return Item(
        get_named_type(asked.info.return_type).name,
        {},
        mentions,
        more={
            "rows": rows,
            "edges": edges,
            "cursor": cursor,
            "count": count,
            "info": lambda: page_info(page, wanted, cursor),
            **told,
        },
    )


def _total_count(asked: Asked) -> Any:
    return asked.item.more["count"]()


def _page_info(asked: Asked) -> Item:
    return Item("PageInfo", asked.item.more["info"](), asked.item.mentions)


def _edges(asked: Asked) -> list[Item]:
    edges: Edges = asked.item.more["edges"]
    found = []
    for row in asked.item.more["rows"]:
        row.mentions.subject(row.subject)
        more = {"cursor": asked.item.more["cursor"], "node": edges.node, **row.more}
        found.append(Item(edges.edge, row.fields, row.mentions, more=more))
    return found


def _nodes(asked: Asked) -> list[Any]:
    edges: Edges = asked.item.more["edges"]
    found = []
    for row in asked.item.more["rows"]:
        row.mentions.subject(row.subject)
        found.append(edges.node(row.mentions, row.fields))
    return found


def _cursor(asked: Asked) -> Any:
    return asked.item.more["cursor"](asked.item.row)


def _node(asked: Asked) -> Any:
    return asked.item.more["node"](asked.item.mentions, asked.item.row)


# Of every connection and its edges, whatever they are called.
CONNECTION: Mapping[str, Any] = {
    "totalCount": _total_count,
    "pageInfo": _page_info,
    "edges": _edges,
    "nodes": _nodes,
}
EDGE: Mapping[str, Any] = {"cursor": _cursor, "node": _node}
