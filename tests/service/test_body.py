"""The body of a request: read in time, or not at all."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest
from starlette.requests import ClientDisconnect

from service.body import BodyTimeoutError, read_body


def read(*messages: MutableMapping[str, Any]) -> tuple[bytes, bytes | None]:
    coming = iter(messages)

    async def receive() -> MutableMapping[str, Any]:
        if (message := next(coming, None)) is None:
            await asyncio.Event().wait()
            raise AssertionError
        return message

    return asyncio.run(read_body(receive, 10, seconds=0.01))


@pytest.mark.parametrize("parts", [[], [b"some"], [b"more than ten bytes"]])
def test_a_body_that_stays_away_is_awaited_for_a_time_only(parts: list[bytes]) -> None:
    with pytest.raises(BodyTimeoutError):
        read(*[{"type": "http.request", "body": part, "more_body": True} for part in parts])


@pytest.mark.parametrize("parts", [[], [b"some"]])
def test_who_leaves_before_the_end_has_asked_nothing(parts: list[bytes]) -> None:
    came = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    with pytest.raises(ClientDisconnect):
        read(*came, {"type": "http.disconnect"})


def test_a_body_that_comes_is_given_whole() -> None:
    assert read({"type": "http.request", "body": b"whole"}) == (b"whole", None)
