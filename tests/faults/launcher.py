"""A node that lies: `python -m tests.faults.launcher LIE NODE`, for the harness alone.

`unlogged` gives receipts without writing the log, which the harness must notice. `clock` takes
its time from the true clock plus the seconds in the file `<home>/clock`, read once a
millisecond at most.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

from client.receipt import MAX_DELAY, Receipt
from security.access_log import AccessLog
from service.home import home
from service.serve import main


def lie_about_the_log() -> None:
    """Every third access gets its receipt and no entry."""
    real, count = AccessLog.append, 0

    async def append(self: AccessLog, entry: Any, evidence: Any, once: Any = None) -> Receipt:
        nonlocal count
        count += 1
        if count % 3:
            return await real(self, entry, evidence, once)
        await asyncio.sleep(0)
        leaf = count.to_bytes(32, "big")
        return Receipt(leaf, int(time.time()), MAX_DELAY, self.origin, entry.request_body)

    AccessLog.append = append  # type: ignore[method-assign]


def lie_about_the_time() -> None:
    """Shift time.time, by which the node judges signatures and dates entries and receipts."""
    real, path = time.time, home() / NODE / "clock"
    state = [0.0, 0.0]

    def shifted() -> float:
        now = real()
        if now - state[0] > 0.001:
            state[0] = now
            state[1] = float(path.read_text()) if path.exists() else 0.0
        return now + state[1]

    time.time = shifted


if __name__ == "__main__":
    LIE, NODE = sys.argv[1:]
    {"unlogged": lie_about_the_log, "clock": lie_about_the_time}[LIE]()
    raise SystemExit(main([NODE]))
