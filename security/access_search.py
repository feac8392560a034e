"""The auditor's search as SQL: conditions on the index, and the span of places of a period."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from security.access_index import SPAN


@dataclass(frozen=True, slots=True)
class Wanted:
    """What entries must be; None asks nothing. All given conditions hold together.

    `since` is inclusive, `until` exclusive. `subjects` are audit references and `records` record
    ids that the entry must have disclosed, one of each list. `types` are types of the API, one
    of which it must have shown. `outcome` is ALLOWED or DENIED. `without_purposes` excludes.
    """

    caller: str | None = None
    unit: str | None = None
    actor: str | None = None
    purpose: str | None = None
    case: str | None = None
    correlation: str | None = None
    kind: str | None = None
    outcome: str | None = None
    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    subjects: Sequence[bytes] | None = None
    records: Sequence[UUID] | None = None
    types: Sequence[str] | None = None
    without_purposes: Sequence[str] = ()


_EQUAL = (
    ("caller", "caller"),
    ("unit", "unit"),
    ("actor", "actor"),
    ("purpose", "purpose"),
    ("case", "case_number"),
    ("correlation", "correlation"),
    ("kind", "kind"),
    ("outcome", "decision"),
    ("reason", "reason"),
)


@dataclass(slots=True)
class Conditions:
    """Conditions on `access_index i` and their values; `log` is the log's origin."""

    log: str
    values: list[Any] = field(default_factory=list)
    terms: list[str] = field(default_factory=list)

    def bind(self, value: Any, cast: str) -> str:
        self.values.append(value)
        return f"${len(self.values)}::{cast}"

    def require(self, wanted: Wanted) -> None:
        """Add what an entry must be."""
        log = self.bind(self.log, "text")
        self.terms.append(f"i.log_id = (SELECT log_id FROM indexed_log WHERE origin = {log})")
        for name, column in _EQUAL:
            value = getattr(wanted, name)
            if value is not None:
                self.terms.append(f"i.{column} = {self.bind(value, 'text')}")
        if wanted.caller not in (None, "public"):
            self.terms.append("i.role <> 'PUB'")  # the condition of the index by caller
        if wanted.kind not in (None, "QUERY"):
            self.terms.append("i.kind <> 'QUERY'")
        if wanted.without_purposes:
            excluded = self.bind(list(wanted.without_purposes), "text[]")
            self.terms.append(f"(i.purpose IS NULL OR i.purpose <> ALL ({excluded}))")
        self._within(wanted.since, wanted.until)
        if wanted.subjects is not None:
            refs = self.bind(list(wanted.subjects), "bytea[]")
            self._disclosed("access_subject", f"d.audit_ref = ANY ({refs})", log)
        if wanted.records is not None:
            ids = self.bind(list(wanted.records), "uuid[]")
            self._disclosed("access_record", f"d.record_id = ANY ({ids})", log)
        if wanted.types is not None:
            types = self.bind(list(wanted.types), "text[]")
            shapes = f"SELECT shape_id FROM access_shape WHERE types && {types}"
            self.terms.append(f"i.shape_id = ANY (ARRAY({shapes}))")

    def _disclosed(self, table: str, condition: str, log: str) -> None:
        self.terms.append(
            f"i.index IN (SELECT s.index FROM {table} d JOIN access_sealed s ON s.leaf = d.leaf"
            f" WHERE {condition} AND s.log = {log})"
        )

    def _within(self, since: datetime | None, until: datetime | None) -> None:
        if since is None and until is None:
            return
        overlaps = ["p.log_id = i.log_id"]
        if since is not None:
            bound = self.bind(since, "timestamptz")
            self.terms.append(f"i.time >= {bound}")
            overlaps.append(f"p.latest >= {bound}")
        if until is not None:
            bound = self.bind(until, "timestamptz")
            self.terms.append(f"i.time < {bound}")
            overlaps.append(f"p.earliest < {bound}")
        # Times hardly run backwards in a log, so the places of a period are a narrow span.
        log = "(SELECT log_id FROM indexed_log WHERE origin = $1::text)"
        where = " AND ".join([f"p.log_id = {log}", *overlaps[1:]])
        self.terms.append(
            f"i.index >= (SELECT min(p.span) * {SPAN} FROM access_span p WHERE {where})"
        )
        self.terms.append(
            f"i.index < (SELECT (max(p.span) + 1) * {SPAN} FROM access_span p WHERE {where})"
        )

    @property
    def where(self) -> str:
        return " AND ".join(self.terms)


COLUMNS = (
    "i.index, i.leaf, i.time, i.kind, i.caller, i.role, i.unit, i.actor, i.purpose, i.case_number,"
    " i.correlation, i.decision, i.reason, i.status, i.rows, i.subjects, i.persons, i.records,"
    " (SELECT types FROM access_shape s WHERE s.shape_id = i.shape_id) AS types,"
    " (SELECT c.name FROM caller c WHERE c.id = i.caller) AS caller_name"
)


def search_sql(log: str, wanted: Wanted, *, first: int, after: int | None) -> tuple[str, list[Any]]:
    """One page of entries, newest first, before index `after`; one row more tells of the next."""
    conditions = Conditions(log)
    conditions.require(wanted)
    if after is not None:
        conditions.terms.append(f"i.index < {conditions.bind(after, 'bigint')}")
    limit = conditions.bind(first + 1, "bigint")
    sql = (
        f"SELECT {COLUMNS} FROM access_index i WHERE {conditions.where}"
        f" ORDER BY i.index DESC LIMIT {limit}"
    )
    return sql, conditions.values


def exposure_sql(log: str, wanted: Wanted) -> tuple[str, list[Any]]:
    """Who saw these subjects or records: one row per caller, acting person, purpose and case."""
    conditions = Conditions(log)
    conditions.require(wanted)
    sql = (
        "SELECT i.caller, i.role, i.unit, i.actor, i.purpose, i.case_number, count(*) AS entries,"
        " min(i.time) AS first_time, max(i.time) AS last_time,"
        " (array_agg(i.index ORDER BY i.index))[1:100] AS indexes,"
        " (SELECT c.name FROM caller c WHERE c.id = i.caller) AS name"
        f" FROM access_index i WHERE {conditions.where} AND i.decision = 'ALLOWED'"
        " GROUP BY i.caller, i.role, i.unit, i.actor, i.purpose, i.case_number"
        " ORDER BY min(i.index) LIMIT 10001"
    )
    return sql, conditions.values
