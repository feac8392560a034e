"""The second wall: what a database role holds back whatever the statement asks.

Statements of the widest scopes are run straight in SQL behind the walls of narrower readers. What
is expected follows from the rows of the town as its owner reads them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import asyncpg
import orjson
import pytest

from resolvers.context import Call, Context
from resolvers.operation import Operations
from security.policy import Role, Scope
from store.wall import Wall
from tests.resolvers.conftest import TODAY
from tests.resolvers.walled import Walled

EVERYTHING = """
{ records(first: 100) { totalCount nodes { documentNo } }
  penalties(first: 100) { totalCount nodes { documentNo } }
  organisations(first: 100) { nodes { uscc
    penalties(first: 20) { totalCount nodes { documentNo } }
    holders(first: 20) { nodes { __typename } } } } }
"""
_DISPLAYED = """
SELECT document_no FROM record
 WHERE class = 'O' AND status = 'VALID' AND display_from <= $1
   AND (display_until IS NULL OR $1 < display_until)
   AND (display_ended_on IS NULL OR $1 < display_ended_on)
   AND (subject_category <> 'NATURAL_PERSON' OR kind = 'court_defaulter')
"""
_OFFICES = "SELECT document_no FROM record WHERE status = 'VALID' AND class <> 'I'"


async def straight(
    pool: Any, operations: Operations, scope: Scope, wall: Role, day: dt.date = TODAY
) -> Any:
    """The answer of a scope's statement, run behind the wall of another role."""
    plan: Any = operations.prepare(EVERYTHING, None, scope)
    context = Context(pool, scope, day, b"k" * 32)
    await plan.run(context, {})
    [shape] = plan._shapes.values()
    values = [bind(Call(context, {})) for bind in shape.compiled.binds]
    row = await Walled(pool, wall, day).fetchrow(shape.compiled.sql, *values)
    assert row is not None
    return [orjson.loads(one) for one in shape.compiled.found(iter(row))]


def numbers(found: Any) -> set[str]:
    told = orjson.dumps(found).decode()
    return {part.split('"')[1] for part in told.split('"documentNo":')[1:] if part[0] == '"'}


@pytest.fixture
async def truth(pool: asyncpg.Pool[Any]) -> Callable[..., Any]:
    async def read(sql: str, *values: Any) -> set[str]:
        return {row[0] for row in await pool.fetch(sql, *values) if row[0]}

    return read


@pytest.mark.parametrize("wide", ["STEWARD", "ANALYST", "SUPERVISOR"])
async def test_a_wrong_scope_shows_the_public_no_more_than_is_on_display(
    pool: asyncpg.Pool[Any],
    operations: Operations,
    scope_of: Callable[..., Scope],
    truth: Callable[..., Any],
    wide: str,
) -> None:
    scope = scope_of(wide, case="案1")
    everything = numbers(await straight(pool, operations, scope, Role.STEWARD))
    shown = await truth(_DISPLAYED, TODAY)
    found = numbers(await straight(pool, operations, scope, Role.PUB))
    assert everything - shown, "the scope is no wider: this proves nothing"
    assert found
    assert found <= shown


async def test_no_office_reads_what_is_internal_by_a_wrong_scope(
    pool: asyncpg.Pool[Any],
    operations: Operations,
    scope_of: Callable[..., Scope],
    truth: Callable[..., Any],
) -> None:
    scope = scope_of("STEWARD", case="案1")
    shown = await truth(_OFFICES)
    everything = numbers(await straight(pool, operations, scope, Role.STEWARD))
    assert everything - shown, "nothing internal is there: this proves nothing"
    for role in (Role.ANALYST, Role.DEPT, Role.PCITY, Role.AGENT, Role.SELF, Role.SUPERVISOR):
        assert numbers(await straight(pool, operations, scope, role)) <= shown


async def test_the_wall_judges_by_the_day(
    pool: asyncpg.Pool[Any],
    operations: Operations,
    scope_of: Callable[..., Scope],
    truth: Callable[..., Any],
) -> None:
    scope, early = scope_of("STEWARD"), dt.date(2024, 5, 1)
    found = numbers(await straight(pool, operations, scope, Role.PUB, early))
    assert found <= await truth(_DISPLAYED, early)
    assert found != numbers(await straight(pool, operations, scope, Role.PUB))


async def test_every_table_is_closed_that_is_not_named(pool: asyncpg.Pool[Any]) -> None:
    open_to = {
        wall: {
            row[0]
            for row in await pool.fetch(
                "SELECT c.relname FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm')"
                " AND c.relnamespace = 'public'::regnamespace"
                " AND has_table_privilege($1, c.oid, 'SELECT')",
                wall,
            )
        }
        for wall in Wall
    }
    for wall, tables in open_to.items():
        assert "record" in tables, wall
        assert not tables & {
            "access_pending", "access_sealed", "access_subject", "approval", "authorisation",
            "batch_rejected", "caller", "case_matter", "evidence", "feed_payload", "key_registry",
            "nonce", "organisation_version", "record_version",
        }, wall  # fmt: skip
        changes = await pool.fetchval(
            "SELECT count(*) FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace"
            " AND c.relkind IN ('r', 'p')"
            " AND has_table_privilege($1, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')",
            wall,
        )
        assert changes == 0, wall
    # Of former statements of a registry offices read the capital: shares as known at a past time.
    assert "stated_capital" in open_to[Wall.GOVERNMENT] - open_to[Wall.PUBLIC]


async def test_without_its_policy_the_wall_is_open(
    pool: asyncpg.Pool[Any], truth: Callable[..., Any]
) -> None:
    """What the tests above rest on: it is the policy that holds back, and nothing else."""
    shown = await truth(_DISPLAYED, TODAY)
    everything = await truth("SELECT document_no FROM record")
    async with pool.acquire() as connection:
        change = connection.transaction()
        await change.start()
        try:
            await connection.execute("ALTER TABLE record DISABLE ROW LEVEL SECURITY")
            await connection.execute(f"SET LOCAL ROLE {Wall.PUBLIC}")
            rows = await connection.fetch("SELECT document_no FROM record")
        finally:
            await change.rollback()
    assert {row[0] for row in rows if row[0]} == everything > shown
