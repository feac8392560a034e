"""Changes that callers ask for: signed, by POST, once per key, under four eyes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import httpx
import orjson
import pytest

from client.connection import Answer
from security.keys import KeyFolder
from security.registry import Registry
from service.enrolled import Particulars, _enrol
from service.enrolment import EnrolmentError, identity_key
from service.rate import RateLimit, RateTable
from service.work import _Rekeyed
from store.kind import Kinds
from tests.resolvers.conftest import uid
from tests.service.inner_node import InnerNode

MARK = """mutation($k: String!, $r: ID!, $o: Boolean!) {
    markObjection(clientKey: $k, recordId: $r, objection: $o) { recordId objection changed } }"""
PROPOSE = """mutation($k: String!, $r: ID!, $w: String!) {
    proposeRecordDecision(clientKey: $k, recordId: $r, act: REPAIR, reason: $w) {
        id state proposedBy decidedBy } }"""
CONFIRM = """mutation($k: String!, $d: ID!) {
    confirmRecordDecision(clientKey: $k, id: $d) { state recordStatus decidedBy } }"""


def code(answer: Answer) -> str:
    return str(answer.errors[0]["extensions"]["code"])


async def _mark(inner: InnerNode, identity: str | None, key: str, objection: bool) -> Answer:
    variables = {"k": key, "r": str(uid("罚1")), "o": objection}
    claims: dict[str, Any] = {"purpose": "P13"} if identity else {}
    return await inner.ask(MARK, identity, variables, **claims)


async def _outbox(inner: InnerNode) -> int:
    rows = "SELECT count(*) FROM outbox WHERE entity_id = $1"
    return int(await inner.node.work_pool.fetchval(rows, uid("罚1")))


async def test_a_change_is_done_once_per_client_key(inner: InnerNode) -> None:
    before = await _outbox(inner)
    answers = await asyncio.gather(
        *(_mark(inner, "steward", "objection-0001", True) for _ in range(4))
    )
    told = [answer.require().data["markObjection"] for answer in answers]
    assert told == [{"recordId": str(uid("罚1")), "objection": True, "changed": True}] * 4
    assert await _outbox(inner) == before + 1
    again = await _mark(inner, "steward", "objection-0001", False)
    assert again.data == {"markObjection": None}
    assert code(again) == "IDEMPOTENCY_CONFLICT"
    other = await _mark(inner, "steward", "objection-0002", True)
    assert other.data["markObjection"]["changed"] is False
    await _mark(inner, "steward", "objection-0003", False)


async def test_only_who_may_can_change_and_only_by_post(inner: InnerNode) -> None:
    for identity in (None, "auditor"):
        purpose = {"purpose": "P14"} if identity else {}
        variables = {"k": "objection-0009", "r": str(uid("罚1")), "o": True}
        answer = await inner.ask(MARK, identity, variables, **purpose)
        assert (answer.data, code(answer)) == ({"markObjection": None}, "FORBIDDEN")
    async with httpx.AsyncClient() as http:
        got = await http.get(f"{inner.url}/graphql", params={"query": "mutation { __typename }"})
    assert (got.status_code, got.headers["allow"]) == (405, "POST")
    assert "credit-receipt" in got.headers
    assert got.json()["errors"][0]["extensions"]["code"] == "METHOD_NOT_ALLOWED"


async def test_a_change_is_told_in_the_log_with_its_own_transaction(inner: InnerNode) -> None:
    await _mark(inner, "steward", "objection-0021", True)
    await _mark(inner, "steward", "objection-0022", False)
    payloads = await inner.node.work_pool.fetch("SELECT payload FROM access_batch")
    told = b"".join(row["payload"] for row in payloads)
    assert b'"kind":"MUTATION"' in told
    assert b'"field":"markObjection"' in told
    assert b'"kind":"CHANGE"' in told


async def test_what_one_steward_proposes_another_must_confirm(inner: InnerNode) -> None:
    await inner.enrol("second-steward", "STEWARD")
    record = str(uid("许1"))
    variables = {"k": "repair-00001", "r": record, "w": "已纠正"}
    proposed = await inner.ask(PROPOSE, "steward", variables, purpose="P13")
    decision = proposed.require().data["proposeRecordDecision"]
    assert (decision["state"], decision["decidedBy"]) == ("PROPOSED", None)
    variables = {"k": "repair-00002", "d": decision["id"]}
    alone = await inner.ask(CONFIRM, "steward", variables, purpose="P13")
    assert code(alone) == "SAME_PERSON"
    confirmed = await inner.ask(CONFIRM, "second-steward", variables, purpose="P13")
    told = confirmed.require().data["confirmRecordDecision"]
    assert told == {
        "state": "CONFIRMED",
        "recordStatus": "REPAIRED",
        "decidedBy": "second-steward",
    }
    # Another city's record is that city's to decide on.
    variables = {"k": "repair-00003", "r": str(uid("许2")), "w": "已纠正"}
    assert code(await inner.ask(PROPOSE, "steward", variables, purpose="P13")) == "RECORD_FOREIGN"
    seen = await inner.ask(
        "{ recordDecisions(first: 5) { recordId reason state } }", "steward", purpose="P13"
    )
    found = seen.data["recordDecisions"]
    assert {"recordId": record, "reason": "已纠正", "state": "CONFIRMED"} in found
    kept = await inner.node.work_pool.fetch("SELECT reason FROM record_decision")
    assert all("已纠正".encode() not in row["reason"] for row in kept)


async def test_changes_of_one_request_are_done_in_order_and_stand_alone(inner: InnerNode) -> None:
    document = """mutation($r: ID!) {
        one: markObjection(clientKey: "in-order-1", recordId: $r, objection: true) { changed }
        two: markObjection(clientKey: "short", recordId: $r, objection: false) { changed }
        three: markObjection(clientKey: "in-order-3", recordId: $r, objection: false) { changed }
        __typename }"""
    answer = await inner.ask(document, "steward", {"r": str(uid("罚1"))}, purpose="P13")
    assert orjson.dumps(answer.data) == orjson.dumps(
        {
            "one": {"changed": True},
            "two": None,
            "three": {"changed": True},
            "__typename": "Mutation",
        }
    )
    assert [error["path"] for error in answer.errors] == [["two"]]
    assert code(answer) == "CLIENT_KEY_INVALID"


async def test_a_sandbox_key_is_refused_where_it_was_not_enrolled(
    inner: InnerNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    KeyFolder(inner.root / "identities").signing_key("sandbox-wang")
    answer = await inner.ask("{ __typename }", "sandbox-wang", purpose="P12")
    assert (answer.status, code(answer)) == (401, "SANDBOX_KEY")
    key_id = await inner.enrol("sandbox-li", "ANALYST")
    assert key_id.startswith("sandbox-li-")
    answer = await inner.ask("{ __typename }", "sandbox-li", purpose="P12")
    assert answer.require().data == {"__typename": "Query"}
    monkeypatch.setenv("XINQIAO_BENXI_DEMO", "false")
    public = identity_key(inner.root, "sandbox-wang").public_key
    async with inner.node.work_pool.acquire() as connection:
        with pytest.raises(EnrolmentError, match="demo world"):
            await _enrol(
                connection,
                inner.node.home,
                "sandbox-wang",
                "ANALYST",
                Particulars(""),
                "sandbox-wang-00000000",
                public,
            )


async def test_a_sandbox_key_ends_with_the_demo_of_its_node(inner: InnerNode) -> None:
    await inner.enrol("sandbox-zhao", "ANALYST")
    node, demo = inner.node, inner.node.settings
    try:
        node.settings, node.registry = replace(demo, demo=False), Registry.of([], -1)
        await node.look_at_directory()
        answer = await inner.ask("{ __typename }", "sandbox-zhao", purpose="P12")
        assert (answer.status, code(answer)) == (401, "SANDBOX_KEY")
        assert (await inner.ask("{ __typename }", "analyst", purpose="P12")).status == 200
    finally:
        node.settings, node.registry = demo, Registry.of([], -1)
        await node.look_at_directory()
    assert (await inner.ask("{ __typename }", "sandbox-zhao", purpose="P12")).status == 200


async def test_the_exchange_begins_again_with_the_kinds_that_the_city_declares(
    inner: InnerNode,
) -> None:
    """Feed and mirror knew none that was declared after the node's start."""
    node, former = inner.node, inner.node.kinds
    running = _Rekeyed(node, "feed", node.keys.feed, asyncio.Event(), former)
    assert not running.is_set()
    try:
        node.kinds = Kinds(dict(former.by_name))
        assert running.is_set()
        assert not _Rekeyed(node, "feed", node.keys.feed, asyncio.Event()).is_set()
    finally:
        node.kinds = former


async def test_a_question_that_came_too_soon_is_told_when_it_may_come(inner: InnerNode) -> None:
    usual, inner.node.public_rate = inner.node.public_rate, RateLimit("slow", 1, 1, RateTable())
    try:
        async with httpx.AsyncClient(timeout=30, verify=inner.trust) as http:
            told = [
                await http.get(f"{inner.url}/graphql", params={"query": "{ __typename }"})
                for _ in range(2)
            ]
    finally:
        inner.node.public_rate = usual
    assert [one.status_code for one in told] == [200, 429]
    assert 1 < int(told[1].headers["retry-after"]) <= 60
