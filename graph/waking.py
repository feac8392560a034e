"""Waiting for the store to change: it notifies who listens, and nobody waits for ever."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg

_CHANNEL = "outbox"


async def listen(connection: asyncpg.Connection[Any]) -> asyncio.Event:
    """An event that is set whenever the outbox has grown."""
    woken = asyncio.Event()
    await connection.add_listener(_CHANNEL, lambda *_: woken.set())
    return woken


async def first_of(seconds: float, *events: asyncio.Event) -> None:
    """Wait for one of the events, at most that long."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
