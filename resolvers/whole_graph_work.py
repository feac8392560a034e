"""Analyses of the whole graph at work: the snapshot under the caller's mask, then the store.

Ties are read in blocks beside the event loop, what is long to compute runs in a process of its
own, and what the store does not show the caller any more takes no part in what is told: groups
are found once more among the relations that it shows (as `resolvers.graph_question` does for one
subject). A job that is taken up again begins anew, since the snapshot may be another.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Protocol
from uuid import UUID

import numpy as np

from graph.debt import MAX_NODES, made
from graph.layout import EdgeKind
from graph.risk import COURSES, DECAY, Channels, Course, Impact, Model, channels, joined, spread
from graph.snapshot.circle import components as rings
from graph.snapshot.circle import find_circles
from graph.snapshot.column import Array
from graph.snapshot.mask import View
from graph.snapshot.view import Snapshot
from graph.whole import Groups, Uniting, communities, components, grouped
from resolvers.context import Call, Context
from resolvers.errors import QuestionError
from resolvers.graph_question import Question, decimal, places_of
from resolvers.graph_scope import barred_now, district_now
from resolvers.guarantee import Debts, totals_value
from resolvers.job import Progress
from resolvers.risk import KIND_OF
from resolvers.statement import Selected, Statement
from resolvers.whole_graph_result import PARTIES, Result
from security.policy import Scope

_BLOCK = 1_000_000  # relations read together
_CHECK = 5_000  # relations asked of the store together: within a read's time on a busy machine
_BUNCH = 5_000  # members of groups that are checked together
_LARGE = 100_000  # ties from which on a computation has a process of its own
_PIECE = 100_000  # ties merged together: the node's other work goes on in between
_RINGS = 20
# Bytes that computing takes for each relation held: what was read, and what is made of it.
_TIE = 260
_CHANNEL = 150


class Preparing(Protocol):
    """Gives the root field of a document of the node's own, for a scope."""

    def part(self, document: str, scope: Scope) -> tuple[Statement, Selected]: ...


@dataclass(slots=True)
class _Ties:
    """Relations by their ends; `row` is that in the table of the kind at `kind` of EdgeKind."""

    source: Array
    target: Array
    kind: Array
    row: Array

    def only(self, kept: Array) -> _Ties:
        return _Ties(self.source[kept], self.target[kept], self.kind[kept], self.row[kept])

    def __len__(self) -> int:
        return len(self.source)


_KINDS = tuple(EdgeKind)


async def analyse(
    preparing: Callable[[], Preparing],
    kind: str,
    context: Context,
    arguments: Mapping[str, Any],
    progress: Progress,
) -> None:
    """The handler of GRAPH_CIRCLES and the other kinds.

    Raises QuestionError FEATURE_MISSING, GRAPH_MEMORY, GRAPH_UNAVAILABLE.
    """
    if kind == "COMMUNITIES" and find_spec("igraph") is None:
        raise QuestionError(
            "FEATURE_MISSING", "communities need igraph: pip install xinqiao[communities]"
        )
    await progress.anew()
    statement, selected = preparing().part(PARTIES, context.scope)
    day = dt.date.fromisoformat(arguments["asOf"])
    call = Call(context)
    barred, regions = await barred_now(statement, call), await district_now(statement, call)
    question = Question(statement, selected, call, {}, UUID(int=0), day, None, barred, regions)
    work = _Work(question, question.scoped(), arguments, progress)
    await work.result.tell(
        {
            "analysis": kind,
            "snapshot": work.view.snapshot.id,
            "position": str(work.view.snapshot.position),
            "asOf": arguments["asOf"],
            "arguments": {k: v for k, v in arguments.items() if k not in ("asOf", "seeds")},
        }
    )
    await _WORKS[kind](work)
    await work.result.hand_over()


