"""Issue 7, item 5: what changes around a subject is told, with before, after and undo.

W25, X29: the hub's holding in `far` is closed to all who search, so neither what becomes of it nor
of what hangs on it is told.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import asyncpg
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolvers.context import Context
from resolvers.errors import QuestionError
from resolvers.neighbourhood_state import Standing, change_of
from resolvers.operation import Operations
from resolvers.subscription import SubscriptionPlan
from security.policy import Scope
from service.changes import Changes
from store.correction import end_where_it_was
from store.statement import Order
from store.withdrawal import mark_objection, withdraw_record, withdraw_relation
from tests.resolvers.conftest import (
    TODAY,
    _forget,
    _insert,
    _organisation,
    _record,
    _relation,
    uid,
)
from tests.resolvers.walled import Walled

CODE = "91210500XD00000401"
_NAMES = ("nb-hub", "nb-near", "nb-next", "nb-far", "nb-alone")
CHANGE = """change what recordedAt
  parties { distance party { name } }
  relation { relationId kind before { shareMin statedAt } after { shareMin validTo } }
  record { recordId kind before { status displayEndedOn } after { status objection statedAt } }"""
CHANGED = f"""subscription($s: String!, $h: Int! = 2, $k: [RelationKind!], $a: String) {{
  neighbourhoodChanged(subject: $s, hops: $h, kinds: $k, after: $a) {{
    position truncated {{ reason stage }} change {{ {CHANGE} }} }} }}"""
DIGEST = f"""query($s: String!, $h: Int! = 2, $f: DateTime!, $u: DateTime, $n: Int! = 100,
    $a: String) {{
  neighbourhoodDigest(subject: $s, hops: $h, since: $f, until: $u, first: $n, after: $a) {{
    since until endCursor truncated {{ reason }} changes {{ {CHANGE} }} }} }}"""
Told = list[dict[str, Any]]


@dataclass
class Around:
    """The town's database with a hub, as its stewards change it and its callers follow it."""

    pool: asyncpg.Pool[Any]
    operations: Operations
    scope_of: Callable[..., Scope]
    stated: int = 0

    async def relation(
        self, source: str, target: str, share: str, *, key: str, class_: str = "O", **more: Any
    ) -> None:
        """State a holding as intake does: shown, kept, and in the outbox, in one transaction."""
        stamp = self._stamp()
        content = {"class": class_, "share_min": share, "share_max": share}
        content |= {name: value and str(value) for name, value in more.items()}
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.execute("DELETE FROM relation WHERE relation_id = $1", uid(key))
            more |= {"class": class_, "stamp": stamp}
            more |= {"share_min": _decimal(share), "share_max": _decimal(share)}
            await _relation(connection, "HOLDS", source, target, key=key, **more)
            for subject, direction in ((source, "OUT"), (target, "IN")):
                await _insert(
                    connection,
                    "relation_version",
                    subject_id=uid(subject),
                    relation_id=uid(key),
                    direction=direction,
                    status="VALID",
                    **_order(stamp),
                    content=orjson.dumps(content).decode(),
                )
            await _tell(connection, "RELATION", key, source)

    async def record(
        self, subject: str, key: str, kind: str = "penalty", former: str | None = None, **more: Any
    ) -> None:
        """State a record, with `former` corrected to this subject from that one."""
        stamp = self._stamp()
        ended = more.get("display_ended_on")
        content = {"class": "O", "status": "VALID", "display_ended_on": ended and str(ended)}
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "DELETE FROM record WHERE record_id = $1 AND subject_id <> $2",
                uid(key),
                uid(former or ""),
            )
            await _record(connection, key, subject, kind, stamp=stamp, salt=b"s", **more)
            await _insert(
                connection,
                "record_version",
                subject_id=uid(subject),
                record_id=uid(key),
                status="VALID",
                commitment=b"c",
                **_order(stamp),
                content=orjson.dumps(content).decode(),
            )
            await _tell(connection, "RECORD", key, subject)
            await end_where_it_was(connection, [uid(key)])

    async def withdraw(self, key: str) -> None:
        order = Order(self._stamp(), b"w", 1)
        async with self.pool.acquire() as connection, connection.transaction():
            assert await withdraw_relation(
                connection, uid(key), reason="误报", on=TODAY, order=order
            )

    async def end(self, key: str, status: str) -> None:
        async with self.pool.acquire() as connection:
            await withdraw_record(connection, uid(key), reason="决定", on=TODAY, status=status)

    async def now(self) -> str:
        return (await Changes(self.pool).now()).text

    async def follow(
        self, after: str, role: str = "ANALYST", *, hops: int | None = None, **given: Any
    ) -> Told:
        """The events behind a position, as the role gets them on going on there."""
        scope = self._scope(role, hops)
        plan = self.operations.prepare(CHANGED, None, scope)
        assert isinstance(plan, SubscriptionPlan)
        found: Told = []
        position, more = after, True
        while more:
            context = self._context(scope)
            taken = await plan.take(context, {"s": CODE, **given}, position)
            for event in taken.events:
                told = orjson.loads(event.body)["data"]["neighbourhoodChanged"]
                assert told["position"] == event.position
                change = told["change"]
                if change["record"]:
                    assert uid_bytes(change["record"]["recordId"]) in event.disclosure.records
                assert len(event.disclosure.subjects) == 16 * len(change["parties"])
                found.append({**change, "truncated": told["truncated"]})
            position, more = taken.position, taken.more
        return found

    async def digest(self, role: str = "ANALYST", **given: Any) -> Any:
        scope = self._scope(role)
        plan = self.operations.prepare(DIGEST, None, scope)
        answer = await plan.run(self._context(scope), {"s": CODE, **given})
        told = orjson.loads(answer.body)
        if "errors" in told:
            return told["errors"][0]["extensions"]["code"]
        return told["data"]["neighbourhoodDigest"]

    def _scope(self, role: str, hops: int | None = None) -> Scope:
        scope = self.scope_of(role)
        return scope if hops is None else replace(scope, row=replace(scope.row, hops=hops))

    def _context(self, scope: Scope) -> Context:
        return Context(
            Walled(self.pool, scope.role, TODAY),
            scope,
            TODAY,
            b"k" * 32,
            changes=Changes(self.pool),
            kept=self.pool,
        )

    def _stamp(self) -> dt.datetime:
        self.stated += 1
        return dt.datetime(2026, 2, 1, tzinfo=dt.UTC) + dt.timedelta(minutes=self.stated)


