"""A market's graph of any size in PostgreSQL: the arrays of `bench.risk` written by COPY in binary.

Every relation stands in the store as intake leaves it, once per end, with its evidence columns;
half of the guarantees name a loan of their own. What is left out is what no graph question reads:
versions, batches and names for searching. Indexes are made after the rows.
"""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import numpy as np

from bench.risk import network_of
from graph.layout import EdgeKind
from graph.snapshot.column import AMOUNT_SCALE, SHARE_SCALE, Array
from schema.records import kinds
from store.hot import ensure_hot_columns
from store.wall import raise_walls

SCHEME = "finbench-company"  # of the firms' codes, which are their numbers
TODAY = dt.date(2026, 6, 30)
_BLOCK = 100_000  # rows made and sent together
_REGION = b"210500"
_STAMP = struct.pack(">q", 834_000_000_000_000)  # microseconds since 2000-01-01: in June 2026
_SINCE = struct.pack(">i", 7_305)  # days since 2000-01-01: 2020-01-01
_LINE = struct.pack(">i", 1)
_TABLES = ("subject", "organisation", "person", "loan", "identifier", "relation")
Column = bytes | Array  # the same for each row, or a row of bytes for each


async def fill(dsn: str, edges: int) -> dict[str, int]:
    """Write the graph; how many subjects and relations there are."""
    connection = await asyncpg.connect(dsn)
    try:
        await ensure_hot_columns(connection, kinds())
        await raise_walls(connection, kinds())
        await connection.execute(
            "SET synchronous_commit = off; SET session_replication_role = replica"
        )
        await connection.execute("SET maintenance_work_mem = '512MB'")
        nodes, relations = network_of(edges)
        async with _without_indexes(connection):
            subjects = await _subjects(connection, nodes)
            loans = await _relations(connection, nodes, relations)
        await connection.execute(
            "INSERT INTO outbox (entity, entity_id, subject_id)"
            " SELECT 'SUBJECT', subject_id, subject_id FROM subject LIMIT 1"
        )
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
    told = sum(len(of["source"]) for of in relations.values())
    return {"nodes": subjects + loans, "edges": told}


@asynccontextmanager
async def _without_indexes(connection: asyncpg.Connection[Any]) -> AsyncIterator[None]:
    """Take the tables' keys and indexes away, and make them again after the block."""
    keys = await connection.fetch(
        "SELECT conrelid::regclass::text AS of, conname, pg_get_constraintdef(oid) AS told"
        " FROM pg_constraint WHERE contype = 'p' AND conrelid::regclass::text = ANY($1)",
        list(_TABLES),
    )
    indexes = await connection.fetch(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY($1::text[])"
        " AND indexname <> ALL($2::text[])",
        list(_TABLES),
        [key["conname"] for key in keys],
    )
    for key in keys:
        await connection.execute(f"ALTER TABLE {key['of']} DROP CONSTRAINT {key['conname']}")
    for index in indexes:
        await connection.execute(f"DROP INDEX {index['indexname']}")
    yield
    for key in keys:
        await connection.execute(
            f"ALTER TABLE {key['of']} ADD CONSTRAINT {key['conname']} {key['told']}"
        )
    for index in indexes:
        await connection.execute(index["indexdef"])


async def _subjects(connection: asyncpg.Connection[Any], nodes: Mapping[str, Array]) -> int:
    size = len(nodes["id_hi"])
    ids = _ids(nodes["id_hi"], nodes["id_lo"])
    firm = nodes["category"] == 0
    for category, at in (
        ("LEGAL_ENTITY", np.flatnonzero(firm)),
        ("NATURAL_PERSON", np.flatnonzero(~firm)),
    ):
        name = category.encode()
        own, number = ids[at], _digits(at, 10)
        await _copy(connection, "subject", {"subject_id": own, "category": name, "audit_ref": own})
        if category == "NATURAL_PERSON":
            await _copy(connection, "person", {
                "subject_id": own, "name": _joined("王".encode(), number), "is_stub": b"\0",
                "origin_region": _REGION, "audit_ref": own, "stamp": _STAMP, "batch_sha": b"",
                "line_no": _LINE,
            })  # fmt: skip
            continue
        await _copy(connection, "organisation", {
            "subject_id": own, "category": name,
            "name": _joined("本溪".encode(), number, "有限公司".encode()),
            "origin_region": _REGION, "registered": b"\1", "audit_ref": own, "stamp": _STAMP,
            "batch_sha": b"", "line_no": _LINE, "digest": b"",
        })  # fmt: skip
        await _copy(connection, "identifier", {
            "value": number, "scheme": SCHEME.encode(), "subject_id": own, "is_first": b"\1",
        })  # fmt: skip
    return size


