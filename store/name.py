"""Open names of organisations, cut into fragments of two characters for search."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from uuid import UUID

from store.statement import plain_name

if TYPE_CHECKING:
    from store.connection import Connection


def bigrams(name: str) -> list[str]:
    """The fragments of two characters of a name as names are compared, sorted and distinct.

    A name of one character is its own fragment. A search text is cut alike: rows whose fragments
    hold all of its fragments are candidates.
    """
    plain = plain_name(name)
    return sorted({plain[i : i + 2] for i in range(max(len(plain) - 1, 1))})


async def refresh_names(connection: Connection, changed: Iterable[UUID]) -> None:
    """Derive the searchable names of organisations from their statements, whatever their order.

    Registered: the shown name, and as former names all others that the registry ever stated.
    Known from records only: the shown name.
    """
    identities = list(changed)
    if not identities:
        return
    rows = await connection.fetch(
        """
        SELECT subject_id, name, bool_and(is_former) AS is_former FROM (
            SELECT subject_id, name, false AS is_former FROM organisation
            WHERE subject_id = ANY($1)
            UNION ALL
            SELECT subject_id, content ->> 'name', true FROM organisation_version
            WHERE subject_id = ANY($1)
            UNION ALL
            SELECT subject_id, jsonb_array_elements_text(content -> 'formerNames'), true
            FROM organisation_version WHERE subject_id = ANY($1)) stated
        GROUP BY subject_id, name
        """,
        identities,
    )
    await connection.execute("DELETE FROM organisation_name WHERE subject_id = ANY($1)", identities)
    await connection.copy_records_to_table(
        "organisation_name",
        records=[
            (row["subject_id"], row["name"], row["is_former"], bigrams(row["name"])) for row in rows
        ],
        columns=["subject_id", "name", "is_former", "bigrams"],
    )
