"""Control 控制: the suspected controllers of a company, and what a subject controls."""

from __future__ import annotations

import asyncio
from typing import Any

from graph.closure import Closure
from graph.control import (
    Controlled,
    Controller,
    Controllers,
    Votes,
    chain,
    controlled_by,
    controllers_of,
)
from resolvers.answer import Disclosure
from resolvers.context import Call
from resolvers.graph_question import Shown, asked, share_range, within_budget, without
from resolvers.statement import Selected, Statement

SUSPECTED = "疑似"
RULE = "超过50%表决权 more than one half of the votes, strictly; least fixpoint; general partners"


async def controllers(
    statement: Statement, selected: Selected, call: Call
) -> tuple[Any, Disclosure]:
    """Who controls a company, None when there is no such subject to see.

    Raises QuestionError FORBIDDEN, BUDGET_LIMIT, CASE_REQUIRED, GRAPH_UNAVAILABLE.
    """
    question = await asked(statement, selected, call)
    if isinstance(question, str):
        return without(question)
    closure = await question.owners()
    votes = closure.votes()
    found = await asyncio.to_thread(controllers_in, closure, votes)
    shown = Shown(question, closure)
    shown.key(0)
    value = {
        **question.frame(closure),
        "rule": RULE,
        "controllers": [controller_value(shown, found, one) for one in found.controllers],
        "possible": [shown.key(node) for node in found.possible],
        "borderline": [shown.key(node) for node in found.borderline],
    }
    value["findings"] = shown.findings(votes.holdings, {})
    return await shown.told(value, len(found.controllers))


def controllers_in(closure: Closure, votes: Votes) -> Controllers:
    """Who controls the first of a closure, among all above it.

    Raises QuestionError BUDGET_LIMIT.
    """
    candidates = sorted({*closure.above(), *(one.person for one in closure.offices)} - {0})
    with within_budget():
        return controllers_of(votes, 0, candidates)


def controller_value(shown: Shown, found: Controllers, one: Controller) -> dict[str, Any]:
    """A controller with the chain by which it controls."""
    how = one.control.of(found.company)
    assert how is not None
    return {
        **shown.party(one.node),
        "label": SUSPECTED,
        "ultimate": one.ultimate,
        "level": how.step,
        "votes": share_range(how.votes, how.votes),
        "component": [shown.key(node) for node in one.component],
        "jointlyWith": [shown.key(node) for node in sorted(one.jointly)],
        "chain": [step_value(shown, step) for step in chain(one.control, found.company)],
    }


def step_value(shown: Shown, step: Controlled) -> dict[str, Any]:
    """One company that comes under control, and the votes that do it."""
    return {
        "company": shown.key(step.company),
        "votes": share_range(step.votes, step.votes),
        "voters": [shown.step(one) for one in step.voters],
        "allies": [shown.key(node) for node in sorted(step.allies)],
    }


async def controlled(
    statement: Statement, selected: Selected, call: Call
) -> tuple[Any, Disclosure]:
    """What a subject controls, None when there is no such subject to see.

    Raises QuestionError FORBIDDEN, BUDGET_LIMIT, CASE_REQUIRED, GRAPH_UNAVAILABLE.
    """
    question = await asked(statement, selected, call)
    if isinstance(question, str):
        return without(question)
    first = question.first()
    closure = await question.controlled()
    votes = closure.votes()
    found = await asyncio.to_thread(controlled_by, votes, 0)
    shown = Shown(question, closure)
    shown.key(0)
    told = [
        {
            **shown.party(one.company),
            "label": SUSPECTED,
            "level": one.step,
            "votes": share_range(one.votes, one.votes),
            "step": step_value(shown, one),
        }
        for one in found.companies[:first]
    ]
    value = {
        **question.frame(closure),
        "rule": RULE,
        "totalCount": len(found.companies),
        "controlled": told,
        "possible": [shown.key(node) for node in sorted(found.possible)],
        "borderline": [shown.key(node) for node in sorted(found.borderline)],
    }
    value["findings"] = shown.findings(votes.holdings, {})
    return await shown.told(value, len(told))
