"""Copies hold no more than the fields that the agreement shows, from its day on (X38).

A page of a narrower agreement says less of a record, but only when it comes: what was copied under
the agreement before is taken out of the copies here, whether the partner answers or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson

from store.connection import Connection
from store.kind import Kind, Kinds
from store.relation import derive_shares
from store.staging import lock_writes
from sync.agreement import Agreement
from sync.catalogue import ENVELOPE, RELATION, Item, api_name, field_name
from sync.relation import BOUNDS, INTERVAL, TRAVELLING

if TYPE_CHECKING:
    import asyncpg

_LOOKED_UP = 20_000
_CHUNK = 500  # copies of one transaction
# What stands in a column that must not be null.
_REST: Mapping[str, Any] = {"objection": False, "source_unit_name": "", "source_unit_uscc": ""}
_LITERALS = {None: "NULL", False: "false", "": "''"}


@dataclass(frozen=True, slots=True)
class _Hidden:
    """What copies of an item may not hold: columns, each with what stands in its place, keys of
    `fields`, and further columns derived from those."""

    item: Item
    columns: Mapping[str, Any]
    keys: tuple[str, ...]
    derived: tuple[str, ...] = ()

    @property
    def is_of_relations(self) -> bool:
        return self.item.kind == RELATION

    @property
    def stated(self) -> list[str]:
        """The columns whose value is derived from no other: a share's bounds follow from it."""
        return [c for c in self.columns if not (self.is_of_relations and c in BOUNDS)]

    @property
    def table(self) -> str:
        return "relation" if self.is_of_relations else "record"

    @property
    def held(self) -> str:
        """SQL: a valid row `t` holds something of it; `$1` are the keys."""
        columns = (f"t.{c} IS DISTINCT FROM {_LITERALS[self.columns[c]]}" for c in self.stated)
        return f"(t.status = 'VALID' AND ({' OR '.join(('t.fields ?| $1::text[]', *columns))}))"

    @property
    def told(self) -> str:
        """SQL: a statement `v` that was kept holds something of it; `$2` are the columns."""
        return "v.content ? 'fields' AND (v.content->'fields' ?| $1 OR NOT v.content @> $2::jsonb)"

    @property
    def values(self) -> tuple[list[str], str]:
        """`$1` and `$2`."""
        return list(self.keys), orjson.dumps(dict(self.columns)).decode()


async def narrow_copies(
    pool: asyncpg.Pool[Any], region: str, agreement: Agreement, kinds: Kinds
) -> int:
    """Take what the agreement does not show out of a partner's copies; how many held some of it.

    Some hundreds a transaction; reads the copies of an item that shows some fields only.
    """
    narrowed = 0
    for item in agreement.items:
        hidden = _hidden(item, kinds.by_name.get(item.kind))
        if hidden is None:
            continue
        of_kind = () if hidden.is_of_relations else (item.kind,)
        sql, after = _found(hidden), UUID(int=0)
        while rows := await pool.fetch(sql, *hidden.values, region, item.category, after, *of_kind):
            ids = [row[0] for row in rows]
            for start in range(0, len(ids), _CHUNK):
                async with pool.acquire() as connection, connection.transaction():
                    await _narrow(connection, hidden, ids[start : start + _CHUNK])
            narrowed += len(ids)
            after = ids[-1]
    return narrowed


def _hidden(item: Item, kind: Kind | None) -> _Hidden | None:
    """What the item does not show, None where it shows all or this node has no copies of it."""
    if item.fields is None:
        return None
    if item.kind == RELATION:
        columns = [c for c in TRAVELLING if f"stated.{api_name(c)}" not in item.fields]
        if not BOUNDS & {*columns}:  # they say what is stated as well
            columns = [c for c in columns if c != "share_stated"]
        keys = INTERVAL if BOUNDS & {*columns} else ()
        return _Hidden(item, {c: _REST.get(c) for c in columns}, keys)
    if kind is None:
        return None
    columns = [c for c in ENVELOPE if api_name(c) not in item.fields]
    own = [field for field in kind.own_fields if field_name(field) not in item.fields]
    return _Hidden(
        item,
        {c: _REST.get(c) for c in columns},
        tuple(field.api_name for field in own),
        tuple(f"x_{field.name}" for field in own if field.hot),
    )


def _found(hidden: _Hidden) -> str:
    """SQL: the next ids of copies that hold something of it, behind `$5`."""
    table = hidden.table
    of_item = (
        "t.direction = 'OUT' AND EXISTS (SELECT FROM subject s WHERE s.subject_id = t.other_id"
        " AND s.category = $4)"
        if hidden.is_of_relations
        else "t.subject_category = $4 AND t.kind = $6"
    )
    return (
        f"SELECT DISTINCT t.{table}_id FROM {table} t WHERE t.origin_region = $3"
        f" AND t.{table}_id > $5 AND t.batch_id IS NULL AND {of_item}"
        f" AND ({hidden.held} OR EXISTS (SELECT FROM"
        f" {table}_version v WHERE v.subject_id = t.subject_id AND v.{table}_id = t.{table}_id"
        f" AND {hidden.told})) ORDER BY 1 LIMIT {_LOOKED_UP}"
    )


async def _narrow(connection: Connection, hidden: _Hidden, ids: list[Any]) -> None:
    table, entity = hidden.table, hidden.table.upper()
    sets = [f"{c} = {_LITERALS[hidden.columns[c]]}" for c in hidden.stated]
    sets += [f"{c} = NULL" for c in hidden.derived]
    if not hidden.is_of_relations:
        sets.append("screened = t.screened - $1::text[]")
    once = " WHERE direction = 'OUT'" if hidden.is_of_relations else ""
    keys, columns = hidden.values
    await lock_writes(connection)
    await connection.execute(
        f"UPDATE {table}_version v SET content = v.content || $2::jsonb"
        " || jsonb_build_object('fields', (v.content->'fields') - $1::text[])"
        f" WHERE v.{table}_id = ANY($3) AND {hidden.told}",
        keys,
        columns,
        ids,
    )
    await connection.execute(
        f"""
        WITH narrowed AS (
            UPDATE {table} t SET {", ".join(["fields = t.fields - $1::text[]", *sets])},
                digest = sha256(t.digest || convert_to('narrowed', 'UTF8')), recorded_from = now()
            WHERE t.{table}_id = ANY($2) AND {hidden.held} RETURNING t.*
        )
        INSERT INTO outbox (entity, entity_id, subject_id)
        SELECT '{entity}', {table}_id, subject_id FROM narrowed{once} ORDER BY {table}_id
        """,
        keys,
        ids,
    )
    if hidden.is_of_relations:
        await derive_shares(connection, relations=ids)
    await connection.execute("NOTIFY outbox")
