"""The cost of a question is known before it runs, and bounds what it may return."""

# ruff: noqa: E501 - questions stay on one line.

from __future__ import annotations

from typing import Any

import pytest
from graphql import get_nullable_type, is_list_type

from resolvers.context import Context
from resolvers.cost import _declared
from resolvers.operation import Operations
from resolvers.part import PARTS
from schema.definition import CreditSchema

A = "91210500XD00000011"
FIRM = f'organisation(code: "{A}")'


@pytest.mark.parametrize(
    ("document", "variables", "cost"),
    [
        ("{ __typename }", {}, 0),
        ("{ " + FIRM + " { name uscc } }", {}, 1),
        ("{ a: " + FIRM + " { name } b: " + FIRM + " { name } }", {}, 2),
        ("{ " + FIRM + " { name } ...F } fragment F on Query { " + FIRM + " { uscc } }", {}, 1),
        ("{ organisations { totalCount } }", {}, 1),
        ("{ organisations { nodes { name } } }", {}, 21),
        ("{ organisations(first: 3) { nodes { name } edges { node { name } } } }", {}, 10),
        ("{ organisations(last: 5) { nodes { name } } }", {}, 6),
        ("{ organisations(first: 100) { nodes { name licences(first: 5) { nodes { documentNo } } } } }", {}, 701),
        ("query($n: Int) { organisations(first: $n) { nodes { name } } }", {"n": 7}, 8),
        ("query($n: Int) { organisations(first: $n) { nodes { name } } }", {}, 21),
        ("query($n: Int = 2) { organisations(first: $n) { nodes { name } } }", {}, 3),
        (
            "query($n: Int, $m: Int) { organisations(first: $n) { nodes { licences(first: $m) { nodes { id } } penalties(first: $n) { nodes { id } } } } }",
            {"n": 4, "m": 3},
            1 + 4 * (1 + (1 + 3) + (1 + 4)),
        ),
        ("query($b: Boolean!) { organisations @include(if: $b) { nodes { name } } " + FIRM + " { name } }", {"b": False}, 1),
        ("{ organisations @skip(if: true) { nodes { name } } }", {}, 0),
        ("{ records(first: 2) { nodes { ... on Penalty { subject { name } } ... on Licence { documentNo } id } } }", {}, 5),
        # A long text costs 1 for each 1,000 characters that it may have, further values 1 for each 20.
        ("{ organisations(first: 3) { nodes { name businessScope } } }", {}, 1 + 3 * (1 + 4)),
        ("{ licences(first: 3) { nodes { a: content b: content } } }", {}, 1 + 3 * (1 + 8)),
        ("{ " + FIRM + " { " + " ".join(f"k{i}: name" for i in range(20)) + " } }", {}, 1),
        ("{ " + FIRM + " { " + " ".join(f"k{i}: name" for i in range(41)) + " } }", {}, 3),
        (
            "{ records(first: 2) { nodes { id ... on Penalty { " + " ".join(f"k{i}: id" for i in range(19)) + " } ... on Licence { "
            + " ".join(f"l{i}: id" for i in range(20)) + " } } } }",
            {},
            1 + 2 * 2,
        ),
        ("{ search(text: \"本溪\", first: 2) { nodes { name } } }", {}, 23),
        ("{ subjects { name } }", {}, 100),
        ("{ analysis(measures: [ORGANISATIONS]) { base } }", {}, 1001),
        ("{ __schema { types { name } } }", {}, 4000),
        ("{ __type(name: \"Penalty\") { name } kinds { name } }", {}, 500 + 20 + 30),
        ("query($r: [_Any!]!) { _entities(representations: $r) { ... on Organisation { name } } }", {"r": [{"__typename": "Organisation", "uscc": A}] * 3}, 3),
    ],
)  # fmt: skip
async def test_the_cost_is_that_of_the_objects_that_may_be_returned(
    ask: Any, document: str, variables: dict[str, Any], cost: int
) -> None:
    asked = await ask(document, **variables)
    assert asked.errors == []
    assert asked.answer.cost == cost


