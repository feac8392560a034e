"""Typed results: JSON of an answer as dataclasses.

A field `decision_date` is read from `decisionDate`, unless its metadata name another key
(`field(metadata={"key": "…"})`); with aliases in the document any key can be had.
"""

import datetime as dt
import types
from dataclasses import MISSING, fields, is_dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from client.errors import ClientError

Shape = TypeVar("Shape")


def shaped(value: Any, into: type[Shape]) -> Shape:
    """Give a JSON value as a type: a dataclass, list, optional, enum, Decimal, date or datetime.

    Money and shares stay exact: a `Decimal` is made of the answer's text. Types that are none of
    these (str, int, dict, Any, a TypedDict) take the value as it is. Raises ClientError
    `ANSWER_SHAPE`, which names the place.
    """
    return cast(Shape, _shaped(value, into, "data"))


def _shaped(value: Any, into: Any, at: str) -> Any:
    origin = get_origin(into)
    if origin in (Union, types.UnionType):
        return _one_of(value, get_args(into), at)
    if origin in (list, tuple):
        if not isinstance(value, list):
            raise _wrong(at, "a list", value)
        inner = get_args(into)[0]
        found = [_shaped(item, inner, f"{at}[{index}]") for index, item in enumerate(value)]
        return tuple(found) if origin is tuple else found
    if is_dataclass(into) and isinstance(into, type):
        return _object(value, into, at)
    return _scalar(value, into, at)


def _one_of(value: Any, kinds: tuple[Any, ...], at: str) -> Any:
    if value is None:
        if type(None) in kinds:
            return None
        raise _wrong(at, "a value", value)
    found = [kind for kind in kinds if kind is not type(None)]
    for kind in found[:-1]:
        try:
            return _shaped(value, kind, at)
        except ClientError:
            continue
    return _shaped(value, found[-1], at)


def _object(value: Any, into: Any, at: str) -> Any:
    if not isinstance(value, dict):
        raise _wrong(at, "an object", value)
    hints = get_type_hints(into)
    given = {}
    for one in fields(into):
        key = one.metadata.get("key") or _camel(one.name)
        if key in value:
            given[one.name] = _shaped(value[key], hints[one.name], f"{at}.{key}")
        elif one.default is MISSING and one.default_factory is MISSING:
            raise ClientError("ANSWER_SHAPE", f"Ask for {at}.{key}: the result type needs it.")
    return into(**given)


def _scalar(value: Any, into: Any, at: str) -> Any:
    if into in (str, int, bool, float) and type(value) is not into:
        raise _wrong(at, into.__name__, value)
    try:
        if into is Decimal:
            return _exact(value)
        if into in (dt.date, dt.datetime):
            return into.fromisoformat(value)
        if isinstance(into, type) and issubclass(into, Enum):
            return into(value)
    except (ValueError, TypeError):
        raise _wrong(at, into.__name__, value) from None
    return value


def _exact(value: Any) -> Decimal:
    """A number as it is written; ValueError or TypeError for what is none, or was rounded."""
    if type(value) not in (str, int):
        raise TypeError
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ValueError from None
    if not number.is_finite():
        raise ValueError
    return number


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join([part.capitalize() for part in rest])


def _wrong(at: str, wanted: str, value: Any) -> ClientError:
    found = "null" if value is None else type(value).__name__
    return ClientError("ANSWER_SHAPE", f"Correct the result type: {at} is {found}, not {wanted}.")
