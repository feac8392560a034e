"""Reads of stored data: one statement, its JSON, its pages."""

# ruff: noqa: UP031, E501 - GraphQL is full of braces; questions stay on one line.

from __future__ import annotations

import base64
import re
from dataclasses import replace
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

import orjson
import pytest

from resolvers.context import Call, Context
from resolvers.lookup import BARE_SCHEMES
from security.policy import Role
from tests.resolvers.conftest import TODAY

A = "91210500XD00000011"


async def test_organisation_is_found_by_any_of_its_codes(ask: Any) -> None:
    asked = await ask(
        """{ a: organisation(code: "91210500xd00000011") { name }
             b: organisation(code: "XD000000-1") { uscc }
             c: organisation(code: "lei:LEI0A") { name }
             d: organisation(code: "finbench-company:423") { name }
             e: organisation(code: "423") { name }
             f: organisation(code: " ９１２１０５００ＸＤ００００００１１ ") { name } }"""
    )
    assert asked.errors == []
    assert asked.data == {
        "a": {"name": "本溪甲制造有限公司"},
        "b": {"uscc": A},
        "c": {"name": "本溪甲制造有限公司"},
        "d": {"name": "沈阳乙控股有限公司"},
        "e": None,
        "f": {"name": "本溪甲制造有限公司"},
    }
    assert asked.answer.lane == "COMPILED"
    assert asked.answer.disclosure.not_found == ("423",)