async def test_one_plan_prices_each_call_by_its_variables(
    ask: Any, operations: Operations, scope_of: Any
) -> None:
    document = """query($n: Int!) { organisations(first: $n) { nodes {
        holders(first: $n) { nodes { name } edges { shareMin } } } } }"""
    plan: Any = operations.prepare(document, None, scope_of("PUB"))
    for n in (0, 1, 10):
        assert (await ask(document, n=n)).answer.cost == 1 + n * (2 + 2 * n)
    assert (await ask(document, n=60)).codes == ["COST_LIMIT"]
    assert (await ask(document, "ANALYST", n=60)).errors == []
    assert (await ask(document, n=101)).codes == ["COST_LIMIT"]
    assert (await ask(document, n=-5)).codes == ["BAD_SIZE"]
    assert len(plan._shapes) == 1


class Purse:
    """An allowance of so much in all."""

    def __init__(self, left: int) -> None:
        self.ceiling, self.left = 1_000, left
        self.settled: list[int] = []

    def spend(self, cost: int, /) -> float:
        if cost > self.left:
            return 4.2
        self.left -= cost
        return 0.0

    def settle(self, cost: int, /) -> None:
        self.settled.append(cost)


async def test_a_question_is_paid_before_it_is_read_and_refused_when_the_budget_is_spent(
    pool: Any, operations: Operations, scope_of: Any
) -> None:
    import datetime as dt

    scope, purse = scope_of("PUB"), Purse(50)
    context = Context(pool, scope, dt.date(2026, 6, 30), b"k" * 32, allowance=purse)
    plan = operations.prepare("{ organisations { nodes { name } } kinds { name } }", None, scope)
    refused = await plan.run(context, {})
    assert (refused.status, refused.errors, refused.wait) == (429, ("COST_BUDGET",), 4.2)
    assert b"data" not in refused.body
    assert purse.left == 50
    small = operations.prepare("{ organisations { nodes { name } } }", None, scope)
    assert [(await small.run(context, {})).status for _ in range(3)] == [200, 200, 429]
    assert purse.left == 8
    assert purse.settled == [21, 21]
    failing = operations.prepare('{ search(text: "a") { totalCount } }', None, scope)
    context.allowance = Purse(50)
    assert (await failing.run(context, {})).errors == ("NAME_TOO_SHORT",)
    assert context.allowance.settled == [21]


async def test_the_schema_can_be_closed_to_the_public(
    credit: CreditSchema, scope_of: Any, pool: Any
) -> None:
    import datetime as dt

    closed = Operations(credit, public_introspection=False)
    for document, role, errors in (
        ("{ __schema { types { name } } }", "PUB", ("INTROSPECTION_CLOSED",)),
        ('{ a: __type(name: "Query") { name } }', "PUB", ("INTROSPECTION_CLOSED",)),
        ("{ a: _service { sdl } }", "PUB", ("INTROSPECTION_CLOSED",)),
        ("{ __typename }", "PUB", ()),
        ("{ __schema { types { name } } }", "ANALYST", ()),
    ):
        scope = scope_of(role)
        context = Context(pool, scope, dt.date(2026, 6, 30), b"k" * 32)
        answer = await closed.prepare(document, None, scope).run(context, {})
        assert answer.errors == errors


def test_a_gateway_reads_in_the_schema_what_each_search_costs(credit: CreditSchema) -> None:
    query = credit.graphql.query_type
    assert query is not None
    undeclared = [name for name in PARTS if not _declared(query.fields[name])[0]]
    assert undeclared == ["_service"]


def test_the_sizes_that_the_schema_declares_are_of_its_lists(credit: CreditSchema) -> None:
    for type_ in credit.graphql.type_map.values():
        for name, field in getattr(type_, "fields", {}).items():
            _, size = _declared(field) if hasattr(field, "args") else (None, None)
            if size is None:
                assert not {"first", "after"} <= set(getattr(field, "args", {})), name
                continue
            of = get_nullable_type(field.type)
            named = set(size.sized_fields or ())
            lists = set() if is_list_type(of) else set(of.fields)
            fits = not named if is_list_type(of) else named and named <= lists
            assert fits, f"{type_.name}.{name}: name its lists, `compiled(…, rows=…)`"
            assert set(size.slicing_arguments or ()) <= set(field.args)