def _decimal(text: str) -> Any:
    return Decimal(text)


def _order(stamp: dt.datetime) -> dict[str, Any]:
    return {"stamp": stamp, "batch_sha": b"s", "line_no": 1, "digest": b"d"}


def uid_bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("-", ""))


async def _tell(connection: Any, entity: str, key: str, subject: str) -> None:
    await _insert(connection, "outbox", entity=entity, entity_id=uid(key), subject_id=uid(subject))


@pytest.fixture
async def around(
    pool: asyncpg.Pool[Any], operations: Operations, scope_of: Callable[..., Scope]
) -> AsyncIterator[Around]:
    """nb-hub is held by nb-near, which nb-next holds; nb-hub holds nb-far, closed to offices."""
    made = Around(pool, operations, scope_of)
    async with pool.acquire() as connection:
        for number, name in enumerate(_NAMES):
            await _organisation(connection, name, f"本溪{name}", f"91210500XD0000040{number + 1}")
    await made.relation("nb-near", "nb-hub", "0.5", key="nb-1")
    await made.relation("nb-next", "nb-near", "0.5", key="nb-2")
    await made.relation("nb-hub", "nb-far", "0.5", key="nb-3", class_="R")
    yield made
    ids = [uid(name) for name in _NAMES]
    async with pool.acquire() as connection:
        for table in ("record", "record_version", "outbox"):
            await connection.execute(f"DELETE FROM {table} WHERE subject_id = ANY($1)", ids)
        await _forget(connection, *_NAMES)


