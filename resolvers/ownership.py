"""Owners 穿透持股 of a company: integrated shares with the ways that give them."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from fractions import Fraction
from typing import Any

from graph.holding import Basis, Finding, Holdings, together
from graph.ownership import Owner, Ownership, integrated, paths
from resolvers.answer import Disclosure
from resolvers.context import Call
from resolvers.errors import QuestionError
from resolvers.graph_question import (
    Shown,
    asked,
    decimal,
    share_range,
    within_budget,
    without,
)
from resolvers.statement import Selected, Statement

MAX_PATHS = 20
_STEPS = 20_000  # looks at nodes while the paths of all owners are drawn
_LARGE = 500  # statements from which on the figures are worked out beside the event loop


async def answer(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """The owners of a company, None when there is no such subject to see.

    Raises QuestionError FORBIDDEN, BUDGET_LIMIT, CASE_REQUIRED, GRAPH_UNAVAILABLE.
    """
    question = await asked(statement, selected, call)
    if isinstance(question, str):
        return without(question)
    first, ways = question.first(), question.given["maxPaths"]
    if not 1 <= ways <= MAX_PATHS:
        raise QuestionError("BUDGET_LIMIT", f"maxPaths is 1 to {MAX_PATHS}")
    if not question.wants("owners", "paths") and not question.wants("owners", "pathsComplete"):
        ways = 0
    basis = Basis(question.given["basis"])
    closure = await question.owners()
    large = len(closure.statements) > _LARGE

    def worked_out() -> tuple[Holdings, Ownership]:
        holdings = together(closure.statements, closure.companies(), basis)
        with within_budget():
            return holdings, integrated(holdings, 0)

    holdings, found = await asyncio.to_thread(worked_out) if large else worked_out()
    least = Fraction(question.given.get("minShare") or Decimal(0))
    owners = [one for one in found.owners if one.high >= least][:first]
    shown = Shown(question, closure)
    shown.key(0)
    for one in owners:
        shown.key(one.node)
    steps = max(200, _STEPS // max(1, len(owners)))

    def ways_of() -> list[dict[str, Any]]:
        return [_owner(shown, holdings, one, ways, steps) for one in owners]

    told = await asyncio.to_thread(ways_of) if large else ways_of()
    value = {
        **question.frame(closure),
        "basis": str(basis),
        "state": "DETERMINED" if found.determined else "CIRCULAR_UNDETERMINED",
        "unknown": decimal(found.unknown),
        "circle": [shown.key(node) for node in found.circle],
        "undetermined": [[shown.key(node) for node in block] for block in found.undetermined],
        "totalCount": len(found.owners),
        "owners": told,
    }
    value["findings"] = shown.findings(holdings, _closed(found))
    return await shown.told(value, len(told))


def _closed(found: Ownership) -> dict[int, Finding]:
    nodes = [node for block in (found.circle, *found.undetermined) for node in block]
    return dict.fromkeys(nodes, Finding.CIRCULAR_UNDETERMINED)


def _owner(shown: Shown, holdings: Holdings, one: Owner, ways: int, steps: int) -> dict[str, Any]:
    found, more = paths(holdings, 0, one.node, ways, steps) if ways else ((), False)
    return {
        **shown.party(one.node),
        "direct": share_range(one.direct_low, one.direct_high),
        "integrated": share_range(one.low, one.high),
        "ultimate": one.ultimate,
        "paths": [
            {
                "share": share_range(way.share, way.share),
                "steps": [shown.step(step) for step in way.steps],
            }
            for way in found
        ],
        "pathsComplete": not more,
    }
