"""The work queue as stewards read it, and the offices of a district theirs; everybody else is
refused alike."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from typing import Any
from uuid import UUID

import asyncpg

from resolvers.answer import Disclosure
from resolvers.connection import connection, cursor_invalid, size_of
from resolvers.context import Call
from resolvers.errors import QuestionError
from resolvers.projection import shanghai, shaper
from resolvers.reading import fetch, fetch_one
from resolvers.statement import Selected, Statement
from security.scope import Queue
from store.kind import Kinds
from store.task import Wanted, count_sql, tasks_sql


async def answer(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """One page of tasks, newest first.

    Raises QuestionError FORBIDDEN, LIST_LIMIT, BAD_SIZE, CURSOR_INVALID.
    """
    row, grounds = statement.scope.row, call.context.scope.grounds
    district = grounds.district
    if row.queue is Queue.NONE or (row.queue is Queue.DISTRICT and district is None):
        raise QuestionError("FORBIDDEN", "the work queue is read by stewards and districts only")
    told: dict[str, Any] = {}
    for name in ("unit", "code", "state", "first", "after"):
        given = selected.given(name)
        if given is not None:
            told[name] = given.read(call)
    size = size_of(statement, told)
    state = told.get("state", "OPEN")
    state = getattr(state, "value", state)
    wanted = Wanted(told.get("unit"), told.get("code"), state, district, grounds.barred)
    after = _place(told["after"]) if "after" in told else None
    pool = call.context.pool
    sql, values = tasks_sql(wanted, first=size, after=after)
    rows = await fetch(pool, sql, values)
    sql, values = count_sql(wanted)
    total = (await fetch_one(pool, sql, values))["total"]
    edges = [(_cursor(found), _task(found, statement.kinds)) for found in rows[:size]]
    value = connection(edges, more=len(rows) > size, starts_after=after is not None)
    shown = shaper(statement, selected)({"totalCount": total, **value})
    coordinates = ("Query.workQueue",) if edges else ()
    return shown, Disclosure(coordinates=coordinates, rows=len(edges))


def _task(row: asyncpg.Record, kinds: Kinds) -> dict[str, Any]:
    is_record = row["layout"] in kinds.by_name and row["record_id"] is not None
    unit = {"uscc": row["unit_id"], "name": row["unit_name"]} if row["unit_id"] else None
    return {
        "id": str(row["issue_id"]),
        "code": row["code"],
        "severity": row["severity"],
        "state": "OPEN" if row["closed_at"] is None else "CLOSED",
        "kind": row["layout"] or None,
        "field": row["field"] or None,
        "reason": row["reason"] or None,
        "unit": unit,
        "fileName": row["file_name"],
        "line": row["line_no"],
        "recordId": str(row["record_id"]) if is_record else None,
        "openedAt": shanghai(row["opened_at"]),
        "closedAt": shanghai(row["closed_at"]),
        "closedBy": row["closed_by"],
        "closeReason": row["close_reason"],
    }


def _cursor(row: asyncpg.Record) -> str:
    return base64.b64encode(f"{row['opened_at'].isoformat()}|{row['issue_id']}".encode()).decode()


def _place(cursor: str) -> tuple[dt.datetime, UUID]:
    try:
        moment, _, task = base64.b64decode(cursor, validate=True).decode("ascii").partition("|")
        found = dt.datetime.fromisoformat(moment), UUID(task)
        if found[0].tzinfo is not None:
            return found
    except (binascii.Error, ValueError):
        pass
    raise cursor_invalid()
