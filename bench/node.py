"""A question over HTTP to a running node, unsigned and signed, beside the same SQL by hand.

    python -m bench.node [--quick]

The node is the process that `xinqiao serve` runs, on 20,000 organisations, with its seals, feed
and projection at work. The asking side is a process of its own (`bench.load`). Every way of asking
takes its turn in each round, and the median round is shown.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

import httpx

from bench.graphql import CODES, ONE, fill
from bench.home import city_environment, environment, free_port, private_home
from bench.load import Found, Task, family_seconds, processor_seconds
from bench.table import Cell, Table
from client.connection import Client
from service.enrolment import establish, identity_key, node_keys
from service.home import NodeHome
from service.postgres import PostgresServer
from service.preparation import prepare_database
from service.settings import Settings, load_settings
from service.supervisor import start_node

_SIGNER = "shenyang"
_NODE = "benxi"
PLAIN = "the node's answer, unsigned and unlogged"
SIGNED = "node, signed question"
_MANY = 32  # connections that keep a node busy


def measure(root: Path, requests: int = 2_000, rounds: int = 3) -> list[Table]:
    """Start a node in a home of its own at `root`, and ask."""
    calm = {
        # One address asks everything; Shenyang's node is not there to be mirrored or to witness.
        f"XINQIAO_{_NODE.upper()}_PUBLIC_BURST": "1000000000",
        f"XINQIAO_{_NODE.upper()}_PUBLIC_PER_MINUTE": "1000000000",
        f"XINQIAO_{_NODE.upper()}_PUBLIC_COST_PER_MINUTE": "1000000000000",
        f"XINQIAO_{_NODE.upper()}_CALLER_COST_PER_MINUTE": "1000000000000",
        f"XINQIAO_{_NODE.upper()}_MIRROR_INTERVAL": "3600",
        f"XINQIAO_{_NODE.upper()}_WITNESS_QUORUM": "0",
    }
    with ExitStack() as opened:
        opened.enter_context(environment(city_environment(root) | calm))
        establish(root)
        node_home = NodeHome(root, _NODE)
        settings = load_settings(node_home)
        dsn = opened.enter_context(PostgresServer(node_home)).dsn
        asyncio.run(_fill(dsn, root, settings))
        postmaster = int((node_home.postgres / "postmaster.pid").read_text().split()[0])
        peer, peer_url = opened.enter_context(_served("bench.peer", dsn, "/hello"))
        plain, plain_url = opened.enter_context(_served("bench.plain", dsn, "/graphql"))
        node = opened.enter_context(_running(root, settings))
        _settle(settings)
        _require_verified(root, settings)

        rest = _at_rest(node, postmaster)
        ways = _ways(root, settings, dsn, (peer, peer_url), (plain, plain_url), node, postmaster)
        found: dict[tuple[str, str, int], list[Found]] = {}
        for _ in range(rounds):
            for (question, way, connections), task in ways.items():
                count = requests // {"one": 1, "twenty": 4, "thousand": 8}[question]
                done = _asked(task, count * (2 if connections > 1 else 1))
                found.setdefault((question, way, connections), []).append(done)
    return _tables(found, rest)


async def _fill(dsn: str, root: Path, settings: Settings) -> None:
    await prepare_database(dsn, root, settings)
    await fill(dsn)


def _ways(
    root: Path,
    settings: Settings,
    dsn: str,
    peer: tuple[int, str],
    plain: tuple[int, str],
    node: int,
    postmaster: int,
) -> dict[tuple[str, str, int], Task]:
    def by_hand(question: str, connections: int) -> Task:
        return Task(question, 0, connections, dsn=dsn, postmaster=postmaster)

    def at_peer(question: str, connections: int, path: str) -> Task:
        return Task(
            question,
            0,
            connections,
            url=f"{peer[1]}/{path}",
            server=peer[0],
            postmaster=postmaster,
        )

    def at_plain(question: str, connections: int) -> Task:
        url, server = f"{plain[1]}/graphql", plain[0]
        return Task(question, 0, connections, url=url, server=server, postmaster=postmaster)

    def at_node(question: str, connections: int, signer: str | None) -> Task:
        return Task(
            question,
            0,
            connections,
            url=f"{settings.url}/graphql",
            home=str(root),
            signer=signer,
            server=node,
            postmaster=postmaster,
        )

    ways = {}
    for connections in (1, 8):
        ways["one", "SQL by hand, asyncpg, no HTTP", connections] = by_hand("one", connections)
        ways["one", "bare uvicorn, a fixed text", connections] = at_peer(
            "one", connections, "hello"
        )
        ways["one", "bare uvicorn, SQL by hand", connections] = at_peer("one", connections, "one")
        ways["one", PLAIN, connections] = at_plain("one", connections)
        ways["one", "node, unsigned question", connections] = at_node("one", connections, None)
        ways["one", SIGNED, connections] = at_node("one", connections, _SIGNER)
    ways["one", PLAIN, _MANY] = at_plain("one", _MANY)
    ways["one", SIGNED, _MANY] = at_node("one", _MANY, _SIGNER)
    for question in ("twenty", "thousand"):
        ways[question, "bare uvicorn, SQL by hand", 1] = at_peer(question, 1, question)
        ways[question, SIGNED, 1] = at_node(question, 1, _SIGNER)
    return ways


@contextmanager
def _running(root: Path, settings: Settings) -> Iterator[int]:
    """A node process, its pid, until the end of the block."""
    with asyncio.Runner() as runner:
        node = runner.run(start_node(root, settings))
        try:
            runner.run(node.wait_ready(240))
            yield node.process.pid
        finally:
            runner.run(node.stop())


def _settle(settings: Settings, seconds: float = 120) -> None:
    """Wait until graph and feed hold the synthetic rows: filling them is not answering."""
    deadline, before = time.monotonic() + seconds, None
    while time.monotonic() < deadline:
        state = httpx.get(f"{settings.url}/ready", trust_env=False, timeout=10).json()
        seen = (state["graph"], state["feed"])
        if state["graph"] == "CURRENT" and seen == before:
            return
        before = seen
        time.sleep(2)
    raise SystemExit(f"the node does not settle: {before}")


@contextmanager
def _served(module: str, dsn: str, path: str) -> Iterator[tuple[int, str]]:
    """A server to compare with, its pid and origin; `path` answers as soon as it is ready."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", module, str(port), dsn])
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 30
        while process.poll() is None and time.monotonic() < deadline:
            try:
                httpx.head(f"{url}{path}", trust_env=False)
                break
            except httpx.HTTPError:
                time.sleep(0.1)
        yield process.pid, url
    finally:
        process.terminate()
        process.wait(30)


