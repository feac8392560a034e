"""The line to another node: what it answers, read within a length and a time.

A partner or witness is another city's machine, and the line to it may be in plain HTTP: what comes
may have no end, come a byte at a time, or unpack to a thousand times its length.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import httpx


class LineError(Exception):
    """Nothing came that can be read; the text says what was wrong, in a word or two."""


class TooLongError(LineError):
    """More came than an answer has."""


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer as it came."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


async def hear(
    http: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    most: int,
    seconds: float,
    headers: Sequence[tuple[str, str]] = (),
    body: bytes = b"",
) -> Heard:
    """Ask, and read at most so many bytes in at most so many seconds; redirects are not followed.

    Raises LineError, TooLongError.
    """
    asked = [*headers, ("accept-encoding", "identity")]
    try:
        async with (
            asyncio.timeout(seconds),
            http.stream(method, url, headers=asked, content=body or None) as answer,
        ):
            if answer.headers.get("content-encoding", "identity") != "identity":
                raise LineError("an encoding that was not asked for")
            found = bytearray()
            async for piece in answer.aiter_bytes():
                found += piece
                if len(found) > most:
                    raise TooLongError(f"more than {most} bytes")
            return Heard(answer.status_code, answer.headers.multi_items(), bytes(found))
    except TimeoutError:
        raise LineError(f"no whole answer in {seconds:g} seconds") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise LineError(type(error).__name__) from error