@contextmanager
def refused(code: str) -> Iterator[None]:
    with pytest.raises(QuestionError) as raised:
        yield
    assert raised.value.code == code


def brief(told: Told) -> list[tuple[str, str]]:
    return [(one["change"], one["what"]) for one in told]


async def test_a_relation_is_told_from_its_beginning_to_its_undoing(around: Around) -> None:
    place = await around.now()
    await around.relation("nb-alone", "nb-near", "0.1", key="nb-4")
    (told,) = await around.follow(place)
    assert brief([told]) == [("NEW", "RELATION")]
    assert told["relation"]["before"] is None
    assert told["relation"]["after"]["shareMin"] == "0.1"
    assert [(one["party"]["name"], one["distance"]) for one in told["parties"]] == [
        ("本溪nb-alone", 2),
        ("本溪nb-near", 1),
    ]
    place = await around.now()
    await around.relation("nb-alone", "nb-near", "0.2", key="nb-4")
    (told,) = await around.follow(place)
    assert told["change"] == "CHANGED"
    assert told["relation"]["before"]["shareMin"] == "0.1"
    assert told["relation"]["after"]["shareMin"] == "0.2"
    place = await around.now()
    await around.relation("nb-alone", "nb-near", "0.2", key="nb-4", valid_to=TODAY)
    (told,) = await around.follow(place)
    assert told["change"] == "ENDED"
    assert told["relation"]["after"]["validTo"] == str(TODAY)
    place = await around.now()
    await around.withdraw("nb-4")  # it was over already: nothing that still holds is undone
    assert await around.follow(place) == []
    await around.withdraw("nb-1")
    (told,) = await around.follow(place)
    assert (told["change"], told["relation"]["after"]) == ("UNDONE", None)
    assert told["relation"]["before"]["shareMin"] == "0.5"


async def test_what_happened_before_is_told_as_it_was_then(around: Around) -> None:
    """Going on from an old position gives the states of that time, each position its own."""
    place = await around.now()
    await around.relation("nb-near", "nb-hub", "0.6", key="nb-1")
    middle = await around.now()
    await around.relation("nb-near", "nb-hub", "0.7", key="nb-1")

    def shares(told: Told) -> list[tuple[str, str]]:
        return [
            (one["relation"]["before"]["shareMin"], one["relation"]["after"]["shareMin"])
            for one in told
        ]

    assert shares(await around.follow(place)) == [("0.5", "0.7")]
    assert shares(await around.follow(middle)) == [("0.6", "0.7")]


async def test_listings_and_penalties_of_those_around(around: Around) -> None:
    place = await around.now()
    await around.record("nb-next", "nb-r1")
    await around.record("nb-near", "nb-r2", "serious_list", x_list_code="TAX")
    await around.record("nb-near", "nb-r3", "licence")
    await around.record("nb-alone", "nb-r4")
    told = await around.follow(place)
    assert brief(told) == [("NEW", "PENALTY"), ("NEW", "LIST")]
    assert [one["parties"][0]["distance"] for one in told] == [2, 1]
    assert brief(await around.follow(place, h=1)) == [("NEW", "LIST")]
    place = await around.now()
    async with around.pool.acquire() as connection:
        await mark_objection(connection, uid("nb-r1"), True)
    (told_,) = await around.follow(place)
    assert (told_["change"], told_["record"]["after"]["objection"]) == ("CHANGED", True)
    place = await around.now()
    await around.end("nb-r1", "REPAIRED")
    await around.record(
        "nb-near", "nb-r2", "serious_list", x_list_code="TAX", display_ended_on=TODAY
    )
    told = await around.follow(place)
    assert brief(told) == [("ENDED", "PENALTY"), ("ENDED", "LIST")]
    assert told[0]["record"]["after"]["status"] == "REPAIRED"
    assert told[0]["record"]["before"]["status"] == "VALID"
    await around.record("nb-near", "nb-r5")
    place = await around.now()
    await around.end("nb-r5", "WITHDRAWN")
    assert brief(await around.follow(place)) == [("UNDONE", "PENALTY")]