class _Heard:
    """Reads through a pool, whose statements are kept."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self.statements: list[str] = []

    async def fetchrow(self, sql: str, /, *values: Any) -> Any:
        self.statements.append(sql)
        return await self._pool.fetchrow(sql, *values)


@pytest.mark.parametrize(
    ("code", "found", "looks"),
    [
        (A, True, 1),
        (A.lower(), True, 2),  # another way of writing it
        ("91210500XD00000055", True, 2),  # known by what is said of it alone
        ("91210500XD00000099", False, 2),
    ],
)
async def test_a_registered_firm_is_found_without_a_look_at_what_is_said_of_it(
    pool: Any, operations: Any, scope_of: Any, code: str, found: bool, looks: int
) -> None:
    document = "query($c: String!) { organisation(code: $c) { uscc } }"
    scope = scope_of(Role.PCITY)
    plan = operations.prepare(document, None, scope)
    heard = _Heard(pool)
    answer = await plan.run(Context(heard, scope, TODAY, b"k" * 32), {"c": code})
    assert len(heard.statements) == looks
    assert "FROM re" not in heard.statements[0]  # relation, record
    [shape] = plan._shapes.values()
    call = Call(Context(pool, scope, TODAY, b"k" * 32), {"c": code})
    whole = replace(shape.compiled, direct=None)
    [told], disclosure, _ = await whole.run(call, whole.values(call))
    assert orjson.loads(answer.body)["data"]["organisation"] == orjson.loads(told)
    assert (told != b"null") == found
    assert answer.disclosure.subjects == disclosure.subjects
    assert answer.disclosure.not_found == disclosure.not_found == (() if found else (code,))


async def test_the_store_knows_the_codes_that_need_no_scheme(pool: Any) -> None:
    text = await pool.fetchval("SELECT pg_get_functiondef('body_by_code'::regproc)")
    assert set(re.findall(r"'(\w+)'::text", text)) == set(BARE_SCHEMES)


async def test_values_have_their_exact_forms(ask: Any) -> None:
    asked = await ask(
        """{ organisation(code: "%s") { id establishedOn category registered nameEn
               registeredCapital { value unit currency __typename } paidInCapital { value }
               region { name parent { name parent { regionId } } }
               codes { scheme value } formerNames { name validFrom }
               sourceUnit { name } } }"""
        % A
    )
    assert asked.data["organisation"] == {
        "id": base64.b64encode(f"Organisation:{uuid5(NAMESPACE_DNS, 'a')}".encode()).decode(),
        "establishedOn": "2001-02-03",
        "category": "LEGAL_ENTITY",
        "registered": True,
        "nameEn": None,
        "registeredCapital": {
            "value": "1200.5",
            "unit": "TEN_THOUSAND_YUAN",
            "currency": "CNY",
            "__typename": "Money",
        },
        "paidInCapital": None,
        "region": {
            "name": "明山区",
            "parent": {"name": "本溪市", "parent": {"regionId": "210000"}},
        },
        "codes": [
            {"scheme": "lei", "value": "LEI0A"},
            {"scheme": "org_code", "value": "XD0000001"},
            {"scheme": "reg_no", "value": "210500000000001"},
            {"scheme": "uscc", "value": A},
        ],
        "formerNames": [{"name": "本溪旧名厂", "validFrom": None}],
        "sourceUnit": {"name": None},
    }


async def test_order_of_keys_follows_the_document(ask: Any) -> None:
    asked = await ask(
        '{ organisation(code: "%s") { uscc ...F name } } fragment F on Party { name id }' % A
    )
    assert list(asked.data["organisation"]) == ["uscc", "name", "id"]


async def test_long_aliases_are_not_cut_at_63_bytes(ask: Any) -> None:
    long = "x" * 80
    asked = await ask(
        '{ organisation(code: "%s") { %s1: name %s2: uscc region { %s: name } } }'
        % (A, long, long, long)
    )
    assert asked.data["organisation"] == {
        f"{long}1": "本溪甲制造有限公司",
        f"{long}2": A,
        "region": {long: "明山区"},
    }


async def test_skip_and_include_and_empty_selections(ask: Any) -> None:
    document = """query($u: Boolean!, $n: Boolean = true, $c: String!) {
      organisation(code: $c) { uscc @include(if: $u) name @skip(if: $n) } }"""
    assert (await ask(document, u=False, c=A)).data == {"organisation": {}}
    assert (await ask(document, u=True, n=False, c=A)).data == {
        "organisation": {"uscc": A, "name": "本溪甲制造有限公司"}
    }
    assert (await ask(document, u=True, c=A)).data == {"organisation": {"uscc": A}}


async def test_holders_and_theirs_are_found_two_levels_up(ask: Any) -> None:
    asked = await ask(
        """{ organisation(code: "%s") { holders { totalCount edges { kind shareMin shareMax
             subscribed { value } holder { __typename name ... on Organisation {
               holders { nodes { name } edges { company { name } shareMin shareMax } } } } } } } }"""
        % A
    )
    holders = asked.data["organisation"]["holders"]
    assert holders["totalCount"] == 2
    assert holders["edges"] == [
        {
            "kind": "HOLDS",
            "shareMin": "0.6",
            "shareMax": "0.6",
            "subscribed": {"value": "600"},
            "holder": {
                "__typename": "Organisation",
                "name": "沈阳乙控股有限公司",
                "holders": {
                    "nodes": [{"name": "沈阳丙集团有限公司"}, {"name": "明山区丁小吃店"}],
                    "edges": [
                        {
                            "company": {"name": "沈阳乙控股有限公司"},
                            "shareMin": "0",
                            "shareMax": "0.75",
                        },
                        {
                            "company": {"name": "沈阳乙控股有限公司"},
                            "shareMin": "0.25",
                            "shareMax": "0.25",
                        },
                    ],
                },
            },
        },
        {
            "kind": "HOLDS",
            "shareMin": "0.4",
            "shareMax": "0.4",
            "subscribed": None,
            "holder": {"__typename": "Person", "name": "欧阳*"},
        },
    ]


async def test_relations_are_those_in_force_on_the_day(ask: Any) -> None:
    asked = await ask(
        '{ organisation(code: "%s") { holders(asOf: "2019-12-31") { totalCount } } }' % A
    )
    assert asked.data["organisation"]["holders"]["totalCount"] == 3


async def test_records_come_as_their_kinds(ask: Any) -> None:
    asked = await ask(
        """{ organisation(code: "%s") { records { nodes { __typename kind documentNo originRegion
             ... on Penalty { fineAmount { value unit } penaltyTypes facts }
             ... on Licence { licenceCategory content licenceValidFrom licenceValidTo } } } } }"""
        % A
    )
    assert asked.data["organisation"]["records"]["nodes"] == [
        {
            "__typename": "Penalty",
            "kind": "penalty",
            "documentNo": "罚1",
            "originRegion": "210500",
            "fineAmount": {"value": "0.2", "unit": "TEN_THOUSAND_YUAN"},
            "penaltyTypes": ["FINE", "WARNING"],
            "facts": None,
        },
        {
            "__typename": "Licence",
            "kind": "licence",
            "documentNo": "许2",
            "originRegion": "210100",
            "licenceCategory": None,
            "content": None,
            "licenceValidFrom": None,
            "licenceValidTo": None,
        },
        {
            "__typename": "Licence",
            "kind": "licence",
            "documentNo": "许1",
            "originRegion": "210500",
            "licenceCategory": "ORDINARY",
            "content": "从事生产",
            "licenceValidFrom": "2024-04-04",
            "licenceValidTo": None,
        },
    ]


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ('name: "甲制造"', ["a"]),
        ('name: "旧名"', ["a"]),
        ('name: "甲乙"', []),
        ('name: "有限公司"', ["a", "c", "b"]),
        ('uscc: ["91210100XD00000022", "91210500xd00000011"]', ["a", "b"]),
        ('region: "210500"', ["d", "a", "c"]),
        ('region: "210504"', ["a"]),
        ('industry: "C"', ["a"]),
        ('industry: "3110"', ["a"]),
        ('industry: "L72"', ["b"]),
        ('establishedFrom: "2000-01-01"', ["a"]),
        ('establishedTo: "2000-01-01"', ["b"]),
        ("category: INDIVIDUAL_BUSINESS", ["d"]),
        ('entityType: "公司", regStatus: "存续"', ["a"]),
    ],
)
async def test_organisations_are_filtered(ask: Any, condition: str, found: list[str]) -> None:
    asked = await ask("{ organisations(filter: {%s}) { totalCount nodes { id } } }" % condition)
    ids = [_id(name) for name in found]
    assert asked.errors == []
    assert asked.data["organisations"]["totalCount"] == len(found)
    assert sorted(node["id"] for node in asked.data["organisations"]["nodes"]) == sorted(ids)


def _id(name: str) -> str:
    return base64.b64encode(f"Organisation:{uuid5(NAMESPACE_DNS, name)}".encode()).decode()


@pytest.mark.parametrize("by", ["NAME", "ESTABLISHED_ON", "USCC"])
@pytest.mark.parametrize("direction", ["ASC", "DESC"])
@pytest.mark.parametrize("size", [1, 2, 3])
async def test_pages_meet_without_gap_or_repetition(
    ask: Any, by: str, direction: str, size: int
) -> None:
    order = f"orderBy: {{field: {by}, direction: {direction}}}"
    whole = await ask(f"{{ organisations({order}, first: 50) {{ nodes {{ id }} }} }}")
    expected = [node["id"] for node in whole.data["organisations"]["nodes"]]
    assert len(expected) == 4
    forward = f"""query($n: Int, $c: String) {{ organisations({order}, first: $n, after: $c) {{
        edges {{ cursor node {{ id }} }} nodes {{ id }} totalCount
        pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }}"""
    backward = forward.replace("first: $n, after: $c", "last: $n, before: $c")
    found, cursor, more = [], None, True
    while more:
        page = (await ask(forward, n=size, c=cursor)).data["organisations"]
        assert page["totalCount"] == 4
        assert [edge["node"] for edge in page["edges"]] == page["nodes"]
        assert page["pageInfo"]["endCursor"] == page["edges"][-1]["cursor"]
        assert page["pageInfo"]["startCursor"] == page["edges"][0]["cursor"]
        assert page["pageInfo"]["hasPreviousPage"] is (cursor is not None)
        found += [node["id"] for node in page["nodes"]]
        cursor, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    assert found == expected
    found, cursor, more = [], None, True
    while more:
        page = (await ask(backward, n=size, c=cursor)).data["organisations"]
        assert page["pageInfo"]["startCursor"] == page["edges"][0]["cursor"]
        assert page["pageInfo"]["endCursor"] == page["edges"][-1]["cursor"]
        found = [node["id"] for node in page["nodes"]] + found
        cursor, more = page["pageInfo"]["startCursor"], page["pageInfo"]["hasPreviousPage"]
    assert found == expected


async def test_an_empty_page_has_no_cursors(ask: Any) -> None:
    asked = await ask(
        """{ organisations(first: 0) { nodes { id } totalCount
             pageInfo { hasNextPage startCursor endCursor } } }"""
    )
    assert asked.data["organisations"] == {
        "nodes": [],
        "totalCount": 4,
        "pageInfo": {"hasNextPage": True, "startCursor": None, "endCursor": None},
    }


@pytest.mark.parametrize(
    ("field", "found"),
    [
        ('penalties(filter: {fineAmountMin: "0.2"})', ["罚1"]),
        ('penalties(filter: {fineAmountMin: "0.21"})', []),
        ("penalties(filter: {penaltyTypes: [CLOSURE, WARNING]})", ["罚1"]),
        ("penalties(filter: {penaltyTypes: [CLOSURE]})", []),
        ('penalties(filter: {subject: "%s", decidedFrom: "2026-01-15"})' % A, ["罚1"]),
        ('penalties(filter: {decidedTo: "2026-01-14"})', []),
        ('licences(filter: {originRegion: "210100"})', ["许2"]),
        ("licences(filter: {licenceStatus: [IN_FORCE]})", ["许1"]),
        ('licences(filter: {issuer: "应急管理局"})', ["许2", "许1"]),
        ('records(filter: {kinds: ["licence"]})', ["许2", "许1"]),
        ('records(filter: {documentNo: "罚1"})', ["罚1"]),
    ],
)
async def test_records_are_filtered_by_envelope_and_hot_fields(
    ask: Any, field: str, found: list[str]
) -> None:
    asked = await ask("{ found: %s { totalCount nodes { documentNo } } }" % field)
    assert asked.errors == []
    assert [node["documentNo"] for node in asked.data["found"]["nodes"]] == found
    assert asked.data["found"]["totalCount"] == len(found)


async def test_null_and_absent_filters_are_no_filters(ask: Any) -> None:
    document = """query($f: PenaltyFilter, $m: Decimal) {
        a: penalties(filter: $f) { totalCount }
        b: penalties(filter: {fineAmountMin: $m}) { totalCount } }"""
    for variables in ({}, {"f": None, "m": None}, {"f": {"issuer": None}}):
        assert (await ask(document, **variables)).data == {
            "a": {"totalCount": 1},
            "b": {"totalCount": 1},
        }
    narrowed = await ask(document, f={"fineAmountMin": "5"}, m="5")
    assert narrowed.data == {"a": {"totalCount": 0}, "b": {"totalCount": 0}}


@pytest.mark.parametrize(
    ("document", "null"),
    [
        ('query($x: String = "%s") { organisation(code: $x) { name } }' % A, "code"),
        ('query($x: Int = 1) { neighbourhood(subject: "%s", hops: $x) { asOf } }' % A, "hops"),
        ('query($x: String = "penalty") { records(filter: {kinds: [$x]}) { totalCount } }', "list"),
    ],
)
async def test_null_of_a_variable_with_a_default_is_refused_where_a_value_must_stand(
    ask: Any, document: str, null: str
) -> None:
    # GraphQL §5.8.5 lets the variable stand there, §6.4.1 refuses its null.
    asked = await ask(document, "ANALYST", x=None)
    assert asked.codes == ["BAD_VARIABLE"]
    assert null in asked.errors[0]["message"]
    assert asked.data is None


async def test_node_answers_every_type_and_null_for_nonsense(ask: Any) -> None:
    asked = await ask(
        """query($o: ID!, $r: ID!) { o: node(id: $o) { id __typename ... on Organisation { name } }
           r: node(id: $r) { id ... on Penalty { documentNo } }
           x: node(id: "no id") { id } y: node(id: "T3JnYW5pc2F0aW9uOnh4") { id } }""",
        o=_id("a"),
        r=base64.b64encode(f"Penalty:{uuid5(NAMESPACE_DNS, '罚1')}".encode()).decode(),
    )
    assert asked.data["o"] == {
        "id": _id("a"),
        "__typename": "Organisation",
        "name": "本溪甲制造有限公司",
    }
    assert asked.data["r"]["documentNo"] == "罚1"
    assert asked.data["x"] is None
    assert asked.data["y"] is None


async def test_regions_and_units(ask: Any) -> None:
    asked = await ask(
        """{ regions(filter: {kind: PREFECTURE, inForce: true}) { nodes { name parent { name } } }
             units(filter: {name: "应急", isIssuer: true}) { nodes { uscc region { name } } } }"""
    )
    assert asked.data == {
        "regions": {
            "nodes": [
                {"name": "沈阳市", "parent": {"name": "辽宁省"}},
                {"name": "本溪市", "parent": {"name": "辽宁省"}},
            ]
        },
        "units": {"nodes": [{"uscc": "11210500XD0000002X", "region": {"name": "本溪市"}}]},
    }


async def test_timestamps_carry_the_offset_of_shanghai(ask: Any) -> None:
    asked = await ask("{ penalties { nodes { receivedAt subject { name } reportedName } } }")
    assert asked.data["penalties"]["nodes"] == [
        {
            "receivedAt": "2026-01-20T09:02:03+08:00",
            "subject": {"name": "本溪甲制造有限公司"},
            "reportedName": "本溪甲制造有限公司",
        }
    ]


async def test_head_office_and_branches_meet(ask: Any) -> None:
    asked = await ask(
        """{ d: organisation(code: "92210504XD00000044") { headOffice { name } }
             a: organisation(code: "%s") { headOffice { name } branches { nodes { name } } } }"""
        % A
    )
    assert asked.data["d"] == {"headOffice": {"name": "本溪甲制造有限公司"}}
    assert asked.data["a"] == {
        "headOffice": None,
        "branches": {"nodes": [{"name": "明山区丁小吃店"}]},
    }


@pytest.mark.parametrize("field", ["DECISION_DATE", "RECEIVED_AT"])
@pytest.mark.parametrize("direction", ["ASC", "DESC"])
async def test_records_are_paged_by_either_date_from_either_end(
    ask: Any, field: str, direction: str
) -> None:
    document = """query($after: String, $before: String, $first: Int, $last: Int,
                        $by: RecordOrderField!, $to: Direction!) {
        penalties(first: $first, after: $after, last: $last, before: $before,
                  orderBy: {field: $by, direction: $to}) {
            totalCount nodes { id decisionDate receivedAt } edges { cursor } } }"""
    order = {"by": field, "to": direction}
    whole = (await ask(document, "PCITY", first=50, **order)).data["penalties"]
    ids = [node["id"] for node in whole["nodes"]]
    assert len(ids) == whole["totalCount"] >= 3
    name = "decisionDate" if field == "DECISION_DATE" else "receivedAt"
    dates = [node[name] or "9999" for node in whole["nodes"]]
    assert dates == sorted(dates, reverse=direction == "DESC")
    seen: list[str] = []
    cursor = None
    for _ in ids:
        page = (await ask(document, "PCITY", first=1, after=cursor, **order)).data["penalties"]
        seen += [node["id"] for node in page["nodes"]]
        cursor = page["edges"][-1]["cursor"]
    assert seen == ids
    before = (await ask(document, "PCITY", last=2, before=cursor, **order)).data["penalties"]
    assert [node["id"] for node in before["nodes"]] == ids[-3:-1]
    other = {"by": field, "to": "ASC" if direction == "DESC" else "DESC"}
    assert (await ask(document, "PCITY", first=50, **other)).data["penalties"]["nodes"] == list(
        reversed(whole["nodes"])
    )
    assert (await ask(document, "PCITY", first=1, after=cursor, **other)).codes == [
        "CURSOR_INVALID"
    ]


async def test_regions_and_units_are_nodes(ask: Any) -> None:
    asked = await ask("{ regions(first: 2) { nodes { id name } } units { nodes { id uscc } } }")
    for one in asked.data["regions"]["nodes"]:
        again = await ask(
            "query($id: ID!) { node(id: $id) { __typename id ... on Region { name } } }",
            id=one["id"],
        )
        assert again.data["node"] == {"__typename": "Region", **one}
