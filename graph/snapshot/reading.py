"""What the snapshot holds, read from PostgreSQL: all of it, or the subjects and relations named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import asyncpg

from graph.checkpoint import Position
from graph.layout import EdgeKind
from graph.snapshot.column import (
    AMOUNT_SCALE,
    CAPITAL_SCALE,
    CATEGORIES,
    CLASSES,
    HOME,
    IS_PARTNERSHIP,
    PARTNERSHIP,
    REGISTERED,
    SHARE_SCALE,
    STATE_ORGAN,
    TEXTS,
    Array,
)
from graph.snapshot.copying import copy_rows

Texts = Mapping[str, Sequence[str]]
_COLUMN = {"origin": "origin_region", "region": "region_id"}  # of a table of texts, else its name
_TABLES = {
    "origin": ["relation", "organisation", "person", "loan"],
    "region": ["organisation"],
}
MAX_TEXTS = 65_534  # of one table; code 0 is nothing stated, the last one what has no room

_NODE_COLUMNS = {"id": "uuid", "category": "i2", "origin": "i4", "region": "i4", "traits": "i2"}
_EPOCH = "date '0001-01-01'"


def _code(value: str, codes: Sequence[str]) -> str:
    whens = " ".join(f"WHEN '{name}' THEN {place}" for place, name in enumerate(codes))
    return f"(CASE {value} {whens} END)::int2"


def _day(value: str, otherwise: int) -> str:
    return f"coalesce({value} - {_EPOCH} + 1, {otherwise})::int4"


def _scaled(value: str, scale: int) -> str:
    return f"coalesce(round({value} * {scale}), -1)::int8"


def _exact(value: str, scale: int) -> str:
    return f"coalesce({value} * {scale} = round({value} * {scale}), true)"


_NODES = f"""
SELECT s.subject_id, {_code("s.category", CATEGORIES)}, coalesce(t.code, 0)::int4,
       coalesce(g.code, 0)::int4,
       (CASE WHEN left(o.uscc, 2) = '11' OR o.entity_type = '机关' THEN {STATE_ORGAN} ELSE 0 END
        + CASE WHEN {IS_PARTNERSHIP} THEN {PARTNERSHIP} ELSE 0 END
        + CASE WHEN o.registered THEN {REGISTERED} ELSE 0 END)::int2
  FROM subject s
  LEFT JOIN organisation o USING (subject_id)
  LEFT JOIN person p USING (subject_id)
  LEFT JOIN loan l USING (subject_id)
  LEFT JOIN unnest($1::text[]) WITH ORDINALITY t(text, code)
    ON t.text = coalesce({HOME}, p.origin_region, l.origin_region)
  LEFT JOIN unnest($2::text[]) WITH ORDINALITY g(text, code) ON g.text = o.region_id
