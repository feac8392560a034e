"""Reference tables: regions, working days and units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from store.regions import load_regions
from store.working_day import load_working_days

if TYPE_CHECKING:
    from store.connection import Connection


@dataclass(frozen=True, slots=True)
class UnitMention:
    """A unit 单位 as files name it: issuer of decisions, source of data, or both."""

    name: str
    is_source: bool
    is_issuer: bool


async def load_reference(connection: Connection, *, demo: bool) -> None:
    """Bring regions and working days up to this release; `demo` adds the demo world's divisions."""
    await connection.executemany(
        "INSERT INTO region VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
        " ON CONFLICT (region_id) DO UPDATE SET gbt2260_code = EXCLUDED.gbt2260_code,"
        " name = EXCLUDED.name, kind = EXCLUDED.kind, parent_id = EXCLUDED.parent_id,"
        " valid_from = EXCLUDED.valid_from, valid_to = EXCLUDED.valid_to, demo = EXCLUDED.demo",
        [
            (r.id, r.gbt2260_code, r.name, r.kind.value, r.parent, r.valid_from, r.valid_to, r.demo)
            for r in load_regions(demo)
        ],
    )
    await load_working_days(connection)


async def note_units(connection: Connection, units: Mapping[str, UnitMention], region: str) -> None:
    """Collect units by USCC; the name that sorts last stands, so that order does not matter."""
    await connection.execute(
        "INSERT INTO unit AS u (unit_id, name, region_id, is_source, is_issuer)"
        " SELECT unit_id, name, $5, is_source, is_issuer"
        " FROM unnest($1::text[], $2::text[], $3::boolean[], $4::boolean[])"
        " AS m (unit_id, name, is_source, is_issuer) ORDER BY unit_id"
        " ON CONFLICT (unit_id) DO UPDATE SET name = greatest(u.name, EXCLUDED.name),"
        " is_source = u.is_source OR EXCLUDED.is_source,"
        " is_issuer = u.is_issuer OR EXCLUDED.is_issuer"
        " WHERE (u.name, u.is_source, u.is_issuer) IS DISTINCT FROM"
        " (greatest(u.name, EXCLUDED.name), u.is_source OR EXCLUDED.is_source,"
        " u.is_issuer OR EXCLUDED.is_issuer)",
        list(units),
        [unit.name for unit in units.values()],
        [unit.is_source for unit in units.values()],
        [unit.is_issuer for unit in units.values()],
        region,
    )
