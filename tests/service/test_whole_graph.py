"""Analyses of the whole graph as jobs of a node: started, answered once, refused, cancelled."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import asyncpg
import pytest

from graph.snapshot.keeping import Keeper
from resolvers import whole_graph_work
from service.home import NodeHome
from service.jobs import handlers_of
from tests.service.inner_node import InnerNode
from tests.service.test_jobs import CANCEL, RESULT, _job, _pending, _until, code

START = """
mutation($k: String!, $kind: WholeGraphAnalysis!, $least: Int, $seeds: [String!]) {
  startGraphAnalysis(clientKey: $k, kind: $kind, minSize: $least, seeds: $seeds) { id state kind } }
"""
CASE = "演1号"


async def _start(
    inner: InnerNode, kind: str, key: str, identity: str = "analyst", **more: Any
) -> Any:
    case = more.pop("case", CASE)
    variables = {"k": f"whole-{key}", "kind": kind, **more}
    return await inner.ask(START, identity, variables, purpose="P12", case=case)


async def _kept(inner: InnerNode) -> None:
    """The snapshot as it stands, made as the node's keeper makes it."""
    path = NodeHome(inner.root, "benxi").snapshot
    await Keeper(partial(asyncpg.connect, inner.dsn), path).catch_up()


async def test_a_whole_graph_job_is_answered_and_answers_again(inner: InnerNode) -> None:
    await _kept(inner)
    told = (await _start(inner, "COMPONENTS", "first")).require().data["startGraphAnalysis"]
    assert told["kind"] == "GRAPH_COMPONENTS"
    async with inner.jobs(handlers_of(inner.node)):
        done = await _until(inner, told["id"], "DONE", "FAILED")
    assert (done["state"], done["error"]) == ("DONE", None)
    assert done["progress"]["stage"] == "done"
    lines, part, count = list[Any](), 0, 1
    while part < count:  # this node's parts disclose three subjects at most
        variables = {"id": told["id"], "part": part}
        answer = await inner.ask(RESULT, "analyst", variables, purpose="P12", case=CASE)
        found = answer.require().data["jobResult"]
        lines, part, count = lines + found["lines"], part + 1, found["parts"]
        assert len({m["id"] for line in found["lines"] for m in line.get("members", ())}) <= 3
    begun = [line for line in lines if "size" in line]
    members = [
        sum(len(o["members"]) for o in lines if o.get("group") == n) for n in range(len(begun))
    ]
    assert lines[0]["snapshot"]
    assert lines[-1] == {"groups": len(begun), "complete": True}
    assert [line["size"] for line in begun] == members
    assert members[0] > 3
    assert (await _pending(inner)).count(b'"kind":"EXPORT"') >= count
    again = (await _start(inner, "COMPONENTS", "again")).require().data["startGraphAnalysis"]
    assert again["id"] == told["id"]
    other = (await _start(inner, "COMPONENTS", "other", least=3)).require().data
    assert other["startGraphAnalysis"]["id"] != told["id"]
    elsewhere = (await _start(inner, "COMPONENTS", "elsewhere", case="演2号")).require().data
    assert elsewhere["startGraphAnalysis"]["id"] != told["id"]


async def test_who_may_not_search_the_whole_graph_is_refused(inner: InnerNode) -> None:
    await _kept(inner)
    assert code(await _start(inner, "COMPONENTS", "nocase", case="")) == "CASE_REQUIRED"
    assert code(await _start(inner, "RISK", "noseeds")) == "BUDGET_LIMIT"
    assert code(await _start(inner, "RISK", "unknown", seeds=["91210500XD00009999"])) == (
        "SUBJECT_UNKNOWN"
    )
    assert code(await _start(inner, "CIRCLES", "small", least=0)) == "BUDGET_LIMIT"
    steward = await inner.ask(
        START, "steward", {"k": "whole-steward", "kind": "CIRCLES"}, purpose="P13"
    )
    assert code(steward) == "FORBIDDEN"


async def test_communities_without_igraph_say_what_to_install(
    inner: InnerNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _kept(inner)
    told = (await _start(inner, "COMMUNITIES", "igraph")).require().data["startGraphAnalysis"]
    monkeypatch.setattr(whole_graph_work, "find_spec", lambda name: None)
    async with inner.jobs(handlers_of(inner.node)):
        job = await _until(inner, told["id"], "FAILED", "DONE")
    assert job["error"]["code"] == "FEATURE_MISSING"
    assert "xinqiao[communities]" in job["error"]["message"]


@pytest.mark.parametrize(("kind", "held"), [("COMMUNITIES", "_TIE"), ("RISK", "_CHANNEL")])
async def test_what_would_hold_more_than_a_job_may_is_refused(
    inner: InnerNode, monkeypatch: pytest.MonkeyPatch, kind: str, held: str
) -> None:
    await _kept(inner)
    monkeypatch.setattr(whole_graph_work, held, 1 << 40)
    seeds = ["91210500XD00000011"] if kind == "RISK" else None
    told = (await _start(inner, kind, f"memory-{kind}", seeds=seeds)).require().data
    async with inner.jobs(handlers_of(inner.node)):
        job = await _until(inner, told["startGraphAnalysis"]["id"], "FAILED", "DONE")
    assert job["error"]["code"] == "GRAPH_MEMORY"


async def test_a_whole_graph_job_is_cancelled_while_it_computes(
    inner: InnerNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _kept(inner)
    reading = asyncio.Event()

    async def slow(work: Any) -> None:
        while True:
            reading.set()
            await work.ties(("HOLDS",))
            await asyncio.sleep(0.01)

    monkeypatch.setitem(whole_graph_work._WORKS, "GUARANTEE_CIRCLES", slow)
    told = (await _start(inner, "GUARANTEE_CIRCLES", "cancel")).require().data
    id_ = told["startGraphAnalysis"]["id"]
    async with inner.jobs(handlers_of(inner.node)):
        await asyncio.wait_for(reading.wait(), 60)
        variables = {"id": id_, "k": "whole-cancel-it"}
        assert (await inner.ask(CANCEL, "analyst", variables, purpose="P12")).data["cancelJob"]
        await _until(inner, id_, "CANCELLED")
    following = (await _start(inner, "GUARANTEE_CIRCLES", "after")).require().data
    assert following["startGraphAnalysis"]["id"] != id_
    assert (await _job(inner, id_))["rows"] == 0
