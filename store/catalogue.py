"""Catalogues 信息目录 and 应用目录: what a city shares, with whom, and who may ask what for which
matter, by date.

Source: access rules §3 (application catalogue of DEPT, shared catalogue of PCITY), cross-region
requirements X02 and X03, records §13.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    import asyncpg

    from store.connection import Connection

EVERY_PARTNER = "*"
"""A partner of an item that means every party of an agreement."""
_GOVERNMENT = ("O", "G")


class CatalogueType(StrEnum):
    """The two catalogues: what is collected and shared, and who uses it for what."""

    INFORMATION = "INFORMATION"
    APPLICATION = "APPLICATION"


@dataclass(frozen=True, slots=True)
class Provider:
    """A unit 来源单位 that reports an item."""

    uscc: str
    name: str


@dataclass(frozen=True, slots=True)
class InformationItem:
    """A row of the information catalogue 信息目录: one kind of record.

    `share` is its way of disclosure: O open, G inside government, A by authorisation,
    R restricted. `partners` are the region ids to which it travels, `*` all parties of an
    agreement. A provider reports at least every `cycle_days` days, working days 工作日 when
    `cycle_is_working`; None where no cycle is set.
    """

    kind: str
    categories: frozenset[str]
    share: str
    providers: tuple[Provider, ...]
    partners: frozenset[str]
    cycle_days: int | None
    legal_basis: str
    cycle_is_working: bool = False

    @property
    def is_government(self) -> bool:
        """Whether it is shared inside government."""
        return self.share in _GOVERNMENT

    def travels_to(self, region: str) -> bool:
        """Whether it is shared with the partner of that region."""
        return self.is_government and not self.partners.isdisjoint((region, EVERY_PARTNER))


@dataclass(frozen=True, slots=True)
class Application:
    """A row of the application catalogue 应用目录: what a unit may ask for a matter 事项.

    In force from `valid_from` until before `valid_to`, None without end.
    """

    unit: str
    matter: str
    purposes: frozenset[str]
    kinds: frozenset[str]
    valid_from: date
    valid_to: date | None
    legal_basis: str
    unit_name: str = ""

    def in_force(self, day: date) -> bool:
        """Whether it is in force on that day."""
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Both catalogues of a city as they are on one day; `edition` names the information
    catalogue's edition and is empty where none is in force."""

    edition: str
    items: Mapping[str, InformationItem]
    applications: tuple[Application, ...]

    def government_kinds(self) -> frozenset[str]:
        """The kinds shared inside government: those with a row of share O or G."""
        return frozenset(item.kind for item in self.items.values() if item.is_government)

    def travelling(self, partner_region: str) -> frozenset[str]:
        """The kinds that are shared with the partner of that region."""
        return frozenset(i.kind for i in self.items.values() if i.travels_to(partner_region))

    def shares(self, kind: str, category: str, partner_region: str) -> bool:
        """Whether records of a kind and category of subject are shared with that partner."""
        item = self.items.get(kind)
        return item is not None and category in item.categories and item.travels_to(partner_region)

    def application_kinds(self, unit: str, purpose: str) -> frozenset[str]:
        """The kinds that a unit (its USCC) may ask for a purpose; empty without a row."""
        return frozenset(
            kind
            for row in self.applications
            if row.unit == unit and purpose in row.purposes
            for kind in row.kinds
        )


NO_CATALOGUE = Catalogue("", MappingProxyType({}), ())


@dataclass(frozen=True, slots=True)
class Edition:
    """One edition of either catalogue; rows of the other one are empty.

    `valid_to` is the end that the document states, None when the next edition ends it.
    """

    type: CatalogueType
    edition: str
    region: str
    valid_from: date
    valid_to: date | None
    legal_basis: str
    items: tuple[InformationItem, ...] = ()
    applications: tuple[Application, ...] = ()

    @property
    def content(self) -> dict[str, Any]:
        """What is stored and compared: every row in canonical order."""
        return {
            "legalBasis": self.legal_basis,
            "validTo": self.valid_to.isoformat() if self.valid_to else None,
            "items": [_item_content(i) for i in sorted(self.items, key=lambda i: i.kind)],
            "applications": sorted(
                [_application_content(row) for row in self.applications],
                key=lambda row: (row["unit"], row["matter"], row["validFrom"]),
            ),
        }


@dataclass(frozen=True, slots=True)
class Catalogues:
    """Every edition of a city's catalogues.

    `periods` are the catalogues of the days from each date on until the next one, ascending.
    """

    editions: tuple[Edition, ...] = ()
    version: tuple[tuple[str, bytes], ...] = ()
    periods: tuple[tuple[date, Catalogue], ...] = field(default=(), repr=False)

    def on(self, day: date) -> Catalogue:
        """The catalogue of that day; an empty one where no edition is in force."""
        at = bisect_right(self.periods, day, key=lambda period: period[0])
        return self.periods[at - 1][1] if at else NO_CATALOGUE

    def edition_on(self, type_: CatalogueType, day: date) -> Edition | None:
        """The edition of one of the catalogues in force on that day."""
        return edition_in_force(self.editions, type_, day)

    def end(self, edition: Edition) -> date | None:
        """The first day on which an edition is no longer in force, None without end."""
        later = [
            e.valid_from
            for e in self.editions
            if e.type is edition.type and e.valid_from > edition.valid_from
        ]
        return edition.valid_to or min(later, default=None)


