"""Open names of organisations, cut into fragments of two characters for search."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING
from uuid import UUID

from store.regions import RegionKind, load_regions
from store.simplified import searched_name
from store.sound import heard

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
    plain = searched_name(name)
    return sorted({plain[i : i + 2] for i in range(max(len(plain) - 1, 1))})


WALKED = 10_000
"""How many names are looked at, in their order, for a text of which all fragments are common."""
HEARD = 3_000
"""The same for sounds, which cost more to compare."""

_MANY_NAMES = 50_000  # below, reading all that hold a fragment is cheap
_COMMON = 0.02  # of all names


def common_sql(fragments: str) -> str:
    """SQL: each of these fragments is a common one, so that an index would find too much."""
    return (
        f"(cardinality({fragments}) > 0 AND cardinality({fragments}) = (SELECT count(*)"
        f" FROM common_fragment c WHERE c.fragment = ANY ({fragments})))"
    )


async def note_common_fragments(connection: Connection) -> None:
    """Keep which fragments are common, as the table was last analysed; none of small tables."""
    async with connection.transaction():
        await connection.execute("DELETE FROM common_fragment")
        await connection.execute(
            "INSERT INTO common_fragment (fragment) SELECT DISTINCT u.e FROM pg_stats s,"
            " unnest(s.most_common_elems::text::text[], s.most_common_elem_freqs) AS u (e, f)"
            " WHERE s.schemaname = 'public' AND s.tablename = 'organisation_name'"
            " AND s.attname IN ('bigrams', 'sounds') AND u.e IS NOT NULL AND u.f >= $1"
            " AND (SELECT c.reltuples FROM pg_class c WHERE c.oid = 'organisation_name'::regclass)"
            " >= $2",
            _COMMON,
            _MANY_NAMES,
        )


def name_without_region(name: str) -> str | None:
    """What follows the region that a name begins with 行政区划: trade name 字号, trade, legal form.

    None when the name begins with no region, or when too little follows to tell bodies apart.
    Source: 企业名称登记管理规定 (2020), art. 6.
    """
    plain = searched_name(name)
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
            (
                row["subject_id"],
                row["name"],
                searched_name(row["name"]),
                row["is_former"],
                bigrams(row["name"]),
                *heard(row["name"]),
            )
            for row in rows
        ],
        columns=["subject_id", "name", "plain", "is_former", "bigrams", "spelt", "sounds"],
    )


async def read_names(connection: Connection, size: int = 1_000) -> int:
    """Note how up to `size` names are compared and sound that an earlier release stored; how many.

    Each call is a transaction: whoever is interrupted goes on with the names that are left.
    """
    async with connection.transaction():
        rows = await connection.fetch(
            "SELECT subject_id, name FROM organisation_name WHERE sounds IS NULL"
            " ORDER BY subject_id, name LIMIT $1 FOR UPDATE SKIP LOCKED",
            size,
        )
        told = [heard(row["name"]) for row in rows]
        await connection.execute(
            "UPDATE organisation_name w SET spelt = t.spelt, plain = t.plain,"
            " sounds = string_to_array(t.sounds, '|'),"
            " bigrams = string_to_array(t.bigrams, E'\\x1f')"
            " FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])"
            " AS t (subject_id, name, plain, bigrams, spelt, sounds)"
            " WHERE w.subject_id = t.subject_id AND w.name = t.name",
            [row["subject_id"] for row in rows],
            [row["name"] for row in rows],
            [searched_name(row["name"]) for row in rows],
            ["\x1f".join(bigrams(row["name"])) for row in rows],
            [spelt for spelt, _ in told],
            ["|".join(sounds) for _, sounds in told],
        )
    return len(rows)
