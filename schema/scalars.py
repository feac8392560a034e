"""Scalars of the API: dates, instants, exact decimals, shares and codes."""

from __future__ import annotations

import datetime as dt
import decimal
import re
from collections.abc import Callable
from typing import Any, NewType

import strawberry
from graphql import GraphQLError, ValueNode, value_from_ast_untyped
from strawberry.scalars import JSON
from strawberry.types.scalar import ScalarDefinition

from store.identifiers.normalisation import compact

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_USCC = re.compile(r"[0-9A-HJ-NPQRTUWXY]{18}", re.ASCII)
_DECIMAL = re.compile(r"-?\d{1,20}(\.\d{1,18})?", re.ASCII)


Uscc = NewType("Uscc", str)
Share = NewType("Share", decimal.Decimal)

_LOCAL_DATE = "https://scalars.graphql.org/andimarek/local-date.html"
_DATE_TIME = "https://scalars.graphql.org/andimarek/date-time.html"
_XSD_DECIMAL = "https://www.w3.org/TR/xmlschema11-2/#decimal"
_GB_32100 = "https://openstd.samr.gov.cn/bzgk/gb/newGbInfo?hcno=24691C25985C1073D3A7C85629378AC0"


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


def parse_uscc(value: Any) -> str:
    """A USCC in its normal form from any spelling of it; GraphQLError when it cannot be one."""
    if isinstance(value, str) and len(value) <= 64:
        code = compact(value)
        if _USCC.fullmatch(code):
            return code
    raise GraphQLError(
        "USCC cannot represent the value: write its 18 digits and capital letters (not I, O, S, V"
        " or Z)."
    )


def parse_share(value: Any) -> decimal.Decimal:
    """A share from a string of digits; GraphQLError when it is no fraction from 0 to 1."""
    try:
        share = parse_decimal(value)
    except GraphQLError:
        share = decimal.Decimal(-1)
    if 0 <= share <= 1:
        return share
    raise GraphQLError('Share cannot represent the value: write a fraction from "0" to "1".')


def canonical(value: decimal.Decimal) -> str:
    """The one way a decimal is written: no exponent, no trailing zeros, no minus zero."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _literal(parse: Callable[[Any], Any]) -> Callable[..., Any]:
    """The same parsing of a literal, whose place in the document the error then tells."""

    def parsed(node: ValueNode, variables: dict[str, Any] | None = None) -> Any:
        try:
            return parse(value_from_ast_untyped(node, variables))
        except GraphQLError as error:
            raise GraphQLError(error.message, node) from None

    return parsed


def _as_is(value: Any) -> Any:
    return value


SCALARS: dict[object, ScalarDefinition] = {
    dt.date: strawberry.scalar(
        name="Date",
        description="日期 a date in Asia/Shanghai, `YYYY-MM-DD`.",
        serialize=dt.date.isoformat,
        parse_value=parse_date,
        parse_literal=_literal(parse_date),
        specified_by_url=_LOCAL_DATE,
    ),
    dt.datetime: strawberry.scalar(
        name="DateTime",
        description="时间 an instant, RFC 3339 with the offset +08:00.",
        serialize=dt.datetime.isoformat,
        parse_value=parse_instant,
        parse_literal=_literal(parse_instant),
        specified_by_url=_DATE_TIME,
    ),
    decimal.Decimal: strawberry.scalar(
        name="Decimal",
        description=(
            "精确小数 an exact decimal as a string: digits, a point only before a fraction, no"
            " exponent, no trailing zeros (`0.2`, `12000`, `-3.05`)."
        ),
        serialize=canonical,
        parse_value=parse_decimal,
        parse_literal=_literal(parse_decimal),
        specified_by_url=_XSD_DECIMAL,
    ),
    Share: strawberry.scalar(
        name="Share",
        description=(
            "比例 a share as an exact fraction of 1, written as a `Decimal`: `0.55` is 55 %, `1` is"
            " all of it."
        ),
        serialize=canonical,
        parse_value=parse_share,
        parse_literal=_literal(parse_share),
        specified_by_url=_XSD_DECIMAL,
    ),
    Uscc: strawberry.scalar(
        name="USCC",
        description=(
            "统一社会信用代码 18 digits and capital letters (GB 32100-2015); as an argument in any"
            " spelling."
        ),
        serialize=str,
        parse_value=parse_uscc,
        parse_literal=_literal(parse_uscc),
        specified_by_url=_GB_32100,
    ),
    JSON: strawberry.scalar(
        name="JSON",
        description="JSON值 any JSON value, as the documentation of the field says (RFC 8259).",
        serialize=_as_is,
        parse_value=_as_is,
        specified_by_url="https://www.rfc-editor.org/rfc/rfc8259",
    ),
}
