"""Hot columns: the fields of a kind that are filtered or listed in bulk, as stored columns."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from store.kind import FieldType, Kinds

if TYPE_CHECKING:
    from store.connection import Connection

_LOCK = 0x58_49_4E_51_48_4F_54  # one starter adds columns at a time
_TYPES = {
    FieldType.TEXT: "text",
    FieldType.CODE: "text",
    FieldType.DATE: "date",
    FieldType.DECIMAL: "numeric(24, 6)",
    FieldType.INTEGER: "integer",
    FieldType.BOOLEAN: "boolean",
    FieldType.CODES: "text[]",
}
AMOUNTS = ("x_fine_amount", "x_owed_amount")
"""Where records have an amount: a fine 罚款 in 万元, arrears 欠缴 in 元."""

_COUNTED = ("record_id", "decision_date", "class", "status", "display_from", "display_until",
            "display_ended_on", "query_until", "subject_category", *AMOUNTS, "x_list_code",
            "x_watch_code", "x_reason", "x_scheme", "x_scheme_version", "x_grade",
            "x_score")  # fmt: skip


async def ensure_hot_columns(connection: Connection, kinds: Kinds) -> list[str]:
    """Add the missing `x_…` columns of `record`, nullable, and return their names; and index
    those that are counted.

    Safe when several processes start at once. Raises ValueError when two kinds declare one name
    with different types, or when a secret is declared hot.
    """
    wanted: dict[str, str] = {}
    for kind in kinds:
        for declared in kind.hot_fields:
            column, sql_type = f"x_{declared.name}", _TYPES.get(declared.type)
            if sql_type is None or wanted.setdefault(column, sql_type) != sql_type:
                raise ValueError(f"{kind.name}.{declared.name} cannot be a hot column")
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        held = {
            row["attname"]
            for row in await connection.fetch(
                "SELECT attname FROM pg_attribute"
                " WHERE attrelid = 'record'::regclass AND attnum > 0 AND NOT attisdropped"
            )
        }
        added = sorted(wanted.keys() - held)
        for column in added:
            await connection.execute(f"ALTER TABLE record ADD COLUMN {column} {wanted[column]}")
        await _index_counted(connection, held | wanted.keys())
    return added


async def _index_counted(connection: Connection, held: Collection[str]) -> None:
    """What counting records over a whole city reads, without the records themselves: all of them,
    and those that have an amount.

    Built anew when the columns are others: about 5 s for a million records, while none is written.
    """
    columns = [column for column in _COUNTED if column in held]
    amounts = [column for column in AMOUNTS if column in held]
    wanted = {"record_tally": ""}
    if amounts:
        has_amount = " OR ".join([f"{column} IS NOT NULL" for column in amounts])
        wanted["record_amount_tally"] = f" WHERE {has_amount}"
    for name, where in wanted.items():
        found = await connection.fetch(
            "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass($1) ORDER BY attnum",
            name,
        )
        if [row["attname"] for row in found] != ["subject_id", "kind", *columns]:
            await connection.execute(f"DROP INDEX IF EXISTS {name}")
            await connection.execute(
                f"CREATE INDEX {name} ON record (subject_id, kind)"
                f" INCLUDE ({', '.join(columns)}){where}"
            )
