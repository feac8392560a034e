"""Events of a subscription, as server-sent events carry them (docs/subscriptions.md)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from client.errors import ClientError
from client.receipt import Receipt

_LINE_END = re.compile(rb"\r\n|\n|\r(?=[^\n])")


MOST = 16_000_000
"""Bytes of an event: whoever stands before a node may send without end."""


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
    """A stream of bytes, gathered into events (HTML Standard §9.2.6).

    `place` is the last `id`: where the stream began, as a position of events is.
    """

    place: str | None = None
    _type: str = ""
    _data: list[str] = field(default_factory=list)
    _rest: bytes = b""

    def take(self, chunk: bytes) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Take what arrived, and give the type and the JSON of each event that ends in it.

        Raises ClientError `ANSWER_MALFORMED` for an event that holds no JSON object or has no end.
        """
        # Texts may hold what Python takes for line ends as well, such as U+2028.
        *lines, self._rest = _LINE_END.split(self._rest + chunk)
        for line in lines:
            told = self._line(line.decode("utf-8", "replace"))
            if told is not None:
                yield told
        if len(self._rest) + sum(map(len, self._data)) > MOST:
            raise ClientError("ANSWER_MALFORMED", f"Do not use it: an event of over {MOST} bytes.")

    def _line(self, line: str) -> tuple[str, Mapping[str, Any]] | None:
        if line:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "event":
                self._type = value
            elif name == "data":
                self._data.append(value)
            elif name == "id":
                self.place = value
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
