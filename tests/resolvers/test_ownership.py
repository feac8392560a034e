"""Owners and control through the API: scope, evidence, exact figures, what was known when."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

import asyncpg
import pytest

from graph.snapshot.keeping import Keeper, SnapshotReader
from tests.resolvers.conftest import (
    _ORDER,
    _forget,
    _insert,
    _organisation,
    _record,
    _relation,
    uid,
)

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
    town: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> SnapshotReader:
    """The town's snapshot."""
    path: Path = tmp_path_factory.mktemp("snapshot")
    keeper = Keeper(partial(asyncpg.connect, town), path)
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


async def test_who_represents_a_partnership_controlled_it_then_as_now(
    ask: Any, pool: asyncpg.Pool[Any], town: str, tmp_path: Path
) -> None:
    """A partner who holds nothing of it; C holds all and does not."""
    async with pool.acquire() as connection:
        await _organisation(connection, "辛", "本溪辛合伙企业（有限合伙）", "91210500XD00000088")
        share = {"share_min": Decimal(1), "share_max": Decimal(1)}
        await _relation(connection, "HOLDS", "c", "辛", **share)
        await _relation(connection, "LEGAL_REP_OF", "p", "辛", position="执行事务合伙人")
        await connection.execute(
            "INSERT INTO relation_version (subject_id, relation_id, direction, stamp, batch_sha,"
            " line_no, digest, status, content) SELECT subject_id, relation_id, direction, stamp,"
            " batch_sha, line_no, digest, 'VALID', jsonb_build_object('kind', kind, 'class', class,"
            " 'share_min', share_min, 'share_max', share_max) FROM relation"
            " WHERE relation_id IN (SELECT relation_id FROM relation WHERE subject_id = $1)",
            uuid5(NAMESPACE_DNS, "辛"),
        )
        try:
            await Keeper(partial(asyncpg.connect, town), tmp_path).catch_up()
            known = dt.datetime.now(dt.UTC).isoformat()
            for at in (None, known):
                asked = await ask(
                    "query($s: String!, $at: DateTime) { controlled(subject: $s, knownAt: $at) {"
                    " controlled { party { name } } } }",
                    "ANALYST",
                    case="1",
                    snapshots=SnapshotReader(tmp_path),
                    s="finbench-person:755",
                    at=at,
                )
                told = by_name(asked.data["controlled"]["controlled"])
                assert list(told) == ["本溪辛合伙企业（有限合伙）"], at
        finally:
            await _forget(connection, "辛")


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
        "noOther": None,  # a holder of the holder may have 0.45
        "committed": False,
        "applies": False,
    }


async def test_the_commitment_that_exempts_is_disclosed_where_it_is_told(
    ask: Any, pool: asyncpg.Pool[Any], snapshots: Any
) -> None:
    fields = '{"content": "受益所有人信息免报承诺"}'
    async with pool.acquire() as connection:
        await _record(connection, "诺1", "a", "commitment", fields=fields)
    try:
        asked = await ask(REST, "ANALYST", snapshots=snapshots, s=A)
        assert asked.data["beneficialOwners"]["exemption"]["committed"]
        assert uuid5(NAMESPACE_DNS, "诺1").bytes in asked.answer.disclosure.records
        without = "query($s: String!) { beneficialOwners(subject: $s) { rule } }"
        asked = await ask(without, "ANALYST", snapshots=snapshots, s=A)
        assert asked.answer.disclosure.records == b""
    finally:
        await pool.execute("DELETE FROM record WHERE record_id = $1", uuid5(NAMESPACE_DNS, "诺1"))


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


FIRMS = {  # of the district 210504, of another city's, of nowhere
    "庚": ("91210500XD00000619", "210504"),
    "申": ("91210500XD00000627", "210100"),
    "壬": ("91210500XD00000635", "210100"),
    "癸": ("91210500XD00000643", "210100"),
}
AROUND = """
query($s: String!, $t: String!) {
  circularOwnership(subject: $s) { size truncated { reason stage } members }
  guaranteeCircle(subject: $s) { totalCount truncated { reason stage } }
  riskPropagation(seeds: [$s], steps: 1, decays: [{course: COMPANY_TO_HOLDER, factor: 0},
    {course: HOLDER_TO_COMPANY, factor: 0}]) { totalCount truncated { reason stage } }
  controllers(subject: $t) { controllers { jointlyWith } }
  declaredInterests(subject: $t) { nodes { type } } }
"""


