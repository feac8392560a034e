"""Subscriptions at a node: authorised event by event, logged, signed, resumed, limited."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from client.async_connection import AsyncClient
from client.errors import ClientError
from client.question import Question, sign_request
from client.receipt import Receipt
from client.subscription import signed_subscription, unsigned_subscription, verify_event
from security.pending import unpack
from security.policy import Role
from security.trusted import TrustedDesk
from service.enrolment import identity_key, node_keys
from service.node import Node
from service.passage import Incoming
from service.pipeline import Pipeline, missing_under
from service.rate import Budget, RateTable
from service.subscribed import Subscriptions
from store.correction import end_where_it_was
from store.outbox import Place, newest
from store.statement import Order
from store.withdrawal import mark_objection, withdraw_relation
from tests.resolvers.conftest import _record, uid
from tests.service.inner_node import InnerNode

RECORDS = """subscription($s: [String!], $k: [String!], $a: String) {
    recordChanged(subjects: $s, kinds: $k, after: $a) {
        change recordId kind position record { documentNo objection } } }"""
PUBLIC = "subscription { recordChanged { change recordId record { documentNo } } }"


class Socket:
    """A WebSocket that speaks graphql-transport-ws."""

    def __init__(self, inner: InnerNode, raw: ClientConnection) -> None:
        self._inner = inner
        self._raw = raw
        self.asked: dict[str, Question] = {}

    async def send(self, **message: Any) -> None:
        await self._raw.send(json.dumps(message))

    async def next(self, seconds: float = 5.0) -> dict[str, Any]:
        return dict(json.loads(await asyncio.wait_for(self._raw.recv(), seconds)))

    async def silent(self, seconds: float = 0.5) -> bool:
        try:
            await self.next(seconds)
        except TimeoutError:
            return True
        return False

    async def closed(self) -> tuple[int, str]:
        with pytest.raises(ConnectionClosed) as ended:
            await self.next()
        assert ended.value.rcvd is not None
        return ended.value.rcvd.code, ended.value.rcvd.reason

    async def subscribe(
        self,
        id_: str,
        document: str,
        identity: str | None = None,
        variables: Mapping[str, Any] | None = None,
        **claims: Any,
    ) -> dict[str, Any]:
        target = f"{self._inner.url}/graphql"
        if identity is None:
            question, payload = unsigned_subscription(target, document, variables)
        else:
            key = identity_key(self._inner.root, identity)
            question, payload = signed_subscription(
                key, target, document, variables, now=time.time(), **claims
            )
        self.asked[id_] = question
        await self.send(id=id_, type="subscribe", payload=payload)
        return payload

    def verified(self, message: Mapping[str, Any]) -> Any:
        """The data or errors of an event whose signature and receipt hold."""
        payload = message["payload"]
        signed = payload[0] if isinstance(payload, list) else payload
        keys = node_keys(self._inner.root, "benxi")
        verify_event(self.asked[message["id"]], signed, keys, now=time.time())
        return payload


@asynccontextmanager
async def socket(inner: InnerNode, *, greeted: bool = True) -> AsyncIterator[Socket]:
    url = inner.url.replace("http", "ws") + "/graphql"
    async with connect(url, subprotocols=["graphql-transport-ws"]) as raw:  # type: ignore[list-item]
        made = Socket(inner, raw)
        if greeted:
            await made.send(type="connection_init")
            assert await made.next() == {"type": "connection_ack"}
        yield made


@pytest.fixture(autouse=True)
async def _alone(inner: InnerNode) -> None:
    """Nobody follows any more from a test before, who could be taken for whom this one awaits."""
    for _ in range(1200):
        if not inner.work.changes.followers:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("somebody still follows")


async def touch(inner: InnerNode, *names: str) -> None:
    """Have the outbox tell of these records."""
    async with inner.node.work_pool.acquire() as connection, connection.transaction():
        for name in names:
            await connection.execute(
                "INSERT INTO outbox (entity, entity_id, subject_id)"
                " SELECT 'RECORD', record_id, subject_id FROM record WHERE record_id = $1",
                uid(name),
            )
        await connection.execute("NOTIFY outbox")


async def _tell(connection: Any, name: str, subject: str) -> None:
    await connection.execute(
        "INSERT INTO outbox (entity, entity_id, subject_id) VALUES ('RECORD', $1, $2)",
        uid(name),
        uid(subject),
    )


async def _begun(inner: InnerNode) -> None:
    """Until the process follows the outbox for whoever has just subscribed."""
    for _ in range(200):
        if inner.work.changes.followed:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("nobody follows")


async def _set(inner: InnerNode, name: str, assignment: str) -> None:
    await inner.node.work_pool.execute(
        f"UPDATE record SET {assignment} WHERE record_id = $1", uid(name)
    )


async def test_each_event_is_signed_and_logged_before_it_leaves(inner: InnerNode) -> None:
    async with socket(inner) as one:
        await one.subscribe("a", RECORDS, "analyst", purpose="P12")
        await _begun(inner)
        await touch(inner, "罚1")
        message = await one.next()
        told = one.verified(message)["data"]["recordChanged"]
        assert told["recordId"] == str(uid("罚1"))
        assert told["record"]["documentNo"] == "罚1"
        assert message["payload"]["extensions"]["position"] == told["position"]
        receipt = message["payload"]["extensions"]["credit"]["credit-receipt"]
        payloads = await inner.node.work_pool.fetch("SELECT leaves, payload FROM access_batch")
        leaves = b"".join(row["leaves"] for row in payloads)
        assert Receipt.parse(receipt).leaf in leaves
        assert uid("罚1").bytes in b"".join(row["payload"] for row in payloads)
        message["payload"]["data"]["recordChanged"]["kind"] = "licence"
        with pytest.raises(ClientError, match="EVENT_MISMATCH"):
            one.verified(message)


async def test_an_event_shows_what_its_reader_may_see_at_that_moment(inner: InnerNode) -> None:
    async with socket(inner) as one:
        await one.subscribe("public", PUBLIC)
        await one.subscribe("office", RECORDS, "analyst", {"k": ["penalty"]}, purpose="P12")
        await _begun(inner)
        # 罚2 is no longer on display, 罚6 is for stewards only, 许1 is of another kind.
        await touch(inner, "罚2", "罚6")
        told = one.verified(await one.next())["data"]["recordChanged"]
        assert told["recordId"] == str(uid("罚2"))
        assert await one.silent()
        await _set(inner, "罚2", "display_until = NULL")
        await touch(inner, "罚2")
        both = [await one.next(), await one.next()]
        assert {message["id"] for message in both} == {"public", "office"}
        await _set(inner, "罚2", "display_until = '2026-06-30'")


async def test_what_ends_is_told_to_whoever_might_see_it_before(inner: InnerNode) -> None:
    pool = inner.node.work_pool
    await pool.execute(
        "INSERT INTO record_version (subject_id, record_id, stamp, batch_sha, line_no, digest,"
        " status, commitment) SELECT subject_id, record_id, stamp, batch_sha, line_no, digest,"
        " 'VALID', commitment FROM record WHERE record_id = ANY ($1) ON CONFLICT DO NOTHING",
        [uid("罚1"), uid("罚6")],
    )
    async with socket(inner) as one:
        await one.subscribe("a", PUBLIC)
        await _begun(inner)
        await _set(inner, "罚1", "status = 'REPAIRED'")
        await _set(inner, "罚6", "status = 'REPAIRED'")
        try:
            await touch(inner, "罚6", "罚1")
            told = one.verified(await one.next())["data"]["recordChanged"]
        finally:
            await _set(inner, "罚1", "status = 'VALID'")
            await _set(inner, "罚6", "status = 'VALID'")
        assert told == {"change": "ENDED", "recordId": str(uid("罚1")), "record": None}


async def test_what_is_corrected_to_another_subject_is_told_of_both(inner: InnerNode) -> None:
    """A record stands under one subject: whoever follows that learns of it, and who follows the
    former one that it has ended there."""
    key, order = "承9", {"stamp": dt.datetime(2026, 3, 1, tzinfo=dt.UTC)}
    pool = inner.node.work_pool
    await _record(pool, key, "a", "commitment", salt=b"s")
    await pool.execute(
        "INSERT INTO record_version (subject_id, record_id, stamp, batch_sha, line_no, digest,"
        " status, commitment) SELECT subject_id, record_id, stamp, batch_sha, line_no, digest,"
        " 'VALID', commitment FROM record WHERE record_id = $1",
        uid(key),
    )
    async with socket(inner) as one:
        for id_, codes in (
            ("former", ["91210500XD00000011"]),
            ("right", ["92210504XD00000044"]),
            ("both", ["91210500XD00000011", "92210504XD00000044"]),
            ("all", None),
        ):
            await one.subscribe(id_, RECORDS, "analyst", {"s": codes}, purpose="P12")
        await _begun(inner)
        try:
            async with pool.acquire() as connection, connection.transaction():
                await _record(connection, key, "d", "commitment", salt=b"s", **order)
                await _tell(connection, key, "d")
                await end_where_it_was(connection, [uid(key)])
                await connection.execute("NOTIFY outbox")
            messages = [await one.next() for _ in range(4)]
            told = {m["id"]: one.verified(m)["data"]["recordChanged"] for m in messages}
            for id_ in ("right", "both", "all"):
                assert told[id_]["change"] == "CHANGED"
                assert told[id_]["record"]["documentNo"] == key
            assert (told["former"]["change"], told["former"]["record"]) == ("ENDED", None)
            # Also where only the row of its former subject comes within a step.
            async with pool.acquire() as connection:
                await _tell(connection, key, "a")
                await connection.execute("NOTIFY outbox")
            message = await one.next()
            assert message["id"] == "former"
            assert await one.silent()
        finally:
            for table in ("record", "record_version"):
                await pool.execute(f"DELETE FROM {table} WHERE record_id = $1", uid(key))


async def test_a_mark_that_is_taken_away_again_is_a_change_and_nothing_new(
    inner: InnerNode,
) -> None:
    await inner.node.work_pool.execute(
        "INSERT INTO record_version (subject_id, record_id, stamp, batch_sha, line_no, digest,"
        " status, commitment, recorded_from) SELECT subject_id, record_id, stamp, batch_sha,"
        " line_no, digest, 'VALID', commitment, recorded_from FROM record WHERE record_id = $1"
        " ON CONFLICT DO NOTHING",
        uid("罚3"),
    )
    told = []
    async with socket(inner) as one:
        await one.subscribe("a", RECORDS, "steward", purpose="P13")
        await _begun(inner)
        await touch(inner, "罚3")
        told.append(one.verified(await one.next())["data"]["recordChanged"])
        for objection in (True, False):
            async with inner.node.work_pool.acquire() as connection:
                await mark_objection(connection, uid("罚3"), objection)
            told.append(one.verified(await one.next())["data"]["recordChanged"])
    assert [one["change"] for one in told] == ["NEW", "CHANGED", "CHANGED"]
    assert [one["record"]["objection"] for one in told] == [False, True, False]


async def test_a_subscription_ends_with_the_trust_in_its_caller(inner: InnerNode) -> None:
    key = await inner.enrol("watcher", "ANALYST")
    async with socket(inner) as one:
        await one.subscribe("a", RECORDS, "watcher", purpose="P12")
        await _begun(inner)
        await touch(inner, "罚1")
        assert (await one.next())["type"] == "next"
        await inner.revoke(key)
        await touch(inner, "罚1")
        message = await one.next()
        assert message["type"] == "error"
        assert one.verified(message)[0]["extensions"]["code"] == "KEY_REVOKED"


async def test_who_receives_slowly_is_judged_again_before_each_event(
    inner: InnerNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a step has made is not handed on under a right that ended meanwhile, nor when it may
    be out of date: it is made anew behind the last event that was received."""
    monkeypatch.setattr("service.subscribed._LOOK", 0.0)
    monkeypatch.setattr("service.subscribed._AT_ONCE", 2)
    key_id = await inner.enrol("slow", "ANALYST")
    before = await newest(inner.node.work_pool)
    await touch(inner, "罚1", "罚2", "罚3", "许1")
    asked = {"query": RECORDS, "variables": {"a": before.text}}
    key, now = identity_key(inner.root, "slow"), time.time()
    question = sign_request(
        key, "POST", f"{inner.url}/graphql/stream", json.dumps(asked).encode(), now=now,
        purpose="P12",
    )  # fmt: skip
    fields = tuple((name.encode(), value.encode()) for name, value in question.headers)
    incoming = Incoming("POST", "/graphql/stream", b"", fields, question.body, "192.0.2.1")
    pipeline, work = Pipeline(inner.node), inner.work
    _, opened = await pipeline.subscribe(incoming, work.changes)
    assert opened is not None
    events = Subscriptions(inner.node, pipeline, work.changes, work.bell).events(opened)

    async def following() -> Any:
        told = json.loads((await anext(events)).payload)
        return told["data"]["recordChanged"] if "data" in told else told[0]["extensions"]["code"]

    async with aclosing(events):
        assert (await following())["record"]["documentNo"] == "罚1"
        assert (await following())["record"]["documentNo"] == "罚2"
        await _set(inner, "罚3", "objection = true")  # after it was read
        try:
            assert (await following())["record"] == {"documentNo": "罚3", "objection": True}
        finally:
            await _set(inner, "罚3", "objection = false")
        await inner.enrol("slow", "ANALYST", barred=frozenset({uid("a")}))
        coming = asyncio.ensure_future(following())
        await asyncio.sleep(0.5)
        assert not coming.done()
        await inner.revoke(key_id)
        assert await asyncio.wait_for(coming, 60) == "KEY_REVOKED"