def _require_verified(root: Path, settings: Settings) -> None:
    """What is measured is real: the answer's signature and receipt verify."""
    http = httpx.Client(timeout=30, trust_env=False)
    with Client(
        settings.url, identity_key(root, _SIGNER), node_keys(root, _NODE), http=http
    ) as client:
        answer = client.query(ONE, {"c": CODES[0]}, purpose="P3", case="沈〔2026〕1号").require()
    if answer.errors or answer.data["organisation"]["uscc"] != CODES[0]:
        raise SystemExit(f"the node does not answer: {answer}")


def _at_rest(node: int, postmaster: int, seconds: float = 4) -> tuple[float, float]:
    """Milliseconds of CPU a second that node and PostgreSQL use when nobody asks."""
    before = processor_seconds(node), family_seconds(postmaster)
    time.sleep(seconds)
    after = processor_seconds(node), family_seconds(postmaster)
    return (after[0] - before[0]) / seconds * 1e3, (after[1] - before[1]) / seconds * 1e3


def _asked(task: Task, requests: int) -> Found:
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=json.dumps(asdict(task) | {"requests": requests, "warm": max(20, requests // 10)}),
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )
    if done.returncode:
        raise SystemExit(f"asking failed:\n{done.stderr[-3000:]}")
    return Found(**json.loads(done.stdout))


def _tables(
    found: dict[tuple[str, str, int], list[Found]], rest: tuple[float, float]
) -> list[Table]:
    def median(key: tuple[str, str, int], of: str) -> float:
        return float(statistics.median(getattr(one, of) for one in found[key]))

    tables = []
    for title, wanted in (
        ("A single organisation over HTTP, one connection", lambda k: k[0] == "one" and k[2] == 1),
        ("The same with 8 connections", lambda k: k[0] == "one" and k[2] == 8),
        ("Larger questions over HTTP, one connection", lambda k: k[0] != "one"),
    ):
        keys = [key for key in found if wanted(key)]
        rows: list[tuple[Cell, ...]] = []
        for key in keys:
            peer = (key[0], "bare uvicorn, SQL by hand", key[2])
            cpu = median(key, "server_cpu") + median(key, "postgres_cpu")
            peer_cpu = median(peer, "server_cpu") + median(peer, "postgres_cpu")
            way = key[1] if key[0] == "one" else f"{_LARGER[key[0]]}: {key[1]}"
            rows.append(
                (
                    way,
                    median(key, "p50"),
                    median(key, "p99"),
                    median(key, "rate"),
                    median(key, "server_cpu"),
                    median(key, "postgres_cpu"),
                    median(key, "p50") / median(peer, "p50"),
                    cpu / peer_cpu if peer_cpu else None,
                )
            )
        tables.append(Table(title, _COLUMNS, rows))
    tables.append(
        Table(
            "What signature, policy, log and signed answer add to a request",
            ("connections", "node CPU µs, sealing included", "PostgreSQL CPU µs", "together µs"),
            [
                (f"{connections}", *added, sum(added))
                for connections in sorted({key[2] for key in found if key[1] == PLAIN})
                for added in [
                    [
                        median(("one", SIGNED, connections), of)
                        - median(("one", PLAIN, connections), of)
                        for of in ("server_cpu", "postgres_cpu")
                    ]
                ]
            ],
        )
    )
    tables.append(
        Table(
            "A node that nobody asks",
            ("process", "CPU ms per second"),
            [("node", rest[0]), ("its PostgreSQL", rest[1])],
        )
    )
    return tables


_LARGER = {"twenty": "20 × 10 penalties", "thousand": "1,000 × 10 fields"}
_COLUMNS = (
    "how", "p50 µs", "p99 µs", "requests/s", "server CPU µs", "PostgreSQL CPU µs",
    "p50 against SQL by hand over HTTP", "CPU against the same",
)  # fmt: skip


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few requests, to see that it runs")
    quick = parser.parse_args().quick
    with private_home() as root:
        tables = measure(root, 200 if quick else 2_000, 1 if quick else 3)
    print("\n".join(table.markdown() for table in tables))


if __name__ == "__main__":
    main()
