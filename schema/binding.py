"""Where a field's value is stored: data beside the field, read by the compiler.

A field of a stored type carries one of these in its metadata. A field without one is compiled by
the routine that resolvers/ keeps under its coordinate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import strawberry

from schema.cost import ListSize, priced, text_cost
from store.kind import Visibility

KEY = "xinqiao"


class Form(StrEnum):
    """How a stored value becomes JSON."""

    PLAIN = "PLAIN"  # text, integer, boolean, date, text[]: as PostgreSQL writes it
    DECIMAL = "DECIMAL"  # numeric: a string without exponent and without trailing zeros
    TIMESTAMP = "TIMESTAMP"  # timestamptz: RFC 3339 with +08:00, seconds
    SEVERAL = "SEVERAL"  # text[] that is an empty list when null


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the type's table."""

    name: str
    form: Form = Form.PLAIN
    visibility: Visibility = Visibility.OPEN
    mask: str | None = None


@dataclass(frozen=True, slots=True)
class JsonField:
    """One key of the record's `fields` object."""

    key: str
    cast: str | None = None  # SQL type of the text; None for text
    form: Form = Form.PLAIN
    visibility: Visibility = Visibility.OPEN
    mask: str | None = None
    screened: bool = False  # free text: open readers get what the scanner let pass


@dataclass(frozen=True, slots=True)
class Amount:
    """Money: a number with the unit it is stored in."""

    of: Column | JsonField
    unit: str  # YUAN or TEN_THOUSAND_YUAN
    currency: str | None = None  # column; None: CNY

    @property
    def visibility(self) -> Visibility:
        return self.of.visibility


@dataclass(frozen=True, slots=True)
class Source:
    """The unit a statement came from, by two columns of the same row."""

    name: str
    uscc: str

    @property
    def visibility(self) -> Visibility:
        return Visibility.OPEN


Binding = Column | JsonField | Amount | Source


def bound(binding: Binding, description: str, *, longest: int | None = None) -> Any:
    """A field that is read as `binding` says; `longest` is how long its text may be."""
    return strawberry.field(
        description=description,
        metadata={KEY: binding},
        directives=priced(text_cost(longest)),
    )


def stored(
    column: str, description: str, form: Form = Form.PLAIN, *, longest: int | None = None
) -> Any:
    """A field that is one column of its type's table; `longest` is how long its text may be."""
    return bound(Column(column, form), description, longest=longest)


def described(description: str, *, cost: int | None = None, size: ListSize | None = None) -> Any:
    """A field whose value resolvers/ compiles under its coordinate; see `schema.cost`."""
    return strawberry.field(description=description, directives=priced(cost, size))


def of(metadata: Mapping[Any, Any] | None) -> Binding | None:
    """The binding in a field's metadata."""
    return None if metadata is None else metadata.get(KEY)
