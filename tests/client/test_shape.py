"""Typed results: the JSON of an answer as dataclasses, exact and checked."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.errors import ClientError
from client.shape import shaped


class Unit(Enum):
    YUAN = "YUAN"


@dataclass(frozen=True)
class Amount:
    value: Decimal
    unit: Unit


@dataclass(frozen=True)
class Penalty:
    document_no: str | None
    decision_date: dt.date | None
    fine_amount: Amount | None = None
    received_at: dt.datetime | None = None


@dataclass(frozen=True)
class Firm:
    name: str
    penalties: list[Penalty] = field(metadata={"key": "punished"})
    extra: Any = None


@dataclass(frozen=True)
class Found:
    organisation: Firm | None


def test_an_answer_becomes_dataclasses() -> None:
    told = {
        "organisation": {
            "name": "本溪甲",
            "punished": [
                {
                    "documentNo": "罚1",
                    "decisionDate": "2026-01-15",
                    "fineAmount": {"value": "0.200000000000000001", "unit": "YUAN"},
                    "receivedAt": "2026-01-16T08:00:00+08:00",
                    "unasked": 1,
                },
                {"documentNo": None, "decisionDate": None},
            ],
        }
    }
    found = shaped(told, Found)
    assert found.organisation is not None
    first, second = found.organisation.penalties
    assert first.decision_date == dt.date(2026, 1, 15)
    assert first.fine_amount == Amount(Decimal("0.200000000000000001"), Unit.YUAN)
    assert first.received_at is not None
    assert first.received_at.utcoffset() == dt.timedelta(hours=8)
    assert second == Penalty(None, None)
    assert shaped({"organisation": None}, Found) == Found(None)


@pytest.mark.parametrize(
    ("told", "at"),
    [
        ({}, "data.organisation"),
        ({"organisation": {"name": 1, "punished": []}}, "data.organisation.name"),
        ({"organisation": {"name": "x", "punished": None}}, "data.organisation.punished"),
        ({"organisation": {"name": "x"}}, "data.organisation.punished"),
        (
            {"organisation": {"name": "x", "punished": [{"documentNo": "", "decisionDate": "1"}]}},
            "data.organisation.punished[0].decisionDate",
        ),
    ],
)
def test_what_does_not_fit_is_named(told: Any, at: str) -> None:
    with pytest.raises(ClientError, match="ANSWER_SHAPE") as caught:
        shaped(told, Found)
    assert at in str(caught.value)


@pytest.mark.parametrize(
    ("into", "told"),
    [
        (Decimal, ["x", "", "NaN", "Infinity", 0.1, True, None, []]),
        (dt.date, [None, 20260115, "2026-01-32"]),
        (dt.datetime, [None, 7, "x"]),
        (Unit, [None, [], "FEN"]),
    ],
)
def test_what_is_no_such_value_is_not_taken_for_one(into: Any, told: list[Any]) -> None:
    for one in told:
        with pytest.raises(ClientError, match="ANSWER_SHAPE"):
            shaped(one, into)


@given(st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(
    st.sampled_from(["organisation", "name", "punished", "documentNo"]), x)))  # fmt: skip
def test_no_answer_breaks_it(told: Any) -> None:
    try:
        assert isinstance(shaped(told, Found), Found)
    except ClientError as error:
        refusal = error
        assert refusal.code == "ANSWER_SHAPE"
