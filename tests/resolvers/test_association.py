"""Shared attributes and alike investors: damped, counted over what the caller sees, said."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolvers.association import CROWD, Attribute, associates
from tests.resolvers.conftest import _forget, _organisation, _person, _relation, uid
from tests.resolvers.test_neighbourhood import A

ONE, TWO, SHOP = "91210500XD00000101", "91210500XD00000102", "92210500XD00000103"
CROWDED = "91210500XD00000200"
SHARED = """query($s: String!) { sharedAttributes(subject: $s) { truncated { reason stage }
  attributes { key kind address degree weight crowded party { __typename name } }
  associates { score attributes party { name } } } }"""
ALIKE = """query($a: String!, $b: String!) { investorSimilarity(a: $a, b: $b) {
  similarity common together investors { party { name } } truncated { reason } } }"""


@pytest.fixture(scope="module")
async def street(pool: Any) -> AsyncIterator[None]:
    """Two firms and a shop at one address, one person in both firms, a crowded address."""
    async with pool.acquire() as connection:
        home = "本溪市 平山区 演示路１号"
        await _organisation(connection, "s1", "本溪同址一公司", ONE, address=home)
        await _organisation(
            connection, "s2", "本溪同址二公司", TWO, address="本溪市平山区演示路1号"
        )
        await _organisation(
            connection, "s3", "同址小店", SHOP, category="INDIVIDUAL_BUSINESS", address=home
        )
        await _person(connection, "sp", "李四五")
        await _relation(connection, "LEGAL_REP_OF", "sp", "s1")
        await _relation(connection, "OFFICER_OF", "sp", "s2")
        share = {"share_min": Decimal("0.5"), "share_max": Decimal("0.5")}
        for firm in ("s1", "s2"):
            await _relation(connection, "HOLDS", "b", firm, **share)
        await _relation(connection, "HOLDS", "c", "s1", **share)
        await _relation(connection, "HOLDS", "sp", "s2", **share)
        for n in range(CROWD + 1):
            code = f"91210500XD00000{200 + n}"
            await _organisation(connection, f"k{n}", f"集群{n}公司", code, address="集群注册地址")
        await _relation(connection, "HOLDS", "c", "k0", **share, **{"class": "G"})
    yield
    async with pool.acquire() as connection:
        await _forget(connection, "s1", "s2", "s3", "sp", *(f"k{n}" for n in range(CROWD + 1)))


async def test_what_bodies_share_is_weighed_and_named(ask: Any, street: None) -> None:
    asked = await ask(SHARED, "ANALYST", case="1", s=ONE)
    assert asked.errors == []
    found = asked.data["sharedAttributes"]
    person, address = found["attributes"]
    assert (address["kind"], address["degree"], address["crowded"]) == ("ADDRESS", 3, False)
    assert Decimal(address["weight"]) == round(Decimal(1 / math.log(4)), 6)
    assert (person["kind"], person["degree"]) == ("PERSON", 2)
    assert person["party"] == {"__typename": "Person", "name": "李*"}
    both = Decimal(address["weight"]) + Decimal(person["weight"])
    assert [(one["party"]["name"], Decimal(one["score"])) for one in found["associates"]] == [
        ("本溪同址二公司", both),
        ("同址小店", Decimal(address["weight"])),
    ]
    assert found["truncated"] == []


async def test_only_what_the_caller_sees_is_counted(ask: Any, street: None) -> None:
    # A partner city does not see the address of a shop, which may be a home.
    found = (await ask(SHARED, "PCITY", s=ONE)).data["sharedAttributes"]
    assert {one["kind"]: one["degree"] for one in found["attributes"]} == {
        "ADDRESS": 2,
        "PERSON": 2,
    }
    # Without a case the analyst does not go on from persons, and is told.
    found = (await ask(SHARED, "ANALYST", s=ONE)).data["sharedAttributes"]
    assert [one["kind"] for one in found["attributes"]] == ["ADDRESS"]
    assert found["truncated"] == [{"reason": "CASE_REQUIRED", "stage": 1}]
    assert (await ask(SHARED, "PUB", s=ONE)).codes == ["FORBIDDEN"]
    assert (await ask(SHARED, "PCITY", s="nobody")).data == {"sharedAttributes": None}


async def test_a_crowded_address_is_shown_and_leads_nowhere(ask: Any, street: None) -> None:
    # W26
    found = (await ask(SHARED, "PCITY", s=CROWDED)).data["sharedAttributes"]
    [address] = found["attributes"]
    assert (address["degree"], address["crowded"]) == (CROWD + 1, True)
    assert found["associates"] == []
    assert found["truncated"] == [{"reason": "FAN", "stage": 2}]


async def test_investors_are_compared_as_sets(ask: Any, street: None) -> None:
    found = (await ask(ALIKE, "ANALYST", case="1", a=ONE, b=TWO)).data["investorSimilarity"]
    assert (found["common"], found["together"]) == (1, 3)
    assert found["similarity"] == "0.333333333333"
    assert [one["party"]["name"] for one in found["investors"]] == ["沈阳乙控股有限公司"]
    without = (await ask(ALIKE, "ANALYST", a=ONE, b=TWO)).data["investorSimilarity"]
    assert (without["similarity"], without["truncated"]) == ("0.5", [{"reason": "CASE_REQUIRED"}])
    nobody = (await ask(ALIKE, "PCITY", a=CROWDED, b="91210500XD00000201")).data
    assert nobody["investorSimilarity"]["similarity"] == "0"
    assert (await ask(ALIKE, "PCITY", a=A, b="nobody")).data == {"investorSimilarity": None}


@given(st.lists(st.frozensets(st.integers(1, 40), min_size=1), max_size=6))
def test_the_score_is_the_sum_of_what_is_shared_and_not_crowded(carried: list[Any]) -> None:
    attributes = [Attribute(None, None, frozenset(UUID(int=n) for n in s)) for s in carried]
    subject = UUID(int=1)
    ranked = associates(subject, attributes)
    scores = [score for _, score, _ in ranked]
    assert scores == sorted(scores, reverse=True)
    assert subject not in {id_ for id_, _, _ in ranked}
    for id_, score, places in ranked:
        assert all(id_ in attributes[place].carriers for place in places)
        assert all(attributes[place].degree <= CROWD for place in places)
        assert score == sum(attributes[place].weight for place in places)


async def test_of_a_firm_beside_the_matter_closed_holdings_do_not_count(
    ask: Any, street: None
) -> None:
    """X29: the graph around the subject of the case is the department's, not any other firm's."""
    case = {"matter": frozenset({uid("s1")})}
    asked = await ask(ALIKE, "DEPT", case="1", grounds=case, a=ONE, b=CROWDED)
    assert asked.errors == []
    found = asked.data["investorSimilarity"]
    assert (found["common"], found["together"]) == (0, 2)
    asked = await ask(ALIKE, "ANALYST", case="1", a=ONE, b=CROWDED)
    found = asked.data["investorSimilarity"]
    assert (found["common"], found["together"]) == (1, 2)
