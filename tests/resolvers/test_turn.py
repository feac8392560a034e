"""Changes have their turns: one of a caller, a few of all, and nobody waits for ever."""

from __future__ import annotations

import asyncio

import pytest

from resolvers.errors import QuestionError
from resolvers.turn import AT_ONCE, MOST_WAITING, Turns


async def test_one_caller_keeps_nobody_from_a_change() -> None:
    turns, at_work, most = Turns(), dict.fromkeys("abcdefgh", 0), 0

    async def change(caller: str) -> None:
        nonlocal most
        async with turns.taken(caller, 5):
            at_work[caller] += 1
            assert at_work[caller] == 1
            most = max(most, sum(at_work.values()))
            await asyncio.sleep(0.001)
            at_work[caller] -= 1

    many = [change("a") for _ in range(MOST_WAITING)]
    await asyncio.gather(*many, *(change(caller) for caller in "abcdefgh"[1:] * 3))
    assert most == AT_ONCE


async def test_who_waits_too_long_or_asks_too_much_is_told_to_come_again() -> None:
    turns, stop = Turns(), asyncio.Event()

    async def held(caller: str) -> None:
        async with turns.taken(caller, 5):
            await stop.wait()

    holding = asyncio.create_task(held("a"))
    await asyncio.sleep(0)
    with pytest.raises(QuestionError, match="still at work"):
        async with turns.taken("a", 0.01):
            pass
    waiting = [asyncio.create_task(held("a")) for _ in range(MOST_WAITING - 1)]
    await asyncio.sleep(0)
    with pytest.raises(QuestionError, match="still at work"):
        async with turns.taken("a", 5):
            pass
    waiting[0].cancel()
    async with turns.taken("b", 5):
        stop.set()
    await asyncio.gather(holding, *waiting, return_exceptions=True)
    async with turns.taken("a", 0):
        pass
