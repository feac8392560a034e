"""Pages of the executor lane: order, cursors and windows over rows that are already seen.

Relay's connections: https://relay.dev/graphql/connections.htm. Nulls are the greatest of an order.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from resolvers.errors import QuestionError
from resolvers.executor.rows import Fields
from resolvers.pseudonym import person_of, token_of

_DEFAULT = 20
_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class Key:
    """One part of an order, by the column of its rows; `person` ids are tokens in cursors."""

    column: str
    type: str  # text, date, instant, uuid, numeric or person
    descending: bool = False
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """How a list is ordered; `name` stands in its cursors."""

    name: str
    keys: tuple[Key, ...]

    def rank(self, row: Fields) -> Rank:
        """The place of a row in the order."""
        return Rank(self, tuple(row[key.column] for key in self.keys))

    def cursor(self, row: Fields, person_key: bytes) -> str:
        """The cursor of a row."""
        told: list[str | None] = [self.name]
        told += [_text(key, row[key.column], person_key) for key in self.keys]
        return base64.b64encode(json.dumps(told, ensure_ascii=False).encode()).decode()

    def read(self, cursor: str, person_key: bytes) -> Rank:
        """The place that a cursor names; raises QuestionError CURSOR_INVALID."""
        invalid = QuestionError(
            "CURSOR_INVALID", "the cursor is not one of this list and order: start without it"
        )
        if len(cursor) > _LONGEST:
            raise invalid
        try:
            told = json.loads(base64.b64decode(cursor, validate=True))
            if not isinstance(told, list) or told[:1] != [self.name]:
                raise invalid
            values = [
                _value(key, text, person_key) for key, text in zip(self.keys, told[1:], strict=True)
            ]
        except (ValueError, binascii.Error, InvalidOperation, RecursionError) as error:
            raise invalid from error
        return Rank(self, tuple(values))


@dataclass(frozen=True, slots=True)
class Rank:
    """A place in an order."""

    order: Order
    values: tuple[Any, ...]

    def __lt__(self, other: Rank) -> bool:
        for key, one, two in zip(self.order.keys, self.values, other.values, strict=True):
            if one == two:
                continue
            below = two is None if one is None or two is None else one < two
            return below != key.descending
        return False


def _text(key: Key, value: Any, person_key: bytes) -> str | None:
    if value is None:
        return None
    if key.type == "person":
        return token_of(person_key, value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def _value(key: Key, text: Any, person_key: bytes) -> Any:
    if text is None and key.nullable:
        return None
    if not isinstance(text, str) or "\x00" in text:
        raise ValueError("not a text")
    match key.type:
        case "date":
            return dt.date.fromisoformat(text)
        case "instant":
            instant = dt.datetime.fromisoformat(text)
            if instant.tzinfo is None:
                raise ValueError("no offset")
            return instant
        case "uuid":
            return UUID(text)
        case "numeric":
            number = Decimal(text)
            if not number.is_finite():
                raise ValueError("not finite")
            return number
        case "person":
            person = person_of(person_key, text)
            if person is None:
                raise ValueError("not a token")
            return person
    return text


@dataclass(frozen=True, slots=True)
class Window:
    """Which page is asked for."""

    size: int
    backward: bool
    after: Rank | None
    before: Rank | None

    @property
    def start(self) -> Rank | None:
        """The bound of the side that paging starts from."""
        return self.before if self.backward else self.after

    def holds(self, rank: Rank) -> bool:
        """Whether a place lies between the cursors."""
        return (self.after is None or self.after < rank) and (
            self.before is None or rank < self.before
        )


def window(arguments: Mapping[str, Any], order: Order, limit: int, person_key: bytes) -> Window:
    """The page that arguments ask for.

    Raises QuestionError PAGING_CONFLICT, BAD_SIZE, LIST_LIMIT, CURSOR_INVALID.
    """
    first, last = arguments.get("first"), arguments.get("last")
    if first is not None and last is not None:
        raise QuestionError("PAGING_CONFLICT", "give `first` or `last`, not both")
    size: int = min(_DEFAULT, limit) if first is None else first
    if last is not None:
        size = last
    if size < 0:
        raise QuestionError("BAD_SIZE", "`first` and `last` must not be negative")
    if size > limit:
        raise QuestionError("LIST_LIMIT", f"ask for at most {limit} rows per list")

    def read(name: str) -> Rank | None:
        cursor = arguments.get(name)
        return None if cursor is None else order.read(cursor, person_key)

    return Window(size, last is not None, read("after"), read("before"))


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of a page in the order of the answer, and whether more lie beyond it."""

    rows: Sequence[Fields]
    more: bool


def cut(rows: Sequence[Fields], order: Order, asked: Window) -> Page:
    """The page of all seen rows of a list."""
    ranked = [(order.rank(row), row) for row in rows]
    held = sorted((pair for pair in ranked if asked.holds(pair[0])), key=lambda pair: pair[0])
    found = [row for _, row in held]
    more = len(found) > asked.size
    if asked.backward:
        return Page(found[-asked.size :] if asked.size else [], more)
    return Page(found[: asked.size], more)


def page_info(page: Page, asked: Window, cursor: Callable[[Fields], str]) -> Mapping[str, Any]:
    """What lies around a page."""
    bounded = asked.start is not None
    rows = page.rows
    return {
        "hasNextPage": bounded if asked.backward else page.more,
        "hasPreviousPage": page.more if asked.backward else bounded,
        "startCursor": cursor(rows[0]) if rows else None,
        "endCursor": cursor(rows[-1]) if rows else None,
    }
