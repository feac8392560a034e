"""Interests that a declaration states of a body (BODS 0.4), shown beside what is computed.

Direct holdings of shares and seats on boards are relations like any other; here is the rest:
indirect interests, votes, control, interests of nobody who is named. No computation reads them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

import orjson

from store.ids import interest_id
from store.staging import stage
from store.statement import Applied, Order, Party

if TYPE_CHECKING:
    from store.connection import Connection
    from store.subject import Directory

_COLUMNS = (
    "subject_id",
    "interest_id",
    "party_id",
    "unnamed_reason",
    "interest_type",
    "directness",
    "beneficial",
    "share_min",
    "share_max",
    "share_bounds",
    "details",
    "valid_from",
    "valid_to",
    "origin_region",
    "class",
    "statement_no",
    "components",
    "source_unit_name",
    "source_unit_uscc",
    "stamp",
    "batch_sha",
    "batch_id",
    "line_no",
)


@dataclass(frozen=True, slots=True)
class InterestStatement:
    """One interest of a party in a body; shares are fractions 0..1.

    `statement_no` is the declaration's number of its record, `key` what tells the interests of
    one record apart. Without `party` `unnamed_reason` says why nobody is named. `bounds` tells
    whether the ends of the share's interval belong to it, as PostgreSQL writes ranges.
    """

    subject: Party
    party: Party | None
    order: Order
    origin_region: str
    statement_no: str
    key: str
    interest_type: str
    directness: str
    beneficial: bool
    share_min: Decimal | None = None
    share_max: Decimal | None = None
    bounds: str = "[]"
    details: str | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    unnamed_reason: str | None = None
    components: tuple[str, ...] = ()
    visibility: str = "G"
    source_unit_name: str = ""
    source_unit_uscc: str = ""
    batch_id: UUID | None = None


async def apply_interests(
    connection: Connection, statements: Sequence[InterestStatement], *, directory: Directory
) -> list[Applied]:
    """Show the greatest statement of each interest."""
    if not statements:
        return []
    rows, applied = [], []
    for one in statements:
        order = one.order
        subject = directory.resolve(one.subject, order, origin=one.origin_region)
        party = one.party and directory.resolve(one.party, order, origin=one.origin_region)
        identity = interest_id(one.origin_region, subject.first, one.statement_no, one.key)
        rows.append(
            (
                subject.subject_id,
                identity,
                party.subject_id if party else None,
                one.unnamed_reason,
                one.interest_type,
                one.directness,
                one.beneficial,
                one.share_min,
                one.share_max,
                one.bounds,
                one.details,
                one.valid_from,
                one.valid_to,
                one.origin_region,
                one.visibility,
                one.statement_no,
                orjson.dumps(list(one.components)).decode(),
                one.source_unit_name,
                one.source_unit_uscc,
                order.stamp,
                order.batch_sha,
                one.batch_id,
                order.line_no,
            )
        )
        other = party.subject_id if party else None
        applied.append(Applied(subject.subject_id, identity, True, subject.remarks, other))
    await directory.write()
    table = await stage(connection, "declared_interest", _COLUMNS, rows)
    listed = ", ".join(_COLUMNS)
    updates = ", ".join(f"{c} = EXCLUDED.{c}" for c in _COLUMNS[2:])
    await connection.execute(
        f"""
        INSERT INTO declared_interest AS d ({listed})
        SELECT {listed} FROM (SELECT DISTINCT ON (subject_id, interest_id) * FROM {table}
            ORDER BY subject_id, interest_id, stamp DESC, batch_sha DESC, line_no DESC) latest
        ON CONFLICT (subject_id, interest_id) DO UPDATE SET {updates}, recorded_from = now()
        WHERE (EXCLUDED.stamp, EXCLUDED.batch_sha, EXCLUDED.line_no)
            > (d.stamp, d.batch_sha, d.line_no)
        """
    )
    return applied
