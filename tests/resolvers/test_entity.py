"""Entities for gateways: many objects by key in one statement, under the rules of `node`."""

from __future__ import annotations

import base64
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

import pytest

A = "91210500XD00000011"
FIRM = """query($them: [_Any!]!) { _entities(representations: $them) {
    ... on Organisation { __typename id uscc name } ... on Penalty { __typename documentNo } } }"""
PERSON = """query($them: [_Any!]!) { _entities(representations: $them) {
    __typename ... on Person { id name } } }"""


def global_id(type_name: str, key: str) -> str:
    return base64.b64encode(f"{type_name}:{uuid5(NAMESPACE_DNS, key)}".encode()).decode()


async def test_entities_come_in_the_order_of_their_keys_in_one_statement(ask: Any) -> None:
    first = await ask('{ organisation(code: "%s") { id penalties { nodes { id } } } }' % A)  # noqa: UP031
    firm = first.data["organisation"]
    penalty = firm["penalties"]["nodes"][0]["id"]
    asked = await ask(
        FIRM,
        them=[
            {"__typename": "Penalty", "id": penalty},
            {"__typename": "Organisation", "uscc": A},
            {"__typename": "Organisation", "id": global_id("Organisation", "nobody")},
            {"__typename": "Organisation", "id": firm["id"]},
            {"__typename": "Penalty", "id": firm["id"]},
            {"__typename": "Organisation", "uscc": "91210500XD00000099\u0000"},
        ],
    )
    assert asked.errors == []
    shown = {
        "__typename": "Organisation",
        "id": firm["id"],
        "uscc": A,
        "name": "本溪甲制造有限公司",
    }
    assert asked.data["_entities"] == [
        {"__typename": "Penalty", "documentNo": "罚1"},
        shown,
        None,
        shown,
        None,
        None,
    ]
    assert asked.answer.lane == "COMPILED"
    disclosed = asked.answer.disclosure
    assert len(disclosed.records) == 16
    assert len(disclosed.subjects) == 16  # the firm, once
    assert disclosed.not_found == (
        global_id("Organisation", "nobody"),
        firm["id"],
        "91210500XD00000099\u0000",
    )
    assert "Organisation.name" in disclosed.coordinates


async def test_what_may_not_be_seen_is_null_like_what_does_not_exist(ask: Any) -> None:
    seen = await ask("{ penalties { nodes { id documentNo } } }", "PCITY")
    for one in seen.data["penalties"]["nodes"]:
        node = await ask("query($id: ID!) { node(id: $id) { id } }", id=one["id"])
        entity = await ask(FIRM, them=[{"__typename": "Penalty", "id": one["id"]}])
        assert (entity.data["_entities"] == [None]) is (node.data["node"] is None)
    hidden = [one for one in seen.data["penalties"]["nodes"] if one["documentNo"] != "罚1"]
    asked = await ask(FIRM, them=[{"__typename": "Penalty", "id": one["id"]} for one in hidden])
    assert hidden
    assert asked.data["_entities"] == [None] * len(hidden)
    assert asked.answer.disclosure.records == b""


async def test_persons_are_entities_of_one_scope_and_only_with_a_case(ask: Any) -> None:
    holders = (
        '{ organisation(code: "%s") { holders { nodes { __typename ... on Person { id } } } } }'
    )
    case = "辽案〔2026〕1号"
    found = await ask(holders % A, "ANALYST", case=case)
    ids = [
        one["id"]
        for one in found.data["organisation"]["holders"]["nodes"]
        if one["__typename"] == "Person"
    ]
    assert ids
    them = [{"__typename": "Person", "id": one} for one in ids]
    with_case = await ask(PERSON, "ANALYST", case=case, them=them)
    assert [one["id"] for one in with_case.data["_entities"]] == ids
    assert with_case.answer.disclosure.touches_persons
    for role in ("ANALYST", "PUB", "PCITY"):
        assert (await ask(PERSON, role, them=them)).data["_entities"] == [None] * len(ids)


@pytest.mark.parametrize(
    ("them", "code"),
    [
        ([{"__typename": "Organisation"}], "REPRESENTATION_INVALID"),
        ([{"__typename": "Organisation", "id": 7}], "REPRESENTATION_INVALID"),
        ([{"__typename": "Code", "id": "x"}], "REPRESENTATION_INVALID"),
        ([{"__typename": ["Organisation"], "id": "x"}], "REPRESENTATION_INVALID"),
        ([{"id": "x"}], "REPRESENTATION_INVALID"),
        ([{"__typename": "Organisation", "id": "x"}] * 101, "LIST_LIMIT"),
        (["x"], "BAD_VARIABLE"),
        ([None], "BAD_VARIABLE"),
    ],
)
async def test_what_is_no_representation_is_refused(ask: Any, them: Any, code: str) -> None:
    asked = await ask(FIRM, them=them)
    assert [error["extensions"]["code"] for error in asked.errors] == [code]


async def test_no_representations_give_no_entities(ask: Any) -> None:
    assert (await ask(FIRM, them=[])).data == {"_entities": []}


async def test_representations_may_stand_in_the_document(ask: Any) -> None:
    asked = await ask(
        "query($code: String!) { _entities(representations:"
        ' [{__typename: "Organisation", uscc: $code}]) { ... on Organisation { name } } }',
        code=A,
    )
    assert asked.data == {"_entities": [{"name": "本溪甲制造有限公司"}]}


async def test_the_subgraph_tells_its_schema(ask: Any) -> None:
    asked = await ask("{ _service { sdl } __typename }")
    sdl = asked.data["_service"]["sdl"]
    assert '@link(url: "https://specs.apollo.dev/federation/v2.9"' in sdl
    assert (
        'type Organisation implements Party & Node @key(fields: "id") @key(fields: "uscc")' in sdl
    )
    assert "_entities" not in sdl


async def test_reference_data_are_entities_by_id_and_by_code(ask: Any) -> None:
    told = (await ask("{ regions(first: 1) { nodes { id regionId } } }")).data["regions"]["nodes"][
        0
    ]
    asked = await ask(
        "query($them: [_Any!]!) { _entities(representations: $them) { ... on Region { regionId }"
        " ... on Unit { uscc } } }",
        them=[
            {"__typename": "Region", "id": told["id"]},
            {"__typename": "Region", "regionId": told["regionId"]},
            {"__typename": "Unit", "id": told["id"]},
        ],
    )
    assert asked.data["_entities"] == [{"regionId": told["regionId"]}] * 2 + [None]
    assert asked.answer.disclosure.subjects == b""
