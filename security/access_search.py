"""The auditor's search as SQL: conditions on the index, and where in a log they can hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


REACHES = f"""
SELECT l.origin, l.log_id, p.low, p.high,
       ARRAY(SELECT shape_id FROM access_shape WHERE types && $4::text[]) AS shapes
  FROM indexed_log l,
       LATERAL (SELECT min(span) * {SPAN} AS low, (max(span) + 1) * {SPAN} AS high
                  FROM access_span
                 WHERE log_id = l.log_id AND ($2::timestamptz IS NULL OR latest >= $2)
                   AND ($3::timestamptz IS NULL OR earliest < $3)) p
 WHERE l.origin = ANY ($1::text[]) AND p.low IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Reach:
    """Where in a log entries of a period are, as its times hardly run backwards: places from `low`
    up to before `high`; and the shapes that show the types asked for.

    Known before the search, so that PostgreSQL plans it for what there is.
    """

    log: str
    log_id: int
    low: int
    high: int
    shapes: Sequence[int]

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Reach:
        """Read a row of `REACHES`."""
        return cls(row["origin"], row["log_id"], row["low"], row["high"], list(row["shapes"]))


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
    """Conditions on `access_index i` and their values."""

    reach: Reach
    values: list[Any] = field(default_factory=list)
    terms: list[str] = field(default_factory=list)

    def bind(self, value: Any, cast: str) -> str:
        self.values.append(value)
        return f"${len(self.values)}::{cast}"

    def require(self, wanted: Wanted) -> None:
        """Add what an entry must be."""
        self.terms.append(f"i.log_id = {self.bind(self.reach.log_id, 'smallint')}")
        for name, column in _EQUAL:
            value = getattr(wanted, name)
            if value is not None:
                self.terms.append(f"i.{column} = {self.bind(value, 'text')}")
        if wanted.caller not in (None, "public"):
            self.terms.append("i.role <> 'PUB'")  # the condition of the index by caller
        if wanted.outcome not in (None, "ALLOWED"):
            self.terms.append("i.decision <> 'ALLOWED'")
        if wanted.kind not in (None, "QUERY"):
            self.terms.append("i.kind <> 'QUERY'")
        if wanted.without_purposes:
            excluded = self.bind(list(wanted.without_purposes), "text[]")
            self.terms.append(f"(i.purpose IS NULL OR i.purpose <> ALL ({excluded}))")
        self._within(wanted.since, wanted.until)
        if wanted.subjects is not None:
            refs = self.bind(list(wanted.subjects), "bytea[]")
            self._disclosed("access_subject", f"d.audit_refs && {refs}")
        if wanted.records is not None:
            ids = self.bind(list(wanted.records), "uuid[]")
            self._disclosed("access_record", f"d.record_ids && {ids}")
        if wanted.types is not None:
            self.terms.append(f"i.shape_id = ANY ({self.bind(self.reach.shapes, 'integer[]')})")

    def _disclosed(self, table: str, condition: str) -> None:
        log = self.bind(self.reach.log, "text")
        self.terms.append(
            f"i.index IN (SELECT s.index FROM {table} d JOIN access_sealed s ON s.leaf = d.leaf"
            f" WHERE {condition} AND s.log = {log})"
        )

    def _within(self, since: datetime | None, until: datetime | None) -> None:
        if since is not None:
            self.terms.append(f"i.time >= {self.bind(since, 'timestamptz')}")
            self.terms.append(f"i.index >= {self.bind(self.reach.low, 'bigint')}")
        if until is not None:
            self.terms.append(f"i.time < {self.bind(until, 'timestamptz')}")
            self.terms.append(f"i.index < {self.bind(self.reach.high, 'bigint')}")

    @property
    def where(self) -> str:
        return " AND ".join(self.terms)


COLUMNS = (
    "i.index, i.leaf, i.time, i.kind, i.caller, i.role, i.unit, i.actor, i.purpose, i.case_number,"
    " i.correlation, i.decision, i.reason, i.status, i.rows, i.subjects, i.persons, i.records,"
    " (SELECT types FROM access_shape s WHERE s.shape_id = i.shape_id) AS types,"
    " (SELECT c.name FROM caller c WHERE c.id = i.caller) AS caller_name"
)


def search_sql(
    reach: Reach, wanted: Wanted, *, first: int, after: int | None
) -> tuple[str, list[Any]]:
    """One page of entries, newest first, before index `after`; one row more tells of the next."""
    conditions = Conditions(reach)
    conditions.require(wanted)
    if after is not None:
        conditions.terms.append(f"i.index < {conditions.bind(after, 'bigint')}")
    limit = conditions.bind(first + 1, "bigint")
    sql = (
        f"SELECT {COLUMNS} FROM access_index i WHERE {conditions.where}"
        f" ORDER BY i.index DESC LIMIT {limit}"
    )
    return sql, conditions.values


def exposure_sql(reach: Reach, wanted: Wanted) -> tuple[str, list[Any]]:
    """Who saw these subjects or records: one row per caller, acting person, purpose and case."""
    conditions = Conditions(reach)
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
