"""The compiled lane and the whole signed path beside other GraphQL servers, in one run.

    python -m bench graphql [--size S|M|L] [--raw FILE | --write]

All servers are one process each on the same PostgreSQL and the same rows; their answers are
compared before anything is measured. Each way takes its turn in each round, the median round is
shown. CPU is user and system time from /proc, of the server and of all PostgreSQL processes.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson

from bench.home import city_environment, environment
from bench.load import family_seconds, processor_seconds
from bench.peers import data
from bench.peers.asking import write_requests
from bench.peers.question import COMMON, NODE, POSTGRAPHILE, TITLES, comparable
from bench.peers.server import HERE, Server, node, packages, python, served, versions
from bench.table import Cell, Table
from client.connection import Client
from client.question import sign_request
from service.enrolment import establish, identity_key, node_keys
from service.home import NodeHome
from service.postgres import PostgresServer
from service.settings import Settings, load_settings
from service.supervisor import start_node

_NODE, _SIGNER = "benxi", "shenyang"
HAND, PLAIN, SIGNED = "SQL by hand", "node: compiled, unsigned, unlogged", "node: signed, logged"
MERCURIUS, POSTGRAPHILE_NAME = "Mercurius, graphql-jit", "PostGraphile"
STRAWBERRY = "Strawberry, DataLoader"
_CONNECTIONS = 8
_STEADY_ROUNDS = 3
_REST = 1.0  # seconds in which a signed node seals and indexes its last answers, at its own cost
_PRESIGNED = 2_500  # signed requests for each second: more than one process answers


@dataclass(frozen=True, slots=True)
class Way:
    """One way of asking: the server, its documents, and who signs."""

    server: Server
    documents: Mapping[str, str]
    signer: Any = None

    def url(self, question: str) -> str:
        """Where the question goes; by hand each has a path of its own."""
        return self.server.url if self.documents is not _BY_HAND else f"{self.server.url}{question}"


_BY_HAND = dict(COMMON)


@dataclass(frozen=True, slots=True)
class Asked:
    """One measurement: microseconds of CPU and latency per request."""

    rate: float
    server_cpu: float
    postgres_cpu: float
    p50: float
    p99: float


def measure(root: Path, size: str, *, quick: bool = False, raw: Path | None = None) -> list[Table]:
    """Load the world, start all servers and ask them; `raw` gets every single figure."""
    calm = {
        f"XINQIAO_{_NODE.upper()}_{name}": value
        for name, value in {
            "PUBLIC_BURST": "1000000000",
            "PUBLIC_PER_MINUTE": "1000000000",
            "MIRROR_INTERVAL": "3600",
            "WITNESS_QUORUM": "0",
            "NEO4J_URI": "bolt://127.0.0.1:1",  # none of these questions asks the graph
        }.items()
    }
    with ExitStack() as opened:
        opened.enter_context(environment(city_environment(root) | calm))
        establish(root)
        home = NodeHome(root, _NODE)
        settings = load_settings(home)
        npm = packages(root / "npm")
        postgres = opened.enter_context(PostgresServer(home, {"shared_buffers": "2GB"}))
        large, small = data.load(root, settings, postgres, size)
        postmaster = int((home.postgres / "postmaster.pid").read_text().split()[0])
        ways, at_small = _start(opened, root, settings, npm, large, small)
        codes = {"large": data.codes(large), "small": data.codes(small)}
        _compare(ways, codes["large"][:100])
        _settle(settings, ways[SIGNED].server.pid, postmaster)
        asking = _Asking(root, postmaster, 0.5 if quick else 4.0)
        rounds = 1 if quick else 3
        try:
            found = asking.rounds(ways, codes["large"], rounds)
            growth = asking.growth(ways, at_small, codes, rounds)
            steady = asking.steady(ways, codes["large"], found)
        finally:
            _keep(raw, {"figures": asking.raw})
        told = {
            "size": size, "rows": data.counts(large), "rows of S": data.counts(small),
            "versions": versions(npm), "by": asking.program, "questions": dict(NODE),
            "postgraphile": dict(POSTGRAPHILE), "figures": asking.raw,
        }  # fmt: skip
    _keep(raw, told)
    return [_described(told), *_tables(found), _targets(found, growth, steady), growth, steady]


def _keep(raw: Path | None, told: dict[str, Any]) -> None:
    if raw is not None:
        raw.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _start(
    opened: ExitStack, root: Path, settings: Settings, npm: Path, large: str, small: str
) -> tuple[dict[str, Way], dict[str, Way]]:
    """All servers on the large database, and on the small one those that are compared there."""

    def start(name: str, command: Any, path: str, dsn: str) -> Server:
        return opened.enter_context(served(name, command, npm, path, {"PEER_DATABASE": dsn}))

    def module(name: str) -> Any:
        return lambda _: python(f"bench.peers.{name}")

    def plain(dsn: str) -> Any:
        return lambda port: python("bench.plain", str(port), dsn)

    scripts = npm / "node_modules/postgraphile/dist/cli-run.js"
    ways = {
        HAND: Way(start("by-hand", module("by_hand"), "/", large), _BY_HAND),
        PLAIN: Way(start("plain", plain(large), "/graphql", large), NODE),
        MERCURIUS: Way(
            start("mercurius", lambda _: [str(node()), "mercurius.mjs"], "/graphql", large), COMMON
        ),
        POSTGRAPHILE_NAME: Way(
            start("postgraphile", lambda _: [str(node()), str(scripts)], "/graphql", large),
            POSTGRAPHILE,
        ),
        STRAWBERRY: Way(start("strawberry", module("strawberry_peer"), "/graphql", large), COMMON),
        SIGNED: Way(
            opened.enter_context(_running(root, settings)), NODE, identity_key(root, _SIGNER)
        ),
    }
    at_small = {
        HAND: Way(start("by-hand-small", module("by_hand"), "/", small), _BY_HAND),
        PLAIN: Way(start("plain-small", plain(small), "/graphql", small), NODE),
    }
    _require_verified(root, settings)
    return ways, at_small


@contextmanager
def _running(root: Path, settings: Settings) -> Iterator[Server]:
    """A node as `xinqiao serve` runs it, but for its graph."""
    with asyncio.Runner() as runner:
        process = runner.run(start_node(root, settings))
        try:
            runner.run(process.wait_ready(240))
            yield Server("node", f"{settings.url}/graphql", process.process.pid)
        finally:
            runner.run(process.stop())


def _require_verified(root: Path, settings: Settings) -> None:
    """The signed node's answers verify: signature, digest, receipt."""
    http = httpx.Client(timeout=30, trust_env=False)
    keys = node_keys(root, _NODE)
    with Client(settings.url, identity_key(root, _SIGNER), keys, http=http) as client:
        client.query(NODE["Q3"], {}, purpose="P3", case="沈〔2026〕1号").require()


