"""One trial: ask, break, mend, wait until all is quiet, judge."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from client.connection import Client
from client.errors import ClientError
from client.merkle import leaf_hash
from tests.faults.asking import Asking
from tests.faults.judge import Reply, Verdict, judge, read_entries
from tests.faults.node import FaultNode
from tests.faults.watch import Watch

MAX_RECOVERY = 10.0
MAX_DELAY = 2.0


@dataclass(slots=True)
class Row:
    """A line of the table: a fault, what it was done to, and what came of it."""

    name: str
    verdict: Verdict
    recovery: float = 0.0
    trials: int = 1
    lost_reported: int = 0
    expect_lost: bool = False
    remark: str = ""
    problems: list[str] = field(default_factory=list)

    def add(self, other: Row) -> None:
        """Take in another trial of the same fault."""
        mine, its = self.verdict, other.verdict
        mine.answered += its.answered
        mine.refused += its.refused
        mine.unanswered += its.unanswered
        mine.heads += its.heads
        mine.size = max(mine.size, its.size)
        mine.slowest_seal = max(mine.slowest_seal, its.slowest_seal)
        mine.faults.update(its.faults)
        mine.lost += its.lost
        self.recovery = max(self.recovery, other.recovery)
        self.trials += other.trials
        self.problems += other.problems

    @property
    def unlogged(self) -> int:
        """Answers that are neither in the log nor reported as lost."""
        return len(self.verdict.lost) - self.lost_reported

    def failures(self) -> list[str]:
        """Why the row does not pass; empty when it does."""
        found = [f"{count} {what}" for what, count in self.verdict.faults.items() if count]
        if self.unlogged:
            found.append(f"{self.unlogged} answers unlogged")
        if self.recovery > MAX_RECOVERY:
            found.append(f"recovered after {self.recovery:.1f} s")
        if self.verdict.slowest_seal > MAX_DELAY:
            found.append(f"sealed {self.verdict.slowest_seal:.1f} s late")
        return found + self.problems

    @property
    def passed(self) -> bool:
        """Whether it is as it must be: a lie must be found, everything else must be sound."""
        return bool(self.unlogged) if self.expect_lost else not self.failures()


def trial(
    node: FaultNode,
    name: str,
    break_: Callable[[], None],
    mend: Callable[[], None],
    *,
    before: float = 0.7,
    during: float = 0.0,
    after: float = 0.4,
    clock: Callable[[], float] = time.time,
    patience: float = 12.0,
) -> Row:
    """Run one fault under load and judge it. The node must be running."""
    with Watch(node.log_folder) as watch:
        with Asking(node.url, node.keys, node.identities(), clock=clock) as asking:
            asking.first_answer(0.0, 15)
            time.sleep(before)
            break_()
            time.sleep(during)
            began = time.time()
            mend()
            answered = asking.first_answer(began, 30)
            time.sleep(after)
        row = settle(node, name, asking.replies, watch, answered, patience=patience)
    row.recovery = answered - began
    return row


def settle(
    node: FaultNode,
    name: str,
    replies: list[Reply],
    watch: Watch,
    mended: float,
    *,
    patience: float = 12.0,
) -> Row:
    """Wait until nothing new is sealed, then judge; every receipt's proof is asked for too."""
    quiet(watch)
    verdict = judge(
        replies,
        [*watch.sightings],
        complete(node, replies, patience),
        node.log_key,
        places=node.places(),
        mended=mended,
    )
    row = Row(name, verdict)
    row.problems += unproven(node, replies, {one.leaf for one in verdict.lost})
    return row


def complete(node: FaultNode, replies: list[Reply], seconds: float) -> list[bytes]:
    """The log's entries once they hold every receipt; as they are when some never come.

    How late they come is judged by the heads that were seen.
    """
    promised = {one.receipt.leaf for one in replies if one.receipt is not None}
    deadline = time.monotonic() + seconds
    while True:
        entries = read_entries(node.log_folder)
        found = {leaf_hash(entry) for entry in entries}
        if promised <= found or time.monotonic() > deadline:
            return entries
        time.sleep(0.5)


def quiet(watch: Watch, seconds: float = 0.7, limit: float = 15.0) -> None:
    """Wait until the log has not grown for a while."""
    deadline = time.monotonic() + limit
    size, since = watch.size, time.monotonic()
    while time.monotonic() < deadline and time.monotonic() - since < seconds:
        time.sleep(0.05)
        if watch.size != size:
            size, since = watch.size, time.monotonic()


def unproven(node: FaultNode, replies: list[Reply], lost: set[bytes]) -> list[str]:
    """Complaints of the client over receipts that should be provable."""
    found = []
    with Client(
        node.url, None, node.keys, http=httpx.Client(timeout=10, trust_env=False)
    ) as client:
        for reply in replies:
            receipt = reply.receipt
            if receipt is None or receipt.leaf in lost:
                continue
            try:
                client.check_receipt(receipt, patience=2.0)
            except ClientError as error:
                found.append(f"a receipt is not proven: {error.code}")
    return found[:3]
