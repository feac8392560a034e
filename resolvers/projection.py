"""Plain values as an answer shows them: only what is selected, under the response keys."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from decimal import Decimal
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo

from graphql import GraphQLObjectType

from resolvers.statement import Selected, Statement
from schema.scalars import canonical

_SHANGHAI = ZoneInfo("Asia/Shanghai")

Shape = Callable[[Any], Any]
Fill = Callable[[Selected], Shape]


def shaper(
    statement: Statement,
    selected: Selected,
    fill: Fill | None = None,
    filled: Sequence[str] = ("party",),
) -> Shape:
    """Turns a value (mappings by field name, lists, scalars) into what the selection wants.

    `fill` gives the shape of fields with a name in `filled`, whose type is not an object type of
    plain values: it is handed the whole mapping that the field belongs to.
    """
    type_ = selected.type
    if not isinstance(type_, GraphQLObjectType):
        return _listed(scalar)
    members: list[tuple[str, str, Shape, bool]] = []
    with statement.deeper():
        for inner in statement.select(type_, selected.details):
            if inner.name == "__typename":
                members.append((inner.key, "", _constant(type_.name), True))
            elif fill is not None and inner.name in filled:
                members.append((inner.key, "", fill(inner), True))
            else:
                members.append(
                    (inner.key, inner.name, shaper(statement, inner, fill, filled), False)
                )

    def shape(value: Any) -> Any:
        return {key: how(value if whole else value.get(name)) for key, name, how, whole in members}

    return _listed(shape)


def _constant(value: Any) -> Shape:
    return lambda _: value


def _listed(shape: Shape) -> Shape:
    def each(value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, list | tuple):
            return [each(item) for item in value]
        return shape(value)

    return each


def shanghai(moment: dt.datetime | None, precision: str = "seconds") -> str | None:
    """An instant as the schema shows it: RFC 3339 with the offset of Shanghai, seconds unless
    another `precision` is named."""
    return None if moment is None else moment.astimezone(_SHANGHAI).isoformat(timespec=precision)


def shanghai_day(moment: dt.datetime) -> dt.date:
    """The day on which a time is in Shanghai."""
    return moment.astimezone(_SHANGHAI).date()


def scalar(value: Any) -> Any:
    """A scalar as JSON shows it."""
    if isinstance(value, Decimal):
        return canonical(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat()
    return value
