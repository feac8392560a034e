"""Open names of organisations, cut into fragments of two characters for search."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING
from uuid import UUID

from store.regions import RegionKind, load_regions
from store.statement import plain_name

if TYPE_CHECKING:
    from asyncpg import Record

    from store.connection import Connection


_LEGAL_FORM = re.compile("(?:集团|股份|有限|责任|分|总|公司|合伙企业|中心|厂|店|部)+$")


@cache
def _regions_first() -> re.Pattern[str]:
    """One or more regions at the beginning: full names, of provinces and cities also the stem."""
    names = set()
    for region in load_regions(False):
        names.add(region.name)
        if region.kind in (RegionKind.PROVINCE, RegionKind.PREFECTURE):
            names.add(re.sub("(?:省|市|(?:壮族|回族|维吾尔)?自治区|特别行政区)$", "", region.name))
    longest_first = sorted(names, key=lambda name: (-len(name), name))
    return re.compile(f"^(?:{'|'.join(map(re.escape, longest_first))})+")


def bigrams(name: str) -> list[str]:
    """The fragments of two characters of a name as names are compared, sorted and distinct.

    A name of one character is its own fragment. A search text is cut alike: rows whose fragments
    hold all of its fragments are candidates.
    """
    plain = plain_name(name)
    return sorted({plain[i : i + 2] for i in range(max(len(plain) - 1, 1))})


def plain_sql(expression: str) -> str:
    """SQL of `plain_name`, as the column `organisation_name.plain` has it."""
    return f"upper(regexp_replace(normalize({expression}, NFKC), '\\s+', '', 'g'))"


def name_without_region(name: str) -> str | None:
    """What follows the region that a name begins with 行政区划: trade name 字号, trade, legal form.

    None when the name begins with no region, or when too little follows to tell bodies apart.
    Source: 企业名称登记管理规定 (2020), art. 6.
    """
    plain = plain_name(name)
    rest = _regions_first().sub("", plain, count=1)
    telling = _LEGAL_FORM.sub("", rest)
    return rest if rest != plain and len(rest) >= 4 and len(telling) >= 3 else None


async def refresh_names(connection: Connection, changed: Iterable[UUID]) -> None:
    """Derive the searchable names of organisations from their statements, whatever their order.

    Registered: the shown name, and as former names all others that the registry ever stated.
    Known from records only: the shown name.
    """
    identities = list(changed)
    if not identities:
        return
    rows = await _names(connection, identities)
    await connection.execute("DELETE FROM organisation_name WHERE subject_id = ANY($1)", identities)
    await _write(connection, rows)


async def write_names(connection: Connection, identities: list[UUID]) -> None:
    """As `refresh_names`, of bodies that have no searchable names yet."""
    await _write(connection, await _names(connection, identities))


async def _names(connection: Connection, identities: list[UUID]) -> list[Record]:
    return await connection.fetch(
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


async def _write(connection: Connection, rows: Iterable[Record]) -> None:
    await connection.copy_records_to_table(
        "organisation_name",
        records=[
            (row["subject_id"], row["name"], row["is_former"], bigrams(row["name"])) for row in rows
        ],
        columns=["subject_id", "name", "is_former", "bigrams"],
    )
