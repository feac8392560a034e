"""Related parties 关联方 of a firm by 企业会计准则第36号, read from votes and positions."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID

from graph.closure import Closure
from graph.control import Controllers, Votes, controls_of
from graph.holding import Holding
from graph.related import Related, Surroundings, related_parties
from graph.walk import Limit, Truncation
from resolvers.answer import Disclosure
from resolvers.context import Call
from resolvers.control import SUSPECTED, controllers_in
from resolvers.graph_question import Question, Shown, asked, share_range, within_budget, without
from resolvers.graph_scope import closed
from resolvers.statement import Selected, Statement

SOURCE = "《企业会计准则第36号——关联方披露》第四条至第六条"
_MOST = 60  # parents and persons whose firms are looked for


async def answer(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """The related parties of a firm, None when there is no such subject to see.

    Raises QuestionError FORBIDDEN, BUDGET_LIMIT, CASE_REQUIRED, GRAPH_UNAVAILABLE.
    """
    question = await asked(statement, selected, call)
    if isinstance(question, str):
        return without(question)
    first = question.first()
    closure, cut = await _gathered(question)
    found = await asyncio.to_thread(_found, closure)
    shown = Shown(question, closure)
    shown.key(0)
    told = [_related(shown, one) for one in found[:first]]
    value = {
        **question.frame(replace(closure, truncated=tuple(sorted({*closure.truncated, *cut})))),
        "source": SOURCE,
        "totalCount": len(found),
        "related": told,
    }
    value["findings"] = shown.findings(closure.votes().holdings, {})
    return await shown.told(value, len(told))


async def _gathered(question: Question) -> tuple[Closure, set[Truncation]]:
    """Who holds the firm, who runs it and its parents, and what all of these control."""
    above = await question.owners(offices_of=[0])
    control = await asyncio.to_thread(_controllers, above)
    parents = [one.node for one in control.controllers if one.node not in above.persons]
    if parents:
        above = await question.owners(offices_of=[0, *parents])
    cut: set[Truncation] = set()
    limit = closed(question.statement, question.call).get("NATURAL_PERSON")
    people: list[UUID] = []
    if limit is None:
        people = [above.ids[node] for node in _people(above, control)]
    elif _people(above, control):
        cut.add(Truncation(2, limit))
    starts = [above.ids[0], *(above.ids[node] for node in parents if node not in above.state)]
    starts += people
    if len(starts) > _MOST:
        cut.add(Truncation(2, Limit.NODES))
    found = await question.with_controlled(above, list(dict.fromkeys(starts[:_MOST])))
    return found, cut


def _controllers(closure: Closure, votes: Votes | None = None) -> Controllers:
    return controllers_in(closure, votes or closure.votes())


def _people(closure: Closure, control: Controllers) -> list[int]:
    """The persons near the firm: its main investors, and who runs it and its parents."""
    found = {one.node for one in control.controllers} | {one.person for one in closure.offices}
    found |= {one.holder for one in closure.statements if one.company == 0}
    return sorted(found & closure.persons)


def _found(closure: Closure) -> tuple[Related, ...]:
    votes = closure.votes()
    control = _controllers(closure, votes)
    starts = {0, *(one.node for one in control.controllers), *_people(closure, control)}
    with within_budget():
        controls = controls_of(votes, sorted(starts))
    managers: dict[int, list[tuple[int, str]]] = {}
    for one in closure.offices:
        managers.setdefault(one.firm, []).append((one.person, one.position))
    around = Surroundings(
        0,
        votes,
        control,
        controls,
        {firm: tuple(people) for firm, people in managers.items()},
        closure.persons,
        closure.state,
        _stakes(votes),
    )
    return related_parties(around)


def _stakes(votes: Votes) -> dict[int, tuple[Holding, ...]]:
    found: dict[int, list[Holding]] = {}
    for held in votes.holdings.of.values():
        for one in held:
            found.setdefault(one.holder, []).append(one)
    return {holder: tuple(stakes) for holder, stakes in found.items()}


def _related(shown: Shown, one: Related) -> dict[str, Any]:
    return {
        **shown.party(one.node),
        "tie": str(one.tie),
        "label": SUSPECTED,
        "through": None if one.through is None else shown.key(one.through),
        "votes": None if one.votes is None else share_range(one.votes, one.votes),
        "position": one.position or None,
        "borderline": one.borderline,
        "holdings": [shown.step(step) for step in one.holdings],
    }
