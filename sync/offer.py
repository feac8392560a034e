"""What of a record travels: the fields a leaf commits to, and when a record stops travelling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Protocol
from uuid import UUID

from store.kind import Kind
from sync.canonical import Value
from sync.catalogue import CATEGORIES, ENVELOPE, api_name, travelling_fields
from sync.leaf import Operation, item_tag
from sync.sharing import Shift

_UNVERSIONED = frozenset({"version", "statedAt", "receivedAt"})
_NOTHING = Shift()


@dataclass(frozen=True, slots=True)
class Stated:
    """A record of this city as it stands, with what names its party outside this node.

    `row` holds the columns of `record`; `codes` the open (scheme, value) of the subject.
    """

    record_id: UUID
    kind: Kind
    category: str
    visibility: str
    status: str
    stamp: datetime
    party_key: str
    codes: tuple[tuple[str, str], ...]
    row: Mapping[str, Any]
    fields: Mapping[str, Any]

    @property
    def item(self) -> str:
        return item_tag(self.kind.name, self.category)

    def withheld(self, items: frozenset[str], today: date) -> str | None:
        """See `withheld`."""
        return withheld(self, items, today)

    def offered(self, region: str, stamp: datetime) -> dict[str, Value]:
        """See `offered`."""
        return offered(self, region, stamp)


@dataclass(frozen=True, slots=True)
class Published:
    """What the feed last said of a record; `fields` is None when it was a tombstone or erased."""

    item: str
    operation: Operation
    stamp: datetime
    fields: Mapping[str, Value] | None


@dataclass(frozen=True, slots=True)
class Change:
    """A leaf to be: everything but its index and its salts."""

    item: str
    operation: Operation
    stamp: datetime
    fields: Mapping[str, Value]


class Offer(Protocol):
    """Something of this city that may travel: a record, or a relation."""

    @property
    def item(self) -> str: ...

    @property
    def stamp(self) -> datetime: ...

    def withheld(self, items: frozenset[str], today: date, /) -> str | None: ...

    def offered(self, region: str, stamp: datetime, /) -> dict[str, Value]: ...


def withheld(stated: Stated, items: frozenset[str], today: date) -> str | None:
    """Give the reason for which a record does not travel, None when it does.

    Only valid records of organisations, of open or government class, of an item that agreement
    and catalogue share with a partner, whose display was not ended by repair and whose clocks
    still run. A record whose party has no open code cannot be placed by the partner.
    """
    row = stated.row
    if stated.status != "VALID":
        return stated.status
    if row["display_ended_on"] is not None:
        return "DISPLAY_ENDED"
    if stated.category not in CATEGORIES or stated.visibility not in ("O", "G"):
        return "NOT_SHARED"
    if stated.item not in items or not stated.codes:
        return "NOT_SHARED"
    if row["query_until"] is not None and today >= row["query_until"]:
        until = row["display_until"]
        if stated.visibility != "O" or (until is not None and today >= until):
            return "EXPIRED"
    return None


def changes(
    record_id: UUID,
    region: str,
    stated: Offer | None,
    published: Published | None,
    items: frozenset[str],
    today: date,
    due: Shift = _NOTHING,
) -> list[Change]:
    """Give the leaves that bring the feed up to what is stated; none when it says so already.

    `due` names items that are to be said again, or retracted first, all the same.
    """
    reason = "DELETED" if stated is None else stated.withheld(items, today)
    shown = published is not None and published.operation is Operation.UPSERT
    found: list[Change] = []
    moved = stated is not None and published is not None and stated.item != published.item
    moved = moved or (published is not None and published.item in due.retract)
    again = stated is not None and stated.item in due.offer_again
    if published is not None and shown and (stated is None or reason or moved):
        stamp = published.stamp if stated is None else max(stated.stamp, published.stamp)
        found.append(
            Change(
                published.item,
                Operation.TOMBSTONE,
                stamp,
                {
                    "recordId": str(record_id),
                    "originRegion": region,
                    "statedAt": moment(stamp),
                    "reason": reason or "NOT_SHARED",
                    "endedOn": today.isoformat(),
                },
            )
        )
    if stated is not None and reason is None:
        stamp = stated.stamp if published is None else max(stated.stamp, published.stamp)
        fields = stated.offered(region, stamp)
        if found or again or not shown or published is None or not _equal(fields, published.fields):
            found.append(Change(stated.item, Operation.UPSERT, stamp, fields))
    return found


def offered(stated: Stated, region: str, stamp: datetime) -> dict[str, Value]:
    """Give every field of a record that may travel, null where there is none."""
    row = stated.row
    fields: dict[str, Value] = {
        "recordId": str(stated.record_id),
        "originRegion": region,
        "kind": stated.kind.name,
        "class": stated.visibility,
        "status": stated.status,
        "subjectCategory": stated.category,
        "subjectCodes": [[scheme, value] for scheme, value in stated.codes],
        "partyKey": stated.party_key,
        "statedAt": moment(stamp),
        "receivedAt": moment(row["received_at"]),
    }
    fields |= {api_name(column): _plain(row[column]) for column in ENVELOPE}
    fields |= {
        f"fields.{field.api_name}": _plain(stated.fields.get(field.api_name))
        for field in travelling_fields(stated.kind)
    }
    return fields


def moment(stamp: datetime) -> str:
    """Write a time in UTC with microseconds, ending in Z."""
    return stamp.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _equal(fields: Mapping[str, Value], other: Mapping[str, Value] | None) -> bool:
    if other is None:
        return False
    ours = {name: value for name, value in fields.items() if name not in _UNVERSIONED}
    theirs = {name: value for name, value in other.items() if name not in _UNVERSIONED}
    # Sent again it came later, which is nothing new; that it had come earlier is.
    return ours == theirs and str(fields["receivedAt"]) >= str(other["receivedAt"])


def _plain(value: Any) -> Value:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [_plain(member) for member in value]
    if isinstance(value, Mapping):
        return {str(name): _plain(member) for name, member in value.items()}
    return str(value)
