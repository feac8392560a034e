"""Who sees what: access rules §2, §3, §6 and §7, compiled into the statement (X29)."""

# ruff: noqa: UP031, E501 - GraphQL is full of braces; questions stay on one line.

from __future__ import annotations

import base64
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

import pytest

from resolvers.pseudonym import person_of, scope_key

A = "91210500XD00000011"
PENALTIES = '{ organisation(code: "%s") { penalties { totalCount nodes { documentNo } } } }' % A


@pytest.mark.parametrize(
    ("role", "seen"),
    [
        ("PUB", ["罚1"]),
        ("PCITY", ["罚1", "罚2", "罚3"]),
        ("ANALYST", ["罚1", "罚2", "罚3"]),
    ],
)
async def test_records_are_seen_by_class_status_and_clock(
    ask: Any, role: str, seen: list[str]
) -> None:
    found = (await ask(PENALTIES, role)).data["organisation"]["penalties"]
    assert [node["documentNo"] for node in found["nodes"]] == seen
    assert found["totalCount"] == len(seen)


async def test_auditor_sees_no_data_but_the_same_shapes(ask: Any) -> None:
    asked = await ask(
        '{ organisation(code: "%s") { name } organisations { totalCount nodes { name } } }' % A,
        "AUDITOR",
    )
    assert asked.data == {"organisation": None, "organisations": {"totalCount": 0, "nodes": []}}


async def test_display_ends_on_its_day(ask: Any) -> None:
    import datetime as dt

    for day, count in (("2027-01-14", 1), ("2027-01-15", 0), ("2026-01-15", 3), ("2026-01-14", 0)):
        asked = await ask(PENALTIES, today=dt.date.fromisoformat(day))
        shown = asked.data["organisation"]["penalties"]
        assert shown["totalCount"] == count, day


async def test_government_fields_are_null_and_noted_for_the_public(ask: Any) -> None:
    document = (
        '{ organisation(code: "%s") { penalties(first: 1) {'
        " nodes { performed reviewStatus remark facts } } } }" % A
    )
    public = await ask(document)
    assert public.data["organisation"]["penalties"]["nodes"] == [
        {"performed": None, "reviewStatus": None, "remark": None, "facts": None}
    ]
    assert set(public.answer.disclosure.masked) == {
        "Penalty.performed",
        "Penalty.reviewStatus",
        "Penalty.remark",
        "Penalty.facts",
    }
    assert "Penalty.remark" not in public.answer.disclosure.coordinates
    office = await ask(document, "PCITY")
    assert office.data["organisation"]["penalties"]["nodes"] == [
        {"performed": True, "reviewStatus": "NONE", "remark": "内部备注", "facts": "未按规定"}
    ]


async def test_partner_sees_government_data_of_shared_kinds_only(ask: Any) -> None:
    asked = await ask("{ licences { totalCount } penalties { totalCount } }", "PCITY")
    assert asked.data == {"licences": {"totalCount": 2}, "penalties": {"totalCount": 3}}


async def test_persons_records_need_an_analyst_with_a_case(ask: Any) -> None:
    document = '{ penalties(filter: {documentNo: "罚7"}) { totalCount nodes { reportedName reportedCode subject { __typename name } } } }'
    for role in ("PUB", "PCITY", "ANALYST"):
        assert (await ask(document, role)).data["penalties"] == {"totalCount": 0, "nodes": []}
    asked = await ask(document, "ANALYST", case="辽案〔2026〕1号")
    assert asked.data["penalties"] == {
        "totalCount": 1,
        "nodes": [
            {
                "reportedName": "张*",
                "reportedCode": None,
                "subject": {"__typename": "Person", "name": "张*"},
            }
        ],
    }


async def test_guarantees_are_for_offices(ask: Any) -> None:
    document = (
        '{ organisation(code: "%s") { guaranteesGiven { totalCount edges { amount { value } debtor { name } } } } }'
        % A
    )
    assert (await ask(document)).data["organisation"]["guaranteesGiven"]["totalCount"] == 0
    asked = await ask(document, "PCITY")
    assert asked.data["organisation"]["guaranteesGiven"] == {
        "totalCount": 1,
        "edges": [{"amount": None, "debtor": {"name": "本溪戊担保对象"}}],
    }