async def test_a_penalty_that_is_corrected_to_another_subject_is_told_of_both(
    around: Around,
) -> None:
    """It stands under one subject: the other's is undone, in the same transaction."""
    await around.record("nb-near", "nb-r13")
    place, since = await around.now(), dt.datetime.now(dt.UTC)
    await around.record("nb-next", "nb-r13", former="nb-near")
    told = await around.follow(place)
    assert [(one["change"], one["parties"][0]["distance"]) for one in told] == [
        ("NEW", 2),
        ("UNDONE", 1),
    ]
    (told,) = await around.follow(place, h=1)
    assert told["change"] == "UNDONE"
    whole, paged, cursor = await around.digest(f=since.isoformat()), [], None
    for _ in whole["changes"]:
        page = await around.digest(f=since.isoformat(), n=1, a=cursor)
        paged += page["changes"]
        cursor = page["endCursor"]
    assert cursor is None
    assert paged == whole["changes"]
    assert {one["change"] for one in paged} == {"NEW", "UNDONE"}
    place = await around.now()
    await around.record("nb-near", "nb-r14")
    await around.record("nb-hub", "nb-r14", former="nb-near")
    assert brief(await around.follow(place)) == [("NEW", "PENALTY")]


async def test_w25_x29_what_the_caller_may_not_see_fires_nothing(around: Around) -> None:
    """Closed relations, what hangs on them, records out of sight, and one's own barred subjects."""
    place = await around.now()
    await around.relation("nb-hub", "nb-far", "0.6", key="nb-3", class_="R")
    await around.relation("nb-alone", "nb-far", "0.1", key="nb-5")
    await around.record("nb-far", "nb-r6")
    await around.record("nb-near", "nb-r7", **{"class": "I"})
    await around.relation("nb-alone", "nb-hub", "0.1", key="nb-6", class_="R")
    for role in ("ANALYST", "PCITY"):
        assert await around.follow(place, role) == []
        digest = await around.digest(role, f="2026-01-01T00:00:00+08:00")
        keys = {one["relation"]["relationId"] for one in digest["changes"] if one["relation"]}
        assert keys == {str(uid("nb-1")), str(uid("nb-2"))}
        assert not [one for one in digest["changes"] if one["record"]]
        assert digest["truncated"] == []
    await around.withdraw("nb-3")
    await around.withdraw("nb-6")
    assert await around.follow(place) == []
    for role in ("PUB", "AUDITOR", "SUPERVISOR", "STEWARD"):
        with refused("FORBIDDEN"):
            await around.follow(place, role)
    for unknown in ("nobody", "91210500XD00000999"):
        with refused("SUBJECT_UNKNOWN"):
            await around.follow(place, s=unknown)
        assert await around.digest(s=unknown, f="2026-01-01T00:00:00Z") is None


async def test_a_chain_that_comes_at_once_is_told_whole(around: Around) -> None:
    """What leads to a change may have come with it, or have ended with it."""
    place = await around.now()
    await around.relation("nb-alone", "nb-hub", "0.1", key="nb-7")
    await around.relation("nb-far", "nb-alone", "0.1", key="nb-8")
    await around.record("nb-far", "nb-r8")
    assert brief(await around.follow(place)) == [
        ("NEW", "RELATION"),
        ("NEW", "RELATION"),
        ("NEW", "PENALTY"),
    ]
    place = await around.now()
    await around.relation("nb-alone", "nb-hub", "0.1", key="nb-7", valid_to=TODAY)
    await around.relation("nb-far", "nb-alone", "0.1", key="nb-8", valid_to=TODAY)
    told = await around.follow(place)
    assert brief(told) == [("ENDED", "RELATION")] * 2


async def test_other_kinds_and_levels_are_not_told(around: Around) -> None:
    place = await around.now()
    await around.relation("nb-near", "nb-hub", "0.6", key="nb-1")
    assert await around.follow(place, k=["GUARANTEES"]) == []
    assert brief(await around.follow(place, k=["HOLDS"])) == [("CHANGED", "RELATION")]
    for hops in (0, 9):
        with refused("HOPS_LIMIT"):
            await around.follow(place, h=hops)
    with refused("POSITION_INVALID"):
        await around.follow("x")


