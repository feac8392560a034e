"""Free text screened again after the scanner has changed, in chunks that can be stopped."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import UUID

import orjson

from store.kind import Kinds
from store.screening import SCANNER, private_names, screened_fields

if TYPE_CHECKING:
    from store.connection import Connection

_CHUNK = 1_000
_NIL = UUID(int=0)


async def rescreen(
    connection: Connection, kinds: Kinds, progress: Callable[[int], None] | None = None
) -> int:
    """Screen every record that another version of the scanner, or none, has looked at.

    Walks the primary key once, a thousand records to a transaction; stopped and started again it
    passes over what is done. `progress` gets how many were screened so far.
    """
    declared = {
        kind.name: fields
        for kind in kinds
        if (fields := tuple(f for f in kind.own_fields if f.screened))
    }
    done, at = 0, (_NIL, _NIL)
    while True:
        async with connection.transaction():
            rows = await connection.fetch(
                "SELECT subject_id, record_id, kind, subject_category, reported_name, fields"
                " FROM record WHERE (subject_id, record_id) > ($1, $2) AND kind = ANY($3)"
                " AND screening IS DISTINCT FROM $4"
                f" ORDER BY subject_id, record_id LIMIT {_CHUNK} FOR UPDATE",
                *at,
                list(declared),
                SCANNER,
            )
            if not rows:
                return done
            shown: list[str] = []
            for row in rows:
                fields = orjson.loads(row["fields"])
                names = private_names(row["subject_category"], row["reported_name"], fields)
                found, _ = screened_fields(declared[row["kind"]], fields, names)
                shown.append(orjson.dumps(found).decode())
            await connection.execute(
                "UPDATE record r SET screened = s.shown::jsonb, screening = $4"
                " FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS s (subject, record, shown)"
                " WHERE r.subject_id = s.subject AND r.record_id = s.record",
                [row["subject_id"] for row in rows],
                [row["record_id"] for row in rows],
                shown,
                SCANNER,
            )
        at = rows[-1]["subject_id"], rows[-1]["record_id"]
        done += len(rows)
        if progress is not None:
            progress(done)
