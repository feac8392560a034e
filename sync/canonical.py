"""Canonical JSON (RFC 8785) of the values that travel between cities."""

from __future__ import annotations

import orjson

Value = None | bool | int | str | list["Value"] | dict[str, "Value"]
"""What may travel: no floating-point number, decimals are strings."""

_LARGEST = 2**53 - 1  # RFC 8785 §3.2.2.3: beyond it numbers lose digits in other readers


def canonical(value: Value) -> bytes:
    """Serialise as RFC 8785; ValueError for floats, integers beyond 2⁵³ − 1, odd keys and what is
    nested without end."""
    try:
        _demand(value)
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except (RecursionError, orjson.JSONEncodeError) as error:
        raise ValueError("nothing that travels as JSON") from error


def _demand(value: Value) -> None:
    match value:
        case None | bool() | str():
            return
        case int():
            if abs(value) > _LARGEST:
                raise ValueError("write large integers as strings")
        case list():
            for member in value:
                _demand(member)
        case dict():
            for name, member in value.items():
                if not isinstance(name, str) or not name.isascii():
                    raise ValueError("names are ASCII: their order is the same in every encoding")
                _demand(member)
        case _:
            raise ValueError(f"a {type(value).__name__} does not travel")
