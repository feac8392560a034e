"""Timeliness through the API: working days from decision to receipt (X26, W23)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from resolvers.context import Context
from resolvers.operation import Operations
from schema.records import kinds
from security.policy import Scope
from store.intake import import_paths
from store.pool import open_pool
from tests.store.conftest import BENXI, TODAY, FixedCipher
from tests.store.test_intake import penalty


@pytest.mark.parametrize(
    ("decided", "sent", "expected"),
    [
        # X26: 1–8 October off, Saturday 11 worked; by the week alone 15 October would be late.
        ("2025-09-30", "20251015", {"workingDays": 6, "onTime": True, "dueOn": "2025-10-16"}),
        ("2025-09-30", "20251016", {"workingDays": 7, "onTime": True, "dueOn": "2025-10-16"}),
        ("2025-09-30", "20251017", {"workingDays": 8, "onTime": False, "dueOn": "2025-10-16"}),
        ("2017-12-29", "20180104", {"workingDays": None, "onTime": None, "dueOn": None}),
    ],
)
async def test_x26_timeliness_of_a_penalty(
    database: str,
    tmp_path: Path,
    operations: Operations,
    scope_of: Callable[..., Scope],
    decided: str,
    sent: str,
    expected: dict[str, Any],
) -> None:
    shown_until = str(dt.date.fromisoformat(decided) + dt.timedelta(days=300))
    row = penalty(处罚决定日期=decided, 公示截止期=shown_until)
    path = tmp_path / f"{sent}_p.csv"
    path.write_text(",".join(row) + "\n" + ",".join(row.values()) + "\n", encoding="utf-8")
    pool = await open_pool(database, max_size=2, answering=True)
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
        await pool.execute(
            "UPDATE record SET query_until = NULL, display_ended_on = NULL, status = 'VALID'"
        )
        scope = scope_of("ANALYST")
        fields = "timeliness { workingDays limit onTime dueOn }"
        plan = operations.prepare(
            f"{{ penalties {{ nodes {{ {fields} }} }} records {{ nodes {{ {fields} }} }} }}",
            None,
            scope,
        )
        answer = await plan.run(Context(pool, scope, TODAY, b"k" * 32), {})
        told = orjson.loads(answer.body)["data"]
        assert told["penalties"]["nodes"] == [{"timeliness": {"limit": 7, **expected}}]
        assert told["records"] == told["penalties"]
        assert "Penalty.timeliness" in answer.disclosure.coordinates
    finally:
        await pool.close()


async def test_a_kind_without_a_rule_has_no_limit(ask: Any) -> None:
    without = next(kind for kind in kinds() if kind.report_within is None)
    asked = await ask(
        f"{{ {without.plural} {{ nodes {{ timeliness {{ limit onTime dueOn }} }} }} }}", "ANALYST"
    )
    assert asked.errors == []
