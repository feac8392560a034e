"""The work queue through the API: stewards read it, nobody else learns that it has anything."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import orjson
import pytest

from resolvers.context import Context
from resolvers.operation import Operations
from schema.records import kinds
from security.policy import Scope
from store import decision as decisions
from store.errors import StoreError
from store.intake import import_paths
from store.pool import open_pool
from store.reference import load_reference
from store.submission import Whose, receive, submission, submissions
from store.wall import raise_walls
from tests.resolvers.walled import Walled
from tests.store.conftest import BENXI, TODAY, FixedCipher
from tests.store.test_intake import ISSUER, penalty

PAGE = """
query Q($unit: String, $code: String, $state: TaskState! = OPEN, $first: Int, $after: String) {
  workQueue(unit: $unit, code: $code, state: $state, first: $first, after: $after) {
    totalCount
    pageInfo { hasNextPage endCursor }
    nodes { code severity state kind field unit { uscc name } fileName line recordId closedBy }
  }
}
"""


@pytest.fixture
async def queue(database: str, tmp_path: Path) -> AsyncIterator[asyncpg.Pool[Any]]:
    """A database with three open tasks of one unit."""
    rows = [penalty(行政处罚决定书文号=f"{i}号", 公示截止期="2099-12-31") for i in range(2)]
    rows.append(penalty(行政处罚决定书文号="丙", 处罚决定日期="2025-13-01"))
    path = tmp_path / "p.csv"
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    pool = await open_pool(database, max_size=2, answering=True)
    async with pool.acquire() as connection:
        await raise_walls(connection, kinds())
    try:
        await import_paths(
            pool,
            [path],
            kinds=kinds(),
            cipher=FixedCipher(),
            region=BENXI,
            platform="benxi",
            today=TODAY,
            report_dir=tmp_path / "reports",
        )
        yield pool
    finally:
        await pool.close()


async def _asked(
    operations: Operations, scope: Scope, pool: asyncpg.Pool[Any], **variables: Any
) -> dict[str, Any]:
    plan = operations.prepare(PAGE, None, scope)
    answer = await plan.run(
        Context(Walled(pool, scope.role, TODAY), scope, TODAY, b"k" * 32), variables
    )
    told: dict[str, Any] = orjson.loads(answer.body)
    return told


async def test_a_steward_reads_tasks_with_their_unit_and_place(
    queue: asyncpg.Pool[Any], operations: Operations, scope_of: Callable[..., Scope]
) -> None:
    told = await _asked(operations, scope_of("STEWARD"), queue)
    page = told["data"]["workQueue"]
    assert page["totalCount"] == 3
    assert sorted((n["code"], n["line"], n["recordId"] is None) for n in page["nodes"]) == [
        ("DATE_INVALID", 4, True),
        ("PUB_DEADLINE_OPEN", 2, False),
        ("PUB_DEADLINE_OPEN", 3, False),
    ]
    assert {orjson.dumps(n["unit"]) for n in page["nodes"]} == {
        orjson.dumps({"uscc": ISSUER, "name": "本溪市市场监督管理局"})
    }
    assert {(n["kind"], n["fileName"], n["state"]) for n in page["nodes"]} == {
        ("penalty", "p.csv", "OPEN")
    }


async def test_it_is_filtered_by_unit_code_and_state(
    queue: asyncpg.Pool[Any], operations: Operations, scope_of: Callable[..., Scope]
) -> None:
    scope = scope_of("STEWARD")

    async def count(**variables: Any) -> int:
        told = await _asked(operations, scope, queue, **variables)
        total: int = told["data"]["workQueue"]["totalCount"]
        return total

    assert await count(unit=ISSUER) == 3
    assert await count(unit="91210500XD0000019X") == 0
    assert await count(code="DATE_INVALID") == 1
    assert await count(state="CLOSED") == 0
    await queue.execute("UPDATE quality_issue SET closed_at = now() WHERE kind = 'DATE_INVALID'")
    assert (await count(), await count(state="CLOSED")) == (2, 1)


async def test_pages_follow_one_another(
    queue: asyncpg.Pool[Any], operations: Operations, scope_of: Callable[..., Scope]
) -> None:
    scope, seen, after = scope_of("STEWARD"), [], None
    for _ in range(3):
        told = await _asked(operations, scope, queue, first=1, after=after)
        page = told["data"]["workQueue"]
        seen += [node["line"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
    assert sorted(seen) == [2, 3, 4]
    assert not page["pageInfo"]["hasNextPage"]
    told = await _asked(operations, scope, queue, first=None, after=None)
    assert len(told["data"]["workQueue"]["nodes"]) == 3
    for cursor in ("bm9uZQ==", ""):
        told = await _asked(operations, scope, queue, after=cursor)
        assert told["errors"][0]["extensions"]["code"] == "CURSOR_INVALID"


@pytest.mark.parametrize("role", ["STEWARD", "DEPT"])
async def test_a_district_reads_the_tasks_of_its_own_units(
    queue: asyncpg.Pool[Any], operations: Operations, scope_of: Callable[..., Scope], role: str
) -> None:
    await load_reference(queue, demo=True)  # type: ignore[arg-type]
    await queue.execute(
        "UPDATE quality_issue SET unit_id = '11210504XDW09FQ95M' WHERE kind = 'DATE_INVALID'"
    )

    async def codes(district: str, **variables: Any) -> tuple[int, list[str]]:
        told = await _asked(operations, scope_of(role, district=district), queue, **variables)
        page = told["data"]["workQueue"]
        return page["totalCount"], [node["code"] for node in page["nodes"]]

    assert await codes("210504") == (1, ["DATE_INVALID"])
    assert await codes("210505") == (0, [])
    assert await codes("210500") == (2, ["PUB_DEADLINE_OPEN"] * 2)
    assert await codes("210504", unit=ISSUER) == (0, [])  # asking for another unit widens nothing
    assert await codes("nowhere") == (0, [])


async def test_of_barred_subjects_neither_tasks_nor_decisions_are_read(
    queue: asyncpg.Pool[Any], operations: Operations, scope_of: Callable[..., Scope]
) -> None:
    record, subject = await queue.fetchrow("SELECT record_id, subject_id FROM record LIMIT 1")
    former, foreign = uuid4(), uuid4()  # it was known as another one before
    await queue.execute(
        "INSERT INTO subject (subject_id, category, merged_into, audit_ref)"
        " VALUES ($1, 'LEGAL_ENTITY', $2, $3), ($4, 'LEGAL_ENTITY', NULL, $5)",
        former, subject, former.bytes, foreign, foreign.bytes,
    )  # fmt: skip
    await decisions.propose(queue, record, "REPAIR", b"x", "steward", uuid4())
    for barred, seen in ((subject, False), (former, False), (foreign, True)):
        told = await _asked(operations, scope_of("STEWARD", barred=frozenset({barred})), queue)
        page = told["data"]["workQueue"]
        codes = sorted(node["code"] for node in page["nodes"])
        assert codes == ["DATE_INVALID"] + ["PUB_DEADLINE_OPEN"] * 2 * seen
        assert page["totalCount"] == len(codes)
        listed = await decisions.decisions(queue, None, 10, frozenset({barred}), None)
        assert len(listed) == seen
        deciding = decisions.demand_decidable(queue, record, BENXI, frozenset({barred}), None)
        if seen:
            assert await deciding == [subject]
        else:
            with pytest.raises(StoreError, match="No record has this id"):
                await deciding


async def test_a_steward_of_a_district_decides_on_records_of_its_subjects_alone(
    queue: asyncpg.Pool[Any],
) -> None:
    await load_reference(queue, demo=True)  # type: ignore[arg-type]
    record, subject = await queue.fetchrow("SELECT record_id, subject_id FROM record LIMIT 1")
    await decisions.propose(queue, record, "REPAIR", b"x", "steward", uuid4())
    for region in ("210504", None):
        await queue.execute(
            "UPDATE organisation SET region_id = $2 WHERE subject_id = $1", subject, region
        )
        for district in (None, "210500", "210504", "210505"):
            seen = district is None or (region is not None and district != "210505")
            listed = await decisions.decisions(queue, None, 10, frozenset(), district)
            assert len(listed) == seen, (region, district)
            deciding = decisions.demand_decidable(queue, record, BENXI, frozenset(), district)
            if seen:
                assert await deciding == [subject]
            else:
                with pytest.raises(StoreError, match="No record has this id"):
                    await deciding


async def test_a_steward_of_a_district_reads_the_reports_of_its_units_and_its_own(
    queue: asyncpg.Pool[Any],
) -> None:
    await load_reference(queue, demo=True)  # type: ignore[arg-type]
    for unit, caller in (
        ("11210504XDW09FQ95M", "market"),
        (ISSUER, "city"),
        ("", "steward"),
        ("", "here"),
    ):
        await receive(queue, uuid4(), unit, caller, "a.csv", None, None, uuid4())  # type: ignore[arg-type]
    for whose, callers in (
        (Whose(), {"market", "city", "steward", "here"}),
        (Whose(unit=ISSUER), {"city"}),
        (Whose(district="210504", caller="here"), {"market", "here"}),
        (Whose(district="210505", caller="here"), {"here"}),
        (Whose(district="nowhere", caller="there"), set()),
    ):
        assert {one.caller for one in await submissions(queue, whose, 10)} == callers
        for one in await submissions(queue, Whose(), 10):
            assert (await submission(queue, one.id, whose) is not None) == (one.caller in callers)


@pytest.mark.parametrize("role", ["PUB", "ANALYST", "DEPT", "PCITY", "AGENT", "SELF", "AUDITOR"])
async def test_nobody_else_reads_it(
    queue: asyncpg.Pool[Any], operations: Operations, scope_of: Callable[..., Scope], role: str
) -> None:
    told = await _asked(operations, scope_of(role), queue)
    assert told["data"]["workQueue"] is None
    assert [e["extensions"]["code"] for e in told["errors"]] == ["FORBIDDEN"]
