"""Copies of a partner's records: verified changes of its feed become statements of the store.

The order of a copy's statements is the order of the feed: time of the origin's statement, then
the feed, then the index. A record's id is made again from what travelled, so a partner can only
speak of records of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

import asyncpg

from store.cipher import Cipher
from store.connection import Connection
from store.correction import end_where_it_was
from store.errors import StoreError
from store.exclusion import KINDS as EXCLUDING
from store.exclusion import review_exclusions
from store.kind import Kinds
from store.record import RecordStatement, apply_records
from store.relation import RelationStatement, apply_relations
from store.subject import Directory
from store.withdrawal import withdraw_record, withdraw_relation
from sync.catalogue import RELATION
from sync.errors import MirrorError
from sync.leaf import Operation
from sync.page import ReadChange
from sync.restatement import due_changes, replace_statements
from sync.statement import ending_said, record_said, relation_said

_NO_SUCH_VALUE = (
    ArithmeticError,
    LookupError,
    TypeError,
    ValueError,
    StoreError,
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
)
"""What values that no record has run into, here or in the store."""
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

    An index that was carried out before changes nothing, unless it is what a copy shows and it is
    shown more of, or less, than then. A tombstone withdraws the copy for every
    reader; lists that exclude one another on that day become tasks here as well. Gives the number
    of changes that were carried out; raises MirrorError `FEED_MALFORMED` or `KIND_UNKNOWN`, and the
    caller's transaction must then be undone.
    """
    sha = hashlib.sha256(feed.encode()).digest()
    try:
        due, restated = await due_changes(connection, changes, feed, region, sha, kinds)
        await _carry_out(connection, due, region, sha, kinds, cipher, on)
        await replace_statements(connection, restated, sha)
    except _NO_SUCH_VALUE as error:
        raise MirrorError("FEED_MALFORMED", _MALFORMED) from error
    return len(due)


async def _carry_out(
    connection: Connection,
    due: Sequence[ReadChange],
    region: str,
    sha: bytes,
    kinds: Kinds,
    cipher: Cipher,
    on: date,
) -> None:
    upserts: list[RecordStatement] = []
    relations: list[RelationStatement] = []
    tombstones: dict[UUID, ReadChange] = {}

    async def apply() -> None:
        applied = await apply_records(connection, upserts, kinds=kinds, cipher=cipher)
        await end_where_it_was(connection, [one.entity_id for one in applied])
        await _apply_relations(connection, relations, region, cipher)
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

    for change in due:
        if change.operation is Operation.TOMBSTONE:
            tombstones[change.record_id] = change
        else:
            if change.record_id in tombstones:
                await apply()
            if change.fields["kind"] == RELATION:
                relations.append(relation_said(change, region, sha))
            else:
                upserts.append(record_said(change, region, sha, kinds))
    await apply()


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
        raise ValueError("a relation of another city")
    parties = [party for one in relations for party in (one.source, one.target)]
    directory = await Directory.open(connection, parties, cipher)
    await apply_relations(connection, relations, cipher=cipher, directory=directory)
    # An end that has become another subject at the origin leaves nothing under the former one.
    await connection.execute(
        "DELETE FROM relation r USING relation o WHERE r.relation_id = ANY($1)"
        " AND o.relation_id = r.relation_id AND o.direction = r.direction"
        " AND (r.stamp, r.batch_sha, r.line_no) < (o.stamp, o.batch_sha, o.line_no)",
        [one.identity for one in relations],
    )


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
        reason, on, order = ending_said(change, sha)
        if change.record_id in relations:
            await withdraw_relation(connection, change.record_id, reason=reason, on=on, order=order)
        else:
            await withdraw_record(connection, change.record_id, reason=reason, on=on, order=order)
