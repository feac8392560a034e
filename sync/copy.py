"""Copies of a partner's records: verified changes of its feed become statements of the store.

The order of a copy's statements is the order of the feed: time of the origin's statement, then
the feed, then the index. A record's id is made again from what travelled, so a partner can only
speak of records of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

import asyncpg

from store.cipher import Cipher
from store.connection import Connection
from store.exclusion import KINDS as EXCLUDING
from store.exclusion import review_exclusions
from store.kind import Field, FieldType, Kind, Kinds
from store.record import RecordStatement, apply_records
from store.relation import RelationStatement, apply_relations
from store.statement import Order, Party
from store.subject import Directory
from store.withdrawal import withdraw_record, withdraw_relation
from sync.canonical import Value
from sync.catalogue import ENVELOPE, RELATION, api_name, travelling_fields
from sync.errors import MirrorError
from sync.leaf import Operation
from sync.page import ReadChange
from sync.relation import relation_statement

_DATES = frozenset(
    {
        "decision_date",
        "display_from",
        "display_min_until",
        "display_until",
        "display_ended_on",
        "query_until",
        "valid_from",
        "valid_to",
    }
)
_MALFORMED = "Tell the partner: a record of its feed is not what the catalogue says."


async def apply_changes(
    connection: Connection,
    changes: Sequence[ReadChange],
    *,
    feed: str,
    region: str,
    kinds: Kinds,
    cipher: Cipher,
    on: date,
) -> int:
    """Carry out verified changes of a feed inside the caller's transaction.

    An index that was carried out before changes nothing. A tombstone withdraws the copy for every
    reader; lists that exclude one another on that day become tasks here as well. Gives the number
    of changes that were new; raises MirrorError `FEED_MALFORMED` or `KIND_UNKNOWN`, and the
    caller's transaction must then be undone.
    """
    new = await _record_applied(connection, feed, changes)
    sha = hashlib.sha256(feed.encode()).digest()
    upserts: list[RecordStatement] = []
    relations: list[RelationStatement] = []
    tombstones: dict[UUID, ReadChange] = {}

    async def carry_out() -> None:
        try:
            applied = await apply_records(connection, upserts, kinds=kinds, cipher=cipher)
            await _apply_relations(connection, relations, region, cipher)
        except asyncpg.DataError as error:
            raise MirrorError("FEED_MALFORMED", _MALFORMED) from error
        listed = {
            result.subject_id
            for statement, result in zip(upserts, applied, strict=True)
            if statement.kind in EXCLUDING
        }
        if listed:
            await review_exclusions(connection, listed, on=on)
        await _withdraw(connection, tombstones, region, sha)
        upserts.clear()
        relations.clear()
        tombstones.clear()

    for change in new:
        if change.operation is Operation.TOMBSTONE:
            tombstones[change.record_id] = change
        else:
            if change.record_id in tombstones:
                await carry_out()
            if change.fields["kind"] == RELATION:
                relations.append(_relation(change, region, sha))
            else:
                upserts.append(_statement(change, region, sha, kinds))
    await carry_out()
    return len(new)


def _relation(change: ReadChange, region: str, sha: bytes) -> RelationStatement:
    try:
        order = Order(_moment(change.fields["statedAt"]), sha, change.index)
        return relation_statement(change.fields, change.record_id, region, order)
    except (KeyError, TypeError, ValueError, InvalidOperation) as error:
        raise MirrorError("FEED_MALFORMED", _MALFORMED) from error


async def _apply_relations(
    connection: Connection, relations: Sequence[RelationStatement], region: str, cipher: Cipher
) -> None:
    """Keep a partner's relations; it can only speak of its own."""
    if not relations:
        return
    foreign = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM relation WHERE relation_id = ANY ($1) AND origin_region <> $2)",
        [one.identity for one in relations],
        region,
    )
    if foreign:
        raise MirrorError("FEED_MALFORMED", _MALFORMED)
    parties = [party for one in relations for party in (one.source, one.target)]
    directory = await Directory.open(connection, parties, cipher)
    await apply_relations(connection, relations, cipher=cipher, directory=directory)


async def _withdraw(
    connection: Connection, tombstones: Mapping[UUID, ReadChange], region: str, sha: bytes
) -> None:
    """Withdraw the partner's records that are here; one that never came needs nothing."""
    if not tombstones:
        return
    rows = await connection.fetch(
        "SELECT DISTINCT record_id, false AS relates FROM record"
        " WHERE record_id = ANY ($1) AND origin_region = $2"
        " UNION SELECT relation_id, true FROM relation"
        " WHERE relation_id = ANY ($1) AND origin_region = $2",
        list(tombstones),
        region,
    )
    relations = {row["record_id"] for row in rows if row["relates"]}
    for change in sorted((tombstones[row["record_id"]] for row in rows), key=lambda c: c.index):
        try:
            reason = _text(change.fields["reason"])
            on = date.fromisoformat(_text(change.fields["endedOn"]))
            stamp = _moment(change.fields["statedAt"])
        except (KeyError, TypeError, ValueError) as error:
            raise MirrorError("FEED_MALFORMED", _MALFORMED) from error
        order = Order(stamp, sha, change.index)
        if change.record_id in relations:
            await withdraw_relation(connection, change.record_id, reason=reason, on=on, order=order)
            continue
        await withdraw_record(connection, change.record_id, reason=reason, on=on, order=order)


