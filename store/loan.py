"""Loans 借款: nodes of their own, because several parties may guarantee one (records.md 1.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from store.mention import record_subjects
from store.statement import Applied, Order, Party

if TYPE_CHECKING:
    from store.connection import Connection
    from store.subject import Directory

STATED = (
    "lender_name",
    "lender_code",
    "amount",
    "balance",
    "currency",
    "issued_on",
    "due_on",
)
COLUMNS = ("loan_no", *STATED, "origin_region", "stamp", "batch_sha", "line_no")


@dataclass(frozen=True, slots=True)
class LoanStatement:
    """A loan as its source states it; amounts in 元."""

    party: Party
    order: Order
    origin_region: str
    stated: Mapping[str, Any]


async def apply_loans(
    connection: Connection,
    statements: Sequence[LoanStatement],
    *,
    directory: Directory,
) -> list[Applied]:
    """Show the greatest statement of each loan."""
    if not statements:
        return []
    found = [directory.resolve(s.party, s.order, origin=s.origin_region) for s in statements]
    await directory.write()
    latest = {}
    for resolution, statement in sorted(
        zip(found, statements, strict=True), key=lambda pair: pair[1].order
    ):
        latest[resolution.subject_id] = statement
    types = (
        *("uuid", "text", "text", "text", "numeric", "numeric", "text", "date", "date"),
        *("text", "timestamptz", "bytea", "int4"),
    )
    rows = [loan_row(s, identity) for identity, s in latest.items()]
    arrays = ", ".join(f"${i}::{kind}[]" for i, kind in enumerate(types, 1))
    listed = ", ".join(COLUMNS)
    updates = ", ".join(f"{c} = EXCLUDED.{c}" for c in COLUMNS)
    shown = await connection.fetch(
        f"""
        INSERT INTO loan AS l (subject_id, {listed}, audit_ref)
        SELECT subject_id, {", ".join(f"m.{c}" for c in COLUMNS)}, s.audit_ref
        FROM unnest({arrays}) AS m (subject_id, {listed}) JOIN subject s USING (subject_id)
        ON CONFLICT (subject_id) DO UPDATE SET {updates}, recorded_from = now()
        WHERE (EXCLUDED.stamp, EXCLUDED.batch_sha, EXCLUDED.line_no)
            > (l.stamp, l.batch_sha, l.line_no)
        RETURNING new.subject_id, (old.amount, old.balance, old.lender_name, old.due_on)
            IS DISTINCT FROM (new.amount, new.balance, new.lender_name, new.due_on) AS changed
        """,
        *(list(column) for column in zip(*rows, strict=True)),
    )
    changed = {row["subject_id"] for row in shown if row["changed"]}
    await record_subjects(connection, changed)
    return [Applied(f.subject_id, f.subject_id, f.subject_id in changed, f.remarks) for f in found]


def loan_row(statement: LoanStatement, identity: UUID) -> tuple[Any, ...]:
    """The loan's subject and its columns."""
    return (
        identity,
        statement.party.name,
        *(statement.stated.get(column) for column in STATED),
        statement.origin_region,
        statement.order.stamp,
        statement.order.batch_sha,
        statement.order.line_no,
    )