def _compare(ways: Mapping[str, Way], codes: list[str]) -> None:
    """Every server gives the same JSON, or nothing is measured."""
    for question in TITLES:
        for code in codes if "$c" in COMMON[question] else codes[:1]:
            given = {}
            for name, way in ways.items():
                [request] = _requests(way, question, [code], 1)
                given[name] = orjson.loads(_sent(way.url(question), request))
            graded = given[HAND]
            for name, answer in given.items():
                whole = name == HAND or ways[name].documents is NODE
                if answer != (graded if whole else comparable(graded)):
                    told = f"{answer}\nand by hand\n{graded}"
                    raise SystemExit(f"{name} answers {question} otherwise:\n{told[:5000]}")


def _sent(url: str, request: bytes) -> bytes:
    head, _, body = request.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode("latin-1").split("\r\n")[1:])
    answer = httpx.post(url, content=body, headers=headers, trust_env=False, timeout=30)
    if answer.status_code != 200:
        raise SystemExit(f"{url} answers {answer.status_code}: {answer.text[:500]}")
    return answer.content


def _requests(way: Way, question: str, codes: list[str], count: int) -> list[bytes]:
    """Whole HTTP requests; signed ones each with a nonce of its own."""
    url = way.url(question)
    host, _, path = url.removeprefix("http://").partition("/")
    document = way.documents[question]
    made = []
    for number in range(count):
        variables = {"c": codes[number % len(codes)]} if "$c" in document else {}
        body = orjson.dumps({"query": document, "variables": variables})
        headers: list[tuple[str, str]] = [("content-type", "application/json")]
        if way.signer is not None:
            now = time.time()
            case = "沈〔2026〕1号"
            signed = sign_request(way.signer, "POST", url, body, now=now, purpose="P3", case=case)
            headers = list(signed.headers)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
        head = (
            f"POST /{path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {len(body)}\r\n{lines}\r\n"
        )
        made.append(head.encode("latin-1") + body)
    return made


def _settle(settings: Settings, pid: int, postmaster: int, seconds: float = 1_200) -> None:
    """Wait until node and PostgreSQL rest: snapshot and tokens of a new database are no answers.

    At most twenty minutes: then it is measured as it is, and said so.
    """
    deadline, quiet = time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        before = processor_seconds(pid) + family_seconds(postmaster)
        time.sleep(3)
        used = (processor_seconds(pid) + family_seconds(postmaster) - before) / 3
        quiet = quiet + 1 if used < 0.15 else 0
        if quiet == 3:
            return
    print(f"· the node at {settings.url} still works beside answering", file=sys.stderr)


