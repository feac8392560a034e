"""Agreements to act in concert 一致行动人: members who vote as one, kept as stated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING
from uuid import UUID

from store.ids import concert_id
from store.statement import Applied, Order, Party

if TYPE_CHECKING:
    from store.connection import Connection
    from store.subject import Directory


@dataclass(frozen=True, slots=True)
class ConcertStatement:
    """A member of an agreement, as its source states it; `company` None: in every company."""

    party: Party
    company: Party | None
    agreement_no: str
    order: Order
    origin_region: str
    valid_from: date | None
    valid_to: date | None
    source_unit_name: str
    source_unit_uscc: str


async def apply_concerts(
    connection: Connection, statements: Sequence[ConcertStatement], *, directory: Directory
) -> list[Applied]:
    """Keep every statement; questions read the greatest of each member."""
    if not statements:
        return []
    rows, applied = [], []
    for one in statements:
        company = one.company and directory.resolve(
            one.company, one.order, origin=one.origin_region
        )
        member = directory.resolve(one.party, one.order, origin=one.origin_region)
        identity = concert_id(one.origin_region, one.agreement_no)
        firm = company.subject_id if company else None
        rows.append(
            (
                member.subject_id,
                identity,
                one.agreement_no,
                firm,
                one.origin_region,
                one.valid_from,
                one.valid_to,
                one.source_unit_name,
                one.source_unit_uscc,
                one.order.stamp,
                one.order.batch_sha,
                one.order.line_no,
            )
        )
        applied.append(Applied(member.subject_id, identity, True, member.remarks, firm))
    await directory.write()
    await connection.executemany(
        "INSERT INTO concert (subject_id, concert_id, agreement_no, company_id, origin_region,"
        " valid_from, valid_to, source_unit_name, source_unit_uscc, stamp, batch_sha, line_no)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING",
        rows,
    )
    return applied


async def move_concerts(connection: Connection, weak: UUID, strong: UUID) -> None:
    """Make the memberships of a subject that is joined to another those of the other."""
    await connection.execute(
        "DELETE FROM concert w USING concert s WHERE w.subject_id = $1 AND s.subject_id = $2"
        " AND (w.concert_id, w.stamp, w.batch_sha, w.line_no)"
        " = (s.concert_id, s.stamp, s.batch_sha, s.line_no)",
        weak,
        strong,
    )
    for column in ("subject_id", "company_id"):
        await connection.execute(
            f"UPDATE concert SET {column} = $2 WHERE {column} = $1", weak, strong
        )