async def test_what_is_known_only_through_hidden_relations_does_not_exist(ask: Any) -> None:
    document = '{ organisation(code: "91210500XD00000055") { name } organisations(filter: {name: "担保"}) { totalCount nodes { name } } }'
    nowhere = {"organisation": None, "organisations": {"totalCount": 0, "nodes": []}}
    public = await ask(document)
    absent = await ask(document.replace("XD00000055", "XD99999999"))
    assert public.data == nowhere
    assert public.answer.body == absent.answer.body
    assert (await ask(document, "PCITY")).data["organisation"] == {"name": "本溪戊担保对象"}


async def test_home_address_of_an_individual_business_is_not_open(ask: Any) -> None:
    document = '{ organisation(code: "92210504XD00000044") { address } }'
    assert (await ask(document)).data == {"organisation": {"address": None}}
    assert (await ask(document, "PCITY")).data == {"organisation": {"address": None}}
    assert (await ask(document, "ANALYST")).data == {"organisation": {"address": "明山区某街1号"}}


PERSON = '{ organisation(code: "%s") { holders { nodes { ... on Person { id name } } } } }' % A


async def _person_id(ask: Any, role: str, **more: Any) -> str:
    asked = await ask(PERSON, role, **more)
    (id_,) = [node["id"] for node in asked.data["organisation"]["holders"]["nodes"] if node]
    return str(id_)


async def test_a_persons_token_belongs_to_one_scope(ask: Any) -> None:
    analyst = await _person_id(ask, "ANALYST")
    partner = await _person_id(ask, "PCITY")
    other = await _person_id(ask, "PCITY", agreement="agreement-2")
    assert analyst == await _person_id(ask, "ANALYST")
    assert len({analyst, partner, other}) == 3
    told = base64.b64decode(analyst).decode().removeprefix("Person:")
    person = uuid5(NAMESPACE_DNS, "p")
    assert person_of(scope_key(b"k" * 32, "role:ANALYST"), told) == person
    ask_again = "query($i: ID!) { person(id: $i) { id name positions { nodes { name } } } node(id: $i) { id } }"
    found = await ask(ask_again, "ANALYST", case="1", i=analyst)
    assert found.data["person"] == {
        "id": analyst,
        "name": "欧阳*",
        "positions": {"nodes": [{"name": "本溪甲制造有限公司"}]},
    }
    assert found.data["node"] == {"id": analyst}
    for role, case, id_ in (("ANALYST", "", analyst), ("PCITY", "", analyst), ("PUB", "", analyst)):
        hidden = await ask(ask_again, role, case=case, i=id_)
        assert hidden.data == {"person": None, "node": None}, role


async def test_the_publics_person_ids_lead_nowhere(ask: Any) -> None:
    one, two = await _person_id(ask, "PUB"), await _person_id(ask, "PUB")
    assert one != two
    asked = await ask("query($i: ID!) { node(id: $i) { id } }", i=one)
    assert asked.data == {"node": None}


async def test_the_public_cannot_go_on_from_a_person(ask: Any) -> None:
    document = (
        '{ organisation(code: "%s") { holders { nodes { name ... on Person {'
        " holdings { totalCount nodes { name } } positions { totalCount } } } } } }" % A
    )
    public = await ask(document)
    assert public.data["organisation"]["holders"]["nodes"][1] == {
        "name": "欧阳*",
        "holdings": {"totalCount": 0, "nodes": []},
        "positions": {"totalCount": 0},
    }
    analyst = await ask(document, "ANALYST", case="1")
    assert analyst.data["organisation"]["holders"]["nodes"][1]["holdings"]["totalCount"] == 1


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ('name: "欧阳明"', ["欧阳*"]),
        ('name: "欧阳"', []),
        ('surname: "欧阳"', ["欧阳*"]),
        ('surname: "欧"', []),
        ('surname: "张"', ["张*"]),
        ('surname: "张三"', []),
        ('firm: "%s"' % A, ["张*", "欧阳*"]),
    ],
)
async def test_person_search_reveals_no_more_than_the_mask(
    ask: Any, condition: str, names: list[str]
) -> None:
    document = "{ persons(filter: {%s}) { totalCount nodes { name } } }" % condition
    asked = await ask(document, "ANALYST", case="1")
    assert sorted(node["name"] for node in asked.data["persons"]["nodes"]) == sorted(names)
    for role, case in (("PUB", ""), ("PCITY", ""), ("ANALYST", "")):
        hidden = await ask(document, role, case=case)
        assert hidden.data["persons"] == {"totalCount": 0, "nodes": []}