class _Asking:
    def __init__(self, root: Path, postmaster: int, seconds: float) -> None:
        self._file = root / "requests"
        self._postmaster = postmaster
        self._seconds = seconds
        self._wrk = shutil.which("wrk")
        self.program = "wrk" if self._wrk else "bench.peers.asking (wrk is not installed)"
        self.raw: list[dict[str, Any]] = []

    def rounds(
        self, ways: Mapping[str, Way], codes: list[str], rounds: int
    ) -> dict[tuple[str, str], list[Asked]]:
        """Each question at each server, rounds after rounds."""
        found: dict[tuple[str, str], list[Asked]] = {}
        for number in range(rounds):
            for question in TITLES:
                for name, way in ways.items():
                    asked = self._fast(name, way, question, codes, number)
                    found.setdefault((question, name), []).append(asked)
        return found

    def growth(
        self,
        ways: Mapping[str, Way],
        at_small: Mapping[str, Way],
        codes: Mapping[str, list[str]],
        rounds: int,
    ) -> Table:
        """The first question where much is stored, beside where little is."""
        found: dict[tuple[str, str], list[Asked]] = {}
        for number in range(rounds + 2):
            for size, which in (("small", at_small), ("large", ways)):
                for name in at_small:
                    label = f"{name}, {size}"
                    asked = self._fast(label, which[name], "Q1", codes[size], number)
                    found.setdefault((name, size), []).append(asked)
        rows: list[tuple[Cell, ...]] = []
        for name in at_small:
            cells: list[Cell] = [name]
            for of in ("server_cpu", "postgres_cpu"):
                small, large = (_median(found[name, size], of) for size in ("small", "large"))
                cells += [small, large, large / small]
            both = [
                _median(found[name, size], "server_cpu")
                + _median(found[name, size], "postgres_cpu")
                for size in ("small", "large")
            ]
            rows.append((*cells, both[1] / both[0]))
        columns = (
            "by", "server CPU µs, S", "the large world", "ratio", "PostgreSQL CPU µs, S",
            "the large world ", "ratio ", "together, ratio",
        )  # fmt: skip
        return Table("Q1 where little and where much is stored", columns, rows)

    def steady(
        self, ways: Mapping[str, Way], codes: list[str], found: dict[tuple[str, str], list[Asked]]
    ) -> Table:
        """Latency at half of the rate that saturates a server, requests let go by the clock; the
        servers take turns, and each figure is the middle one of its rounds."""
        rows: list[tuple[Cell, ...]] = []
        for question in TITLES:
            names = (HAND, PLAIN, SIGNED)
            rates = {name: _median(found[question, name], "rate") / 2 for name in names}
            rounds: dict[str, list[tuple[float, float, float]]] = {name: [] for name in names}
            for number in range(_STEADY_ROUNDS):
                for name in names:
                    asked = self._at_rate(name, ways[name], question, codes, rates[name], number)
                    p50, p99 = asked["p50"], asked["p99"]
                    rounds[name].append((p50, p99, p99 / p50))
            for name in names:
                p50, p99, ratio = map(statistics.median, zip(*rounds[name], strict=True))
                rows.append((question, name, rates[name], p50, p99, ratio))
        columns = ("question", "by", "requests/s", "p50 µs", "p99 µs", "p99 / p50")
        return Table("Half of saturation, requests let go at even distances", columns, rows)

    def _fast(self, name: str, way: Way, question: str, codes: list[str], round_: int) -> Asked:
        url = way.url(question)
        self._warm(way, question, codes)
        self._write(way, question, codes, self._seconds, _PRESIGNED)
        before = processor_seconds(way.server.pid), family_seconds(self._postmaster)
        if self._wrk:
            done = self._run(
                self._wrk, "-t1", f"-c{_CONNECTIONS}", f"-d{max(1, round(self._seconds))}s",
                "--timeout", "20s", "-s", str(HERE / "cycle.lua"), url, "--", str(self._file),
            )  # fmt: skip
        else:
            done = self._ask(url, _CONNECTIONS, self._seconds)
        self._rest(way)
        after = processor_seconds(way.server.pid), family_seconds(self._postmaster)
        server, postgres = (
            (late - early) / done["requests"] * 1e6
            for early, late in zip(before, after, strict=True)
        )
        asked = Asked(
            done["requests"] / done["seconds"], server, postgres, done["p50"], done["p99"]
        )
        self._keep(name, question, round_, done, server=server, postgres=postgres)
        return asked

    def _at_rate(
        self, name: str, way: Way, question: str, codes: list[str], rate: float, round_: int
    ) -> dict[str, float]:
        seconds = max(self._seconds, min(20.0, 4_000 / rate)) if self._seconds > 1 else 1.0
        self._write(way, question, codes, seconds, rate * 1.1 + 10)
        done = self._ask(way.url(question), 128, seconds, rate)
        self._rest(way)
        self._keep(f"{name}, at a rate", question, round_, done, rate=rate)
        return done

    def _rest(self, way: Way) -> None:
        if way.signer is not None:
            time.sleep(_REST)

    def _warm(self, way: Way, question: str, codes: list[str]) -> None:
        self._write(way, question, codes, 0.5, _PRESIGNED)
        self._ask(way.url(question), _CONNECTIONS, 0.4)

    def _write(
        self, way: Way, question: str, codes: list[str], seconds: float, rate: float
    ) -> None:
        count = len(codes) if way.signer is None else int((seconds + 0.5) * rate)
        write_requests(self._file, _requests(way, question, codes, count))

    def _ask(self, url: str, connections: int, seconds: float, *rate: float) -> dict[str, float]:
        values = (url, str(self._file), str(connections), str(seconds), *map(str, rate))
        return self._run(*python("bench.peers.asking", *values))

    def _run(self, *command: str) -> dict[str, float]:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)
        told = [line[5:] for line in done.stdout.splitlines() if line.startswith("JSON ")]
        if done.returncode or not told:
            raise SystemExit(f"{command[0]} failed:\n{done.stdout[-1000:]}{done.stderr[-2000:]}")
        found: dict[str, float] = json.loads(told[0])
        if found["failed"]:
            raise SystemExit(f"{found['failed']} answers of {command} were not 200")
        return found

    def _keep(
        self, name: str, question: str, round_: int, done: dict[str, float], **more: float
    ) -> None:
        self.raw.append({"by": name, "question": question, "round": round_, **done, **more})
        print(f"· {question} {name}: {done['requests']}", file=sys.stderr, flush=True)


