"""The review queue 审查队列: findings with states, reasons and deadlines, and who decided what.

A decision is an entry of the audit log in the transaction that takes it. Source: access rules
§5.3 ("each finding closed with a reason"), cross-region case X34 (10 working days).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson

from security.errors import SecurityError
from security.event import append_event
from security.finding import Rule

KEPT_INDEXES = 20
"""Places that a finding names; `signs` counts all of them."""

Deadline = Callable[[date], date]
"""The last day on which a finding of a day is to be closed."""

_RECORD = f"""
INSERT INTO access_finding AS known
       (rule, version, key, caller, actor, unit, log_id, indexes, signs, detail,
        first_time, last_time, deadline)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::text::jsonb, $11, $12, $13)
ON CONFLICT (rule, key) DO UPDATE
   SET signs = known.signs + EXCLUDED.signs,
       indexes = (known.indexes || EXCLUDED.indexes)[1:{KEPT_INDEXES}],
       detail = known.detail || EXCLUDED.detail,
       first_time = LEAST(known.first_time, EXCLUDED.first_time),
       last_time = GREATEST(known.last_time, EXCLUDED.last_time)
 WHERE known.version = EXCLUDED.version
"""
_FINDINGS = """
SELECT f.*, f.detail::text AS told, l.origin,
       (SELECT c.name FROM caller c WHERE c.id = f.caller) AS caller_name
  FROM access_finding f LEFT JOIN indexed_log l USING (log_id)
 WHERE ($1::text[] IS NULL OR f.state = ANY ($1)) AND ($2::text IS NULL OR f.rule = $2)
   AND ($3::text IS NULL OR f.caller = $3) AND (NOT $4::boolean OR f.deadline < $5::date)
   AND ($6::bigint IS NULL OR f.number < $6)
 ORDER BY f.number DESC LIMIT $7
"""
_ONE = """
SELECT finding_id, rule, caller, state, reviewer FROM access_finding WHERE number = $1 FOR UPDATE
"""
_DECIDE = """
UPDATE access_finding SET state = $2, reviewer = $3, closed_at = $4, reason = $5
 WHERE finding_id = $1
