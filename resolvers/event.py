"""What a source of a subscription gives: what happened, and where it goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from resolvers.answer import Disclosure


@dataclass(frozen=True, slots=True)
class Happened:
    """One event: its value as JSON shows it, what it discloses, and the position after it."""

    value: Any
    disclosure: Disclosure
    position: str


@dataclass(frozen=True, slots=True)
class Step:
    """What happened since a position, oldest first.

    `position` is where the next step goes on, opaque to callers; `more` says that it need not
    wait, `ended` that nothing will happen any more.
    """

    happened: tuple[Happened, ...] = ()
    position: str = ""
    ended: bool = False
    more: bool = False
