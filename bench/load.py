"""The asking side of `bench.node`, a process of its own: `python -m bench.load < task.json`.

Requests are made, and signed, before the clock starts. Keep-alive connections on bare sockets
each send the next request when the last one is answered: what a client library costs would hide
what the server does.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson
import uvloop

from bench.graphql import BY_HAND, CODES, QUESTIONS, arguments_by_hand
from client.question import sign_request, unsigned_question
from service.enrolment import identity_key
from store.pool import open_pool

_TICK = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Task:
    """What to ask. `url` is the target; without one `dsn` is asked the statement by hand.

    `signer` is an identity below `home`, or None for the public reader. CPU is read of the
    process `server` and of `postmaster` with its children; 0 stands for none.
    """

    question: str
    requests: int
    connections: int
    url: str = ""
    dsn: str = ""
    home: str = ""
    signer: str | None = None
    server: int = 0
    postmaster: int = 0
    warm: int = 200


@dataclass(frozen=True, slots=True)
class Found:
    """Microseconds of latency and of CPU per request, and requests a second."""

    rate: float
    p50: float
    p99: float
    server_cpu: float
    postgres_cpu: float
    client_cpu: float


def processor_seconds(pid: int) -> float:
    """CPU that a process has used, and its ended children. Source: proc(5), /proc/pid/stat."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(int(ticks) for ticks in fields[11:15]) * _TICK


def family_seconds(parent: int) -> float:
    """CPU of a process and of its living and ended children."""
    if not parent:
        return 0.0
    listed = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return sum(processor_seconds(pid) for pid in (parent, *map(int, listed)))


def requests_of(task: Task, count: int) -> list[bytes]:
    """HTTP requests as bytes, each of another organisation and, if signed, with its own nonce."""
    signer = identity_key(Path(task.home), task.signer) if task.signer else None
    host, _, path = task.url.removeprefix("http://").partition("/")
    made = []
    for number in range(count):
        variables = {"c": CODES[number % len(CODES)]} if task.question == "one" else {}
        body = orjson.dumps({"query": QUESTIONS[task.question], "variables": variables})
        question = (
            sign_request(
                signer, "POST", task.url, body, now=time.time(), purpose="P3", case="沈〔2026〕1号"
            )
            if signer
            else unsigned_question("POST", task.url, body)
        )
        headers = "".join(f"{name}: {value}\r\n" for name, value in question.headers)
        head = f"POST /{path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {len(body)}\r\n{headers}"
        made.append(f"{head}\r\n".encode("latin-1") + body)
    return made


class Round:
    """Requests that are still to be sent, and how long the answers took."""

    def __init__(self, requests: Sequence[bytes]) -> None:
        self.left: Iterator[bytes] = iter(requests)
        self.waiting = len(requests)
        self.times: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def answered(self, seconds: float) -> None:
        """Take one answer."""
        self.times.append(seconds)
        self.waiting -= 1
        if not self.waiting and not self.done.done():
            self.done.set_result(None)

    def fail(self, reason: str) -> None:
        """End with what went wrong."""
        if not self.done.done():
            self.done.set_exception(RuntimeError(reason))


class Asker(asyncio.Protocol):
    """One keep-alive connection."""

    def __init__(self) -> None:
        self._round: Round | None = None
        self._transport: Any = None
        self._received = b""
        self._wanted = 0
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def begin(self, round_: Round) -> None:
        """Send the round's next request, if there is one."""
        self._round = round_
        request = next(round_.left, None)
        if request is not None and self._transport is not None:
            self._sent = time.perf_counter()
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
        if len(self._received) < self._wanted:
            return
        took, answer = time.perf_counter() - self._sent, self._received
        self._received, self._wanted = b"", 0
        assert self._round is not None
        if not answer.startswith(b"HTTP/1.1 200") or b"XDBENCH" not in answer:
            self._round.fail(f"the answer has no data: {answer[-500:]!r}")
            return
        self._round.answered(took)
        self.begin(self._round)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._round is not None:
            self._round.fail(f"the server closed the connection: {exc}")


async def ask_over_http(task: Task) -> Found:
    """Ask `url` over so many connections."""
    requests = requests_of(task, task.warm + task.requests)
    host, _, port = task.url.split("/")[2].partition(":")
    loop = asyncio.get_running_loop()
    askers = [
        (await loop.create_connection(Asker, host, int(port)))[1] for _ in range(task.connections)
    ]

    async def ask(part: Sequence[bytes]) -> list[float]:
        round_ = Round(part)
        for asker in askers:
            asker.begin(round_)
        await asyncio.wait_for(round_.done, 60)
        return round_.times

    await ask(requests[: task.warm])
    return await _timed(task, lambda: ask(requests[task.warm :]))


async def ask_by_hand(task: Task) -> Found:
    """Ask `dsn` the statement that a person would write, over so many connections."""
    pool = await open_pool(
        task.dsn, min_size=task.connections, max_size=task.connections, answering=True
    )

    async def one(numbers: Iterator[int], times: list[float]) -> None:
        async with pool.acquire() as connection:
            for number in numbers:
                values = arguments_by_hand(task.question, CODES[number % len(CODES)])
                began = time.perf_counter()
                answer = await connection.fetchval(BY_HAND[task.question], *values)
                times.append(time.perf_counter() - began)
                assert b"XDBENCH" in answer

    async def ask(count: int) -> list[float]:
        numbers, times = iter(range(count)), list[float]()
        await asyncio.gather(*(one(numbers, times) for _ in range(task.connections)))
        return times

    await ask(task.warm)
    found = await _timed(task, lambda: ask(task.requests))
    await pool.close()
    return found


async def _timed(task: Task, ask: Any) -> Found:
    before = (time.process_time(), processor_seconds(task.server), family_seconds(task.postmaster))
    began = time.perf_counter()
    times = sorted(await ask())
    wall = time.perf_counter() - began
    after = (time.process_time(), processor_seconds(task.server), family_seconds(task.postmaster))
    count = len(times)
    client, server, postgres = (
        (late - early) / count * 1e6 for early, late in zip(before, after, strict=True)
    )
    # By hand the asking process does what a server would do.
    return Found(
        rate=count / wall,
        p50=times[count // 2] * 1e6,
        p99=times[int(count * 0.99)] * 1e6,
        server_cpu=server if task.server else client,
        postgres_cpu=postgres,
        client_cpu=client,
    )


def main() -> None:
    """Do the task on standard input and print what was found as JSON."""
    task = Task(**json.load(sys.stdin))
    found = uvloop.run(ask_over_http(task) if task.url else ask_by_hand(task))
    print(json.dumps(asdict(found)))


if __name__ == "__main__":
    main()
