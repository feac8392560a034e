"""The outbox as readers follow it: by (xid, seq), below every transaction that is still at work.

A sequence is not the order of commit; what is read here is never preceded by a later commit.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from store.errors import StoreError

if TYPE_CHECKING:
    from store.connection import Queried

_READABLE = "xid < pg_snapshot_xmin(pg_current_snapshot())"
_MOST_DIGITS = 20


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place in the outbox; as `text` opaque to callers."""

    xid: int = 0
    seq: int = 0

    @property
    def text(self) -> str:
        return base64.urlsafe_b64encode(f"o:{self.xid}:{self.seq}".encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> Place:
        """The place in a text. Raises StoreError `POSITION_INVALID`."""
        try:
            told = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            mark, xid, seq = told.decode("ascii").split(":")
            if mark == "o" and len(xid) <= _MOST_DIGITS and xid.isdigit() and seq.isdigit():
                place = cls(int(xid), int(seq))
                if place.text == text and place.xid < 2**63 and place.seq < 2**63:
                    return place
        except (ValueError, binascii.Error):
            pass
        raise StoreError(
            "POSITION_INVALID", "Give the position of an event as it came, or leave it out."
        )


@dataclass(frozen=True, slots=True)
class Row:
    """One change: of a subject, relation or record, and the subject it belongs to."""

    place: Place
    entity: str
    entity_id: UUID
    subject_id: UUID
    at: dt.datetime | None = None  # when its transaction began; None: before this was kept


async def newest(connection: Queried) -> Place:
    """The last place that every later snapshot has seen whole."""
    row = await connection.fetchrow(
        f"SELECT xid, seq FROM outbox WHERE {_READABLE} ORDER BY xid DESC, seq DESC LIMIT 1"
    )
    return Place(row["xid"], row["seq"]) if row else Place()


async def rows_after(connection: Queried, place: Place, limit: int) -> list[Row]:
    """The next rows that may be read, at most `limit`."""
    rows = await connection.fetch(
        "SELECT xid, seq, entity, entity_id, subject_id, recorded_at FROM outbox"
        f" WHERE (xid, seq) > ($1::xid8, $2::bigint) AND {_READABLE} ORDER BY xid, seq LIMIT $3",
        place.xid,
        place.seq,
        limit,
    )
    return [
        Row(
            Place(row["xid"], row["seq"]),
            row["entity"],
            row["entity_id"],
            row["subject_id"],
            row["recorded_at"],
        )
        for row in rows
    ]


async def is_behind(connection: Queried, place: Place) -> bool:
    """Whether rows wait after a place, readable or not yet."""
    waits: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM outbox WHERE (xid, seq) > ($1::xid8, $2::bigint))",
        place.xid,
        place.seq,
    )
    return waits
