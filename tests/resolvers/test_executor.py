"""The executor lane: what no statement answers is answered field by field, with the same rules."""

# ruff: noqa: UP031 - GraphQL is full of braces.

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest

from resolvers.answer import Lane
from resolvers.compiler import routines
from resolvers.context import Context
from resolvers.executor.budget import Budget
from resolvers.executor.lane import ExecutorLane
from resolvers.executor.rows import Rows
from resolvers.lane_count import Reason
from resolvers.operation import Operations
from schema.definition import CreditSchema

from .conftest import TODAY, uid

A = "91210500XD00000011"
ROOT = Path(__file__).parents[2]


def test_every_stored_field_has_a_resolver(credit: CreditSchema) -> None:
    """A stored field that is added needs both lanes: docs/lanes.md says how."""
    roots = [name.removeprefix("Query.") for name in routines(credit.kinds) if "Query." in name]
    missing = ExecutorLane(credit).missing(roots)
    assert not missing, "\n".join(f"give the executor lane a resolver for {m}" for m in missing)


@pytest.mark.parametrize("page", ["api", "catalogue", "recognition", "search"])
async def test_stored_data_of_the_documentations_questions_is_compiled(
    pool: Any, credit: CreditSchema, scope_of: Any, page: str
) -> None:
    operations, scope = Operations(credit), scope_of("STEWARD")
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    documents = re.findall(r"```graphql\n(.*?)```", text, re.DOTALL)
    assert documents
    given = {"code": A, "since": "2026-01-01", "text": "甲制造"}
    for document in documents:
        context = Context(pool, scope, TODAY, b"k" * 32, region="210500")
        answer = await operations.prepare(document, None, scope).run(context, given)
        assert "BAD_VARIABLE" not in answer.errors, document
    assert {reason for _, reason, _ in operations.counts} <= {Reason.STORED, Reason.PARTS}
    assert sum(count for _, _, count in operations.counts) == len(documents)


class _Refusing:
    """A pool whose PostgreSQL does not take the compiler's statements."""

    def __init__(self, pool: Any, error: Exception) -> None:
        self._pool = pool
        self._error = error
        self.refused = 0

    async def fetch(self, sql: str, *values: Any) -> Any:
        return await self._pool.fetch(sql, *values)

    async def fetchrow(self, *_: Any) -> Any:
        self.refused += 1
        raise self._error


async def _ask(operations: Operations, scope: Any, pool: Any, document: str) -> Any:
    answer = await operations.prepare(document, None, scope).run(
        Context(pool, scope, TODAY, b"k" * 32), {}
    )
    return answer, orjson.loads(answer.body)


async def test_a_statement_that_the_store_does_not_take_is_remembered(
    pool: Any, credit: CreditSchema, scope_of: Any
) -> None:
    operations, scope = Operations(credit), scope_of("PUB")
    refusing = _Refusing(pool, asyncpg.StatementTooComplexError("stack depth limit exceeded"))
    document = '{ kinds { name } organisation(code: "%s") { uscc name } __typename }' % A
    for _ in range(2):
        answer, told = await _ask(operations, scope, refusing, document)
        assert answer.lane is Lane.EXECUTOR
        assert list(told["data"]) == ["kinds", "organisation", "__typename"]
        assert told["data"]["organisation"] == {"uscc": A, "name": "本溪甲制造有限公司"}
    assert refusing.refused == 1
    assert operations.counts.of(Lane.EXECUTOR, Reason.REFUSED_BY_STORE) == 2


@pytest.mark.parametrize("error", [asyncpg.InvalidTextRepresentationError("x"), OverflowError()])
async def test_a_read_that_failed_is_run_again_field_by_field(
    pool: Any, credit: CreditSchema, scope_of: Any, error: Exception
) -> None:
    operations, scope = Operations(credit), scope_of("PUB")
    refusing = _Refusing(pool, error)
    document = '{ organisation(code: "%s") { uscc } }' % A
    for expected in (1, 2):
        answer, told = await _ask(operations, scope, refusing, document)
        assert told == {"data": {"organisation": {"uscc": A}}}
        assert answer.disclosure.rows == 1
        assert refusing.refused == expected
    assert operations.counts.of(Lane.EXECUTOR, Reason.FAILED) == 2


async def test_a_store_that_is_away_is_not_asked_again(
    pool: Any, credit: CreditSchema, scope_of: Any
) -> None:
    operations, scope = Operations(credit), scope_of("PUB")
    refusing = _Refusing(pool, ConnectionRefusedError())
    document = '{ organisation(code: "%s") { uscc } }' % A
    _, told = await _ask(operations, scope, refusing, document)
    assert [error["extensions"]["code"] for error in told["errors"]] == ["STORE_UNAVAILABLE"]


async def test_an_error_of_one_field_leaves_the_others(
    pool: Any, credit: CreditSchema, scope_of: Any
) -> None:
    operations = Operations(credit, compiles=False)
    document = '{ a: node(id: "x") { id } b: person(id: "1", code: "2") { id } __typename }'
    _, told = await _ask(operations, scope_of("PUB"), pool, document)
    assert told["data"] == {"a": None, "b": None, "__typename": "Query"}
    assert [(e["path"], e["extensions"]["code"]) for e in told["errors"]] == [
        (["b"], "FILTER_REQUIRED")
    ]


async def test_what_would_read_too_much_is_refused(
    pool: Any, credit: CreditSchema, scope_of: Any
) -> None:
    operations = Operations(credit, compiles=False)
    operations.executor = ExecutorLane(credit, rows=10)
    document = "{ organisations { totalCount } records { totalCount } __typename }"
    _, told = await _ask(operations, scope_of("STEWARD"), pool, document)
    assert told["data"] is None
    assert {error["extensions"]["code"] for error in told["errors"]} == {"COST_LIMIT"}


async def test_who_gives_up_a_read_does_not_end_it_for_others(
    pool: Any, credit: CreditSchema
) -> None:
    """An error at a field that must not be null ends what was asked beside it."""
    rows = Rows(pool, credit.kinds, Budget())
    one, other = (asyncio.create_task(rows.organisation(uid("a"))) for _ in range(2))
    await asyncio.sleep(0)
    one.cancel()
    found = await other
    assert found is not None
    assert found["uscc"] == A
