"""The desk at which a signed caller leaves work with the node: changes, jobs, submissions.

What is done here is written by the owner of the tables, past the walls of those who only read;
what a caller may do at it is decided by `resolvers.mutation` and by each action.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from resolvers.turn import Turns
from security.claim import Claim
from security.keeping import Keeping

Tell = Callable[[Any, str, Mapping[str, object]], Awaitable[object]]
"""Writes an event of the access log into the transaction of a connection."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one caller may leave at the desk, as the node's settings say."""

    open_jobs: int = 10
    bulk: int = 100_000  # codes of one job
    review: int = 100_000  # codes above which a supervisor approves the job first
    partner_review: int = 500  # the same for partner cities
    wait: float = 10.0  # seconds that the same change may wait for its first request


@dataclass(frozen=True, slots=True)
class Desk:
    """The desk for one caller."""

    claim: Claim
    pool: asyncpg.Pool[Any]
    keeping: Keeping
    tell: Tell
    limits: Limits = Limits()
    turns: Turns = field(default_factory=Turns)  # of all callers
