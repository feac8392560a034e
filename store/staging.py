"""Staging tables: rows go in by COPY and are merged by one statement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store.connection import Connection

_WRITE_LOCK = 0x58_49_4E_51_57_52  # one writer of subjects at a time; chunks are short


async def lock_writes(connection: Connection) -> None:
    """Queue behind other writers of this database until the transaction ends.

    Two importers that meet the same person for the first time must not make two subjects.
    """
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _WRITE_LOCK)


async def stage(
    connection: Connection,
    table: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
) -> str:
    """Copy rows into an empty temporary table shaped like `table` and return its name.

    It lives in the session and is empty again after the transaction.
    """
    name = f"stage_{table}"
    await connection.execute(
        f"DROP TABLE IF EXISTS pg_temp.{name};"
        f"CREATE TEMP TABLE {name} ON COMMIT DROP AS"
        f" SELECT {', '.join(columns)} FROM {table} WITH NO DATA"
    )
    await connection.copy_records_to_table(name, records=rows, columns=list(columns))
    return name
