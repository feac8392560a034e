"""From a code as people write it to the subjects that carry it openly."""

from __future__ import annotations

from uuid import UUID

from resolvers.executor.rows import Rows
from resolvers.lookup import embedded_code, read_code


async def carriers(rows: Rows, code: str) -> list[tuple[str, str, UUID]]:
    """Scheme, value and subject of every open code that the text is."""
    asked = read_code(code)
    carried = [row for value in dict.fromkeys(asked.values) for row in await rows.carriers(value)]
    return [
        (row["scheme"], row["value"], row["subject_id"])
        for row in carried
        if row["is_open"] and row["scheme"] in asked.schemes
    ]


async def embedded(rows: Rows, code: str) -> list[tuple[str, UUID]]:
    """Value and subject of the organisation code inside a USCC, of bodies without a USCC (X05)."""
    inner = embedded_code(code)
    found: list[tuple[str, UUID]] = []
    if inner is None:
        return found
    for row in await rows.carriers(inner):
        if row["scheme"] != "org_code" or not row["is_open"]:
            continue
        own = await rows.codes(row["subject_id"])
        if all(other["scheme"] != "uscc" for other in own):
            found.append((inner, row["subject_id"]))
    return found


async def subjects_named(rows: Rows, code: str) -> set[UUID]:
    """Every subject that the code may mean."""
    carried = {subject for _, _, subject in await carriers(rows, code)}
    return carried | {subject for _, subject in await embedded(rows, code)}


async def subject_named(rows: Rows, code: str) -> UUID | None:
    """The one subject that the code means; None when there is none, or when two bodies share it
    重错码. A USCC that nobody carries means the body whose organisation code it embeds."""
    carried = {subject for _, _, subject in await carriers(rows, code)}
    if len(carried) == 1:
        return carried.pop()
    asked = read_code(code)
    if asked.values:
        whole = await rows.carriers(asked.values[0])
        if any(row["scheme"] == "uscc" for row in whole):
            return None
    inside = {subject for _, subject in await embedded(rows, code)}
    return inside.pop() if len(inside) == 1 else None