async def _relations(
    connection: asyncpg.Connection[Any],
    nodes: Mapping[str, Array],
    relations: Mapping[EdgeKind, Mapping[str, Array]],
) -> int:
    """Both ends of each relation, and the loans that guarantees name; how many loans."""
    ids = _ids(nodes["id_hi"], nodes["id_lo"])
    loans = 0
    for kind, of in relations.items():
        if not len(of["source"]):
            continue
        told: dict[str, Column] = {}
        if kind is EdgeKind.HOLDS:
            told = {"share_min": _share(of["share_min"]), "share_max": _share(of["share_max"])}
        elif kind is EdgeKind.GUARANTEES:
            loans = len(of["source"]) // 2
            await _loans(connection, of, loans)
            told = {"amount": _amount(of["amount"] // AMOUNT_SCALE), "currency": b"CNY"}
        else:
            told = {"position": "董事".encode()}
        own = _ids(of["id_hi"], of["id_lo"])
        source, target = ids[of["source"]], ids[of["target"]]
        for direction, near, far in (("OUT", source, target), ("IN", target, source)):
            columns: dict[str, Column] = {
                "subject_id": near, "relation_id": own, "direction": direction.encode(),
                "other_id": far, "kind": str(kind).encode(), "origin_region": _REGION,
                "class": b"O", **told, "valid_from": _SINCE,
                "source_unit_name": "登记机关".encode(), "source_unit_uscc": b"", "stamp": _STAMP,
                "batch_sha": b"", "line_no": _LINE, "digest": b"",
            }  # fmt: skip
            if kind is EdgeKind.GUARANTEES:
                named = {name: column[:loans] if isinstance(column, np.ndarray) else column
                         for name, column in columns.items()}  # fmt: skip
                columns = {name: column[loans:] if isinstance(column, np.ndarray) else column
                           for name, column in columns.items()}  # fmt: skip
                await _copy(connection, "relation", named | {"loan_id": _loan_ids(of, loans)})
            await _copy(connection, "relation", columns)
    return loans


async def _loans(connection: asyncpg.Connection[Any], of: Mapping[str, Array], count: int) -> None:
    own = _loan_ids(of, count)
    amount = _amount(of["amount"][:count] // AMOUNT_SCALE)
    await _copy(connection, "subject", {"subject_id": own, "category": b"LOAN", "audit_ref": own})
    await _copy(connection, "loan", {
        "subject_id": own, "loan_no": _joined(b"L", _digits(np.arange(count), 10)),
        "amount": amount, "balance": amount, "currency": b"CNY", "issued_on": _SINCE,
        "origin_region": _REGION, "audit_ref": own, "stamp": _STAMP, "batch_sha": b"",
        "line_no": _LINE,
    })  # fmt: skip


def _loan_ids(of: Mapping[str, Array], count: int) -> Array:
    return _ids(of["id_lo"][:count], of["id_hi"][:count])


async def _copy(
    connection: asyncpg.Connection[Any], table: str, columns: Mapping[str, Column]
) -> None:
    """Rows into a table. Source: PostgreSQL, COPY, binary format."""
    size = next(len(column) for column in columns.values() if isinstance(column, np.ndarray))

    async def blocks() -> AsyncIterator[bytes]:
        yield b"PGCOPY\n\xff\r\n\0" + bytes(8)
        for begin in range(0, size, _BLOCK):
            yield _rows(list(columns.values()), begin, min(begin + _BLOCK, size))
        yield b"\xff\xff"

    await connection.copy_to_table(table, source=blocks(), columns=list(columns), format="binary")


def _rows(columns: Sequence[Column], begin: int, end: int) -> bytes:
    widths = [len(one) if isinstance(one, bytes) else one.shape[1] for one in columns]
    made = np.empty((end - begin, 2 + sum(widths) + 4 * len(widths)), np.uint8)
    made[:, :2] = np.frombuffer(struct.pack(">h", len(columns)), np.uint8)
    at = 2
    for column, width in zip(columns, widths, strict=True):
        made[:, at : at + 4] = np.frombuffer(struct.pack(">i", width), np.uint8)
        at += 4
        if isinstance(column, bytes):
            made[:, at : at + width] = np.frombuffer(column, np.uint8)
        else:
            made[:, at : at + width] = column[begin:end]
        at += width
    return made.tobytes()


def _ids(high: Array, low: Array) -> Array:
    return np.column_stack([high, low]).astype(">u8").view(np.uint8).reshape(len(high), 16)


def _digits(numbers: Array, width: int) -> Array:
    powers = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    found: Array = (numbers[:, None] // powers % 10 + 48).astype(np.uint8)
    return found


def _joined(*parts: Column) -> Array:
    size = next(len(part) for part in parts if isinstance(part, np.ndarray))
    return np.hstack([
        np.broadcast_to(np.frombuffer(part, np.uint8), (size, len(part)))
        if isinstance(part, bytes) else part
        for part in parts
    ])  # fmt: skip


def _numeric(digits: Sequence[Array], weight: int, scale: int) -> Array:
    """Numbers of PostgreSQL in digits to base 10,000, the first worth 10,000^weight."""
    size = len(digits[0])
    head = [np.full(size, one) for one in (len(digits), weight, 0, scale)]
    made = np.column_stack([*head, *digits]).astype(">i2")
    return made.view(np.uint8).reshape(size, 2 * (4 + len(digits)))


def _share(scaled: Array) -> Array:
    assert SHARE_SCALE == 10_000**3
    return _numeric([scaled // 10_000**n % 10_000 for n in (3, 2, 1, 0)], 0, 12)


def _amount(yuan: Array) -> Array:
    return _numeric([yuan // 10_000**n % 10_000 for n in (2, 1, 0)], 2, 0)
