"""Circular ownership 循环持股: looked up in the snapshot, then seen in the caller's scope."""

from __future__ import annotations

import asyncio
from typing import Any

from graph.closure import circle_closure
from graph.component import components
from graph.holding import Basis, together
from resolvers.answer import Disclosure
from resolvers.context import Call
from resolvers.graph_question import Shown, asked, without
from resolvers.statement import Selected, Statement


async def answer(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """The circle that a firm is in, None when there is no such subject to see.

    Raises QuestionError FORBIDDEN, BUDGET_LIMIT, CASE_REQUIRED, GRAPH_UNAVAILABLE.
    """
    question = await asked(statement, selected, call)
    if isinstance(question, str):
        return without(question)
    first = question.first()
    view, place = question.view()
    closure = await question.seen(await asyncio.to_thread(circle_closure, view, place))
    if question.levels is not None:
        closure = closure.near(question.levels)
    holdings = await asyncio.to_thread(
        together, closure.statements, closure.companies(), Basis.EQUITY
    )
    held = {
        company: [one.holder for one in of if one.high > 0] for company, of in holdings.of.items()
    }
    circle = next(
        (block for block in components([0], lambda node: held.get(node, ())) if 0 in block), [0]
    )
    self_held = 0 in held.get(0, ())
    inside = set(circle) if len(circle) > 1 or self_held else set()
    shown = Shown(question, closure)
    shown.key(0)
    among = [
        one
        for company in sorted(inside)
        for one in holdings.of.get(company, ())
        if one.holder in inside and one.high > 0
    ]
    value = {
        **question.frame(closure),
        "circular": bool(inside),
        "selfHeld": self_held,
        "size": len(inside),
        "members": [shown.key(node) for node in sorted(inside)[:first]],
        "holdings": [],
    }
    named = set(shown.keys)
    value["holdings"] = [
        shown.step(one) for one in among if one.holder in named and one.company in named
    ][:first]
    if len(inside) > first or len(among) > first:
        value["truncated"].append({"reason": "ROWS", "stage": 1})
    return await shown.told(value, len(value["members"]) + len(value["holdings"]))
