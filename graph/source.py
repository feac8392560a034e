"""What the graph should hold, read from PostgreSQL: the one place that says so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from asyncpg import Connection, Record

from graph.checkpoint import Position

_NODE = """
SELECT s.subject_id::text, s.category, s.category AS category_,
       o.name,
       CASE WHEN x.subject_id IS NOT NULL THEN 'R'
            WHEN s.category IN ('LEGAL_ENTITY', 'INDIVIDUAL_BUSINESS') THEN 'O' ELSE 'G' END,
       coalesce(o.origin_region, p.origin_region, l.origin_region), o.region_id
FROM subject s
LEFT JOIN organisation o USING (subject_id)
LEFT JOIN person p USING (subject_id)
LEFT JOIN loan l USING (subject_id)
LEFT JOIN restriction x USING (subject_id)
"""
_NODE_PROPERTIES = ("category", "name", "class", "origin", "region")

_EDGE = """
SELECT r.relation_id::text, r.kind, r.subject_id::text, r.other_id::text,
       r.class, r.origin_region,
       to_char(r.valid_from, 'YYYY-MM-DD'), to_char(r.valid_to, 'YYYY-MM-DD'),
       trim_scale(r.share_min)::text, trim_scale(r.share_max)::text,
       r.position, r.guarantee_kind, trim_scale(r.amount)::text, r.currency, r.loan_id::text
