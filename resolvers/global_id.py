"""Global ids: `Type:key` in base64 (Relay global object identification)."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING
from uuid import UUID

from resolvers.pseudonym import person_of

if TYPE_CHECKING:
    from resolvers.context import Call


def global_id(type_name: str, key: str) -> str:
    """A Relay id as SQL: base64 of `Type:key`, on one line. `key` gives at most 36 characters."""
    encoded = f"encode(convert_to('{type_name}:' || {key}, 'UTF8'), 'base64')"
    # PostgreSQL breaks the line after 76 characters, which are 57 bytes.
    return f"replace({encoded}, E'\\n', '')" if len(type_name) > 57 - 37 else encoded


def global_id_text(type_name: str, key: str) -> str:
    """A Relay id as text."""
    return base64.b64encode(f"{type_name}:{key}".encode()).decode()


def read_global_id(text: str) -> tuple[str, str] | None:
    """The type and the key in a Relay id; None when it is none."""
    try:
        told = base64.b64decode(text, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return None
    type_name, colon, key = told.partition(":")
    return (type_name, key) if colon and key else None


def read_uuid(text: str) -> UUID | None:
    """The UUID in its one spelling; None for every other text."""
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text else None


def read_key(call: Call, type_name: str, id_: str) -> UUID | None:
    """The key in an id of that type as this caller is given it; None for ids of other types."""
    told = read_global_id(id_)
    if told is None or told[0] != type_name:
        return None
    if type_name == "Person":
        return person_of(call.context.person_key, told[1])
    return read_uuid(told[1])


def read_text_key(type_name: str, id_: str) -> str | None:
    """The key in an id of that type; None for ids of other types and for what no text can hold."""
    told = read_global_id(id_)
    return told[1] if told is not None and told[0] == type_name and "\0" not in told[1] else None
