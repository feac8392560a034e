"""Risk propagation 风险传导 from some subjects, as the caller may see the ties it runs along."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np

from graph.layout import EdgeKind
from graph.risk import COURSES, DECAY, Channels, Course, Impact, Model, Reach, reach, spread
from graph.snapshot.mask import View
from graph.walk import Truncation
from resolvers.answer import Disclosure
from resolvers.context import Call
from resolvers.errors import QuestionError
from resolvers.graph_question import Question, Shown, asked_of, decimal, places_of
from resolvers.statement import Selected, Statement

MAX_SEEDS = 50
MAX_STEPS = 6
MAX_FAN = 1_000
MAX_CHANNELS = 100_000


@dataclass
class _Found:
    """The subjects of an answer: numbers are places of the snapshot."""

    view: View
    truncated: tuple[Truncation, ...]
    names: dict[int, UUID] = field(default_factory=dict)

    @property
    def ids(self) -> Mapping[int, UUID]:
        return self.names

    @property
    def position(self) -> str:
        return str(self.view.snapshot.position)

    @property
    def snapshot(self) -> str:
        return self.view.snapshot.id

    def name(self, places: list[int]) -> None:
        """Look up the ids of these places."""
        ids = self.view.snapshot.ids_at(np.array(places, np.int64))
        self.names.update(zip(places, ids, strict=True))


async def answer(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """Whom trouble of the seeds reaches.

    Raises QuestionError FORBIDDEN, BUDGET_LIMIT, BAD_VALUE, CASE_REQUIRED, GRAPH_UNAVAILABLE.
    """
    question, seeds, missing = await asked_of(statement, selected, call, "seeds", MAX_SEEDS)
    first, steps, fan = question.first(), question.given["steps"], question.given["maxFan"]
    most = min(MAX_STEPS, question.levels or MAX_STEPS)
    if not 1 <= steps <= most or not 1 <= fan <= MAX_FAN:
        raise QuestionError("BUDGET_LIMIT", f"steps is 1 to {most}, maxFan is 1 to {MAX_FAN}")
    decay, model = _decay(question), Model(question.given["model"])
    view = question.scoped()
    places = places_of(view, seeds)
    found = await asyncio.to_thread(reach, view, places, decay, steps=steps, max_fan=fan)
    if len(found.channels) > MAX_CHANNELS:
        raise QuestionError("BUDGET_LIMIT", "too many ties: ask for fewer steps or a lower maxFan")
    kept = await _seen(question, view, found)
    impact = await asyncio.to_thread(spread, kept, places, model) if places else None
    shown = Shown(question, _Found(view, found.truncated))
    value = {
        **question.frame(shown.closure),
        "model": str(model),
        "decays": [
            {"course": str(course), "factor": Decimal(str(factor))}
            for course, factor in decay.items()
        ],
        "missing": missing,
        "totalCount": 0 if impact is None else len(impact.places),
        "impacts": [] if impact is None else _impacts(shown, view, impact, set(places), first),
    }
    told = set(shown.keys)
    value["hubs"] = [shown.key(hub) for hub in found.hubs if hub in told]
    return await shown.told(value, len(value["impacts"]), missing)


def _decay(question: Question) -> dict[Course, float]:
    decay = dict(DECAY)
    for given in question.given.get("decays") or ():
        factor = given["factor"]
        if not 0 <= factor <= 1:
            raise QuestionError("BAD_VALUE", "factor is 0 to 1")
        decay[Course(given["course"])] = float(factor)
    return decay


async def _seen(question: Question, view: View, found: Reach) -> Channels:
    """The channels whose relations the store shows the caller."""
    channels = found.channels
    kept = np.zeros(len(channels), bool)
    for kind, courses in _BY_KIND.items():
        of_kind = np.flatnonzero(np.isin(channels.course, courses))
        rows = np.unique(channels.row[of_kind])
        ids = view.snapshot.relation_ids(kind, rows)
        seen = {row[0] for row in await question.rows_seen(ids, (str(kind),), "e.relation_id")}
        here = rows[np.array([id_ in seen for id_ in ids], bool)]
        kept[of_kind] = np.isin(channels.row[of_kind], here)
    return channels.only(kept)


KIND_OF = {
    course: kind
    for kind, courses in (
        (EdgeKind.GUARANTEES, (Course.DEBTOR_TO_GUARANTOR,)),
        (EdgeKind.HOLDS, (Course.COMPANY_TO_HOLDER, Course.HOLDER_TO_COMPANY)),
        (EdgeKind.BRANCH_OF, (Course.BRANCH_TO_HEAD, Course.HEAD_TO_BRANCH)),
        (
            EdgeKind.LEGAL_REP_OF,
            (Course.FIRM_TO_REPRESENTATIVE, Course.REPRESENTATIVE_TO_FIRM),
        ),
        (EdgeKind.OFFICER_OF, (Course.FIRM_TO_OFFICER, Course.OFFICER_TO_FIRM)),
    )
    for course in courses
}
_BY_KIND = {
    kind: [COURSES.index(course) for course, of in KIND_OF.items() if of is kind]
    for kind in dict.fromkeys(KIND_OF.values())
}


def _impacts(
    shown: Shown, view: View, impact: Impact, seeds: set[int], first: int
) -> list[dict[str, Any]]:
    places = impact.places[:first].tolist()
    vias = impact.via[:first].tolist()
    sources = [int(impact.channels.source[via]) for via in vias if via >= 0]
    assert isinstance(shown.closure, _Found)
    shown.closure.name(list(dict.fromkeys([*places, *sources])))
    for place in (*places, *sources):
        shown.key(place)
    return [
        {
            **shown.party(place),
            "score": decimal(score),
            "seed": place in seeds,
            "via": None if via < 0 else _via(shown, view, impact.channels, via),
        }
        for place, score, via in zip(places, impact.score[:first].tolist(), vias, strict=True)
    ]


def _via(shown: Shown, view: View, channels: Channels, at: int) -> dict[str, Any]:
    course = COURSES[int(channels.course[at])]
    kind, row = KIND_OF[course], channels.row[at : at + 1]
    code = int(view.column(kind, "origin", row)[0])
    return {
        "source": shown.key(int(channels.source[at])),
        "course": str(course),
        "weight": decimal(float(channels.weight[at])),
        "relationId": str(view.snapshot.relation_ids(kind, row)[0]),
        "originRegion": view.snapshot.text("origin", code) or "",
    }