@dataclass
class _Work:
    """One analysis under way."""

    question: Question
    view: View
    arguments: Mapping[str, Any]
    progress: Progress

    def __post_init__(self) -> None:
        self.result = Result(self.question, self.progress)

    async def compute(self, function: Any, size: int, *given: Any) -> Any:
        """The result of a function of arrays of this size, beside the event loop."""
        if size < _LARGE:
            return await asyncio.to_thread(function, *given)
        return await self.progress.compute(function, *given)

    async def blocks(self, kinds: Sequence[str]) -> AsyncIterator[_Ties]:
        """All visible relations of these kinds, some at a time."""
        view, done = self.view, 0
        of = [kind for kind in EdgeKind if kind in kinds]
        total = sum(view.snapshot.tables[kind].size for kind in of)
        for kind in of:
            blocks = view.blocks(kind, _BLOCK)
            while (block := await asyncio.to_thread(_next, view, kind, blocks)) is not None:
                yield block
                done = min(done + _BLOCK, total)
                await self.progress.told(done, total, "reading")

    async def united(self, kinds: Sequence[str]) -> tuple[Array, Array]:
        """The weak components of these kinds; no more than one block of relations is held."""
        found = Uniting(len(self.view.snapshot.nodes))
        async for block in self.blocks(kinds):
            for begin in range(0, len(block), _PIECE):
                some = slice(begin, begin + _PIECE)
                await asyncio.to_thread(found.unite, block.source[some], block.target[some])
        return await asyncio.to_thread(found.components)

    async def ties(self, kinds: Sequence[str]) -> _Ties:
        """All visible relations of these kinds, held at once."""
        found = list[_Ties]()
        async for block in self.blocks(kinds):
            found.append(block)
            self.hold(sum(map(len, found)) * _TIE)
        return _joined(found)

    def hold(self, size: int) -> None:
        """Refuse to hold so many bytes where they are more than the node gives a job."""
        most = self.question.call.context.graph_job_memory
        if size > most:
            raise QuestionError(
                "GRAPH_MEMORY",
                f"the analysis would hold more than {most // 1_000_000} MB (graph_job_memory):"
                " ask for fewer kinds of relations, or from fewer seeds",
            )

    async def among(self, groups: Groups, numbers: range, kinds: Sequence[str]) -> _Ties:
        """The relations of these kinds that the store shows, within each of some groups."""
        members = np.concatenate([groups.at(number) for number in numbers])
        label = np.repeat(np.arange(len(numbers)), [len(groups.at(n)) for n in numbers])
        order = np.argsort(members)
        found = await asyncio.to_thread(
            _within, self.view, members[order], label[order], [k for k in EdgeKind if k in kinds]
        )
        return found.only(await self.seen(found))

    async def seen(self, ties: _Ties, stage: str = "") -> Array:
        """Which of these relations the store shows the caller."""
        kept, done = np.zeros(len(ties), bool), 0
        for number in np.unique(ties.kind).tolist():
            kind = _KINDS[number]
            of = np.flatnonzero(ties.kind == number)
            for begin in range(0, len(of), _CHECK):
                some = of[begin : begin + _CHECK]
                ids = await asyncio.to_thread(self.view.snapshot.relation_ids, kind, ties.row[some])
                rows = await self.question.rows_seen(ids, (kind,), "e.relation_id")
                shown = {row[0] for row in rows}
                kept[some] = [id_ in shown for id_ in ids]
                done += len(some)
                if stage:
                    await self.progress.told(done, len(ties), stage)
        return kept

    def ids(self, places: Array) -> list[UUID]:
        return self.view.snapshot.ids_at(places)


def _next(view: View, kind: EdgeKind, blocks: Iterator[Array]) -> _Ties | None:
    rows = next(blocks, None)
    return None if rows is None else _ties(view, kind, rows)


def _ties(view: View, kind: EdgeKind, rows: Array) -> _Ties:
    code = np.full(len(rows), _KINDS.index(kind), np.int8)
    source, target = view.column(kind, "source", rows), view.column(kind, "target", rows)
    return _Ties(source, target, code, rows.astype(np.int32))


def _joined(parts: Sequence[_Ties]) -> _Ties:
    if not parts:
        none = np.zeros(0, np.int32)
        return _Ties(none, none, none.astype(np.int8), none)
    return _Ties(
        *(
            np.concatenate([getattr(one, name) for one in parts])
            for name in ("source", "target", "kind", "row")
        )
    )


def _within(view: View, members: Array, label: Array, kinds: Sequence[EdgeKind]) -> _Ties:
    """Relations between members of the same group; `members` are sorted."""
    found = []
    for kind in kinds:
        ties = _ties(view, kind, view.outgoing(kind, members))
        at = np.minimum(np.searchsorted(members, ties.target), len(members) - 1)
        inside = members[at] == ties.target
        inside &= label[at] == label[np.searchsorted(members, ties.source)]
        found.append(ties.only(inside))
    return _joined(found)


