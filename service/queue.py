"""The work queue of a node of this machine, and free text screened again."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg

from schema.records import kinds
from service.enrolled import node_connection
from store.errors import StoreError
from store.rescreening import rescreen
from store.task import Wanted, task_sql, tasks_sql
from store.work_queue import close_task

_SHANGHAI = ZoneInfo("Asia/Shanghai")


async def listed_tasks(
    root: Path, node: str, wanted: Wanted, limit: int
) -> tuple[list[dict[str, Any]], bool]:
    """Tasks as JSON values, newest first, and whether there are more."""
    sql, values = tasks_sql(wanted, first=limit)
    async with node_connection(root, node) as connection:
        rows = await connection.fetch(sql, *values)
    return [_as_json(row) for row in rows[:limit]], len(rows) > limit


async def shown_task(root: Path, node: str, task: str) -> dict[str, Any]:
    """One task as a JSON value; raises StoreError TASK_UNKNOWN."""
    sql, values = task_sql(_id(task))
    async with node_connection(root, node) as connection:
        row = await connection.fetchrow(sql, *values)
    if row is None:
        raise _unknown()
    return _as_json(row)


async def close_here(root: Path, node: str, task: str, reason: str) -> None:
    """Close a task as the steward at this machine; raises as `store.work_queue.close_task`."""
    async with node_connection(root, node) as connection:
        await close_task(connection, _id(task), reason=reason, by=f"STEWARD {getpass.getuser()}")


async def screen_here(root: Path, node: str, progress: Callable[[int], None]) -> int:
    """Screen again what an older scanner looked at; how many records that were."""
    async with node_connection(root, node) as connection:
        return await rescreen(connection, kinds(), progress)


def _id(task: str) -> UUID:
    try:
        return UUID(task)
    except ValueError:
        raise _unknown() from None


def _unknown() -> StoreError:
    return StoreError("TASK_UNKNOWN", "No task has this id: look it up with `xinqiao queue list`.")


def _as_json(row: asyncpg.Record) -> dict[str, Any]:
    def moment(column: str) -> str | None:
        found: datetime | None = row[column]
        return None if found is None else found.astimezone(_SHANGHAI).isoformat(timespec="seconds")

    return {
        "id": str(row["issue_id"]),
        "code": row["code"],
        "severity": row["severity"],
        "state": "OPEN" if row["closed_at"] is None else "CLOSED",
        "unit": row["unit_id"] or None,
        "unitName": row["unit_name"],
        "kind": row["layout"] or None,
        "field": row["field"] or None,
        "reason": row["reason"] or None,
        "file": row["file_name"],
        "line": row["line_no"],
        "recordId": str(row["record_id"]) if row["record_id"] else None,
        "openedAt": moment("opened_at"),
        "closedAt": moment("closed_at"),
        "closedBy": row["closed_by"],
        "closeReason": row["close_reason"],
    }
