"""Asking again: after what, how long later, and how often."""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

STATUSES = frozenset({429, 502, 503, 504})
"""Statuses of a node, or of what stands before it, that may pass."""
CODES = frozenset(
    {
        "BUSY",
        "GRAPH_UNAVAILABLE",
        "LOG_UNAVAILABLE",
        "LOG_UNWITNESSED",
        "MUTATION_RUNNING",
        "RATE_LIMITED",
        "STORE_UNAVAILABLE",
        "SUBSCRIPTION_LIMIT",
        "TOKEN_UNAVAILABLE",
    }
)
"""Codes of a node's errors that may pass. `REPLAYED` is none: it says that a message of ours, sent
once, came twice, and who sent it again is for a person to find out. `SUBSCRIPTION_LIMIT` is one: a
stream whose connection broke counts until the node has noticed."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How a question is asked again; each time it is signed anew, with a fresh nonce.

    `attempts` counts the first one too. The wait before attempt n is random between 0 and
    `base`·2ⁿ seconds, at most `cap` (full jitter), or what `Retry-After` says and a little more; a
    node that wants to be left alone for longer than `patience` seconds is not asked again.
    """

    attempts: int = 4
    base: float = 0.25
    cap: float = 8.0
    patience: float = 60.0
    jitter: Callable[[float, float], float] = field(default=random.uniform, compare=False)

    def wait(
        self, attempt: int, status: int, codes: Iterable[str], retry_after: str | None
    ) -> float | None:
        """Give the seconds to wait before asking again, None when that would not help.

        `attempt` counts from 1; `status` is 0 when there was no answer at all.
        """
        if attempt >= self.attempts:
            return None
        if status and status not in STATUSES and CODES.isdisjoint(codes):
            return None
        if retry_after is not None and retry_after.isascii() and retry_after.isdigit():
            wanted = float(retry_after)
            return None if wanted > self.patience else wanted + self.jitter(0, self.base)
        # Beyond 2^64 the cap has long been reached, and a float soon would be.
        return self.jitter(0, min(self.cap, self.base * 2 ** min(attempt, 64)))
