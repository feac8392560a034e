"""What a feed says that is read again: nothing new, unless the agreement of today shows more of a
record, or less, than its copy holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson

from store.connection import Connection
from store.kind import Kinds
from store.record import RecordStatement
from store.relation import RelationStatement
from sync.catalogue import ENVELOPE
from sync.page import ReadChange
from sync.relation import BOUNDS, TRAVELLING
from sync.statement import record_said, relation_said


async def due_changes(
    connection: Connection,
    changes: Sequence[ReadChange],
    feed: str,
    region: str,
    sha: bytes,
    kinds: Kinds,
) -> tuple[list[ReadChange], list[UUID]]:
    """The changes to carry out: those that are new, and those that are shown otherwise now than
    their copies hold; of these, whose ids are given, the copies are put below what is said."""
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
    open_ = [c for c in changes if c.index > ended.get(c.record_id, -1)]
    read_again = {c.index: c for c in open_ if c.index not in new and c.fields.get("kind")}
    lowered: list[UUID] = []
    for table, columns in (("record", ENVELOPE), ("relation", TRAVELLING)) if read_again else ():
        restated = []
        for row in await _shown(connection, table, columns, read_again.values(), sha):
            change = read_again[row["line_no"]]
            said: RecordStatement | RelationStatement
            if table == "relation":
                said = relation_said(change, region, sha)
                values: Mapping[str, Any] = said.stated
            else:
                said = record_said(change, region, sha, kinds)
                values = {column: getattr(said, column) for column in columns}
            if orjson.loads(row["fields"]) != said.fields or any(
                values[column] != row[column] for column in columns if column not in BOUNDS
            ):
                restated.append(change)
        await _lower(connection, table, restated, sha)
        new |= {change.index for change in restated}
        lowered += [change.record_id for change in restated]
    return [change for change in open_ if change.index in new], lowered


async def _shown(
    connection: Connection,
    table: str,
    columns: Sequence[str],
    changes: Iterable[ReadChange],
    sha: bytes,
) -> list[Any]:
    """The valid copies that show what one of these changes said."""
    told = list(changes)
    once = " AND t.direction = 'OUT'" if table == "relation" else ""
    listed = ", ".join(f"t.{column}" for column in columns)
    found: list[Any] = await connection.fetch(
        f"SELECT t.line_no, t.fields::text AS fields, {listed} FROM {table} t"
        f" JOIN unnest($1::uuid[], $2::integer[]) u (id, index)"
        f" ON t.{table}_id = u.id AND t.line_no = u.index"
        f" WHERE t.batch_sha = $3 AND t.status = 'VALID'{once}",
        [change.record_id for change in told],
        [change.index for change in told],
        sha,
    )
    return found


async def _lower(
    connection: Connection, table: str, changes: Sequence[ReadChange], sha: bytes
) -> None:
    """Order these copies, and what is kept of their statements, below the changes."""
    if not changes:
        return
    for name in (table, f"{table}_version"):
        await connection.execute(
            f"UPDATE {name} t SET line_no = -1 FROM unnest($1::uuid[], $2::integer[]) u (id, index)"
            f" WHERE t.{table}_id = u.id AND t.line_no = u.index AND t.batch_sha = $3",
            [change.record_id for change in changes],
            [change.index for change in changes],
            sha,
        )


async def replace_statements(connection: Connection, ids: Sequence[UUID], sha: bytes) -> None:
    """Keep the statements of these copies as they are shown now, since when they were known."""
    for table in ("record", "relation") if ids else ():
        same_end = " AND n.direction = o.direction" if table == "relation" else ""
        await connection.execute(
            f"UPDATE {table}_version n SET recorded_from = o.recorded_from FROM {table}_version o"
            f" WHERE o.{table}_id = ANY($1) AND o.batch_sha = $2 AND o.line_no = -1"
            f" AND n.{table}_id = o.{table}_id AND n.subject_id = o.subject_id{same_end}"
            " AND (n.stamp, n.batch_sha) = (o.stamp, o.batch_sha) AND n.line_no >= 0",
            ids,
            sha,
        )
        await connection.execute(
            f"DELETE FROM {table}_version"
            f" WHERE {table}_id = ANY($1) AND batch_sha = $2 AND line_no = -1",
            ids,
            sha,
        )


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
