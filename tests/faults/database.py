"""PostgreSQL with a failing disk, an older backup, a log that is locked, a clock set back."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import time
from contextlib import ExitStack

import asyncpg
import httpx

from client.checkpoint import Checkpoint
from client.note import VerifierKey
from tests.faults.asking import BODY, Asking
from tests.faults.judge import Reply, Verdict, read_entries
from tests.faults.node import FaultNode, injected
from tests.faults.trial import Row, settle, trial
from tests.faults.watch import Watch

WAITERS = 1_500
MEMORY = 200_000_000
"""Bytes by which a node whose log stands still may grow."""


def failing_wal(node: FaultNode, error: str, rounds: int = 1) -> Row:
    """PostgreSQL cannot write, then cannot sync, its write-ahead log: it panics and recovers."""
    row: Row | None = None
    for call in ("pwrite64", "fdatasync"):
        for number in range(1, rounds + 1):
            with ExitStack() as faults:

                def break_(call: str = call, number: int = number) -> None:
                    faults.enter_context(
                        injected(
                            node.postgres_processes(), f"{call}:error={error}:when={3 * number}"
                        )
                    )

                def mend() -> None:
                    # On a full disk PostgreSQL cannot even recover: it is started again.
                    faults.close()
                    node.start_postgres()

                one = trial(
                    node,
                    f"PostgreSQL: {error} at a write, at a sync of its log",
                    break_,
                    mend,
                    during=2.0,
                )
            if row is None:
                row = one
            else:
                row.add(one)
    assert row is not None
    return row


def failing_log_files(node: FaultNode, seconds: float = 8.0) -> Row:
    """No file of the logs can be synced for a while, in a node that goes on being asked."""
    assert node.process is not None
    with ExitStack() as faults:
        row = trial(
            node,
            f"EIO at every fsync of the log's files for {seconds:.0f} s",
            lambda: (
                faults.enter_context(
                    injected([node.process.pid], "fsync:error=EIO:when=1+")  # type: ignore[union-attr]
                )
                and None
            ),
            faults.close,
            during=seconds,
        )
    row.remark = f"{row.verdict.refused} refused"
    return row


def locked_log(node: FaultNode, seconds: float = 8.0) -> Row:
    """The table of what is pending is locked: callers get 503, memory stays bounded."""
    memory = [node.resident()]
    waited: list[Reply] = []

    async def hold() -> None:
        connection = await asyncpg.connect(node.dsn)
        try:
            async with connection.transaction():
                await connection.execute("LOCK TABLE access_batch IN ACCESS EXCLUSIVE MODE")
                crowd = asyncio.create_task(_crowd(node, WAITERS))
                began = time.monotonic()
                while time.monotonic() - began < seconds:
                    await asyncio.sleep(0.1)
                    memory.append(node.resident())
                memory.append(node.resident())
        finally:
            await connection.close()
        waited.extend(await crowd)

    many = f", {len(node.workers())} workers" if node.workers() else ""
    row = trial(
        node,
        f"the log's table locked, 1,500 callers{many}",
        lambda: asyncio.run(hold()),
        lambda: None,
    )
    grown = max(memory) - memory[0]
    refused = [one for one in waited if one.status == 503]
    slowest = max((one.came - one.sent for one in refused), default=0.0)
    row.verdict.refused += len(refused)
    row.remark = f"+{grown / 1e6:.0f} MB, 503 within {slowest:.1f} s"
    if grown > MEMORY:
        row.problems.append(f"grew by {grown / 1e6:.0f} MB")
    if len(refused) < WAITERS // 2:
        row.problems.append(f"only {len(refused)} of {WAITERS} were refused")
    if any(not one.retry_after for one in refused):
        row.problems.append("a 503 names no Retry-After")
    return row


async def _crowd(node: FaultNode, count: int) -> list[Reply]:
    """Ask with many connections at once, 20 KB each, and keep what comes."""
    body = BODY[:-1] + b',"extensions":{"filler":"' + b"x" * 20_000 + b'"}}'
    request = (
        f"POST /graphql HTTP/1.1\r\nhost: 127.0.0.1:{node.port}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
        "connection: close\r\n\r\n"
    ).encode() + body

    async def one() -> Reply:
        sent = time.time()
        try:
            async with asyncio.timeout(40):
                reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
                writer.write(request)
                answer = await reader.read()
                writer.close()
        except (OSError, TimeoutError):
            return Reply(sent, time.time(), 0)
        head = answer.partition(b"\r\n\r\n")[0].lower()
        status = re.match(rb"http/1.1 (\d{3})", head)
        return Reply(
            sent,
            time.time(),
            int(status[1]) if status else 0,
            retry_after=b"\r\nretry-after:" in head,
        )

    return await asyncio.gather(*(one() for _ in range(count)))


def restored_database(node: FaultNode) -> Row:
    """An older backup of the database, with the log's files as they were when it broke.

    What was sealed is taken back from the files; what was only pending is lost, and said to be.
    """
    copy = node.root / "backup"
    node.stop()
    node.stop_postgres()
    node.copy_data(copy)
    node.start_postgres()
    node.settings["seal_interval"] = "1.2"
    node.start()
    with Watch(node.log_folder) as watch:
        with Asking(node.url, node.keys, node.identities()) as asking:
            asking.first_answer(0.0, 15)
            time.sleep(4.0)
            node.stop(signal.SIGKILL)
            node.crash_postgres()
        node.restore_data(copy)
        node.settings.pop("seal_interval")
        began = time.time()
        node.start_postgres()
        node.start()
        with Asking(node.url, node.keys, node.identities()) as again:
            answered = again.first_answer(began, 30)
            time.sleep(1.0)
        row = settle(
            node,
            "an older backup of the database, the log's files kept",
            asking.replies + again.replies,
            watch,
            answered,
        )
    row.recovery = answered - began
    row.lost_reported = _reported(node, row.verdict)
    taken = sum(1 for entry in read_entries(node.log_folder) if b'"LOG_RESTORED"' in entry)
    row.remark = f"{row.lost_reported} lost and reported"
    if not taken:
        row.problems.append("the log does not tell of the restore")
    return row


def _reported(node: FaultNode, verdict: Verdict) -> int:
    """How many lost receipts the node does not know; the command must call three of them lost."""
    asked = verdict.lost[:3]
    told = [node.xinqiao("audit", "receipt", one.header(), "--json") for one in asked]
    if asked and all('"lost"' in one.stdout for one in told):
        with httpx.Client(trust_env=False, timeout=10) as http:
            return sum(
                http.get(f"{node.url}/log/access/receipt/{one.leaf.hex()}").json()["state"]
                == "unknown"
                for one in verdict.lost
            )
    return 0


def lost_files(node: FaultNode) -> Row:
    """The log's files are gone for good: the node refuses until a successor is opened.

    What was sealed is told to stand in the log that ended, what was pending stands in the new one.
    """
    problems: list[str] = []
    ended = node.log_key
    node.stop()
    node.settings["seal_interval"] = "1.2"
    node.start()
    with Asking(node.url, node.keys, node.identities()) as asking:
        asking.first_answer(0.0, 15)
        time.sleep(3.0)
        node.stop(signal.SIGKILL)
    shutil.rmtree(node.log_folder)
    node.settings.pop("seal_interval")
    node.start()
    with Asking(node.url, node.keys, node.identities()) as lost:
        lost.first_answer(0.0, 15)
        time.sleep(9.0)
    if lost.replies[-1].code != "LOG_UNAVAILABLE":
        problems.append("the node goes on promising though it cannot seal")
    if (node.log_folder / "checkpoint").exists():
        problems.append("the node signed a head without the log's files")
    node.stop()
    done = node.xinqiao("audit", "succeed", "--json")
    if done.returncode:
        problems.append(f"audit succeed: {done.stderr.strip()}")
    began = time.time()
    node.start()
    with Watch(node.log_folder) as watch:
        with Asking(node.url, node.keys, node.identities()) as again:
            answered = again.first_answer(began, 30)
            time.sleep(1.0)
        replies = asking.replies + lost.replies + again.replies
        row = settle(node, "the log's files lost: a successor is opened", replies, watch, answered)
    row.recovery = answered - began
    row.problems += problems
    row.lost_reported = sum(_ended(node, one.leaf, ended) for one in row.verdict.lost)
    row.remark = f"{row.lost_reported} in the ended log"
    if node.log_key.name == ended.name or ended.name not in node.keys.logs:
        row.problems.append("the papers do not name both logs")
    return row


def _ended(node: FaultNode, leaf: bytes, key: VerifierKey) -> bool:
    """Whether the node says that an entry stands in the ended log, with that log's last head."""
    told = httpx.get(f"{node.url}/log/access/receipt/{leaf.hex()}", trust_env=False).json()
    if told.get("state") != "ended":
        return False
    return Checkpoint.open(told["checkpoint"].encode(), key).origin == key.name


