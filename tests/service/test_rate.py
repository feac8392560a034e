"""Rate limits hold for a node, however many workers it has."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.rate import Allowance, Budget, RateLimit, RateTable
from store.pool import Clock, Readers

_WORKER = """
import sys
from service.rate import RateLimit, RateTable
limit = RateLimit("public", 1, 100, RateTable(int(sys.argv[1])))
sys.stdin.read()
print(sum(limit.admit("10.0.0.1", 5.0) for _ in range(400)))
"""


def test_workers_count_together_what_one_address_asks() -> None:
    table = RateTable()
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", _WORKER, str(table.descriptor)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=[table.descriptor],
        )
        for _ in range(4)
    ]
    assert all(one.poll() is None for one in workers)
    with ThreadPoolExecutor(4) as together:
        counts = [int(told) for told, _ in together.map(subprocess.Popen.communicate, workers)]
    assert sum(counts) == 100
    assert not RateLimit("public", 1, 100, table).admit("10.0.0.1", 5.0)
    # Another asker, and what else is limited, have buckets of their own.
    assert RateLimit("public", 1, 100, table).admit("10.0.0.2", 5.0)
    assert RateLimit("match", 1, 100, table).admit("10.0.0.1", 5.0)


def _passing(limit: RateLimit, asker: str, now: float, count: int) -> int:
    return sum(limit.admit(asker, now) for _ in range(count))


def test_a_bucket_fills_again_over_time_and_never_beyond_its_burst() -> None:
    limit = RateLimit("public", 30, 60, RateTable())
    passing: Callable[[float, int], int] = lambda now, count: _passing(limit, "::1", now, count)  # noqa: E731
    assert passing(1000.0, 70) == 60
    assert passing(1001.9, 5) == 0
    assert passing(1002.0, 5) == 1
    assert passing(999.0, 5) == 0  # a worker that took its time late gives nothing,
    assert passing(1002.0, 5) == 0  # nor takes time back
    assert passing(9000.0, 70) == 60


def test_who_waits_as_long_as_is_told_may_pass() -> None:
    limit = RateLimit("public", 30, 1, RateTable())
    assert limit.wait("::1", 1000.0) == 0
    assert limit.wait("::1", 1000.5) == pytest.approx(1.5)
    assert limit.wait("::1", 1000.5 + 1.5) == 0


def test_many_addresses_take_no_more_memory_and_do_not_free_one_that_asks_on() -> None:
    limit = RateLimit("public", 1, 2, RateTable(rows=64))
    assert _passing(limit, "10.9.9.9", 0.0, 3) == 2
    for number in range(5_000):
        now = number / 1000
        limit.admit(f"10.0.{number >> 8}.{number & 255}", now)
        if number % 40 == 0:
            assert not limit.admit("10.9.9.9", now)


def test_workers_spend_one_budget_together_but_for_what_each_holds() -> None:
    table = RateTable()
    workers = [Budget("cost", 60_000, 5_000, table) for _ in range(4)]
    spent = sum(
        10 for number in range(40_000) if workers[number % 4].spend("shenyang", 10, 5.0) == 0
    )
    assert spent == 60_000
    assert workers[0].spend("shenyang", 5_000, 5.0) == 5.0  # at 1,000 a second
    assert workers[0].spend("shenyang", 5_000, 10.0) == 0
    assert workers[1].spend("dalian", 5_000, 5.0) == 0


def test_no_question_may_cost_more_than_a_minute_has() -> None:
    budget = Budget("cost", 60, 5_000, RateTable())
    assert budget.ceiling == 60
    assert budget.spend("a", 60, 1.0) == 0
    assert budget.spend("a", 1, 1.0) == 1.0
    unlimited = Budget("cost", 0, 5_000, RateTable())
    assert unlimited.ceiling == 5_000
    assert [unlimited.spend("a", 5_000, 1.0) for _ in range(3)] == [0, 0, 0]


def test_what_a_worker_holds_of_many_askers_is_bounded() -> None:
    budget = Budget("cost", 60_000, 5_000, RateTable())
    for number in range(10_000):
        assert budget.spend(str(number), 1, 1.0) == 0
    assert len(budget._held) <= 4096


def test_what_a_question_took_beyond_its_cost_is_owed_for_an_hour_at_most() -> None:
    """A count of everything costs 1 before it is made: whole minutes of counting cost a few."""
    budget = Budget("cost", 60_000, 5_000, RateTable())
    assert budget.spend("a", 100, 1.0) == 0
    budget.owe("a", 99_900, 1.0)
    assert budget.spend("a", 1, 1.0) == pytest.approx(40.001)
    assert budget.spend("a", 1, 42.0) == 0
    assert budget.spend("b", 5_000, 1.0) == 0
    for _ in range(2):
        budget.owe("a", 10**9, 42.0)
    assert budget.spend("a", 1, 42.0) == pytest.approx(3600, abs=1)
    Budget("cost", 0, 5_000, RateTable()).owe("a", 10**9, 1.0)


@pytest.mark.parametrize(
    ("seconds", "cost", "left"), [(0.1, 1, 59_999), (0.6, 1, 55_000), (0.6, 6_000, 54_000)]
)
def test_reads_that_took_long_are_paid_when_the_question_is_answered(
    seconds: float, cost: int, left: int
) -> None:
    budget, clock = Budget("cost", 60_000, 60_000, RateTable()), Clock(Readers.__new__(Readers))
    allowance = Allowance(budget, "a", clock)
    assert allowance.spend(cost) == 0
    clock.seconds = seconds
    allowance.settle(cost)
    assert allowance.spend(left + 1_000) > 0
    assert allowance.spend(left) == 0
