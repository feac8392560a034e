"""Asking a server over HTTP: as fast as it answers, or at a rate whatever it does.

    python -m bench.peers.asking URL FILE CONNECTIONS SECONDS [RATE]

FILE holds whole requests, each after its length on a line. Without a rate each connection asks
again when it was answered. With one, requests are let go at even distances by the clock: one that
finds no idle connection waits for it, and that counts, so a server that stalls is not spared
(coordinated omission). What is let go in the first half second is not counted: the server meets its
connections then. Prints JSON; microseconds from the moment a request was let go.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections import deque
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import uvloop

_FIRST = 0.5  # seconds at a rate that are not counted


def requests_in(path: Path) -> list[bytes]:
    """The requests of a file that `write_requests` made."""
    found = []
    with path.open("rb") as file:
        while length := file.readline():
            found.append(file.read(int(length)))
    return found


def write_requests(path: Path, requests: list[bytes]) -> None:
    """Requests, each after its length."""
    path.write_bytes(b"".join(b"%d\n%b" % (len(one), one) for one in requests))


class _Connection(asyncio.Protocol):
    """One keep-alive connection; tells the asker when it is answered."""

    def __init__(self, asker: _Asker) -> None:
        self._asker = asker
        self._transport: Any = None
        self._received = b""
        self._wanted = 0
        self._since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def ask(self, request: bytes, since: float) -> None:
        self._since = since
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received = self._received + data if self._received else data
        if not self._wanted:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self._received[:end].lower()
            at = head.index(b"content-length:") + 15
            self._wanted = end + 4 + int(head[at:].partition(b"\r\n")[0])
        if len(self._received) >= self._wanted:
            good = self._received.startswith(b"HTTP/1.1 200")
            self._received, self._wanted = b"", 0
            self._asker.answered(self, self._since, good)

    def connection_lost(self, _: Exception | None) -> None:
        self._asker.lost(self)


class _Asker:
    def __init__(self, requests: Iterator[bytes], until: float, rate: float | None) -> None:
        self._requests = requests
        self._until = until
        self._rate = rate
        self.counted_from = 0.0
        self._idle: deque[_Connection] = deque()
        self._waiting: deque[float] = deque()
        self._under_way = 0
        self.times: list[float] = []
        self.failed = 0

    async def run(self, connections: list[_Connection]) -> None:
        if self._rate is None:
            for connection in connections:
                self._ask(connection, time.perf_counter())
        else:
            # In turn, so that no server closes one for being idle.
            self._idle.extend(connections)
            await self._let_go(self._rate)
        while self._under_way or self._waiting:  # noqa: ASYNC110 - an event would cost each answer
            await asyncio.sleep(0.005)

    async def _let_go(self, rate: float) -> None:
        """Let requests go when they are due, until the time is over.

        By the kernel's interval timer: uvloop's are of whole milliseconds, and shorter ones spin,
        which took a core from the server that is measured.
        """
        loop = asyncio.get_running_loop()
        over = asyncio.Event()
        began, number = time.perf_counter(), 0

        def tick() -> None:
            nonlocal number
            if (now := time.perf_counter()) >= self._until:
                over.set()
                return
            while began + number / rate <= now:
                number += 1
                if self._idle:
                    self._ask(self._idle.popleft(), now)
                else:
                    self._waiting.append(now)

        loop.add_signal_handler(signal.SIGALRM, tick)
        signal.setitimer(signal.ITIMER_REAL, 1 / rate, 1 / rate)
        await over.wait()
        signal.setitimer(signal.ITIMER_REAL, 0)
        loop.remove_signal_handler(signal.SIGALRM)

    def _ask(self, connection: _Connection, since: float) -> None:
        self._under_way += 1
        connection.ask(next(self._requests), since)

    def answered(self, connection: _Connection, since: float, good: bool) -> None:
        self._under_way -= 1
        if since >= self.counted_from:
            self.times.append(time.perf_counter() - since)
        self.failed += not good
        if self._waiting:
            self._ask(connection, self._waiting.popleft())
        elif self._rate is None and time.perf_counter() < self._until:
            self._ask(connection, time.perf_counter())
        else:
            self._idle.append(connection)

    def lost(self, connection: _Connection) -> None:
        """Closed by the server: one that was idle is not missed, one that was asked has failed."""
        if connection in self._idle:
            self._idle.remove(connection)
        elif self._under_way:
            self._under_way -= 1
            self.failed += 1


async def ask(
    url: str, requests: list[bytes], connections: int, seconds: float, rate: float | None
) -> dict[str, float]:
    """What was measured, as `cycle.lua` prints it."""
    host, _, port = url.split("/")[2].partition(":")
    loop = asyncio.get_running_loop()
    asker = _Asker(cycle(requests), time.perf_counter() + 3600, rate)
    made = [
        (await loop.create_connection(lambda: _Connection(asker), host, int(port)))[1]
        for _ in range(connections)
    ]
    began = time.perf_counter()
    asker._until = began + seconds
    if rate is not None:
        asker.counted_from = began + min(_FIRST, seconds / 2)
    await asyncio.wait_for(asker.run(made), seconds + 30)
    taken = time.perf_counter() - began
    times = sorted(asker.times)
    return {
        "requests": len(times),
        "seconds": taken,
        "p50": times[len(times) // 2] * 1e6,
        "p99": times[int(len(times) * 0.99)] * 1e6,
        "failed": asker.failed,
    }


def main() -> None:
    """Ask and print."""
    url, file, connections, seconds, *rate = sys.argv[1:]
    requests = requests_in(Path(file))
    found = uvloop.run(
        ask(url, requests, int(connections), float(seconds), float(rate[0]) if rate else None)
    )
    print(f"JSON {json.dumps(found)}")


if __name__ == "__main__":
    main()