@pytest.fixture
async def ring(pool: asyncpg.Pool[Any], town: str, tmp_path: Path) -> AsyncIterator[SnapshotReader]:
    """庚 holds 申 holds 壬 holds 癸 holds 庚; 壬 stands for 申 and 申 for 庚; 申 and 癸 act in
    concert in 壬, in which 癸 declares an interest."""
    async with pool.acquire() as connection:
        for name, (code, region) in FIRMS.items():
            await _organisation(connection, name, f"本溪{name}有限公司", code, region_id=region)
        for holder, company in ("庚申", "申壬", "壬癸", "癸庚", "癸壬"):
            share = {"share_min": Decimal("0.4"), "share_max": Decimal("0.4")}
            await _relation(connection, "HOLDS", holder, company, **share)
        for holder, company in ("申庚", "壬申"):
            await _relation(connection, "GUARANTEES", holder, company, **{"class": "G"})
        source = {"source_unit_name": "x", "source_unit_uscc": "y", "origin_region": "210500"}
        for member in "申癸":
            concert = {"concert_id": uid("concert"), "agreement_no": "1", "company_id": uid("壬")}
            given = {"subject_id": uid(member), **concert, **source, **_ORDER}
            await _insert(connection, "concert", **given)
        interest = {"subject_id": uid("壬"), "interest_id": uid("interest"), "party_id": uid("癸")}
        what = {"interest_type": "shareholding", "directness": "indirect", "beneficial": True}
        stated = {"class": "G", "statement_no": "1", **source, **_ORDER}
        await _insert(connection, "declared_interest", **interest, **what, **stated)
        try:
            await Keeper(partial(asyncpg.connect, town), tmp_path).catch_up()
            yield SnapshotReader(tmp_path)
        finally:
            await _forget(connection, *FIRMS)
            await connection.execute("DELETE FROM concert; DELETE FROM declared_interest")


async def test_a_district_learns_nothing_of_what_touches_it_nowhere(ask: Any, ring: Any) -> None:
    asked = partial(ask, AROUND, "ANALYST", snapshots=ring, s=FIRMS["庚"][0], t=FIRMS["壬"][0])
    city = (await asked()).data
    assert city["guaranteeCircle"]["totalCount"] == 3
    assert city["riskPropagation"]["truncated"] == [{"reason": "LEVELS", "stage": 2}]
    assert [one["jointlyWith"] for one in city["controllers"]["controllers"]] != []
    assert len(city["declaredInterests"]["nodes"]) == 1
    here = (await asked(grounds={"district": "210504"})).data
    assert here["guaranteeCircle"] == {"totalCount": 2, "truncated": []}
    assert here["riskPropagation"] == {"totalCount": 2, "truncated": []}
    assert here["controllers"]["controllers"] == here["declaredInterests"]["nodes"] == []
    assert here["circularOwnership"] == city["circularOwnership"]


async def test_a_circle_is_followed_as_far_as_the_role_follows(ask: Any, ring: Any) -> None:
    asked = partial(ask, AROUND, "ANALYST", snapshots=ring, s=FIRMS["庚"][0], t=FIRMS["壬"][0])
    for hops, size, truncated in (
        (4, 4, []),
        (2, 4, []),
        (1, 0, [{"reason": "LEVELS", "stage": 2}]),
    ):
        found = (await asked(hops=hops)).data["circularOwnership"]
        assert (found["size"], found["truncated"]) == (size, truncated), hops


async def test_a_district_learns_no_more_of_what_was_known(
    ask: Any, ring: Any, pool: asyncpg.Pool[Any], town: str, tmp_path: Path
) -> None:
    """Who holds 壬 beside 癸 is not open; a third level would be looked at beyond it."""
    async with pool.acquire() as connection:
        await connection.execute(
            "UPDATE relation SET class = 'G' WHERE relation_id = $1", uid("HOLDS申壬")
        )
        await connection.execute(
            "INSERT INTO relation_version (subject_id, relation_id, direction, stamp, batch_sha,"
            " line_no, digest, status, content) SELECT subject_id, relation_id, direction, stamp,"
            " batch_sha, line_no, digest, 'VALID', jsonb_build_object('kind', kind, 'class', class,"
            " 'share_min', share_min, 'share_max', share_max) FROM relation"
            " WHERE subject_id = ANY($1)",
            [uid(name) for name in FIRMS],
        )
    await Keeper(partial(asyncpg.connect, town), tmp_path / "now").catch_up()
    for known in (None, dt.datetime.now(dt.UTC).isoformat()):
        for district, count in ((None, 2), ("210504", 1)):
            asked = await ask(
                OWNERS,
                "ANALYST",
                snapshots=SnapshotReader(tmp_path / "now"),
                hops=2,
                grounds={"district": district},
                s=FIRMS["癸"][0],
                known=known,
            )
            found = asked.data["owners"]
            cut = [] if district else [{"reason": "LEVELS", "stage": 3}]
            assert (found["totalCount"], found["truncated"]) == (count, cut), (known, district)


async def test_a_question_reads_one_snapshot_whatever_comes_meanwhile(
    ask: Any, snapshots: SnapshotReader
) -> None:
    class Counted:
        asked = 0

        def current(self) -> Any:
            self.asked += 1
            return snapshots.current()

    counted = Counted()
    asked = await ask(
        "query($s: String!) { relatedParties(subject: $s) { totalCount snapshot } }",
        "ANALYST",
        case="1",
        snapshots=counted,
        s=A,
    )
    assert asked.data["relatedParties"]["snapshot"]
    assert counted.asked == 1