async def test_a_hub_is_not_passed_and_it_is_said(
    around: Around, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resolvers.surroundings.MAX_FAN", 1)
    place = await around.now()
    await around.record("nb-near", "nb-r9")
    await around.record("nb-next", "nb-r10")
    (told,) = await around.follow(place)  # nb-near has two relations, nb-hub one
    assert told["record"]["recordId"] == str(uid("nb-r9"))
    assert told["truncated"] == [{"reason": "FAN", "stage": 2}]
    monkeypatch.setattr("resolvers.surroundings.MAX_NODES", 1)
    assert await around.follow(place) == []


async def test_the_digest_tells_each_change_once(around: Around) -> None:
    async with around.pool.acquire() as connection:
        since = await connection.fetchval("SELECT clock_timestamp()")
    for share in ("0.6", "0.7", "0.8"):
        await around.relation("nb-near", "nb-hub", share, key="nb-1")
    await around.relation("nb-alone", "nb-hub", "0.1", key="nb-9")
    await around.withdraw("nb-9")  # began and was undone: nothing remains of it
    await around.withdraw("nb-2")
    await around.record("nb-near", "nb-r11")
    await around.record("nb-near", "nb-r12")
    await around.end("nb-r12", "WITHDRAWN")
    whole = await around.digest(f=since.isoformat())
    assert brief(whole["changes"]) == [
        ("NEW", "PENALTY"),
        ("UNDONE", "RELATION"),
        ("CHANGED", "RELATION"),
    ]
    shares = whole["changes"][2]["relation"]
    assert (shares["before"]["shareMin"], shares["after"]["shareMin"]) == ("0.5", "0.8")
    assert whole["endCursor"] is None
    paged, cursor = [], None
    for _ in range(3):
        page = await around.digest(f=since.isoformat(), n=1, a=cursor)
        paged += page["changes"]
        cursor = page["endCursor"]
    assert cursor is None
    assert paged == whole["changes"]
    earlier = await around.digest(f="2026-01-01T00:00:00Z", u=since.isoformat())
    assert brief(earlier["changes"]) == [("NEW", "RELATION")] * 2  # as they were then
    for wanted, given_ in (
        ("PERIOD_INVALID", {"u": "2025-01-01T00:00:00Z"}),
        ("LIST_LIMIT", {"n": 0}),
        ("CURSOR_INVALID", {"a": "eA=="}),
        ("HOPS_LIMIT", {"h": 9}),
    ):
        assert await around.digest(f="2026-01-01T00:00:00Z", **given_) == wanted
    assert await around.digest("PUB", f="2026-01-01T00:00:00Z") == "FORBIDDEN"


DAYS = st.dates(dt.date(2026, 1, 1), dt.date(2026, 1, 5))
AT = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
STANDINGS = st.none() | st.builds(
    lambda status, over, share: Standing(status, over, share, share, AT, AT),
    st.sampled_from(["VALID", "WITHDRAWN", "REPAIRED"]),
    st.none() | DAYS,
    st.fixed_dictionaries({"share": st.sampled_from(["0.1", "0.2"])}),
)


@given(STANDINGS, STANDINGS, DAYS, DAYS)
def test_a_change_is_told_where_what_holds_differs(
    before: Standing | None, after: Standing | None, first: dt.date, second: dt.date
) -> None:
    told = change_of(before, after, (first, second))
    held = before is not None and before.holds(first)
    holds = after is not None and after.holds(second)
    assert (told == "NEW") == (holds and not held)
    assert (told in ("ENDED", "UNDONE")) == (held and not holds)
    if told is None and held:
        assert before is not None
        assert after is not None
        assert before.said == after.said
    if told == "UNDONE" and after is not None:
        assert after.status == "WITHDRAWN"
    assert change_of(before, before, (first, first)) is None
