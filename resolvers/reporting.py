"""Reporting statistics: for a unit its own, for stewards and supervisors those of all units.

Source: 本政发〔2020〕9号, tasks 3, 6 and 7, and 保障 (三): 年中、年底各考核一次.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg

from resolvers.after_review import half_year
from resolvers.answer import Disclosure
from resolvers.context import Call
from resolvers.errors import QuestionError
from resolvers.projection import shaper
from resolvers.reading import fetch
from resolvers.statement import Selected, Statement
from security.policy import Role
from store.kind import FieldType, Kinds
from store.regions import unit_of

MAX_ROWS = 5_000
MAX_YEARS = 5

_SHANGHAI = ZoneInfo("Asia/Shanghai")
_FORMS = {"MONTH": "YYYY-MM", "YEAR": "YYYY"}
_UNITS = f"""
SELECT unit_id, name FROM unit
WHERE ($1::text[] IS NULL OR unit_id = ANY ($1))
  AND ($2::text IS NULL OR {unit_of("unit_id", "$2")}) AND is_source
ORDER BY unit_id
"""
_REGISTRY = {
    "firms": "登记信息",
    "holders": "股东信息",
    "officers": "任职信息",
    "branches": "分支机构",
    "guarantees": "担保信息",
    "loans": "贷款信息",
}


@dataclass(frozen=True, slots=True)
class _Span:
    """The days from `first` to `last`, both counted."""

    first: dt.date
    last: dt.date

    @property
    def moments(self) -> tuple[dt.datetime, dt.datetime]:
        return _midnight(self.first), _midnight(self.last + dt.timedelta(days=1))


async def answer(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """The statistics of the units that the caller may judge.

    Raises QuestionError FORBIDDEN, PERIOD_INVALID, HALF_YEAR_INVALID, COST_LIMIT.
    """
    pool = call.context.pool
    named, district = _units(selected, call)
    span = _span(selected, call)
    by = selected.given("by")
    told = None if by is None else by.read(call)
    form = _FORMS[str(getattr(told, "value", told) or "MONTH")]
    units = {row["unit_id"]: row["name"] for row in await fetch(pool, _UNITS, (named, district))}
    asked = (list(units), *span.moments, form)
    kinds = list(statement.kinds)
    records = await fetch(
        pool,
        "SELECT * FROM reported_records($1, $2, $3, $4, $5, $6, $7)",
        (
            *asked,
            [kind.name for kind in kinds],
            [kind.report_within for kind in kinds],
            [sum(one.type is not FieldType.SECRET for one in kind.own_fields) for kind in kinds],
        ),
    )
    batches = await fetch(pool, "SELECT * FROM reported_batches($1, $2, $3, $4)", asked)
    findings = await fetch(pool, "SELECT * FROM reported_findings($1, $2, $3, $4)", asked)
    rows = _rows(records, batches, units, statement.kinds)
    if len(rows) > MAX_ROWS or len(findings) > MAX_ROWS:
        raise QuestionError("COST_LIMIT", f"beyond {MAX_ROWS} rows: name a unit, or fewer months")
    value = {
        "since": span.first,
        "until": span.last,
        "rows": rows,
        "findings": sorted(
            [{**dict(row), "unit": _unit(row["unit_id"], units)} for row in findings],
            key=lambda row: (row["unit_id"], row["kind"], row["period"], row["code"]),
        ),
    }
    shown = shaper(statement, selected)(value)
    return shown, Disclosure(coordinates=("Query.reportingStatistics",), rows=len(rows))


def _units(selected: Selected, call: Call) -> tuple[list[str] | None, str | None]:
    """The units that are asked for, None for all, and the district whose units they must be of."""
    scope = call.context.scope
    given = selected.given("unit")
    named = None if given is None else str(given.read(call))
    match scope.role:
        case Role.STEWARD | Role.SUPERVISOR:
            return (None if named is None else [named]), scope.grounds.district
        case Role.DEPT:
            if named in (None, scope.grounds.unit) and scope.grounds.unit is not None:
                return [scope.grounds.unit], None
    raise QuestionError(
        "FORBIDDEN", "a unit reads its own statistics; stewards and supervisors those of units"
    )


def _span(selected: Selected, call: Call) -> _Span:
    half, first, last = (
        None if (given := selected.given(name)) is None else given.read(call)
        for name in ("half", "from", "to")
    )
    if half is not None:
        begin, end = half_year(half)
        return _Span(begin.date(), end.date() - dt.timedelta(days=1))
    last = last or call.context.today
    first = first or dt.date(last.year, 1, 1)
    if not 0 <= (last - first).days <= 366 * MAX_YEARS or last.year > 9000:
        raise QuestionError(
            "PERIOD_INVALID", f"let `from` be before `to`, and at most {MAX_YEARS} years"
        )
    return _Span(first, last)


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), _SHANGHAI)


def _rows(
    records: Sequence[asyncpg.Record],
    batches: Sequence[asyncpg.Record],
    units: Mapping[str, str],
    kinds: Kinds,
) -> list[dict[str, Any]]:
    """What came in files and what came of it, side by side."""
    keys = ("unit_id", "kind", "period")
    sent = {tuple(row[key] for key in keys): row for row in batches}
    kept = {tuple(row[key] for key in keys): row for row in records}
    rows = []
    for key in sorted(sent.keys() | kept.keys()):
        unit, kind, period = key
        file, found = sent.get(key), kept.get(key)
        lines = file["lines"] if file else 0
        served = kinds.by_name.get(kind)
        timed = found["timed"] if found else 0
        on_time = found["on_time"] if found else 0
        fillable = found["fillable"] if found else 0
        said = found["statements"] if found else 0
        rows.append(
            {
                "unit": _unit(unit, units),
                "kind": kind,
                "label": served.label if served else _REGISTRY.get(kind, kind),
                "period": period,
                "batches": file["batches"] if file else 0,
                "lines": lines,
                "rejected": file["rejected"] if file else 0,
                "withFindings": file["with_findings"] if file else 0,
                "records": found["records"] if found else 0,
                "corrections": found["corrections"] if found else 0,
                "repeated": max(lines - said, 0) if served else 0,
                "timed": timed,
                "onTime": on_time,
                "onTimeShare": _share(on_time, timed),
                "late": timed - on_time,
                "medianWorkingDays": found["median"] if found else None,
                "longestWorkingDays": found["longest"] if found else None,
                "completeness": _share(found["filled"], fillable) if found else None,
            }
        )
    return rows


def _unit(code: str, units: Mapping[str, str]) -> dict[str, str]:
    return {"uscc": code, "name": units[code]}


def _share(part: int, whole: int) -> Decimal | None:
    return round(Decimal(part) / whole, 4) if whole else None
