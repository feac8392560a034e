"""Tasks of the work queue as they are read: newest first, by unit, district, code and state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import asyncpg

from store.merged import BECOME
from store.regions import unit_of

_COLUMNS = (
    "q.issue_id, q.kind AS code, q.severity, q.layout, q.field, q.reason, q.unit_id,"
    " u.name AS unit_name, b.file_name, q.line_no, q.record_id, q.opened_at, q.closed_at,"
    " q.closed_by, q.close_reason"
)
_TABLES = (
    "quality_issue q LEFT JOIN unit u ON u.unit_id = q.unit_id LEFT JOIN batch b USING (batch_id)"
)
_STATES = {"OPEN": "q.closed_at IS NULL", "CLOSED": "q.closed_at IS NOT NULL", None: "true"}


class Store(Protocol):
    """Where tasks are read: a pool, a connection, or what stands for one."""

    async def fetch(self, sql: str, /, *values: Any) -> list[asyncpg.Record]: ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which tasks; `state` is OPEN, CLOSED or None for both, `unit` "" those of no known unit.

    `district` is the region whose own units must act. Tasks on the records of `barred` subjects
    are not among them.
    """

    unit: str | None = None
    code: str | None = None
    state: str | None = "OPEN"
    district: str | None = None
    barred: frozenset[UUID] = frozenset()

    def conditions(self) -> tuple[list[str], list[object]]:
        """SQL conditions and what they bind; the state is in the text, for the partial index."""
        found = [_STATES[self.state]]
        values: list[object] = []
        for column, value in (("unit_id", self.unit), ("kind", self.code)):
            if value is not None:
                values.append(value)
                found.append(f"q.{column} = ${len(values)}")
        if self.district is not None:
            values.append(self.district)
            found.append(unit_of("q.unit_id", f"${len(values)}"))
        if self.barred:
            values.append(list(self.barred))
            found.append(
                "NOT EXISTS (SELECT FROM record r WHERE r.record_id = q.record_id"
                f" AND r.subject_id IN ({BECOME.format(ids=f'${len(values)}')}))"
            )
        return found, values


def tasks_sql(
    wanted: Wanted, *, first: int, after: tuple[datetime, UUID] | None = None
) -> tuple[str, Sequence[object]]:
    """One page of tasks, newest first, and one more where there are more."""
    found, values = wanted.conditions()
    if after is not None:
        values += after
        found.append(f"(q.opened_at, q.issue_id) < (${len(values) - 1}, ${len(values)})")
    sql = (
        f"SELECT {_COLUMNS} FROM {_TABLES} WHERE {' AND '.join(found)}"
        f" ORDER BY q.opened_at DESC, q.issue_id DESC LIMIT {first + 1:d}"
    )
    return sql, values


def count_sql(wanted: Wanted) -> tuple[str, Sequence[object]]:
    """How many tasks there are of these."""
    found, values = wanted.conditions()
    return f"SELECT count(*)::int AS total FROM quality_issue q WHERE {' AND '.join(found)}", values


def task_sql(task: UUID) -> tuple[str, Sequence[object]]:
    """One task."""
    return f"SELECT {_COLUMNS} FROM {_TABLES} WHERE q.issue_id = $1", (task,)