async def _circles(work: _Work) -> None:
    snapshot = work.view.snapshot
    circles = snapshot.circles
    if circles is None:
        circles = await asyncio.to_thread(find_circles, snapshot)
    whole = grouped((circles.firms, circles.component), 1)
    await _groups(work, whole, (EdgeKind.HOLDS,), rings, _circle)


async def _components(work: _Work) -> None:
    kinds = work.arguments["kinds"]
    whole = grouped(await work.united(kinds), work.arguments["minSize"])
    await _groups(work, whole, kinds, components, _component)


async def _guarantee_circles(work: _Work) -> None:
    kinds = (EdgeKind.GUARANTEES,)
    whole = grouped(await work.united(kinds), work.arguments["minSize"])
    await _groups(work, whole, kinds, components, _guarantee_circle)


async def _groups(
    work: _Work, whole: Groups, kinds: Sequence[str], find: Any, describe: Any
) -> None:
    """Tell each group as the store shows it, in bunches; a group may fall apart."""
    told, begin, cut_off = 0, 0, False
    least, most = work.arguments["minSize"], work.arguments["first"]
    while begin < len(whole) and told < most:
        end = begin + 1
        while end < len(whole) and whole.start[end + 1] - whole.start[begin] <= _BUNCH:
            end += 1
        await work.progress.told(begin, len(whole), "checking")
        ties = await work.among(whole, range(begin, end), kinds)
        labelled = await work.compute(find, len(ties), ties.source, ties.target)
        shown = grouped(labelled, least)
        which = _labelled(shown, ties)
        order = np.argsort(which, kind="stable")
        cut = np.searchsorted(which[order], np.arange(len(shown) + 1))
        cut_off = len(shown) > most - told or (end < len(whole) and len(shown) == most - told)
        for number in range(min(len(shown), most - told)):
            within, members = ties.only(order[cut[number] : cut[number + 1]]), shown.at(number)
            line, loans = await describe(work, members, within)
            await work.result.tell(
                {"group": told, "size": len(members), **line}, work.ids(members), loans
            )
            told += 1
        begin = end
    await work.result.tell({"groups": told, "complete": not cut_off})
    await work.progress.told(len(whole), len(whole), "done")


def _labelled(groups: Groups, ties: _Ties) -> Array:
    """The group in which both ends of each tie stand, -1 where they do not."""
    if not len(groups):
        return np.full(len(ties), -1)
    order = np.argsort(groups.members)
    members = groups.members[order]
    label = np.repeat(np.arange(len(groups)), np.diff(groups.start))[order]
    found = []
    for ends in (ties.source, ties.target):
        at = np.minimum(np.searchsorted(members, ends), len(members) - 1)
        found.append(np.where(members[at] == ends, label[at], -1))
    return np.where(found[0] == found[1], found[0], -1)


def _pairs(ties: _Ties) -> int:
    return len(set(zip(ties.source.tolist(), ties.target.tolist(), strict=True)))


async def _circle(_: _Work, __: Array, ties: _Ties) -> tuple[dict[str, Any], bytes]:
    own = len(np.unique(ties.source[ties.source == ties.target]))
    return {"holdings": _pairs(ties), "selfHeld": own}, b""


async def _component(_: _Work, __: Array, ties: _Ties) -> tuple[dict[str, Any], bytes]:
    count = np.bincount(ties.kind, minlength=len(_KINDS)).tolist()
    named = {str(kind): n for kind, n in zip(_KINDS, count, strict=True) if n}
    return {"ties": named}, b""


async def _guarantee_circle(
    work: _Work, members: Array, ties: _Ties
) -> tuple[dict[str, Any], bytes]:
    turning = grouped(await work.compute(rings, len(ties), ties.source, ties.target), 1)
    value: dict[str, Any] = {
        "guarantees": _pairs(ties),
        "ringCount": len(turning),
        # By place among the members, which may go on in further lines.
        "rings": [
            np.searchsorted(members, turning.at(n)).tolist()
            for n in range(min(len(turning), _RINGS))
        ],
        "totals": None,
    }
    if len(members) > MAX_NODES:
        return value, b""
    number = {place: n for n, place in enumerate(members.tolist())}
    guarantees = await asyncio.to_thread(made, work.view, list(number), number, [ties.row], ())
    debts = Debts(work.question, guarantees, {})
    await debts.read_loans()
    value["totals"] = totals_value((await asyncio.to_thread(debts.exposure)).totals)
    return value, debts.audited