"""
_KEEP = """
INSERT INTO finding_decision (finding_id, decided_at, decided_by, state, reason, salt, leaf)
VALUES ($1, clock_timestamp(), $2, $3, $4, $5, $6)
"""


class State(StrEnum):
    """Where a finding is."""

    OPEN = "OPEN"
    IN_REVIEW = "IN_REVIEW"
    CLOSED_JUSTIFIED = "CLOSED_JUSTIFIED"
    CLOSED_VIOLATION = "CLOSED_VIOLATION"


CLOSED = (State.CLOSED_JUSTIFIED, State.CLOSED_VIOLATION)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFinding:
    """A finding to be recorded, or to be added to the one of equal rule and key."""

    rule: Rule
    version: str
    key: str
    caller: str
    first_time: datetime
    last_time: datetime
    deadline: date
    actor: str | None = None
    unit: str | None = None
    log_id: int | None = None
    indexes: Sequence[int] = ()
    signs: int = 1
    detail: Mapping[str, object] = field(default_factory=dict)


async def record_finding(connection: Any, one: NewFinding) -> None:
    """Record a finding; a sign of one that was recorded before, closed or not, adds to it."""
    await connection.execute(
        _RECORD,
        one.rule.value,
        one.version,
        one.key,
        one.caller,
        one.actor,
        one.unit,
        one.log_id,
        list(one.indexes),
        one.signs,
        orjson.dumps(dict(one.detail)).decode(),
        one.first_time,
        one.last_time,
        one.deadline,
    )


@dataclass(frozen=True, slots=True)
class WantedFindings:
    """Which findings; None asks nothing, `overdue` only open ones after their deadline."""

    states: tuple[State, ...] | None = None
    rule: str | None = None
    caller: str | None = None
    overdue: bool = False


_UNCLOSED = (State.OPEN, State.IN_REVIEW)


async def findings(
    connection: Any, wanted: WantedFindings, *, first: int, after: int | None, today: date
) -> tuple[list[dict[str, Any]], bool]:
    """Findings as plain values, newest first, before number `after`; and whether more follow."""
    states = _UNCLOSED if wanted.overdue and wanted.states is None else wanted.states
    rows = await connection.fetch(
        _FINDINGS,
        None if states is None else [one.value for one in states],
        wanted.rule,
        wanted.caller,
        wanted.overdue,
        today,
        after,
        first + 1,
    )
    return [_told(row, today) for row in rows[:first]], len(rows) > first


def _told(row: Mapping[str, Any], today: date) -> dict[str, Any]:
    return {
        "number": row["number"],
        "rule": row["rule"],
        "rulesVersion": row["version"],
        "caller": row["caller"],
        "callerName": row["caller_name"],
        "actor": row["actor"],
        "unit": row["unit"],
        "log": row["origin"],
        "indexes": list(row["indexes"]),
        "signs": row["signs"],
        "detail": row["told"],
        "firstTime": row["first_time"],
        "lastTime": row["last_time"],
        "foundAt": row["found_at"],
        "deadline": row["deadline"],
        "overdue": row["closed_at"] is None and row["deadline"] < today,
        "state": row["state"],
        "reviewer": row["reviewer"],
        "closedAt": row["closed_at"],
        "reason": row["reason"],
    }


@dataclass(frozen=True, slots=True)
class Review:
    """One reviewer at the queue of a node; `log` is the origin of its audit log."""

    connection: Any
    log: str
    node: str
    reviewer: str

    async def take(self, number: int) -> None:
        """Take an open finding into review, or one that somebody else has.

        Raises SecurityError FINDING_UNKNOWN, FINDING_CLOSED, REVIEW_OWN.
        """
        await self._decide(number, State.IN_REVIEW, "")

    async def close(self, number: int, *, violation: bool, reason: str) -> None:
        """Close a finding with a reason: justified, or a violation.

        Raises SecurityError FINDING_UNKNOWN, FINDING_CLOSED, REVIEW_OWN, and REASON_REQUIRED for a
        reason without a letter.
        """
        if not any(map(str.isalnum, reason)):
            raise SecurityError("REASON_REQUIRED", "Say why the finding is closed as it is.")
        state = State.CLOSED_VIOLATION if violation else State.CLOSED_JUSTIFIED
        await self._decide(number, state, reason)

    async def _decide(self, number: int, state: State, reason: str) -> None:
        async with self.connection.transaction():
            row = await self.connection.fetchrow(_ONE, number)
            if row is None:
                raise SecurityError(
                    "FINDING_UNKNOWN",
                    "No finding has this number: look it up with `xinqiao audit review list`.",
                )
            if row["state"] in CLOSED:
                raise SecurityError("FINDING_CLOSED", "The finding is closed and stays closed.")
            if row["caller"] == self.reviewer:
                raise SecurityError("REVIEW_OWN", "Let somebody else review your own access.")
            salt = os.urandom(16)
            leaf = await append_event(
                self.connection,
                self.log,
                self.node,
                "REVIEW_DECISION",
                {
                    "finding": str(row["finding_id"]),
                    "rule": row["rule"],
                    "from": row["state"],
                    "to": state.value,
                    "reviewer": self.reviewer,
                    "reason": sha256(salt + reason.encode()).hexdigest() if reason else None,
                },
            )
            closed = datetime.now().astimezone() if state in CLOSED else None
            await self.connection.execute(
                _DECIDE, row["finding_id"], state.value, self.reviewer, closed, reason or None
            )
            await self.connection.execute(
                _KEEP, row["finding_id"], self.reviewer, state.value, reason, salt, leaf
            )

    async def watch(self, subject: UUID, reason: str) -> None:
        """Put a subject on the list of those whose every reading is reviewed.

        Raises SecurityError REASON_REQUIRED.
        """
        if not any(map(str.isalnum, reason)):
            raise SecurityError("REASON_REQUIRED", "Say why the subject is on the list.")
        async with self.connection.transaction():
            await self.connection.execute(
                "INSERT INTO vip_subject (subject_id, reason, added_by) VALUES ($1, $2, $3)"
                " ON CONFLICT (subject_id) DO UPDATE SET reason = EXCLUDED.reason",
                subject,
                reason,
                self.reviewer,
            )
            await self._watching("ADDED")

    async def unwatch(self, subject: UUID) -> bool:
        """Take a subject off the list; False when it was not on it."""
        async with self.connection.transaction():
            gone = await self.connection.fetchval(
                "DELETE FROM vip_subject WHERE subject_id = $1 RETURNING true", subject
            )
            if gone:
                await self._watching("REMOVED")
        return bool(gone)

    async def _watching(self, change: str) -> None:
        # Who is on the list is nobody's business but the reviewers': the event names a number.
        count = await self.connection.fetchval("SELECT count(*) FROM vip_subject")
        await append_event(
            self.connection,
            self.log,
            self.node,
            "REVIEW_LIST",
            {"change": change, "by": self.reviewer, "subjects": count},
        )