async def test_a_document_that_was_taken_back_is_not_followed_on(
    inner: InnerNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = inner.node
    monkeypatch.setattr(Node, "demands_trusted", True)
    monkeypatch.setattr("service.trusted._SYSTEMS", frozenset({Role.ANALYST}))
    await inner.enrol("system", "ANALYST")
    async with node.work_pool.acquire() as connection, socket(inner) as one:
        desk = TrustedDesk(connection, node.access_log.origin, node.settings.node, "operator")
        digest = await desk.add("system", RECORDS, "records")
        await node.look_at_directory()
        await one.subscribe("a", RECORDS, "system", purpose="P12")
        await _begun(inner)
        await touch(inner, "罚1")
        assert (await one.next())["type"] == "next"
        await desk.remove("system", digest)
        await node.look_at_directory()
        await touch(inner, "罚1")
        message = await one.next()
        assert one.verified(message)[0]["extensions"]["code"] == "DOCUMENT_NOT_TRUSTED"


async def test_what_the_public_of_one_address_spends_is_its_own(
    inner: InnerNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inner.node, "public_budget", Budget("cost", 3, 3, RateTable(rows=1)))
    pipeline, body = Pipeline(inner.node), json.dumps({"query": PUBLIC}).encode()
    found = []
    for peer in ("192.0.2.1", "192.0.2.1", "192.0.2.2"):
        headers = ((b"content-type", b"application/json"),)
        asked = Incoming("POST", "/graphql/stream", b"", headers, body, peer)
        outgoing, opened = await pipeline.subscribe(asked, inner.work.changes)
        found.append((outgoing.status, opened is not None))
        assert opened is not None or dict(outgoing.headers)[b"retry-after"]
    assert found == [(200, True), (429, False), (200, True)]


async def test_it_goes_on_behind_the_last_event_after_a_disconnect(inner: InnerNode) -> None:
    async with socket(inner) as one:
        await one.subscribe("a", RECORDS, "analyst", {"s": ["91210500XD00000011"]}, purpose="P12")
        await _begun(inner)
        await touch(inner, "罚1")
        first = (await one.next())["payload"]["data"]["recordChanged"]
    await touch(inner, "罚2", "罚7")
    await touch(inner, "罚1")
    async with socket(inner) as one:
        variables = {"s": ["91210500XD00000011"], "a": first["position"]}
        await one.subscribe("b", RECORDS, "analyst", variables, purpose="P12")
        then = [(await one.next())["payload"]["data"]["recordChanged"] for _ in range(2)]
        assert {one["recordId"] for one in then} == {str(uid("罚2")), str(uid("罚1"))}
        assert await one.silent()
        for id_, place in (("c", "bzoxOjI_"), ("d", Place(2**62).text)):  # none, and another node's
            await one.subscribe(id_, RECORDS, "analyst", {"a": place}, purpose="P12")
            refused = await one.next()
            assert one.verified(refused)[0]["extensions"]["code"] == "POSITION_INVALID"


async def test_persons_are_followed_in_a_case_as_they_are_asked_about(inner: InnerNode) -> None:
    document = RECORDS.replace(
        "documentNo objection",
        "subject { ... on Organisation { holders { edges { holder {"
        " ... on Person { positions(first: 3) { totalCount } } } } } } }",
    )
    place = await newest(inner.node.work_pool)
    await touch(inner, "罚1")
    async with socket(inner) as one:
        await one.subscribe("none", document, "analyst", {"a": place.text}, purpose="P12")
        refused = await one.next()
        assert one.verified(refused)[0]["extensions"]["code"] == "CASE_REQUIRED"
        claims = {"purpose": "P12", "case": "本信〔2026〕1号"}
        await one.subscribe("case", document, "analyst", {"a": place.text}, **claims)
        told = one.verified(await one.next())["data"]["recordChanged"]["record"]
        assert told["subject"]["holders"]["edges"]


async def test_what_would_never_be_told_is_refused_as_it_begins(inner: InnerNode) -> None:
    async with socket(inner) as one:
        for id_, variables, code in (
            ("codes", {"s": ["91210500XD00000011"] * 501}, "LIST_LIMIT"),
            ("code", {"s": ["\0"]}, "BAD_VALUE"),
            ("kind", {"k": ["penalty", "penality"]}, "KIND_UNKNOWN"),
        ):
            await one.subscribe(id_, RECORDS, "analyst", variables, purpose="P12")
            refused = await one.next()
            assert one.verified(refused)[0]["extensions"]["code"] == code


async def test_the_protocol_is_kept_to_the_letter(inner: InnerNode) -> None:
    url = inner.url.replace("http", "ws") + "/graphql"
    async with connect(url) as raw:
        assert (await Socket(inner, raw).closed())[0] == 4406
    for messages, wanted in (
        ([{"type": "subscribe", "id": "1", "payload": {"query": PUBLIC}}], 4401),
        ([{"type": "connection_init"}, {"type": "connection_init"}], 4429),
        ([{"type": "connection_init"}, {"type": "unknown"}], 4400),
        ([{"type": "connection_init"}, {"type": "subscribe", "id": 7, "payload": {}}], 4400),
        ([{"type": "connection_init"}, {"type": "subscribe", "id": "1", "payload": []}], 4400),
    ):
        async with socket(inner, greeted=False) as one:
            for message in messages:
                await one.send(**message)
            if wanted != 4401:
                assert await one.next() == {"type": "connection_ack"}
            assert (await one.closed())[0] == wanted
    async with socket(inner) as one:
        await one.send(type="ping", payload={"a": 1})
        assert await one.next() == {"type": "pong", "payload": {"a": 1}}
        await one.subscribe("1", PUBLIC)
        await one.subscribe("1", PUBLIC)
        assert (await one.closed())[0] == 4409
    async with socket(inner) as one:
        await one.subscribe("1", PUBLIC)
        await one.send(type="complete", id="1")
        await asyncio.sleep(0.1)
        await one.subscribe("1", PUBLIC)  # the id is free again
        await one.subscribe("q", "{ regions(first: 1) { totalCount } }")
        message = await one.next()
        assert (message["id"], message["type"]) == ("q", "error")
        assert message["payload"][0]["extensions"]["code"] == "OPERATION_NOT_SUPPORTED"


async def test_what_is_signed_for_one_road_is_refused_on_the_other(inner: InnerNode) -> None:
    async with socket(inner) as one:
        payload = await one.subscribe("a", RECORDS, "analyst", purpose="P12")
        await _begun(inner)
        # The same signed bytes once more: somebody else's replay.
        await one.send(id="b", type="subscribe", payload=payload)
        message = await one.next()
        assert message["payload"][0]["extensions"]["code"] == "REPLAYED"
        payload["variables"] = {"k": ["licence"]}
        await one.send(id="c", type="subscribe", payload=payload)
        message = await one.next()
        assert message["payload"][0]["extensions"]["code"] == "SIGNATURE_MALFORMED"


async def test_one_caller_has_so_many_subscriptions_and_no_more(inner: InnerNode) -> None:
    limit = inner.node.settings.subscriptions_per_caller
    async with socket(inner) as one, socket(inner) as other:
        for number in range(limit):
            await one.subscribe(str(number), RECORDS, "steward", purpose="P16")
        for _ in range(100):
            if inner.work.changes.followers >= limit:
                break
            await asyncio.sleep(0.05)
        await other.subscribe("more", RECORDS, "steward", purpose="P16")
        message = await other.next()
        assert message["payload"][0]["extensions"]["code"] == "SUBSCRIPTION_LIMIT"


async def test_server_sent_events_carry_the_same_signed_events(inner: InnerNode) -> None:
    target = f"{inner.url}/graphql/stream"
    body = json.dumps({"query": RECORDS, "variables": {}}).encode()
    key = identity_key(inner.root, "analyst")
    question = sign_request(key, "POST", target, body, now=time.time(), purpose="P12")
    headers = {**dict(question.headers), "accept": "text/event-stream"}
    keys = node_keys(inner.root, "benxi")
    async with (
        httpx.AsyncClient(timeout=120) as http,
        http.stream("POST", target, content=body, headers=headers) as answer,
    ):
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        lines = answer.aiter_lines()
        begun = (await anext(lines)).removeprefix("id: ")
        await _begun(inner)
        await touch(inner, "罚1")
        told = [line async for line in _until_data(lines)]
        assert told[-2] == "event: next"
        event = json.loads(told[-1].removeprefix("data: "))
        assert event["data"]["recordChanged"]["record"]["documentNo"] == "罚1"
        verify_event(question, event, keys, now=time.time())
        # Who lost the connection before the first event misses nothing.
        other = sign_request(
            key, "POST", target, json.dumps({"query": RECORDS, "variables": {"a": begun}}).encode(),
            now=time.time(), purpose="P12",
        )  # fmt: skip
        fields = {**dict(other.headers), "accept": "text/event-stream"}
        async with http.stream("POST", target, content=other.body, headers=fields) as later:
            assert "罚1" in [line async for line in _until_data(later.aiter_lines())][-1]
        async with httpx.AsyncClient() as again:
            replayed = await again.post(target, content=body, headers=headers)
        assert replayed.status_code == 401
        assert replayed.json()["errors"][0]["extensions"]["code"] == "REPLAYED"
    for _ in range(100):
        if not inner.work.changes.followers:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the stream is still followed after its reader has left")


async def test_the_client_is_told_why_server_sent_events_end(inner: InnerNode) -> None:
    key_id = await inner.enrol("reader", "ANALYST")
    key, keys = identity_key(inner.root, "reader"), node_keys(inner.root, "benxi")
    async with AsyncClient(inner.url, key, keys) as client:
        events = client.subscribe(RECORDS, purpose="P12")
        first = asyncio.ensure_future(anext(events))
        await _begun(inner)
        await touch(inner, "罚1")
        assert (await asyncio.wait_for(first, 60)).data
        await inner.revoke(key_id)
        await touch(inner, "罚1")
        with pytest.raises(ClientError, match="KEY_REVOKED"):
            await asyncio.wait_for(anext(events), 60)


async def test_an_event_with_lists_is_one_line_of_server_sent_events(inner: InnerNode) -> None:
    document = RECORDS.replace(
        "documentNo", "documentNo subject { ... on Organisation { codes { scheme value } } }"
    )
    place = await newest(inner.node.work_pool)
    await touch(inner, "罚1")
    key, keys = identity_key(inner.root, "analyst"), node_keys(inner.root, "benxi")
    async with AsyncClient(inner.url, key, keys) as client:
        async with aclosing(client.subscribe(document, {"a": place.text}, purpose="P12")) as events:
            told = await asyncio.wait_for(anext(events), 60)
    assert len(told.data["recordChanged"]["record"]["subject"]["codes"]) == 4


async def _until_data(lines: AsyncIterator[str]) -> AsyncIterator[str]:
    async for line in lines:
        yield line
        if line.startswith("data:"):
            return


async def test_the_client_follows_events_and_goes_on_behind_the_last(inner: InnerNode) -> None:
    document = RECORDS.replace("$a: String", "$after: String").replace("after: $a", "after: $after")
    found: list[str] = []

    async def follow(client: AsyncClient, count: int, after: str | None = None) -> str | None:
        place = None
        async for event in client.subscribe(document, after=after, purpose="P12"):
            found.append(event.data["recordChanged"]["record"]["documentNo"])
            assert event.receipt.log == "xinqiao.benxi/access"
            place = event.position
            if len(found) >= count:
                break
        return place

    key, keys = identity_key(inner.root, "analyst"), node_keys(inner.root, "benxi")
    async with AsyncClient(inner.url, key, keys) as client:
        following = asyncio.create_task(follow(client, 1))
        await _begun(inner)
        await touch(inner, "罚1")
        place = await asyncio.wait_for(following, 60)
        await touch(inner, "罚2")  # while nobody follows
        await asyncio.wait_for(follow(client, 2, place), 60)
        with pytest.raises(ClientError, match="PURPOSE_NOT_ALLOWED"):
            async for _ in client.subscribe(document, purpose="P9"):
                pass
    assert found == ["罚1", "罚2"]


AROUND = """subscription($a: String) { neighbourhoodChanged(
    subject: "91210500XD00000011", hops: 2, after: $a) {
        position truncated { reason } change { change what
          parties { distance party { name } }
          relation { relationId before { shareMin } after { shareMin } } } } }"""


async def test_what_changes_around_a_subject_is_signed_and_logged(inner: InnerNode) -> None:
    """Issue 7, item 5: stated, told, withdrawn, told as undone, over the wire as any event."""
    key, order = uid("HOLDSdb"), Order(dt.datetime(2026, 2, 1, tzinfo=dt.UTC), b"w", 1)
    async with inner.node.work_pool.acquire() as connection, connection.transaction():
        await connection.execute(
            "INSERT INTO relation_version (subject_id, relation_id, direction, stamp, batch_sha,"
            " line_no, digest, status, content) SELECT subject_id, relation_id, direction, stamp,"
            " batch_sha, line_no, digest, 'VALID', jsonb_build_object('class', class, 'share_min',"
            " share_min) FROM relation WHERE relation_id = $1 ON CONFLICT DO NOTHING",
            key,
        )
        await connection.execute(
            "INSERT INTO outbox (entity, entity_id, subject_id) VALUES ('RELATION', $1, $2)",
            key,
            uid("d"),
        )
        before = await newest(connection)
    async with socket(inner) as one:
        await one.subscribe("a", AROUND, "analyst", {"a": before.text}, purpose="P12")
        message = await one.next()
        told = one.verified(message)["data"]["neighbourhoodChanged"]
        assert told["change"]["change"] == "NEW"
        assert told["change"]["relation"]["after"] == {"shareMin": "0.25"}
        assert [party["distance"] for party in told["change"]["parties"]] == [1, 1]
        try:
            async with inner.node.work_pool.acquire() as connection, connection.transaction():
                await withdraw_relation(
                    connection, key, reason="误报", on=dt.date(2026, 6, 30), order=order
                )
            told = one.verified(await one.next())["data"]["neighbourhoodChanged"]
        finally:
            await inner.node.work_pool.execute(
                "UPDATE relation SET status = 'VALID', stamp = '2026-01-01T00:00:00Z',"
                " batch_sha = 's' WHERE relation_id = $1",
                key,
            )
        assert told["change"]["change"] == "UNDONE"
        assert told["change"]["relation"]["before"] == {"shareMin": "0.25"}
        assert told["change"]["relation"]["after"] is None
    async with socket(inner) as one:
        await one.subscribe("b", AROUND)
        refused = await one.next()
        assert one.verified(refused)[0]["extensions"]["code"] == "FORBIDDEN"


async def test_who_is_not_found_is_told_to_the_log(inner: InnerNode) -> None:
    """As of a question: whoever tries codes, or looks for relatives, is found by auditors."""
    code = "91210500XD00000999"
    async with socket(inner) as one:
        document = AROUND.replace("91210500XD00000011", code)
        await one.subscribe("a", document, "analyst", purpose="P12")
        message = await one.next()
        assert one.verified(message)[0]["extensions"]["code"] == "SUBJECT_UNKNOWN"
    leaf = Receipt.parse(message["payload"][0]["extensions"]["credit"]["credit-receipt"]).leaf
    rows = await inner.node.work_pool.fetch("SELECT leaves, payload FROM access_batch")
    entries = {one.leaf: one.entry for row in rows for one in unpack(*row)}
    missing = json.loads(entries[leaf])["missing"]
    assert missing == [missing_under(inner.node.missing_key, code)]


async def test_a_change_that_wakes_many_leaves_others_their_turn(
    inner: InnerNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So many steps at once, and each subscriber is told."""
    at_once, most = 0, 0
    step = Subscriptions._step

    async def counted(*asked: Any) -> Any:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        try:
            await asyncio.sleep(0.02)
            return await step(*asked)
        finally:
            at_once -= 1

    async with socket(inner) as one:
        for number in range(14):
            await one.subscribe(str(number), RECORDS, "analyst", purpose="P12")
        await _begun(inner)
        for _ in range(100):
            if inner.work.changes.followers >= 14:
                break
            await asyncio.sleep(0.02)
        monkeypatch.setattr(Subscriptions, "_step", counted)
        await touch(inner, "罚1")
        told = [await one.next() for _ in range(14)]
    assert {message["id"] for message in told} == {str(number) for number in range(14)}
    assert 1 < most <= 8


async def test_the_public_is_told_no_more_than_its_rate_and_misses_nothing(
    inner: InnerNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.subscribed._LOOK", 0.2)
    monkeypatch.setattr(inner.node, "public_events", Budget("events", 1, 1, RateTable(rows=1)))
    async with socket(inner) as public:
        await public.subscribe("p", PUBLIC)
        await _begun(inner)
        await touch(inner, "罚1")
        assert (await public.next())["type"] == "next"
        await touch(inner, "罚1")
        assert await public.silent()
        monkeypatch.setattr(inner.node, "public_events", Budget("events", 0, 0, RateTable(rows=1)))
        told = await public.next()
        assert told["payload"]["data"]["recordChanged"]["recordId"] == str(uid("罚1"))


async def test_the_public_goes_through_what_was_no_faster_than_its_rate(
    inner: InnerNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To read all that ever changed is work, also where nothing of it is to be told."""
    monkeypatch.setattr("service.subscribed._LOOK", 0.2)
    monkeypatch.setattr("resolvers.event._MOST", 1)
    monkeypatch.setattr(inner.node, "public_events", Budget("events", 2, 2, RateTable(rows=1)))
    before = await newest(inner.node.work_pool)
    await touch(inner, *["罚6"] * 8, "罚1")
    async with socket(inner) as public:
        document = PUBLIC.replace("recordChanged", f'recordChanged(after: "{before.text}")')
        await public.subscribe("p", document)
        assert await public.silent(2)
        monkeypatch.setattr(inner.node, "public_events", Budget("events", 0, 0, RateTable(rows=1)))
        told = await public.next()
        assert told["payload"]["data"]["recordChanged"]["recordId"] == str(uid("罚1"))
