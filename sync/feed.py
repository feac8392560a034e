"""This city's sharing feed: what changed in the store becomes leaves, each index given once.

The builder reads the outbox as consumer `feed`. Leaves, payloads, the head of the tree and the
position in the outbox move in one transaction under a row lock, so a crash at any point leaves
neither a gap nor a second leaf at an index. Tiles and checkpoint are written afterwards from the
tables (`sync.feed_log`). Once a domain day, and whenever agreements or catalogue change what is
shared, it also looks at every record, a chunk at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING
from uuid import UUID

import orjson

from security.tlog.merkle import leaf_hash
from store.connection import Connection
from store.kind import Kinds
from sync.catalogue import ENVELOPE, RELATION
from sync.compact_range import CompactRange
from sync.disclosure import Disclosure, fields_root, salted
from sync.leaf import Leaf, Operation
from sync.offer import Change, Offer, Published, Stated, changes
from sync.relation import StatedRelation, stated_relations
from sync.sharing import Shift, sharing_on, shift

if TYPE_CHECKING:
    import asyncpg

CONSUMER = "feed"
CHUNK = 500
"""Records looked at in one transaction, so that it stays below half a second."""
_WINDOW = 2000
_BREATH = 16  # records whose digests are made without letting others run
_FIRST = UUID(int=0)
_STANDING = """
SELECT f.size, f.range_hashes, f.items, f.swept_on, f.sweep_after,
       (SELECT array_agg(c.digest ORDER BY c.type, c.edition)
          FROM catalogue_edition c WHERE c.region_id = $1) AS catalogues,
       (SELECT array_agg(md5(concat_ws(' ', a.valid_from, a.valid_to, md5(a.note)))
                         ORDER BY a.agreement_id) FROM agreement a) AS agreements,
       EXISTS (
         SELECT FROM outbox o LEFT JOIN outbox_position p ON p.consumer = $2
          WHERE p.xid IS NULL OR (o.xid, o.seq) > (p.xid, p.seq)) AS behind
  FROM feed_state f
