"""What a source of a subscription gives: what happened, and where it goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from resolvers.answer import Disclosure
from resolvers.context import Changes, Context
from resolvers.errors import QuestionError
from store.errors import StoreError
from store.outbox import Place, Row

_MOST = 200  # changes of one step


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


def changes_of_node(context: Context) -> Changes:
    """The outbox to follow. Raises QuestionError OPERATION_NOT_SUPPORTED."""
    if context.changes is None:
        raise QuestionError("OPERATION_NOT_SUPPORTED", "this node tells of no changes here")
    return context.changes


async def rows_after(
    changes: Changes, position: str | None, after: str | None, entities: frozenset[str]
) -> tuple[Sequence[Row], Place, bool]:
    """What was written after a position, where that ends, and whether more is there already.

    `position` is where the step before ended; at first `after` counts, where the caller goes on.
    Without either nothing, and where the outbox ends now. Raises QuestionError POSITION_INVALID,
    also for a place that the outbox has not reached: whoever went on from another node's, or from
    before an older backup, would be told nothing until it has.
    """
    if position is None and after is None:
        return (), await changes.now(), False
    try:
        place = Place.parse(after or "" if position is None else position)
    except StoreError as error:
        raise QuestionError(error.code, error.message) from error
    if position is None and place > await changes.now():
        raise QuestionError(
            "POSITION_INVALID", "This node has not come so far: leave `after` out, and ask anew."
        )
    return await changes.after(place, entities, _MOST)