def _median(asked: list[Asked], of: str) -> float:
    return float(statistics.median(getattr(one, of) for one in asked))


def _described(told: dict[str, Any]) -> Table:
    rows: list[tuple[Cell, ...]] = [("world", told["size"])]
    rows += [(f"rows of `{name}`", f"{count:,}") for name, count in told["rows"].items()]
    rows += [(name, version) for name, version in told["versions"].items()]
    rows.append(("throughput by", f"{told['by']}, {_CONNECTIONS} connections"))
    return Table("What was compared", ("what", "which"), rows)


def _tables(found: dict[tuple[str, str], list[Asked]]) -> list[Table]:
    columns = (
        "by", "requests/s", "server CPU µs", "PostgreSQL CPU µs", "server CPU / by hand",
        "PostgreSQL CPU / by hand", "server CPU / PostGraphile",
    )  # fmt: skip
    tables = []
    for question, title in TITLES.items():
        rows: list[tuple[Cell, ...]] = []
        for (asked, name), of in found.items():
            if asked == question:
                cpu, postgres = _median(of, "server_cpu"), _median(of, "postgres_cpu")
                rows.append(
                    (
                        name,
                        _median(of, "rate"),
                        cpu,
                        postgres,
                        cpu / _median(found[question, HAND], "server_cpu"),
                        postgres / _median(found[question, HAND], "postgres_cpu"),
                        cpu / _median(found[question, POSTGRAPHILE_NAME], "server_cpu"),
                    )
                )
        tables.append(Table(f"{question}: {title}", columns, rows))
    return tables


def _targets(found: dict[tuple[str, str], list[Asked]], growth: Table, steady: Table) -> Table:
    """What issue and measurement say; a peer's figure is that of the same run."""
    rows: list[tuple[Cell, ...]] = []

    def add(what: str, ratio: float, limit: float) -> None:
        rows.append((what, ratio, limit, "yes" if ratio <= limit else "no"))

    def cpu(question: str, name: str, of: str = "server_cpu") -> float:
        return _median(found[question, name], of)

    for question in TITLES:
        plain = cpu(question, PLAIN)
        add(f"{question}: compiled, server CPU / Mercurius", plain / cpu(question, MERCURIUS), 1.0)
        add(f"{question}: compiled, server CPU / by hand", plain / cpu(question, HAND), 1.5)
        ratio = cpu(question, PLAIN, "postgres_cpu") / cpu(question, HAND, "postgres_cpu")
        add(f"{question}: compiled, PostgreSQL CPU / by hand", ratio, 1.2)
    for question, limit in (("Q1", 1.0), ("Q2", 0.5), ("Q3", 0.2)):
        ratio = cpu(question, SIGNED) / cpu(question, POSTGRAPHILE_NAME)
        add(f"{question}: signed, server CPU / PostGraphile", ratio, limit)
    for row in steady.rows:
        if row[1] == HAND:
            continue
        add(f"{row[0]}: {row[1]}, p99 / p50 at half of saturation", float(row[5] or 0), 5.0)
    for row in growth.rows:
        if row[0] == PLAIN:
            add("Q1: compiled, all CPU, large world / S", float(row[7] or 0), 1.2)
    return Table("Against what was asked for", ("ratio", "measured", "at most", "holds"), rows)