async def test_an_analyst_finds_a_person_by_an_open_code_with_a_case(ask: Any) -> None:
    document = '{ person(code: "finbench-person:%s") { name } }'
    asked = await ask(document % 755, "ANALYST", case="1")
    assert asked.data == {"person": {"name": "欧阳*"}}
    unknown = await ask(document % 1, "ANALYST", case="1")
    assert unknown.data == {"person": None}
    assert unknown.answer.disclosure.not_found == ("finbench-person:1",)
    for role, case in (("ANALYST", ""), ("PCITY", "1"), ("PUB", "1"), ("AUDITOR", "1")):
        assert (await ask(document % 755, role, case=case)).data == {"person": None}


async def test_person_cursors_do_not_carry_ids(ask: Any) -> None:
    document = '{ persons(filter: {firm: "%s"}, first: 1%s) { pageInfo { endCursor hasNextPage } nodes { id } } }'
    first = (await ask(document % (A, ""), "ANALYST", case="1")).data["persons"]
    cursor = first["pageInfo"]["endCursor"]
    told = base64.b64decode(cursor).decode()
    assert not any(str(uuid5(NAMESPACE_DNS, name)) in told for name in "pz")
    second = await ask(document % (A, f', after: "{cursor}"'), "ANALYST", case="1")
    assert second.data["persons"]["nodes"] != first["nodes"]
    assert second.data["persons"]["pageInfo"]["hasNextPage"] is False


async def test_no_name_of_a_person_leaves_in_clear_on_person_nodes(ask: Any) -> None:
    for role in ("PUB", "PCITY", "ANALYST"):
        asked = await ask(
            '{ organisation(code: "%s") { holders { nodes { name } } officers { edges { position'
            " person { name } } } legalRepresentatives { nodes { name category } } } }" % A,
            role,
            case="1",
        )
        text = asked.answer.body.decode()
        assert "欧阳明" not in text
        assert "张三" not in text
        assert asked.data["organisation"]["officers"]["edges"] == [
            {"position": "监事", "person": {"name": "张*"}}
        ]
        assert "Person.name" in asked.answer.disclosure.masked


async def test_only_auditors_read_the_access_log(ask: Any) -> None:
    for role in ("PUB", "PCITY", "ANALYST"):
        asked = await ask("{ accessEntries { nodes { caller } } }", role)
        assert asked.data == {"accessEntries": None}
        assert asked.codes == ["FORBIDDEN"]
    assert (await ask("{ accessEntries { nodes { caller } } }", "AUDITOR")).codes == [
        "LOG_UNAVAILABLE"
    ]


@pytest.mark.parametrize(
    ("purpose", "named"),
    [
        ("P3", {"commitment"}),
        ("P4", {"commitment"}),
        ("P8", {"commitment", "penalty"}),
        ("P12", {"commitment", "penalty"}),
    ],
)
def test_x08_of_a_matched_person_the_marks_of_persons_decide(
    scope_of: Any, purpose: str, named: set[str]
) -> None:
    shared = frozenset({"commitment", "penalty", "tax_arrears"})
    assert scope_of("PCITY", purpose=purpose, shared_kinds=shared).match_kinds == named
    assert scope_of("ANALYST", purpose="P12").match_kinds == frozenset()