FROM relation r
"""
_EDGE_PROPERTIES = (
    "class",
    "origin",
    "valid_from",
    "valid_to",
    "share_min",
    "share_max",
    "position",
    "guarantee_kind",
    "amount",
    "currency",
    "loan_id",
)
_IN_FORCE = "r.direction = 'OUT' AND r.status = 'VALID'"


# What `neo4j-admin database import` is told of the columns below.
NODE_COLUMNS = ("id:ID(Subject)", *_NODE_PROPERTIES, ":LABEL")
EDGE_COLUMNS = (":START_ID(Subject)", ":END_ID(Subject)", "id", *_EDGE_PROPERTIES, ":TYPE")


@dataclass(frozen=True, slots=True)
class Node:
    """A subject as the graph shows it."""

    id: str
    category: str
    properties: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Edge:
    """A relation as the graph shows it, from the end that holds, leads, guarantees or borrows."""

    id: str
    kind: str
    source: str
    target: str
    properties: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Changes:
    """What a piece of the outbox touches, and where it ends."""

    position: Position
    rows: int
    subjects: frozenset[UUID]
    relations: frozenset[UUID]


async def source_name(connection: Connection) -> str:
    """The name of this database and no other: cluster identifier and database id."""
    name: str = await connection.fetchval(
        "SELECT c.system_identifier || '/' || d.oid FROM pg_control_system() c, pg_database d"
        " WHERE d.datname = current_database()"
    )
    return name


async def last_position(connection: Connection) -> Position:
    """The last position that every later snapshot has seen whole."""
    row = await connection.fetchrow(
        "SELECT xid, seq FROM outbox WHERE xid < pg_snapshot_xmin(pg_current_snapshot())"
        " ORDER BY xid DESC, seq DESC LIMIT 1"
    )
    return Position(row["xid"], row["seq"]) if row else Position()


async def is_future(connection: Connection, position: Position) -> bool:
    """Whether the store has not come to the position yet, as after a restored backup."""
    future: bool = await connection.fetchval(
        "SELECT $1::xid8 >= pg_snapshot_xmin(pg_current_snapshot())", position.xid
    )
    return future


async def changes_after(connection: Connection, position: Position, limit: int) -> Changes:
    """The next rows of the outbox, at most `limit`, in an order that no later commit precedes."""
    rows = await connection.fetch(
        "SELECT xid, seq, entity, CASE WHEN entity <> 'RECORD' THEN entity_id END AS id"
        " FROM outbox WHERE (xid, seq) > ($1::xid8, $2::bigint)"
        " AND xid < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY xid, seq LIMIT $3",
        position.xid,
        position.seq,
        limit,
    )
    return Changes(
        position=Position(rows[-1]["xid"], rows[-1]["seq"]) if rows else position,
        rows=len(rows),
        subjects=frozenset(row["id"] for row in rows if row["entity"] == "SUBJECT"),
        relations=frozenset(row["id"] for row in rows if row["entity"] == "RELATION"),
    )


async def backlog(connection: Connection, position: Position) -> int:
    """How many rows of the outbox are committed after a position."""
    count: int = await connection.fetchval(
        "SELECT count(*) FROM outbox WHERE (xid, seq) > ($1::xid8, $2::bigint)",
        position.xid,
        position.seq,
    )
    return count


async def touched_after(connection: Connection, position: Position) -> frozenset[str]:
    """Ids of every subject and relation with an outbox row after a position, readable or not."""
    rows = await connection.fetch(
        "SELECT DISTINCT entity_id::text FROM outbox"
        " WHERE (xid, seq) > ($1::xid8, $2::bigint) AND entity <> 'RECORD'",
        position.xid,
        position.seq,
    )
    return frozenset(row[0] for row in rows)


async def read_nodes(connection: Connection, ids: Iterable[UUID]) -> list[Node]:
    """The nodes of these subjects; those that are gone are left out."""
    rows = await connection.fetch(f"{_NODE} WHERE s.subject_id = ANY($1::uuid[])", list(ids))
    return _nodes(rows)


async def read_edges(connection: Connection, ids: Iterable[UUID]) -> list[Edge]:
    """The edges of these relations; those that are withdrawn or gone are left out."""
    rows = await connection.fetch(
        f"{_EDGE} WHERE r.relation_id = ANY($1::uuid[]) AND {_IN_FORCE}", list(ids)
    )
    return _edges(rows)


async def edges_of(connection: Connection, subjects: Iterable[UUID]) -> list[Edge]:
    """Every edge that one of these subjects has, whichever end it is."""
    rows = await connection.fetch(
        f"{_EDGE} WHERE {_IN_FORCE} AND r.relation_id IN (SELECT e.relation_id FROM relation e"
        " WHERE e.subject_id = ANY($1::uuid[]))",
        list(subjects),
    )
    return _edges(rows)


async def page_of_nodes(connection: Connection, after: str, limit: int) -> list[Node]:
    """The next nodes in the order of their ids; `after` is the last id, empty at the start."""
    rows = await connection.fetch(
        f"{_NODE} WHERE $1::uuid IS NULL OR s.subject_id > $1 ORDER BY s.subject_id LIMIT $2",
        UUID(after) if after else None,
        limit,
    )
    return _nodes(rows)


async def page_of_edges(connection: Connection, after: str, limit: int) -> list[Edge]:
    """The next edges in the order of source and id; `after` is the last `edge_key`."""
    source, _, relation = after.partition("/")
    lowest = UUID(int=0)
    rows = await connection.fetch(
        f"{_EDGE} WHERE (r.subject_id, r.relation_id) > ($1::uuid, $2::uuid) AND {_IN_FORCE}"
        " ORDER BY r.subject_id, r.relation_id LIMIT $3",
        UUID(source) if source else lowest,
        UUID(relation) if relation else lowest,
        limit,
    )
    return _edges(rows)


def edge_key(edge: Edge) -> str:
    """Where `page_of_edges` continues after this edge."""
    return f"{edge.source}/{edge.id}"


async def nodes_between(connection: Connection, low: UUID, high: UUID) -> list[Node]:
    """The nodes with ids from `low` to `high`, both included."""
    return _nodes(
        await connection.fetch(f"{_NODE} WHERE s.subject_id BETWEEN $1 AND $2", low, high)
    )


async def edges_between(connection: Connection, low: UUID, high: UUID) -> list[Edge]:
    """The edges with ids from `low` to `high`, both included."""
    return _edges(
        await connection.fetch(
            f"{_EDGE} WHERE r.relation_id BETWEEN $1 AND $2 AND {_IN_FORCE}", low, high
        )
    )


def nodes_by_column(labels: Mapping[str, tuple[str, ...]]) -> str:
    """The statement of every node, a column for each of `NODE_COLUMNS`."""
    arms = " ".join(f"WHEN '{name}' THEN '{';'.join(found)}'" for name, found in labels.items())
    properties = ", ".join(f'"{name}"' for name in _NODE_PROPERTIES)
    return (
        f"SELECT id, {properties}, CASE category {arms} END"
        f" FROM ({_NODE}) n (id, kind, {properties})"
    )


def edges_by_column() -> str:
    """The statement of every edge in force or not, a column for each of `EDGE_COLUMNS`."""
    properties = ", ".join(f'"{name}"' for name in _EDGE_PROPERTIES)
    return (
        f"SELECT source, target, id, {properties}, kind"
        f" FROM ({_EDGE} WHERE {_IN_FORCE}) r (id, kind, source, target, {properties})"
    )


def _nodes(rows: Sequence[Record]) -> list[Node]:
    return [Node(row[0], row[1], _properties(row[0], _NODE_PROPERTIES, row[2:])) for row in rows]


def _edges(rows: Sequence[Record]) -> list[Edge]:
    return [
        Edge(row[0], row[1], row[2], row[3], _properties(row[0], _EDGE_PROPERTIES, row[4:]))
        for row in rows
    ]


def _properties(id_: str, names: tuple[str, ...], values: Sequence[Any]) -> dict[str, Any]:
    properties = {
        name: value for name, value in zip(names, values, strict=True) if value is not None
    }
    properties["id"] = id_
    return properties
