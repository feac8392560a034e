"""Owners and control through the API: scope, evidence, exact figures, what was known when."""

from __future__ import annotations

import datetime as dt
from functools import partial
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

import asyncpg
import pytest

from graph.snapshot.keeping import Keeper, SnapshotReader
from service.postgres import PostgresServer

A = "91210500XD00000011"
B = "91210100XD00000022"
HIDDEN = "91210500XD00000055"

OWNERS = """
query($s: String!, $basis: ShareBasis! = EQUITY, $known: DateTime, $day: Date, $first: Int! = 100) {
  owners(subject: $s, basis: $basis, knownAt: $known, asOf: $day, first: $first) {
    asOf knownAt position snapshot truncated { reason stage } basis state unknown totalCount circle
    findings { company findings }
    nodes { key party { __typename name ... on Organisation { uscc } } }
    owners { key party { __typename name } ultimate direct { low high fraction }
      integrated { low high fraction }
      pathsComplete paths { share { low } steps { holder company share { low high }
        statements { relationId originRegion shareMin shareMax validFrom validTo } } } } } }
"""
CONTROL = """
query($s: String!) {
  controllers(subject: $s) { rule truncated { reason stage } nodes { key party { name } }
    controllers { key party { name } label ultimate level votes { low fraction } component
      jointlyWith chain { company votes { low } voters { holder company } } }
    possible borderline }
  controlled(subject: $s) { totalCount truncated { reason stage } nodes { key party { name } }
    controlled { key party { name } label level votes { low } step { voters { holder } } }
    possible borderline } }
"""


@pytest.fixture(scope="module")
async def snapshots(
    pool: asyncpg.Pool[Any],
    postgres_server: PostgresServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> SnapshotReader:
    """The town's snapshot."""
    path: Path = tmp_path_factory.mktemp("snapshot")
    keeper = Keeper(partial(asyncpg.connect, postgres_server.dsn_of("town")), path)
    await keeper.catch_up()
    return SnapshotReader(path)


def by_name(found: Any) -> dict[str, Any]:
    return {one["party"]["name"]: one for one in found}


async def test_owners_are_told_with_their_ways_and_evidence(ask: Any, snapshots: Any) -> None:
    asked = await ask(OWNERS, "ANALYST", snapshots=snapshots, s=A)
    assert asked.errors == []
    found = asked.data["owners"]
    assert (found["state"], found["asOf"], found["truncated"]) == ("DETERMINED", "2026-06-30", [])
    assert found["snapshot"]
    assert found["nodes"][0]["party"]["uscc"] == A
    owners = by_name(found["owners"])
    shares = {
        name: (one["integrated"]["low"], one["integrated"]["high"], one["ultimate"])
        for name, one in owners.items()
    }
    assert shares == {
        "沈阳乙控股有限公司": ("0.6", "0.6", False),
        "欧阳*": ("0.4", "0.4", True),
        "明山区丁小吃店": ("0.15", "0.15", True),
        "沈阳丙集团有限公司": ("0", "0.45", True),
    }
    assert owners["欧阳*"]["integrated"]["fraction"] == "2/5"
    assert found["unknown"] == "0.45"
    assert {one["company"]: one["findings"] for one in found["findings"]} == {
        owners["沈阳乙控股有限公司"]["key"]: ["UNKNOWN_SHARE"]
    }
    (way,) = owners["明山区丁小吃店"]["paths"]
    assert way["share"]["low"] == "0.15"
    (shop, holding) = way["steps"]
    assert shop["share"] == {"low": "0.25", "high": "0.25"}
    assert holding["company"] == "n0"
    (said,) = holding["statements"]
    assert said["relationId"] == str(uuid5(NAMESPACE_DNS, "HOLDSba"))
    assert (said["originRegion"], said["shareMin"]) == ("210500", "0.6")
    assert len(asked.answer.disclosure.subjects) == 5 * 16
    assert asked.answer.disclosure.rows == 4


async def test_a_day_before_shows_who_held_then(ask: Any, snapshots: Any) -> None:
    asked = await ask(OWNERS, "ANALYST", snapshots=snapshots, s=A, day="2019-12-31")
    told = {one["company"]: one["findings"] for one in asked.data["owners"]["findings"]}
    assert told["n0"] == ["UNKNOWN_SHARE"]  # a share of at most 0.1, of which 0.6 and 0.4 leave 0


async def test_who_sees_no_persons_sees_an_unknown_remainder(ask: Any, snapshots: Any) -> None:
    scope = {"authorised": frozenset({uuid5(NAMESPACE_DNS, "a")})}
    asked = await ask(OWNERS, "AGENT", snapshots=snapshots, s=A, grounds=scope)
    assert asked.errors == []
    found = asked.data["owners"]
    assert list(by_name(found["owners"])) == ["沈阳乙控股有限公司"]
    assert found["unknown"] == "0.4"
    assert found["truncated"] == [{"reason": "LEVELS", "stage": 2}]
    assert {"company": "n0", "findings": ["SUM_BELOW_ONE"]} in found["findings"]


async def test_barred_subjects_are_as_if_they_were_not_there(ask: Any, snapshots: Any) -> None:
    barred = {"barred": frozenset({uuid5(NAMESPACE_DNS, "b")})}
    asked = await ask(OWNERS, "ANALYST", snapshots=snapshots, s=A, grounds=barred)
    found = asked.data["owners"]
    assert list(by_name(found["owners"])) == ["欧阳*"]
    assert found["unknown"] == "0.6"
    other = await ask(OWNERS, "ANALYST", snapshots=snapshots, s=B, grounds=barred)
    assert other.data["owners"] is None
    assert other.answer.disclosure.not_found == (B,)


async def test_the_public_and_stewards_do_not_ask(ask: Any, snapshots: Any) -> None:
    for role in ("PUB", "STEWARD", "SUPERVISOR", "AUDITOR"):
        asked = await ask(OWNERS, role, snapshots=snapshots, s=A)
        assert asked.codes == ["FORBIDDEN"], role
    for snapshot in (None, SnapshotReader(Path("/nowhere"))):
        asked = await ask(OWNERS, "ANALYST", snapshots=snapshot, s=A)
        assert asked.codes == ["GRAPH_UNAVAILABLE"]


async def test_hidden_and_unknown_subjects_have_the_same_answer(ask: Any, snapshots: Any) -> None:
    hidden = await ask(OWNERS, "PCITY", snapshots=snapshots, s=HIDDEN)
    if hidden.data["owners"] is not None:  # a visible relation ties it
        hidden = await ask(OWNERS, "PCITY", snapshots=snapshots, s="finbench-person:755")
    unknown = await ask(OWNERS, "PCITY", snapshots=snapshots, s="nobody")
    assert hidden.data == unknown.data == {"owners": None}
    assert hidden.errors == unknown.errors == []


async def test_budgets_are_checked(ask: Any, snapshots: Any) -> None:
    for first in (0, 1001):
        asked = await ask(OWNERS, "ANALYST", snapshots=snapshots, s=A, first=first)
        assert asked.codes == ["BUDGET_LIMIT"]
    asked = await ask(OWNERS, "ANALYST", snapshots=snapshots, s=A, first=1)
    assert len(asked.data["owners"]["owners"]) == 1
    assert asked.data["owners"]["totalCount"] == 4


async def test_control_is_computed_and_says_so(ask: Any, snapshots: Any) -> None:
    asked = await ask(CONTROL, "ANALYST", snapshots=snapshots, s=A)
    assert asked.errors == []
    (one,) = asked.data["controllers"]["controllers"]
    assert (one["party"]["name"], one["label"], one["ultimate"], one["level"]) == (
        "沈阳乙控股有限公司",
        "疑似",
        True,
        1,
    )
    assert one["votes"] == {"low": "0.6", "fraction": "3/5"}
    named = {node["key"]: node["party"]["name"] for node in asked.data["controllers"]["nodes"]}
    assert [named[key] for key in asked.data["controllers"]["possible"]] == ["沈阳丙集团有限公司"]
    below = await ask(CONTROL, "ANALYST", snapshots=snapshots, s=B)
    found = below.data["controlled"]
    assert found["totalCount"] == 1
    assert by_name(found["controlled"])["本溪甲制造有限公司"]["votes"]["low"] == "0.6"


async def test_what_a_person_controls_needs_the_case(ask: Any, snapshots: Any) -> None:
    person = "finbench-person:755"
    asked = await ask(CONTROL, "ANALYST", snapshots=snapshots, s=person)
    assert asked.codes == ["CASE_REQUIRED", "CASE_REQUIRED"]
    asked = await ask(CONTROL, "ANALYST", snapshots=snapshots, case="1", s=person)
    assert asked.errors == []
    assert asked.data["controlled"]["totalCount"] == 0


async def test_as_known_before_nothing_was_recorded(ask: Any, snapshots: Any) -> None:
    past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC).isoformat()
    asked = await ask(OWNERS, "ANALYST", snapshots=snapshots, s=A, known=past)
    assert asked.errors == []
    found = asked.data["owners"]
    assert found["owners"] == []
    assert found["snapshot"] is None
    assert found["knownAt"].startswith("2020-01-01")


