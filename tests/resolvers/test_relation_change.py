"""Timeline and difference: periods as known now, figures as stated by the day."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolvers.relation_change import History, State, changes_of, difference_of, said_in
from tests.resolvers.conftest import _forget, _insert, _organisation, _relation, uid

FIRM, OTHER = "91210500XD00000301", "91210500XD00000302"
TIMELINE = """query($s: String!, $k: DateTime) { timeline(subject: $s, knownAt: $k) { more changes {
  on change kind outward originRegion party { name }
  before { shareMin } after { shareMin statedAt } } } }"""
DIFF = """query($s: String!, $a: Date!, $b: Date) { diff(subject: $s, from: $a, to: $b) {
  since until changes { on change party { name } before { shareMin } after { shareMin } } } }"""


@pytest.fixture(scope="module")
async def firm(pool: Any) -> AsyncIterator[None]:
    """A firm whose share in another was stated twice, and one that was hidden meanwhile."""
    async with pool.acquire() as connection:
        await _organisation(connection, "t1", "本溪时间公司", FIRM)
        await _organisation(connection, "t2", "本溪被投公司", OTHER)
        for key, class_, ends in (
            ("kept", "O", None),
            ("closed", "R", None),
            ("over", "O", "2026-02-01"),
        ):
            ends_on = dt.date.fromisoformat(ends) if ends else None
            await _relation(
                connection,
                "HOLDS",
                "t1",
                "t2",
                key=f"t-{key}",
                valid_from=dt.date(2024, 5, 1),
                valid_to=ends_on,
                **{"class": class_},
            )
            for day, share in (("2024-06-01", "0.4"), ("2025-06-01", "0.6")):
                content = {
                    "class": "O",
                    "share_min": share,
                    "share_max": share,
                    "valid_from": "2024-05-01",
                    "valid_to": ends if day > "2025" else None,
                }
                for subject, direction in (("t1", "OUT"), ("t2", "IN")):
                    at = dt.datetime.fromisoformat(f"{day}T12:00:00+08:00")
                    await _insert(
                        connection,
                        "relation_version",
                        subject_id=uid(subject),
                        relation_id=uid(f"t-{key}"),
                        direction=direction,
                        stamp=at,
                        batch_sha=b"s",
                        line_no=1,
                        digest=b"d",
                        status="VALID",
                        content=orjson.dumps(content).decode(),
                        recorded_from=at,
                    )
    yield
    async with pool.acquire() as connection:
        await _forget(connection, "t1", "t2")


async def test_the_timeline_tells_what_the_caller_may_see(ask: Any, firm: None) -> None:
    asked = await ask(TIMELINE, "PCITY", s=FIRM)
    assert asked.errors == []
    told = [
        (one["on"], one["change"], one["after"] and one["after"]["shareMin"])
        for one in asked.data["timeline"]["changes"]
    ]
    assert sorted(told, key=str) == [
        ("2024-05-01", "BEGAN", "0.4"),
        ("2024-05-01", "BEGAN", "0.4"),
        ("2025-06-01", "CHANGED", "0.6"),
        ("2025-06-01", "CHANGED", "0.6"),
        ("2026-02-01", "ENDED", None),
    ]
    assert {one["party"]["name"] for one in asked.data["timeline"]["changes"]} == {"本溪被投公司"}
    then = await ask(TIMELINE, "PCITY", s=FIRM, k="2025-01-01T00:00:00+08:00")
    assert {one["change"] for one in then.data["timeline"]["changes"]} == {"BEGAN"}
    assert (await ask(TIMELINE, "PUB", s=FIRM)).codes == ["FORBIDDEN"]
    assert (await ask(TIMELINE, "PCITY", s="nobody")).data == {"timeline": None}


async def test_the_difference_of_two_days(ask: Any, firm: None) -> None:
    found = (await ask(DIFF, "PCITY", s=OTHER, a="2024-04-01", b="2025-01-01")).data["diff"]
    assert [(one["change"], one["after"]["shareMin"]) for one in found["changes"]] == [
        ("BEGAN", "0.4"),
        ("BEGAN", "0.4"),
    ]
    found = (await ask(DIFF, "PCITY", s=OTHER, a="2025-01-01")).data["diff"]
    assert found["until"] == "2026-06-30"
    assert sorted(one["change"] for one in found["changes"]) == ["CHANGED", "ENDED"]
    assert (await ask(DIFF, "PCITY", s=OTHER, a="2025-07-01", b="2025-08-01")).data["diff"][
        "changes"
    ] == []


DAYS = st.dates(dt.date(2020, 1, 1), dt.date(2027, 1, 1))
SAID = st.tuples(DAYS, st.sampled_from(["0.1", "0.2"]), DAYS, st.none() | DAYS)


@given(st.lists(SAID, min_size=1, max_size=4), DAYS, DAYS)
def test_a_difference_says_what_both_days_show(told: Any, since: dt.date, until: dt.date) -> None:
    states = tuple(
        State(
            dt.datetime.combine(day, dt.time(4), dt.UTC),
            said_in(
                {"share_min": share, "valid_from": str(begins), "valid_to": ends and str(ends)}
            ),
        )
        for day, share, begins, ends in sorted(told, key=lambda one: one[0])
    )
    history = History(UUID(int=1), "HOLDS", True, UUID(int=2), "210500", states)
    found = difference_of(history, since, until)
    before, after = history.on(since), history.on(until)
    if found is None:
        assert (before and before.said) == (after and after.said)
    else:
        assert (found.before, found.after) == (before, after)
    for change in changes_of(history, until):
        assert change.on is None or change.on <= until


def test_what_cannot_be_read_in_a_kept_statement_is_as_not_said() -> None:
    assert said_in({"share_min": "x", "valid_to": 3})["share_min"] is None
