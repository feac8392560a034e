"""Connections leave a node the files that it needs."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Iterator

import pytest

from service import protocol
from service.home import HomeError
from service.open_files import most_connections, open_more
from tests.service.test_protocol import Told, answers, post, run

_FILES = resource.RLIMIT_NOFILE


@pytest.fixture
def limits() -> Iterator[tuple[int, int]]:
    """The limits of open files, which are these again afterwards."""
    found = resource.getrlimit(_FILES)
    yield found
    resource.setrlimit(_FILES, found)


def test_the_soft_limit_is_raised_and_some_files_are_no_connections(
    limits: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    resource.setrlimit(_FILES, (900, limits[1]))
    assert most_connections() == 644
    raised = open_more()
    assert raised == resource.getrlimit(_FILES)[0] > 900
    assert most_connections() == raised - 256
    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, 64))
    assert most_connections() == 32
    with pytest.raises(HomeError) as refused:
        open_more()
    assert refused.value.code == "FILES_TOO_FEW"


def test_connections_beyond_that_are_ended_and_the_others_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(protocol, "most_connections", lambda: 3)

    async def case(_: Told, port: int) -> None:
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(post(b"x"))
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
        writer.close()
        silent[0][1].close()
        await silent[0][1].wait_closed()
        await asyncio.sleep(0.05)
        assert (await answers(port, post(b"x")))[0][0] == 200
        for _, left in silent[1:]:
            left.close()

    run(case)