REST = """
query($s: String!) {
  beneficialOwners(subject: $s) { rule ruleText source undetermined truncated { reason stage }
    exemption { small personsAlone noOther committed applies } nodes { key party { name } }
    owners { key party { name } rule label certain borderline position share { low high }
      paths { share { low } steps { holder } } } }
  relatedParties(subject: $s) { source totalCount truncated { reason stage }
    nodes { key party { name } }
    related { party { name } tie through votes { low } position label } }
  circularOwnership(subject: $s) { circular selfHeld size members snapshot
    holdings { holder company share { low } } } }
"""


async def test_beneficial_owners_name_the_rule_that_fired(ask: Any, snapshots: Any) -> None:
    asked = await ask(REST, "ANALYST", snapshots=snapshots, s=A)
    assert asked.errors == []
    found = asked.data["beneficialOwners"]
    (owner,) = found["owners"]
    assert (owner["rule"], owner["party"]["name"], owner["certain"]) == ("EQUITY", "欧阳*", True)
    assert found["rule"] == "EQUITY"
    assert "25%以上股权" in found["ruleText"]
    assert found["exemption"] == {
        "small": False,  # 1200.5 万元
        "personsAlone": False,
        "noOther": False,  # a holder of the holder may have 0.45
        "committed": False,
        "applies": False,
    }


async def test_related_parties_and_circles(ask: Any, snapshots: Any) -> None:
    asked = await ask(REST, "ANALYST", snapshots=snapshots, s=A)
    related = asked.data["relatedParties"]
    ties = {(one["tie"], one["party"]["name"]) for one in related["related"]}
    assert ties == {
        ("PARENT", "沈阳乙控股有限公司"),
        ("SIGNIFICANT_INFLUENCE", "欧阳*"),
        ("MAIN_INVESTOR", "欧阳*"),
        ("KEY_MANAGER", "欧阳*"),
    }
    assert related["truncated"] == [{"reason": "CASE_REQUIRED", "stage": 2}]
    with_case = await ask(REST, "ANALYST", snapshots=snapshots, case="1", s=A)
    assert with_case.data["relatedParties"]["truncated"] == []
    assert asked.data["circularOwnership"]["circular"] is False
    assert asked.data["circularOwnership"]["members"] == []