async def _record_applied(
    connection: Connection, feed: str, changes: Sequence[ReadChange]
) -> list[ReadChange]:
    ended = await _ended(connection, feed, changes)
    rows = await connection.fetch(
        """
        INSERT INTO mirror_applied (feed, index, record_id, operation, leaf_hash)
        SELECT $1, * FROM unnest($2::bigint[], $3::uuid[], $4::text[], $5::bytea[])
        ON CONFLICT DO NOTHING RETURNING index
        """,
        feed,
        [change.index for change in changes],
        [change.record_id for change in changes],
        [change.operation.value for change in changes],
        [change.leaf_hash for change in changes],
    )
    new = {row["index"] for row in rows}
    return [c for c in changes if c.index in new and c.index > ended.get(c.record_id, -1)]


async def _ended(
    connection: Connection, feed: str, changes: Sequence[ReadChange]
) -> dict[UUID, int]:
    """The last tombstone that was carried out before for each of these records.

    A feed that is read again under a new agreement shows what was withheld when its tombstone
    passed: that must not come back.
    """
    rows = await connection.fetch(
        "SELECT record_id, max(index) AS index FROM mirror_applied"
        " WHERE feed = $1 AND record_id = ANY ($2) AND operation = 'TOMBSTONE' GROUP BY record_id",
        feed,
        [change.record_id for change in changes],
    )
    return {row["record_id"]: row["index"] for row in rows}


def natural_key(kind: Kind, row: dict[str, Any], fields: dict[str, Any]) -> tuple[str, ...]:
    """Give the values of the kind's natural key as they stand in a record."""
    values = []
    for name in kind.natural_key:
        declared = kind.field(name)
        value = row[declared.envelope] if declared.envelope else fields.get(declared.api_name)
        values.append("" if value is None else str(value))
    return tuple(values)


def _statement(change: ReadChange, region: str, sha: bytes, kinds: Kinds) -> RecordStatement:
    told = change.fields
    kind = kinds.by_name.get(str(told["kind"]))
    if kind is None:
        raise MirrorError(
            "KIND_UNKNOWN", "Install a release that knows every record kind of the agreement."
        )
    try:
        row = {column: _column(column, told.get(api_name(column))) for column in ENVELOPE}
        fields = {
            field.api_name: _checked(field, told.get(f"fields.{field.api_name}"))
            for field in travelling_fields(kind)
        }
        fields = {name: value for name, value in fields.items() if value is not None}
        statement = RecordStatement(
            kind=kind.name,
            party=Party(
                category=_text(told["subjectCategory"]),
                name=_text(told["reportedName"]),
                codes=tuple((_text(s), _text(v)) for s, v in _pairs(told["subjectCodes"])),
            ),
            party_key=_text(told["partyKey"]),
            order=Order(_moment(told["statedAt"]), sha, change.index),
            origin_region=region,
            received_at=_moment(told["receivedAt"]),
            visibility=_text(told["class"]),
            status=_text(told["status"]),
            natural_key=natural_key(kind, row, fields),
            fields=fields,
            **row,
        )
        if statement.visibility not in ("O", "G") or not statement.party.codes:
            raise ValueError("not what travels")
        if statement.record_id(kind) != change.record_id:
            raise ValueError("the id is not the record's")
    except (KeyError, TypeError, ValueError, InvalidOperation) as error:
        raise MirrorError("FEED_MALFORMED", _MALFORMED) from error
    return statement


def _column(column: str, value: Value) -> Any:
    if value is None:
        return False if column == "objection" else None
    if column == "objection":
        if not isinstance(value, bool):
            raise TypeError("an objection mark is true or false")
        return value
    text = _text(value)
    return date.fromisoformat(text) if column in _DATES else text


def _checked(field: Field, value: Value) -> Value:
    if value is None:
        return None
    allowed = None if field.codes is None else {code.value for code in field.codes.codes}
    match field.type:
        case FieldType.BOOLEAN if isinstance(value, bool):
            return value
        case FieldType.INTEGER if isinstance(value, int) and not isinstance(value, bool):
            return value
        case FieldType.CODES if isinstance(value, list):
            if allowed is None or all(member in allowed for member in value):
                return value
        case FieldType.DATE:
            date.fromisoformat(_text(value))
            return value
        case FieldType.DECIMAL:
            if Decimal(_text(value)).is_finite():
                return value
        case FieldType.CODE if allowed is None or value in allowed:
            return _text(value)
        case FieldType.TEXT:
            return _text(value)
    raise ValueError(f"{field.name} does not hold such a value")


def _text(value: Value) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise TypeError("a text without NUL is due")
    return value


def _pairs(value: Value) -> list[tuple[Value, Value]]:
    if not isinstance(value, list):
        raise TypeError("a list of pairs is due")
    return [(pair[0], pair[1]) for pair in value if isinstance(pair, list)]


def _moment(value: Value) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise ValueError("a time says its zone")
    return moment