def clock_set_back(node: FaultNode, hours: float = 1.0) -> Row:
    """The clock goes back an hour and forward again; nothing may be asked twice by it."""
    node.stop()
    clock = node.home.path / "clock"
    shift = [0.0]

    def turn(to: float) -> None:
        shift[0] = to
        clock.write_text(str(to))
        time.sleep(0.05)

    turn(0.0)
    node.start("tests.faults.launcher", "clock")
    asking = Asking(node.url, node.keys, [])
    question = asking.question(node.identities()[0])

    def send() -> httpx.Response:
        return httpx.post(
            f"{node.url}/graphql",
            headers=list(question.headers),
            content=question.body,
            trust_env=False,
        )

    first = send()
    codes: list[str] = []

    def back() -> None:
        turn(-3600.0 * hours)

    def replay() -> None:
        turn(0.0)
        codes.append(send().json()["errors"][0]["extensions"]["code"])

    row = trial(
        node,
        f"the clock set back {hours:g} h, then right again",
        back,
        replay,
        during=3.0,
        clock=lambda: time.time() + shift[0],
    )
    if first.status_code != 200 or codes != ["REPLAYED"]:
        row.problems.append(f"a question sent before the change was answered again: {codes}")
    node.stop()
    clock.unlink()
    node.start()
    return row


def lying_node(node: FaultNode) -> Row:
    """A node that gives receipts without writing the log: the harness must say so."""
    node.stop()
    node.start("tests.faults.launcher", "unlogged")
    row = trial(
        node, "the log write removed (must be found)", lambda: None, lambda: None, patience=2.5
    )
    row.expect_lost = True
    node.stop()
    node.start()
    return row
