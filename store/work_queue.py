"""The work queue 待办: faults as tasks of the unit that must mend them.

A fault of a matter is one task however often it is told. It is closed when a later statement of
the same record, of the same matter (issuer, natural key, name) or of the same line of a corrected
report no longer has it, and by a steward with a reason; what a steward closed stays closed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

import orjson

from store.errors import StoreError
from store.ids import subject_id

if TYPE_CHECKING:
    from store.cipher import Cipher
    from store.connection import Connection

# Tasks about a subject that whatever line tells them; its own module opens and closes them.
_OF_THEIR_OWN = frozenset({"RED_AND_SERIOUS", "SHARE_SUM"})
BY_INTAKE = "INTAKE"
BY_SUBJECT = ("SUBJECT_UNRESOLVED", "CODE_SHARED", "SHARE_SUM")
"""Codes that are a task about a subject as well, closed when the subject is put right."""


class Fault(Protocol):
    """One finding, under the header of the file that it was found in."""

    @property
    def code(self) -> str: ...
    @property
    def severity(self) -> str: ...
    @property
    def field(self) -> str: ...
    @property
    def reason(self) -> str: ...


class ToldLine(Protocol):
    """A line as the queue sees it; `entity_id` is None where nothing of it was accepted."""

    @property
    def number(self) -> int: ...
    @property
    def unit(self) -> str: ...
    @property
    def matter(self) -> tuple[str, ...]: ...
    @property
    def findings(self) -> Sequence[Fault]: ...
    @property
    def entity_id(self) -> UUID | None: ...
    @property
    def subject_ids(self) -> tuple[UUID, ...]: ...
    @property
    def answers(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Origin:
    """The batch that lines come from; `answered` is the batch whose corrected report it is."""

    batch_id: UUID
    layout: str
    stamp: datetime
    sha256: bytes
    answered: UUID | None = None


async def settle(
    connection: Connection, origin: Origin, lines: Sequence[ToldLine], cipher: Cipher
) -> None:
    """Open a task for each fault of these lines and close those that they mend.

    Runs in the chunk's transaction, whatever the order of arrival; costs one look where the
    queue has nothing of this kind of file.
    """
    tasks = _tasks(origin, lines, cipher)
    if tasks:
        await _open(connection, tasks)
    if not await connection.fetchval(
        "SELECT EXISTS (SELECT FROM quality_issue WHERE closed_at IS NULL AND layout = $1)",
        origin.layout,
    ):
        return
    await _close_mended(connection, origin, lines, cipher)
    if tasks:
        await connection.execute(
            "UPDATE quality_issue q SET closed_at = now(), closed_by = $2,"
            " close_reason = '已有更新的报送'"
            " FROM record r WHERE q.issue_id = ANY($1) AND q.closed_at IS NULL"
            " AND r.record_id = q.record_id AND r.subject_id = q.subject_id"
            " AND (r.stamp, r.batch_sha, r.line_no) > (q.stamp, q.batch_sha, q.line_no)",
            list(tasks),
            BY_INTAKE,
        )


async def name_units(connection: Connection, units: Iterable[tuple[UUID, str]]) -> None:
    """Say which unit must answer for tasks about subjects that have none yet."""
    told = {identity: unit for identity, unit in units if unit}
    if told:
        await connection.execute(
            "UPDATE quality_issue q SET unit_id = t.unit_id"
            " FROM unnest($1::uuid[], $2::text[]) AS t (subject_id, unit_id)"
            " WHERE q.subject_id = t.subject_id AND q.unit_id = '' AND q.kind = ANY($3)",
            list(told),
            list(told.values()),
            BY_SUBJECT,
        )


async def close_superseded(connection: Connection, records: Iterable[UUID], reason: str) -> None:
    """Close what is open about the statements of these records that a correction has ended.

    `reason` is why their display ended.
    """
    await connection.execute(
        "UPDATE quality_issue q SET closed_at = now(), closed_by = $2, close_reason = '已更正'"
        " FROM record r WHERE r.record_id = ANY($1) AND r.display_end_reason = $3"
        " AND q.record_id = r.record_id AND q.subject_id = r.subject_id AND q.closed_at IS NULL"
        " AND q.kind <> ALL($4)"
        " AND (q.stamp, q.batch_sha, q.line_no) <= (r.stamp, r.batch_sha, r.line_no)",
        list(records),
        BY_INTAKE,
        reason,
        list(_OF_THEIR_OWN),
    )


async def close_empty_placeholders(connection: Connection, records: Iterable[UUID]) -> None:
    """Close what is open about placeholders that these records have left behind empty."""
    await connection.execute(
        "UPDATE quality_issue q SET closed_at = now(), closed_by = $2,"
        " close_reason = '已补报代码' FROM record w"
        " WHERE w.record_id = ANY($1) AND q.subject_id = w.subject_id AND q.closed_at IS NULL"
        " AND q.kind = 'SUBJECT_UNRESOLVED' AND q.record_id IS NULL AND NOT EXISTS"
        " (SELECT FROM record r WHERE r.subject_id = w.subject_id AND r.status = 'VALID')",
        list(records),
        BY_INTAKE,
    )


async def close_task(connection: Connection, task: UUID, *, reason: str, by: str) -> None:
    """Close a task by a decision; it stays closed whatever arrives.

    Raises StoreError `TASK_UNKNOWN`, `TASK_CLOSED`, `REASON_REQUIRED`.
    """
    if not reason.strip():
        raise StoreError("REASON_REQUIRED", "Say why the task is closed.")
    closed = await connection.fetchval(
        "UPDATE quality_issue SET closed_at = now(), closed_by = $2, close_reason = $3"
        " WHERE issue_id = $1 AND closed_at IS NULL RETURNING issue_id",
        task,
        by,
        reason.strip(),
    )
    if closed is not None:
        return
    if await connection.fetchval(
        "SELECT EXISTS (SELECT FROM quality_issue WHERE issue_id = $1)", task
    ):
        raise StoreError("TASK_CLOSED", "The task is closed already: nothing was changed.")
    raise StoreError("TASK_UNKNOWN", "No task has this id: look it up with `xinqiao queue list`.")


def _tasks(
    origin: Origin, lines: Sequence[ToldLine], cipher: Cipher
) -> dict[UUID, tuple[Any, ...]]:
    usual = next((line.unit for line in lines if line.unit), "")
    tasks: dict[UUID, tuple[Any, ...]] = {}
    for line in lines:
        faults = [f for f in line.findings if f.severity != "info" and f.code not in _OF_THEIR_OWN]
        if not faults:
            continue
        matter = _digest(cipher, line.matter)
        about = matter.hex() if matter else f"{origin.batch_id}:{line.number}"
        for fault in faults:
            identity = subject_id("issue:line", f"{about}:{fault.code}")
            tasks[identity] = (
                fault.code,
                line.unit or usual,
                fault.severity,
                fault.field,
                fault.reason,
                line.subject_ids[0] if line.subject_ids else None,
                line.entity_id,
                matter,
                line.number,
                origin.batch_id,
                origin.layout,
                origin.stamp,
                origin.sha256,
            )
    return tasks


async def _open(connection: Connection, tasks: dict[UUID, tuple[Any, ...]]) -> None:
    columns = list(zip(*tasks.values(), strict=True))
    await connection.execute(
        """
        INSERT INTO quality_issue AS q (issue_id, kind, unit_id, severity, field, reason,
            subject_id, record_id, matter, line_no, batch_id, layout, stamp, batch_sha)
        SELECT t.*, $11, $12, $13, $14
        FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
                    $7::uuid[], $8::uuid[], $9::bytea[], $10::int[]) AS t
        ON CONFLICT (issue_id) DO UPDATE SET unit_id = EXCLUDED.unit_id,
            severity = EXCLUDED.severity, field = EXCLUDED.field, reason = EXCLUDED.reason,
            subject_id = EXCLUDED.subject_id, record_id = EXCLUDED.record_id,
            line_no = EXCLUDED.line_no, batch_id = EXCLUDED.batch_id, stamp = EXCLUDED.stamp,
            batch_sha = EXCLUDED.batch_sha, closed_at = NULL, closed_by = NULL,
            close_reason = NULL
        WHERE (EXCLUDED.stamp, EXCLUDED.batch_sha, EXCLUDED.line_no)
            > (q.stamp, q.batch_sha, q.line_no)
          AND coalesce(q.closed_by, $15) = $15
        """,
        list(tasks),
        *columns[:9],
        *(column[0] for column in columns[9:]),
        BY_INTAKE,
    )


async def _close_mended(
    connection: Connection, origin: Origin, lines: Sequence[ToldLine], cipher: Cipher
) -> None:
    matters = [(_digest(cipher, line.matter), line.number) for line in lines if line.matter]
    records = [(line.entity_id, line.number) for line in lines if line.entity_id]
    answers = [(line.answers, line.number) for line in lines if line.answers is not None]
    for column, kind, found, batch in (
        ("matter", "bytea", matters, None),
        ("record_id", "uuid", records, None),
        ("line_no", "int", answers, origin.answered),
    ):
        if not found or (column == "line_no" and batch is None):
            continue
        keys, numbers = zip(*found, strict=True)
        await connection.execute(
            "UPDATE quality_issue q SET closed_at = now(), closed_by = $6,"
            " close_reason = '已更正'"
            f" FROM unnest($1::{kind}[], $2::int[]) AS l (key, number)"
            f" WHERE q.{column} = l.key AND q.closed_at IS NULL"
            " AND (q.stamp, q.batch_sha, q.line_no) < ($3, $4, l.number)"
            " AND ($5::uuid IS NULL OR q.batch_id = $5)",
            keys,
            numbers,
            origin.stamp,
            origin.sha256,
            batch,
            BY_INTAKE,
        )


def _digest(cipher: Cipher, matter: tuple[str, ...]) -> bytes | None:
    """A keyed digest, since a matter may name a person."""
    return cipher.digest(orjson.dumps(matter)) if matter else None