"""
_UNSHIFTED = Shift()


@dataclass(frozen=True, slots=True)
class Advance:
    """What one step did; `more` tells that another step has work to do."""

    read: int
    appended: int
    size: int
    more: bool


@dataclass(frozen=True, slots=True)
class _Entry:
    record_id: UUID
    subject_id: UUID
    change: Change
    leaf: bytes
    disclosures: tuple[Disclosure, ...]


@dataclass(frozen=True, slots=True)
class _Looking:
    """By what records are judged in one step; `swept` are those that are looked at unchanged."""

    region: str
    items: frozenset[str]
    today: date
    due: Shift
    swept: frozenset[UUID]
    shifted_at: int

    def due_of(self, record_id: UUID, index: int | None) -> Shift:
        """What a record is due that the feed spoke of at this index, if ever."""
        is_due = record_id in self.swept and index is not None and index < self.shifted_at
        return self.due if is_due else _UNSHIFTED


async def standing(connection: Connection, region: str) -> tuple[object, ...] | None:
    """All that a step on one domain day goes by; None while changes wait.

    Where it is what it was before the last step, and that found nothing, another finds nothing.
    """
    row = await connection.fetchrow(_STANDING, region, CONSUMER)
    return None if row is None or row["behind"] else tuple(row.values())


async def advance(
    connection: Connection,
    *,
    kinds: Kinds,
    region: str,
    today: date,
    chunk: int = CHUNK,
) -> Advance:
    """Take the next changes of records into the feed, in a transaction of its own."""
    async with connection.transaction():
        state = await connection.fetchrow(
            "SELECT size, range_hashes, items, swept_on, sweep_after, offer_again, retract,"
            " shifted_at FROM feed_state FOR UPDATE"
        )
        assert state is not None, "migration 0003 inserts the row"
        sharing = await sharing_on(connection, region, today)
        sweep: UUID | None = state["sweep_after"]
        due = Shift(frozenset(state["offer_again"]), frozenset(state["retract"]))
        former, shifted_at = frozenset(state["items"]), state["shifted_at"]
        if sharing.pairs != former or state["swept_on"] != today:
            sweep = _FIRST
        if sharing.pairs != former:
            due |= shift(former, sharing.pairs)
            shifted_at = state["size"]
        ids, position, more = await _changed(connection, chunk)
        looked = len(ids)
        swept: list[UUID] = []
        if sweep is not None and not more:
            swept = await _next_records(connection, region, sweep, chunk, _relates(sharing.tags))
            ids = list(dict.fromkeys([*ids, *swept]))
            looked = len(ids)
            sweep = swept[-1] if len(swept) == chunk else None
        tree = CompactRange.parse(state["size"], bytes(state["range_hashes"]))
        looking = _Looking(region, sharing.tags, today, due, frozenset(swept), shifted_at)
        entries = await _entries(connection, ids, tree.size, kinds, looking)
        if sweep is None:
            due = Shift()
        tree = tree.extended([leaf_hash(entry.leaf) for entry in entries])
        await _append(connection, state["size"], entries)
        await connection.execute(
            "UPDATE feed_state SET size = $1, range_hashes = $2, items = $3, swept_on = $4,"
            " sweep_after = $5, offer_again = $6, retract = $7, shifted_at = $8",
            tree.size,
            tree.packed(),
            sorted(sharing.pairs),
            today,
            sweep,
            sorted(due.offer_again),
            sorted(due.retract),
            shifted_at,
        )
        if position is not None:
            await connection.execute(
                """
                INSERT INTO outbox_position (consumer, xid, seq)
                VALUES ($1, $2::text::xid8, $3)
                ON CONFLICT (consumer) DO UPDATE
                SET (xid, seq, updated_at) = (EXCLUDED.xid, EXCLUDED.seq, now())
                """,
                CONSUMER,
                *position,
            )
    return Advance(looked, len(entries), tree.size, more or sweep is not None)


async def _changed(
    connection: Connection, chunk: int
) -> tuple[list[UUID], tuple[str, int] | None, bool]:
    """Read on in the outbox: changed records and relations, the new position, whether more is
    waiting."""
    rows = await connection.fetch(
        """
        WITH at AS (
            SELECT coalesce(max(xid::text), '0')::xid8 AS xid, coalesce(max(seq), -1) AS seq
            FROM outbox_position WHERE consumer = $1)
        SELECT o.xid::text AS xid, o.seq, o.entity, o.entity_id
        FROM outbox o, at
        WHERE (o.xid, o.seq) > (at.xid, at.seq)
          AND o.xid < pg_snapshot_xmin(pg_current_snapshot())
        ORDER BY o.xid, o.seq LIMIT $2
        """,
        CONSUMER,
        _WINDOW,
    )
    ids: dict[UUID, None] = {}
    position, taken = None, 0
    for row in rows:
        if row["entity"] in ("RECORD", "RELATION"):
            if len(ids) == chunk and row["entity_id"] not in ids:
                break
            ids[row["entity_id"]] = None
        position = (row["xid"], row["seq"])
        taken += 1
    return list(ids), position, taken < len(rows) or len(rows) == _WINDOW


def _relates(items: frozenset[str]) -> bool:
    """Whether relations travel to any partner."""
    return any(item.startswith(f"{RELATION}.") for item in items)


async def _next_records(
    connection: Connection, region: str, after: UUID, chunk: int, relates: bool
) -> list[UUID]:
    relations = (
        """(SELECT DISTINCT relation_id AS record_id FROM relation
             WHERE relation_id > $1 AND origin_region = $2 ORDER BY relation_id LIMIT $3)
            UNION """
        if relates
        else ""
    )
    rows = await connection.fetch(
        f"""
        SELECT record_id FROM (
            {relations}
            (SELECT record_id FROM record
             WHERE record_id > $1 AND origin_region = $2 ORDER BY record_id LIMIT $3)
            UNION
            (SELECT record_id FROM feed_record WHERE record_id > $1 ORDER BY record_id LIMIT $3)
        ) found ORDER BY record_id LIMIT $3
        """,
        after,
        region,
        chunk,
    )
    return [row["record_id"] for row in rows]


async def _entries(
    connection: Connection,
    ids: Sequence[UUID],
    size: int,
    kinds: Kinds,
    looking: _Looking,
) -> list[_Entry]:
    columns = ", ".join(f"r.{column}" for column in ENVELOPE)
    rows = await connection.fetch(
        f"""
        SELECT asked.id, r.subject_id, r.kind, r.class, r.status, r.subject_category, r.stamp,
               r.received_at, r.fields::text AS fields, {columns},
               (SELECT json_agg(json_build_array(i.scheme, i.value) ORDER BY i.scheme, i.value)
                FROM identifier i WHERE i.subject_id = r.subject_id AND i.is_open)::text AS codes,
               (SELECT v.content->>'party' FROM record_version v
                WHERE v.subject_id = r.subject_id AND v.record_id = r.record_id
                  AND v.content ? 'party'
                ORDER BY v.stamp DESC, v.batch_sha DESC, v.line_no DESC LIMIT 1) AS party_key,
               f.item, f.operation, f.index AS feed_index, f.stamp AS feed_stamp,
               f.subject_id AS feed_subject, p.disclosures::text AS disclosures
        FROM unnest($1::uuid[]) WITH ORDINALITY AS asked (id, place)
        LEFT JOIN LATERAL (
            SELECT * FROM record WHERE record_id = asked.id AND origin_region = $2
            ORDER BY stamp DESC, batch_sha DESC, line_no DESC LIMIT 1) r ON true
        LEFT JOIN feed_record f ON f.record_id = asked.id
        LEFT JOIN feed_payload p ON p.index = f.index
        ORDER BY asked.place
        """,
        list(ids),
        looking.region,
    )
    entries: list[_Entry] = []
    unknown = [row["id"] for row in rows if row["kind"] is None]
    relations: Mapping[UUID, StatedRelation] = {}
    if unknown and (
        _relates(looking.items) or any((row["item"] or "").startswith(RELATION) for row in rows)
    ):
        relations = await stated_relations(connection, unknown, looking.region)
    for at, row in enumerate(rows):
        if at % _BREATH == 0:
            await asyncio.sleep(0)  # answers wait for the same event loop
        stated: Offer | None = relations.get(row["id"]) or _stated(row, kinds)
        published = _published(row)
        for change in changes(
            row["id"],
            looking.region,
            stated,
            published,
            looking.items,
            looking.today,
            looking.due_of(row["id"], row["feed_index"]),
        ):
            fields = dict(change.fields) | {"version": size + len(entries)}
            disclosures = salted(fields)
            root = fields_root(disclosure.digest for disclosure in disclosures)
            entries.append(
                _Entry(
                    row["id"],
                    _subject(row, relations.get(row["id"])),
                    change,
                    Leaf(change.item, change.operation, root).entry(),
                    disclosures,
                )
            )
    return entries


def _subject(row: asyncpg.Record, relation: StatedRelation | None) -> UUID:
    """Whom the entry is about: of a relation the organisation it leads to."""
    if relation is not None:
        return UUID(str(relation.row["other_id"]))
    found: UUID = row["feed_subject"] if row["subject_id"] is None else row["subject_id"]
    return found


def _stated(row: asyncpg.Record, kinds: Kinds) -> Stated | None:
    kind = kinds.by_name.get(row["kind"]) if row["kind"] else None
    if kind is None:
        return None
    return Stated(
        record_id=row["id"],
        kind=kind,
        category=row["subject_category"],
        visibility=row["class"],
        status=row["status"],
        stamp=row["stamp"],
        party_key=row["party_key"] or "",
        codes=tuple((scheme, value) for scheme, value in orjson.loads(row["codes"] or "[]")),
        row=dict(row),
        fields=orjson.loads(row["fields"]),
    )


def _published(row: asyncpg.Record) -> Published | None:
    if row["item"] is None:
        return None
    fields = None
    if row["disclosures"] is not None:
        fields = {name: value for _, name, value in orjson.loads(row["disclosures"])}
    return Published(row["item"], Operation(row["operation"]), row["feed_stamp"], fields)


async def _append(connection: Connection, size: int, entries: Sequence[_Entry]) -> None:
    if not entries:
        return
    await connection.executemany(
        "INSERT INTO feed_leaf (index, leaf) VALUES ($1, $2)",
        [(size + at, entry.leaf) for at, entry in enumerate(entries)],
    )
    await connection.executemany(
        "INSERT INTO feed_payload (index, item, operation, record_id, subject_id, disclosures)"
        " VALUES ($1, $2, $3, $4, $5, $6)",
        [
            (
                size + at,
                entry.change.item,
                entry.change.operation.value,
                entry.record_id,
                entry.subject_id,
                orjson.dumps([disclosure.array() for disclosure in entry.disclosures]).decode(),
            )
            for at, entry in enumerate(entries)
        ],
    )
    await connection.executemany(
        """
        INSERT INTO feed_record (record_id, subject_id, index, item, operation, stamp)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (record_id) DO UPDATE SET (subject_id, index, item, operation, stamp)
            = (EXCLUDED.subject_id, EXCLUDED.index, EXCLUDED.item, EXCLUDED.operation,
               EXCLUDED.stamp)
        """,
        [
            (
                entry.record_id,
                entry.subject_id,
                size + at,
                entry.change.item,
                entry.change.operation.value,
                entry.change.stamp,
            )
            for at, entry in enumerate(entries)
        ],
    )
