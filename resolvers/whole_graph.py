"""Analyses of the whole graph 全图分析 as jobs: asked for here, worked on by `whole_graph_work`.

Asked again of the same snapshot, under the same scope and with the same arguments, the job that
answers already is given, as long as it is kept.
"""

from __future__ import annotations

from typing import Any

import orjson

from graph.layout import EdgeKind
from resolvers import job
from resolvers.change import Change, Outcome
from resolvers.errors import QuestionError
from resolvers.graph_question import FULL_HOPS, current_snapshot
from resolvers.graph_scope import names_case, subject_asked
from resolvers.projection import scalar
from security.policy import Reach, Role
from store import job as jobs

ROLES = frozenset({Role.ANALYST})
MAX_SEEDS = 500
MAX_FIRST = 100_000
TIES = (EdgeKind.HOLDS, EdgeKind.LEGAL_REP_OF, EdgeKind.BRANCH_OF, EdgeKind.GUARANTEES)
"""What ties subjects together unless the caller says otherwise: officers sit on many boards."""


async def start(change: Change) -> Outcome:
    """Enter an analysis of the whole graph, or give the job that has answered it.

    Raises QuestionError FORBIDDEN, CASE_REQUIRED, BAD_VALUE, BUDGET_LIMIT, SUBJECT_UNKNOWN,
    GRAPH_UNAVAILABLE, JOB_LIMIT.
    """
    context, row = change.call.context, change.statement.scope.row
    if row.hops < FULL_HOPS or row.start is not Reach.ALL:
        raise QuestionError("FORBIDDEN", "the role does not search the whole graph")
    kind = str(change.arguments["kind"])
    if kind != "CIRCLES" and not names_case(change.call):
        raise QuestionError("CASE_REQUIRED", "name the case in credit-case: it leads over persons")
    snapshot = current_snapshot(change.call)
    arguments = await _arguments(change, kind)
    likeness = change.desk.keeping.digest(
        orjson.dumps([kind, arguments, snapshot.id, context.scope.digest.hex()])
    )
    found = await jobs.alike(change.connection, context.scope.caller, likeness)
    if found is not None:
        return Outcome(job.job_value(found), told={"job": str(found.id), "kind": found.kind})
    return await job.start(change, f"GRAPH_{kind}", arguments, likeness=likeness)


async def _arguments(change: Change, kind: str) -> dict[str, Any]:
    """What the job is told; checked, so that it fails now and not later."""
    given, row = change.arguments, change.statement.scope.row
    first, least = given["first"], given.get("minSize", 1 if kind == "CIRCLES" else 2)
    if not 1 <= first <= MAX_FIRST or least < 1:
        raise QuestionError("BUDGET_LIMIT", f"first is 1 to {MAX_FIRST}, minSize at least 1")
    told: dict[str, Any] = {
        "asOf": (given.get("asOf") or change.call.context.today).isoformat(),
        "first": first,
    }
    if kind == "RISK":
        return told | await _risk(change)
    told["minSize"] = least
    if kind in ("COMPONENTS", "COMMUNITIES"):
        kinds = {str(scalar(one)) for one in given.get("kinds") or TIES}
        if not kinds or "BORROWS" in kinds:
            raise QuestionError("BAD_VALUE", "kinds are those of ties between parties")
        if not kinds <= row.relations:
            raise QuestionError("FORBIDDEN", "the role does not follow these kinds of relation")
        told["kinds"] = sorted(kinds)
    if kind == "COMMUNITIES":
        if not 0.01 <= given["resolution"] <= 100:
            raise QuestionError("BAD_VALUE", "resolution is 0.01 to 100")
        told["resolution"] = str(scalar(given["resolution"]))
    return told


async def _risk(change: Change) -> dict[str, Any]:
    given = change.arguments
    seeds = list(dict.fromkeys(given.get("seeds") or ()))
    if not 1 <= len(seeds) <= MAX_SEEDS:
        raise QuestionError("BUDGET_LIMIT", f"name 1 to {MAX_SEEDS} seeds")
    if not 0 <= given["minScore"] <= 1:
        raise QuestionError("BAD_VALUE", "minScore is 0 to 1")
    decays = {str(scalar(one["course"])): one["factor"] for one in given.get("decays") or ()}
    if any(not 0 <= factor <= 1 for factor in decays.values()):
        raise QuestionError("BAD_VALUE", "factor is 0 to 1")
    ids = [await subject_asked(change.statement, one, change.call) for one in seeds]
    if None in ids:
        raise QuestionError("SUBJECT_UNKNOWN", "name seeds that you may search from")
    return {
        "seeds": sorted({str(one) for one in ids}),
        "model": str(scalar(given["model"])),
        "decays": {course: str(scalar(factor)) for course, factor in sorted(decays.items())},
        "minScore": str(scalar(given["minScore"])),
    }
