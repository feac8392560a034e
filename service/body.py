"""The body of a request as it arrives: within a limit of size and time, or only its digest."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from hashlib import sha256
from typing import Any

from starlette.requests import ClientDisconnect

BODY_SECONDS = 30.0
"""How long a body may take to arrive."""
_READ_ON = 8  # times the limit: so much of a body is read to give its digest

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class BodyTimeoutError(Exception):
    """A body took too long to arrive."""


async def read_body(
    receive: Receive, limit: int, *, seconds: float = BODY_SECONDS
) -> tuple[bytes, bytes | None]:
    """The body, or nothing and its SHA-256 when it is longer than `limit` bytes.

    Of one that is far too long it is the digest of the beginning. Raises ClientDisconnect and
    BodyTimeoutError when it does not come whole.
    """
    try:
        async with asyncio.timeout(seconds):
            message = await _more(receive)
            body: bytes = message.get("body", b"")
            if not message.get("more_body") and len(body) <= limit:
                return body, None
            gathered = bytearray(body)
            while message.get("more_body") and len(gathered) <= limit:
                message = await _more(receive)
                gathered += message.get("body", b"")
            body = bytes(gathered)
            if len(body) <= limit:
                return body, None
            hashing, size = sha256(body), len(body)
            while message.get("more_body") and size <= _READ_ON * limit:
                message = await _more(receive)
                hashing.update(message.get("body", b""))
                size += len(message.get("body", b""))
            return b"", hashing.digest()
    except TimeoutError:
        raise BodyTimeoutError from None


async def _more(receive: Receive) -> MutableMapping[str, Any]:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    return message
