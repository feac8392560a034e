"""Preparing operations: limits, refusals, caches, and what an answer is said to disclose."""

# ruff: noqa: UP031, E501 - GraphQL is full of braces; questions stay on one line.

from __future__ import annotations

import gc
import hashlib
from types import SimpleNamespace
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

import orjson
import pytest
from graphql import FieldNode

from resolvers.answer import Disclosure
from resolvers.context import Context
from resolvers.errors import QuestionError
from resolvers.operation import Operations
from resolvers.plan import StoredPlan
from resolvers.recent import Recent, Room
from resolvers.statement import Selected
from schema.definition import CreditSchema

A = "91210500XD00000011"


def ref(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()[:16]


@pytest.mark.parametrize(
    ("document", "code", "status"),
    [
        ("{ organisation", "GRAPHQL_PARSE_FAILED", 400),
        ("{ nobody }", "GRAPHQL_VALIDATION_FAILED", 400),
        ("{ organisation { name } }", "GRAPHQL_VALIDATION_FAILED", 400),
        ("query A { __typename } query B { __typename }", "OPERATION_NAME_REQUIRED", 400),
        ("fragment F on Query { __typename }", "GRAPHQL_VALIDATION_FAILED", 400),
        ("{ organisations(first: 101) { totalCount } }", "LIST_LIMIT", 400),
        ("{ organisations(first: -1) { totalCount } }", "BAD_SIZE", 400),
        ("{ organisations(first: 1, last: 1) { totalCount } }", "PAGING_CONFLICT", 400),
        ("{" + "a: __typename " * 5000 + "}", "DOCUMENT_TOO_LARGE", 400),
        ("{" + "a:__typename " * 4000 + "}", "TOKEN_LIMIT", 400),
        ("{" * 3000, "GRAPHQL_PARSE_FAILED", 400),
        (
            (
                '{ organisation(code: "x") { holders(first: 100) { nodes {'
                " holdings(first: 100) { nodes { name } } } } } }"
            ),
            "COST_LIMIT",
            400,
        ),
        ('{ organisations(after: "xx") { totalCount nodes { id } } }', "CURSOR_INVALID", 400),
        ('{ organisations(filter: {name: "甲"}) { totalCount } }', "NAME_TOO_SHORT", 400),
    ],
)
async def test_refusals_have_codes(ask: Any, document: str, code: str, status: int) -> None:
    asked = await ask(document)
    assert asked.codes[0] == code
    assert asked.answer.status == status
    assert not asked.data
    assert asked.answer.disclosure.subjects == b""


async def test_what_goes_wrong_inside_is_not_told(ask: Any) -> None:
    asked = await ask("{ organisations(first: %s) { totalCount } }" % ("9" * 5000))
    [error] = orjson.loads(asked.answer.body)["errors"]
    assert error["message"].startswith("Expected value of type 'Int'; found: 999")


@pytest.mark.parametrize(
    "level",
    [
        "holders(first: 1) { nodes { name ... on Organisation { %s } } }",
        "holdings(first: 1) { nodes { ... on Node { ... on Organisation { %s } } } }",
    ],
)
async def test_depth_is_limited_to_what_is_documented(ask: Any, level: str) -> None:
    """Twelve levels as the asker counts them: fields inside fields."""

    def nested(inner: str) -> str:
        for _ in range(5):
            inner = level % inner
        return '{ organisation(code: "%s") { %s } }' % (A, inner)

    within = await ask(nested("name"))
    assert (within.codes, within.answer.lane) == ([], "COMPILED")
    too_deep = await ask(nested("region { name }"))
    assert too_deep.codes == ["DEPTH_LIMIT"]
    assert "12 levels" in too_deep.errors[0]["message"]
    assert too_deep.data is None


async def test_limits_hold_for_variables(ask: Any) -> None:
    document = "query($n: Int) { organisations(first: $n) { totalCount nodes { name } } }"
    assert (await ask(document, n=101)).codes == ["LIST_LIMIT"]
    assert (await ask(document, n=-1)).codes == ["BAD_SIZE"]
    assert len((await ask(document, n=2)).data["organisations"]["nodes"]) == 2
    assert (await ask(document, "PCITY", n=101)).errors == []
    assert (await ask(document, n="x")).codes == ["BAD_VARIABLE"]
    several = "query($n: Int) { organisations(first: $n) { totalCount } regions { totalCount } }"
    for refused in (await ask(document, n=101), await ask(several, n=101)):
        assert (refused.answer.status, b'"data"' in refused.answer.body) == (400, False)


async def test_cursors_of_another_order_are_refused(ask: Any) -> None:
    page = await ask("{ organisations(first: 1) { pageInfo { endCursor } } }")
    cursor = page.data["organisations"]["pageInfo"]["endCursor"]
    asked = await ask(
        '{ organisations(orderBy: {field: USCC}, after: "%s") { nodes { id } } }' % cursor
    )
    assert asked.codes == ["CURSOR_INVALID"]
    count = "query($a: String) { organisations(%s: $a) { totalCount } }"
    assert (await ask(count % "before", a="nonsense")).codes == ["CURSOR_INVALID"]
    assert (await ask(count % "after", a=cursor)).errors == []


@pytest.mark.parametrize("text", ["\x00", "a\x00b", "\ud800", "'; DROP TABLE record; --", "%_\\"])
async def test_hostile_texts_are_only_texts(ask: Any, text: str) -> None:
    document = """query($c: String!, $n: String) { organisation(code: $c) { name }
        records(filter: {issuer: $n, documentNo: $n}) { totalCount } }"""
    asked = await ask(document, c=text, n=text)
    assert set(asked.codes) <= {"BAD_VALUE"}
    assert b"SELECT" not in asked.answer.body
    assert (await ask('{ organisation(code: "%s") { uscc } }' % A)).data["organisation"]


async def test_errors_carry_no_sql(pool: Any, operations: Operations, scope_of: Any) -> None:
    import datetime as dt

    plan = operations.prepare("{ organisations { totalCount } }", None, scope_of("PUB"))

    class Broken:
        async def fetchrow(self, *_: Any) -> Any:
            raise OSError("SELECT secret")

    answer = await plan.run(Context(Broken(), scope_of("PUB"), dt.date(2026, 1, 1), b""), {})  # type: ignore[arg-type]
    assert orjson.loads(answer.body) == {
        "data": None,
        "errors": [
            {
                "message": "the store does not answer: try later",
                "path": ["organisations"],
                "extensions": {"code": "STORE_UNAVAILABLE"},
            }
        ],
    }


async def test_plans_are_kept_per_document_name_and_scope_shape(
    operations: Operations, scope_of: Any
) -> None:
    document = "query A { organisations { totalCount } } query B { __typename }"
    one = operations.prepare(document, "A", scope_of("PUB"))
    assert operations.prepare(document, "A", scope_of("PUB")) is one
    assert operations.prepare(document, "B", scope_of("PUB")) is not one
    assert operations.prepare(document, "A", scope_of("ANALYST")) is not one
    assert operations.prepare("{ broken", None, scope_of("PUB")) is operations.prepare(
        "{ broken", None, scope_of("PUB")
    )


async def test_disclosure_names_every_subject_once_and_every_record(ask: Any) -> None:
    asked = await ask(
        """{ organisation(code: "%s") { name holders { nodes { name } edges { holder { name } } }
             penalties { nodes { documentNo subject { name } } } } }"""
        % A
    )
    told = asked.answer.disclosure
    parts = {told.subjects[i : i + 16] for i in range(0, len(told.subjects), 16)}
    assert parts == {ref("a"), ref("b"), ref("p")}
    assert len(told.subjects) == 48
    assert told.records == uuid5(NAMESPACE_DNS, "罚1").bytes
    assert "Organisation.name" in told.coordinates
    assert "Penalty.documentNo" in told.coordinates
    assert "Person.name" in told.masked


async def test_a_list_of_records_discloses_their_subjects(ask: Any) -> None:
    asked = await ask("{ penalties { nodes { documentNo } } }")
    assert asked.answer.disclosure.subjects == ref("a")
    assert len(asked.answer.disclosure.records) == 16
    counted = await ask("{ penalties { totalCount } }")
    assert counted.answer.disclosure.records == b""


@pytest.mark.parametrize(
    ("document", "about"),
    [
        ('{ persons(filter: {name: "x"}) { totalCount } }', True),
        ('{ person(id: "x") { name } }', True),
        (
            "{ organisations { nodes { ...F } } } fragment F on Party { ... on Person { positions { totalCount } } }",
            True,
        ),
        (
            "{ organisations { nodes { holders { nodes { name } } officers { edges { person { name } } } } } }",
            False,
        ),
        ("{ regions { totalCount } }", False),
    ],
)
async def test_questions_about_persons_are_known_before_they_run(
    operations: Operations, scope_of: Any, document: str, about: bool
) -> None:
    assert operations.prepare(document, None, scope_of("ANALYST")).touches_persons is about


async def test_lanes_are_merged_in_document_order(ask: Any) -> None:
    asked = await ask(
        """query Q { kinds { name fields { name codes { value } } } q: __typename
           organisation(code: "%s") { uscc } __type(name: "Penalty") { name kind }
           again: organisation(code: "x") { uscc } }"""
        % A
    )
    assert list(asked.data) == ["kinds", "q", "organisation", "__type", "again"]
    assert asked.data["q"] == "Query"
    assert {"licence", "penalty"} <= {kind["name"] for kind in asked.data["kinds"]}
    assert asked.data["__type"] == {"name": "Penalty", "kind": "OBJECT"}
    assert asked.answer.lane == "MIXED"
    assert asked.answer.disclosure.not_found == ("x",)


async def test_searches_beside_the_statement_are_few_per_question(ask: Any) -> None:
    one = 'n%d: neighbourhood(subject: "x") { position }'
    asked = await ask("{ " + " ".join(one % number for number in range(9)) + " }")
    assert asked.codes == ["COST_LIMIT"]


async def test_lists_and_roots_side_by_side_are_bounded(ask: Any) -> None:
    for one in ("organisations { totalCount }", 'organisation(code: "x") { name }'):
        for count, codes in ((60, []), (61, ["ROOT_LIMIT"])):
            asked = await ask("{ " + " ".join(f"a{i}: {one}" for i in range(count)) + " }")
            assert asked.codes == codes
    one = 'c%d: organisation(code: "x") { ' + "licences { totalCount }" + " }"
    asked = await ask("{ " + " ".join(one % number for number in range(31)) + " }")
    assert asked.codes == ["COST_LIMIT"]


async def test_plain_variables_are_checked_like_all_others(ask: Any) -> None:
    document = "query($c: String!, $n: Int) { organisation(code: $c) { name } organisations(first: $n) { totalCount } }"
    assert (await ask(document, c=A, n=1)).data["organisation"]["name"] == "本溪甲制造有限公司"
    assert (await ask(document, c=A)).data["organisations"]["totalCount"] > 0
    assert (await ask(document, c=A, n=None)).errors == []
    for wrong in (
        {"c": None},
        {"n": 1},
        {"c": 1},
        {"c": A, "n": "1"},
        {"c": A, "n": True},
        {"c": A, "n": 2**31},
    ):
        assert (await ask(document, **wrong)).codes == ["BAD_VARIABLE"], wrong
    assert (await ask(document, c=A, n=1, other={})).errors == []


async def test_an_answer_names_the_version_of_the_data_it_read(ask: Any) -> None:
    read = await ask('{ organisation(code: "%s") { name } }' % A)
    assert int(read.answer.data_version) > 0
    assert (await ask("{ __typename }")).answer.data_version == ""


async def test_the_standard_introspection_query_is_answered(ask: Any) -> None:
    from graphql import build_client_schema, get_introspection_query, print_schema

    asked = await ask(get_introspection_query(descriptions=True))
    assert asked.errors == []
    assert "type Penalty implements Record & Node" in print_schema(build_client_schema(asked.data))


async def test_a_plan_does_not_wear_out(ask: Any) -> None:
    document = "{ kinds { name label fields { name label type nationalIds codes { value } } } }"
    for _ in range(200):
        asked = await ask(document)
    assert asked.errors == []


def test_what_is_kept_is_bounded_by_number_and_weight() -> None:
    kept: Recent[str] = Recent(3, 100)
    for name in "abcd":
        kept.put(name, name, 10)
    assert kept.get("a") is None
    assert kept.get("b") == "b"
    kept.put("e", "e", 95)
    assert [kept.get(name) for name in "bcd"] == [None, None, None]
    assert kept.get("e") == "e"


def test_what_was_compiled_first_makes_room() -> None:
    room = Room(100)
    first: dict[Any, Any] = {}
    second: dict[Any, Any] = {}
    for shapes, key, characters in (
        (first, 1, 40),
        (second, 1, 40),
        (first, 2, 40),
        (first, 3, 200),
    ):
        shapes[key] = "compiled"
        room.hold(shapes, key, characters)
        if key == 2:
            assert (set(first), set(second)) == ({2}, {1})
    assert (set(first), set(second)) == ({3}, set())


def test_what_was_asked_once_leaves_nothing_behind(credit: CreditSchema, scope_of: Any) -> None:
    operations = Operations(credit, size=1, compiled=1)
    scope = scope_of("PUB")

    def ask(number: int) -> None:
        for lists in (10, 31):  # the second is refused: at most 60 lists and roots at once
            fields = " ".join(
                f'a{number}_{n}: organisation(code: "{n}") {{ penalties(first: 3) {{ nodes {{ id }} }} }}'
                for n in range(lists)
            )
            plan = operations.prepare(f"{{ {fields} }}", None, scope)
            assert isinstance(plan, StoredPlan)
            values = plan.variables.values({})
            assert not isinstance(values, list)
            assert isinstance(plan._remember(number, values), QuestionError) == (lists == 31)

    def nodes() -> int:
        return sum(isinstance(one, FieldNode | Selected) for one in gc.get_objects())

    ask(0)
    gc.collect()
    gc.disable()  # nothing waits for the collector of cycles, which seldom looks
    try:
        before = nodes()
        for number in range(1, 6):
            ask(number)
        assert nodes() <= before + 10
    finally:
        gc.enable()


async def test_a_field_that_must_have_a_value_and_has_none_takes_the_whole_answer(
    ask: Any,
) -> None:
    # GraphQL §6.4.4: clients made from the schema take no null for `Analysis!`.
    stored = 'regions { totalCount } o: organisation(code: "?") { name }'
    refused = await ask("{ %s analysis(measures: [ORGANISATIONS]) { asOf } }" % stored, "AUDITOR")
    assert (refused.data, refused.codes) == (None, ["FORBIDDEN"])
    assert refused.errors[0]["path"] == ["analysis"]
    assert refused.answer.disclosure == Disclosure()
    partly = await ask("{ %s workQueue { totalCount } }" % stored, "ANALYST")
    assert partly.codes == ["FORBIDDEN"]
    assert partly.data["workQueue"] is None
    assert partly.data["regions"]["totalCount"] > 0


@pytest.mark.parametrize(
    ("document", "role", "code"),
    [
        ("{ accessEntries { nodes { index } } }", "PUB", "FORBIDDEN"),
        ('{ accessEntries(after: "bm8=") { nodes { index } } }', "AUDITOR", "CURSOR_INVALID"),
    ],
)
async def test_of_who_was_refused_nothing_is_kept(
    ask: Any, document: str, role: str, code: str
) -> None:
    def kept() -> int:
        gc.collect()
        return sum(isinstance(one, Context) for one in gc.get_objects())

    async def refused() -> list[str]:
        codes: list[str] = (await ask(document, role, access=SimpleNamespace(logs=()))).codes
        return codes

    assert await refused() == [code]
    before = kept()
    for _ in range(3):
        await refused()
    assert kept() <= before