def edition_in_force(
    editions: Iterable[Edition], type_: CatalogueType, day: date
) -> Edition | None:
    """The edition in force on a day: the last one begun, unless its own end has come."""
    begun = [e for e in editions if e.type is type_ and e.valid_from <= day]
    last = max(begun, key=lambda e: e.valid_from, default=None)
    if last is None or (last.valid_to is not None and last.valid_to <= day):
        return None
    return last


def catalogues_of(
    editions: Iterable[Edition], version: tuple[tuple[str, bytes], ...] = ()
) -> Catalogues:
    """Put the editions of one city together, by date."""
    told = tuple(sorted(editions, key=lambda e: (e.type, e.valid_from)))
    rows = [row for edition in told for row in edition.applications]
    days = {day for e in told for day in (e.valid_from, e.valid_to)}
    days |= {day for row in rows for day in (row.valid_from, row.valid_to)}
    periods = tuple((day, _catalogue(told, day)) for day in sorted(d for d in days if d))
    return Catalogues(told, version, periods)


def _catalogue(editions: tuple[Edition, ...], day: date) -> Catalogue:
    information = edition_in_force(editions, CatalogueType.INFORMATION, day)
    application = edition_in_force(editions, CatalogueType.APPLICATION, day)
    items = information.items if information else ()
    rows = application.applications if application else ()
    return Catalogue(
        information.edition if information else "",
        MappingProxyType({item.kind: item for item in items}),
        tuple(row for row in rows if row.in_force(day)),
    )


async def load_catalogues(
    connection: Connection | asyncpg.Pool[Any], region: str, known: Catalogues | None = None
) -> Catalogues:
    """Read the editions of a city's catalogues; `known` is given back when nothing was added."""
    rows = await connection.fetch(
        "SELECT type, edition, digest FROM catalogue_edition WHERE region_id = $1"
        " ORDER BY type, edition",
        region,
    )
    version = tuple((f"{row['type']} {row['edition']}", bytes(row["digest"])) for row in rows)
    if known is not None and known.version == version:
        return known
    rows = await connection.fetch(
        "SELECT type, edition, region_id, valid_from, valid_to, content::text AS content"
        " FROM catalogue_edition WHERE region_id = $1",
        region,
    )
    return catalogues_of((_edition(row) for row in rows), version)


def _edition(row: Mapping[str, Any]) -> Edition:
    content = orjson.loads(row["content"])
    return Edition(
        CatalogueType(row["type"]),
        row["edition"],
        row["region_id"],
        row["valid_from"],
        row["valid_to"],
        content["legalBasis"],
        tuple(
            InformationItem(
                kind=item["kind"],
                categories=frozenset(item["categories"]),
                share=item["share"],
                providers=tuple(Provider(p["uscc"], p["name"]) for p in item["providers"]),
                partners=frozenset(item["partners"]),
                cycle_days=item["cycleDays"],
                legal_basis=item["legalBasis"],
                cycle_is_working=item["cycleIsWorking"],
            )
            for item in content["items"]
        ),
        tuple(
            Application(
                unit=one["unit"],
                matter=one["matter"],
                purposes=frozenset(one["purposes"]),
                kinds=frozenset(one["kinds"]),
                valid_from=date.fromisoformat(one["validFrom"]),
                valid_to=date.fromisoformat(one["validTo"]) if one["validTo"] else None,
                legal_basis=one["legalBasis"],
                unit_name=one["unitName"],
            )
            for one in content["applications"]
        ),
    )


def _item_content(item: InformationItem) -> dict[str, Any]:
    return {
        "kind": item.kind,
        "categories": sorted(item.categories),
        "share": item.share,
        "providers": [
            {"uscc": p.uscc, "name": p.name} for p in sorted(item.providers, key=lambda p: p.uscc)
        ],
        "partners": sorted(item.partners),
        "cycleDays": item.cycle_days,
        "cycleIsWorking": item.cycle_is_working,
        "legalBasis": item.legal_basis,
    }


def _application_content(row: Application) -> dict[str, Any]:
    return {
        "unit": row.unit,
        "unitName": row.unit_name,
        "matter": row.matter,
        "purposes": sorted(row.purposes),
        "kinds": sorted(row.kinds),
        "validFrom": row.valid_from.isoformat(),
        "validTo": row.valid_to.isoformat() if row.valid_to else None,
        "legalBasis": row.legal_basis,
    }