"""

_EDGE_COLUMNS = {
    "source": "uuid",
    "target": "uuid",
    "id": "uuid",
    "class": "i2",
    "origin": "i4",
    "valid_from": "i4",
    "valid_to": "i4",
    "flags": "i2",
}
_SHARES = {
    "share_min": ("r.share_min", SHARE_SCALE),
    "share_max": ("r.share_max", SHARE_SCALE),
    "subscribed": ("r.subscribed", CAPITAL_SCALE),
    "paid": ("r.paid", CAPITAL_SCALE),
}
_AMOUNTS = {"amount": ("r.amount", AMOUNT_SCALE)}
_NUMBERS: Mapping[EdgeKind, Mapping[str, tuple[str, int]]] = {
    EdgeKind.HOLDS: _SHARES,
    EdgeKind.GUARANTEES: _AMOUNTS,
}
_WORDS: Mapping[EdgeKind, Sequence[str]] = {
    EdgeKind.HOLDS: ("share_class", "currency"),
    EdgeKind.LEGAL_REP_OF: ("position",),
    EdgeKind.OFFICER_OF: ("position",),
    EdgeKind.GUARANTEES: ("currency", "guarantee_kind"),
}


def _edges(kind: EdgeKind, where: str) -> tuple[str, dict[str, str], list[str]]:
    """The query of a kind, its columns, and the tables of texts that are its parameters."""
    columns, numbers = dict(_EDGE_COLUMNS), _NUMBERS.get(kind, {})
    exact = " AND ".join(_exact(*number) for number in numbers.values()) or "true"
    shown = [
        "r.subject_id",
        "r.other_id",
        "r.relation_id",
        _code("r.class", CLASSES),
        "coalesce(t1.code, 0)::int4",
        _day("r.valid_from", 0),
        _day("r.valid_to", 2**31 - 1),
        f"(CASE WHEN {exact} THEN 0 ELSE 1 END)::int2",
    ]
    for name, number in numbers.items():
        columns[name] = "i8"
        shown.append(_scaled(*number))
    texts, joins = ["origin"], []
    for place, name in enumerate(_WORDS.get(kind, ()), 2):
        columns[name] = "i4"
        shown.append(f"coalesce(t{place}.code, 0)::int4")
        texts.append(name)
    for place, name in enumerate(texts, 1):
        column = "origin_region" if name == "origin" else name
        joins.append(
            f"LEFT JOIN unnest(${place}::text[]) WITH ORDINALITY t{place}(text, code)"
            f" ON t{place}.text = r.{column}"
        )
    if kind is EdgeKind.GUARANTEES:
        columns["loan"] = "uuid"
        shown.append("coalesce(r.loan_id, '00000000-0000-0000-0000-000000000000'::uuid)")
    query = (
        f"SELECT {', '.join(shown)} FROM relation r {' '.join(joins)}"
        f" WHERE r.direction = 'OUT' AND r.status = 'VALID' AND r.kind = '{kind}' {where}"
    )
    return query, columns, texts


async def read_texts(
    connection: asyncpg.Connection[Any],
    known: Texts | None = None,
    relations: Sequence[UUID] | None = None,
    subjects: Sequence[UUID] | None = None,
) -> dict[str, list[str]]:
    """The tables of texts: those known, and behind them what these relations and subjects add.

    Place k of a table is code k + 1; everything is looked at when nothing is named.
    """
    found: dict[str, list[str]] = {}
    for name in TEXTS:
        column = _COLUMN.get(name, name)
        tables = _TABLES.get(name, ["relation"])
        parts, parameters = [], []
        for table in tables:
            ids, key = (
                (relations, "relation_id") if table == "relation" else (subjects, "subject_id")
            )
            where = ""
            if ids is not None:
                parameters.append(list(ids))
                where = f" AND {key} = ANY(${len(parameters)}::uuid[])"
            parts.append(f"SELECT {column} AS text FROM {table} WHERE {column} IS NOT NULL{where}")
        rows = await connection.fetch(
            f"SELECT DISTINCT text FROM ({' UNION ALL '.join(parts)}) t ORDER BY text", *parameters
        )
        before = list((known or {}).get(name, ()))
        present = set(before)
        added = [row["text"] for row in rows if row["text"] not in present]
        found[name] = (before + added)[:MAX_TEXTS]
    return found


async def read_nodes(
    connection: asyncpg.Connection[Any], texts: Texts, ids: Iterable[UUID] | None = None
) -> dict[str, Array]:
    """Subjects in the order of their ids; those that are gone are left out."""
    parameters: list[Any] = [list(texts["origin"]), list(texts["region"])]
    where = ""
    if ids is not None:
        parameters.append(list(ids))
        where = " WHERE s.subject_id = ANY($3::uuid[])"
    query = f"{_NODES}{where} ORDER BY s.subject_id"
    return await copy_rows(connection, query, parameters, _NODE_COLUMNS)


async def read_edges(
    connection: asyncpg.Connection[Any],
    kind: EdgeKind,
    texts: Texts,
    ids: Iterable[UUID] | None = None,
) -> dict[str, Array]:
    """Relations of a kind that are not withdrawn; ends are ids still (`source_hi`, …)."""
    named = (
        "" if ids is None else f"AND r.relation_id = ANY(${len(_WORDS.get(kind, ())) + 2}::uuid[])"
    )
    query, columns, tables = _edges(kind, named)
    parameters: list[Any] = [list(texts[name]) for name in tables]
    if ids is not None:
        parameters.append(list(ids))
    return await copy_rows(connection, query, parameters, columns)


async def touched(
    connection: asyncpg.Connection[Any], position: Position, limit: int
) -> tuple[set[UUID], set[UUID]] | None:
    """Subjects and relations with an outbox row after a position that this transaction sees.

    Rows that a later reading will see again are among them, so that what the transaction sees is
    seen whole. None when there are more than `limit`.
    """
    rows = await connection.fetch(
        "SELECT DISTINCT entity, entity_id FROM outbox"
        " WHERE (xid, seq) > ($1::xid8, $2::bigint) AND entity <> 'RECORD' LIMIT $3",
        position.xid,
        position.seq,
        limit + 1,
    )
    if len(rows) > limit:
        return None
    found: tuple[set[UUID], set[UUID]] = (set(), set())
    for row in rows:
        found[row["entity"] == "RELATION"].add(row["entity_id"])
    return found
