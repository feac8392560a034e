"""Scalars of the API: dates, instants, exact decimals and the id of a node."""

from __future__ import annotations

import datetime as dt
import decimal
import re
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DECIMAL = re.compile(r"-?\d{1,20}(\.\d{1,18})?", re.ASCII)


def parse_date(value: Any) -> dt.date:
    """A date from `YYYY-MM-DD`; GraphQLError when it is not one."""
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            pass
    raise GraphQLError("Date cannot represent the value: write it as YYYY-MM-DD.")


def parse_instant(value: Any) -> dt.datetime:
    """An instant from RFC 3339 text with an offset; GraphQLError when it is not one."""
    if isinstance(value, str):
        try:
            instant = dt.datetime.fromisoformat(value)
        except ValueError:
            pass
        else:
            if instant.tzinfo is not None:
                return instant
    raise GraphQLError(
        "DateTime cannot represent the value: write it as RFC 3339 with an offset,"
        " for example 2026-06-30T08:00:00+08:00."
    )


def parse_decimal(value: Any) -> decimal.Decimal:
    """An exact decimal from a string of digits; GraphQLError for floats and exponents."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return decimal.Decimal(value)
    raise GraphQLError(
        'Decimal cannot represent the value: write it as a string of digits, for example "0.2"'
        " (at most 20 digits before and 18 after the point)."
    )


def canonical(value: decimal.Decimal) -> str:
    """The one way a decimal is written: no exponent, no trailing zeros, no minus zero."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


SCALARS: dict[object, ScalarDefinition] = {
    dt.date: strawberry.scalar(
        name="Date",
        description="日期 a date in Asia/Shanghai, `YYYY-MM-DD`.",
        serialize=dt.date.isoformat,
        parse_value=parse_date,
    ),
    dt.datetime: strawberry.scalar(
        name="DateTime",
        description="时间 an instant, RFC 3339 with the offset +08:00.",
        serialize=dt.datetime.isoformat,
        parse_value=parse_instant,
    ),
    decimal.Decimal: strawberry.scalar(
        name="Decimal",
        description=(
            "精确小数 an exact decimal as a string: digits, a point only before a fraction, no"
            " exponent, no trailing zeros (`0.2`, `12000`, `-3.05`)."
        ),
        serialize=canonical,
        parse_value=parse_decimal,
    ),
}
