"""Hot columns: the fields of a kind that are filtered or listed in bulk, as stored columns."""

from __future__ import annotations

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


async def ensure_hot_columns(connection: Connection, kinds: Kinds) -> list[str]:
    """Add the missing `x_…` columns of `record`, nullable, and return their names.

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
    return added