async def _communities(work: _Work) -> None:
    ties = await work.ties(work.arguments["kinds"])
    ties = ties.only(await work.seen(ties, "checking"))
    await work.progress.told(0, None, "computing")
    resolution = float(work.arguments["resolution"])
    labelled = await work.progress.compute(communities, ties.source, ties.target, resolution)
    least, most = work.arguments["minSize"], work.arguments["first"]
    found = grouped(labelled, least)
    which = _labelled(found, ties)
    inside = np.bincount(which[which >= 0], minlength=len(found))
    for number in range(min(len(found), most)):
        members = found.at(number)
        line = {"group": number, "size": len(members), "ties": int(inside[number])}
        await work.result.tell(line, work.ids(members))
        await work.progress.told(number, len(found), "telling")
    told = min(len(found), most)
    await work.result.tell({"groups": told, "complete": told == len(found)})
    await work.progress.told(len(found), len(found), "done")


async def _risk(work: _Work) -> None:
    given, view = work.arguments, work.view
    seeds = places_of(view, [UUID(one) for one in given["seeds"]])
    decay = dict(DECAY) | {Course(name): float(f) for name, f in given["decays"].items()}
    found = await _reached(work, seeds, decay)
    kept = found.only(await work.seen(_as_ties(found), "checking"))
    await work.progress.told(0, None, "computing")
    impact = await work.compute(spread, len(kept), kept, seeds, Model(given["model"]))
    await _tell_impact(work, impact, set(seeds))


async def _reached(work: _Work, seeds: Sequence[int], decay: Mapping[Course, float]) -> Channels:
    """The channels that lead on from whatever the seeds reach."""
    known = np.zeros(len(work.view.snapshot.nodes), bool)
    frontier = np.unique(np.array(seeds, np.int64))
    known[frontier] = True
    found: list[Channels] = []
    while len(frontier):
        here = await asyncio.to_thread(channels, work.view, decay, frontier)
        here = here.only(here.weight > 0)
        found.append(here)
        work.hold(sum(len(one) for one in found) * _CHANNEL)
        frontier = np.unique(here.target[~known[here.target]])
        known[frontier] = True
        await work.progress.told(int(known.sum()), len(known), "reading")
    return joined(found)


def _as_ties(found: Channels) -> _Ties:
    kinds = np.array([_KINDS.index(KIND_OF[course]) for course in COURSES], np.int8)
    return _Ties(found.source, found.target, kinds[found.course], found.row)


async def _tell_impact(work: _Work, impact: Impact, seeds: set[int]) -> None:
    least, most = float(work.arguments["minScore"]), work.arguments["first"]
    enough = int((impact.score >= least).sum())
    places = impact.places[: min(enough, most)]
    rank = {place: n for n, place in enumerate(places.tolist())}
    for begin in range(0, len(places), _BUNCH):
        some = places[begin : begin + _BUNCH]
        for n, id_ in enumerate(work.ids(some), begin):
            place, via = int(places[n]), int(impact.via[n])
            line = {
                "rank": n,
                "score": decimal(float(impact.score[n])),
                "seed": place in seeds,
                "via": None if via < 0 else _via(work.view.snapshot, impact.channels, via, rank),
            }
            await work.result.tell(line, [id_])
        await work.progress.told(begin, len(places), "telling")
    await work.result.tell(
        {"impacts": len(places), "totalCount": len(impact.places), "complete": enough <= most}
    )
    await work.progress.told(len(places), len(places), "done")


def _via(snapshot: Snapshot, found: Channels, at: int, rank: Mapping[int, int]) -> dict[str, Any]:
    course = COURSES[int(found.course[at])]
    (relation,) = snapshot.relation_ids(KIND_OF[course], found.row[at : at + 1])
    return {
        "rank": rank.get(int(found.source[at])),
        "course": str(course),
        "weight": decimal(float(found.weight[at])),
        "relationId": str(relation),
    }


_WORKS = {
    "CIRCLES": _circles,
    "COMPONENTS": _components,
    "GUARANTEE_CIRCLES": _guarantee_circles,
    "RISK": _risk,
    "COMMUNITIES": _communities,
}
ANALYSES = tuple(_WORKS)
