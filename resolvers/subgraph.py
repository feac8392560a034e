"""The node as a subgraph: the schema that a gateway composes."""

from __future__ import annotations

from typing import Any

from resolvers.answer import NOTHING, Disclosure
from resolvers.context import Call
from resolvers.projection import shaper
from resolvers.statement import Selected, Statement


async def answer(
    statement: Statement,
    selected: Selected,
    call: Call,  # noqa: ARG001 - the shape of every part
) -> tuple[Any, Disclosure]:
    """The text of the schema; no part of anybody's data."""
    return shaper(statement, selected)({"sdl": statement.schema.extensions["subgraph"]()}), NOTHING
