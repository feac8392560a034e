"""Events of a subscription, as server-sent events carry them (docs/subscriptions.md)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from client.errors import ClientError
from client.receipt import Receipt


@dataclass(frozen=True, slots=True)
class Event:
    """A verified event: what it says, where it stands, and the receipt of its entry in the log.

    `position` given as `after` goes on behind it, None where the field has none.
    """

    data: Any
    errors: tuple[Any, ...]
    position: str | None
    receipt: Receipt


@dataclass
class EventLines:
    """The lines of a stream, gathered into events (HTML Standard §9.2.6)."""

    _type: str = ""
    _data: list[str] = field(default_factory=list)

    def take(self, line: str) -> tuple[str, Mapping[str, Any]] | None:
        """Take a line; at the end of an event give its type and its JSON.

        Raises ClientError `ANSWER_MALFORMED` for an event that holds no JSON object.
        """
        if line:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "event":
                self._type = value
            elif name == "data":
                self._data.append(value)
            return None
        told, text = self._type, "\n".join(self._data)
        self._type, self._data = "", []
        if not told:
            return None
        if told == "complete":
            return told, {}
        try:
            payload = orjson.loads(text)
        except orjson.JSONDecodeError:
            payload = None
        if not isinstance(payload, dict):
            raise ClientError("ANSWER_MALFORMED", "Do not use it: an event is not JSON.")
        return told, payload
