"""Catalogues of a node of this machine: editions loaded from documents, and shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from service.enrolled import node_connection
from service.enrolment import establish
from service.home import NodeHome
from service.kinds import served_kinds
from service.settings import load_settings
from store.catalogue import Catalogues, CatalogueType, Edition, load_catalogues
from store.catalogue_document import read_edition
from store.edition import record_edition
from store.errors import StoreError


async def load_here(root: Path, node: str, paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Load catalogue documents into a node: all of them, or none when one is refused.

    Raises StoreError `CATALOGUE_…` as `store.catalogue_document` and `store.edition` do,
    `CATALOGUE_REGION` for another city's document, `FILE_UNREADABLE`.
    """
    establish(root)
    settings = load_settings(NodeHome(root, node))
    documents = {path: _read(path) for path in paths}
    async with node_connection(root, node) as connection, connection.transaction():
        kinds = await served_kinds(connection)
        editions = []
        for path, raw in documents.items():
            edition = read_edition(raw, kinds, today=settings.domain_date(), demo=settings.demo)
            if edition.region != settings.region:
                raise StoreError(
                    "CATALOGUE_REGION",
                    f"region: {path.name} is the catalogue of {edition.region}: load it at that"
                    f" city's node; this one is {settings.region}",
                )
            editions.append(edition)
        return [
            {
                **_head(edition, edition.valid_to),
                "loaded": await record_edition(connection, edition),
            }
            for edition in sorted(editions, key=lambda e: e.valid_from)
        ]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StoreError(
            "FILE_UNREADABLE", f"{path.name} cannot be read: check path and rights"
        ) from error


async def shown_here(root: Path, node: str, on: date | None) -> dict[str, Any]:
    """What a node's catalogues say on a day, the domain date by default, as JSON values."""
    establish(root)
    settings = load_settings(NodeHome(root, node))
    day = on or settings.domain_date()
    async with node_connection(root, node) as connection:
        catalogues = await load_catalogues(connection, settings.region)
    return {
        "region": settings.region,
        "on": day.isoformat(),
        "information": _shown(catalogues, CatalogueType.INFORMATION, day),
        "application": _shown(catalogues, CatalogueType.APPLICATION, day),
        "editions": [_head(e, catalogues.end(e)) for e in catalogues.editions],
    }


def _shown(catalogues: Catalogues, type_: CatalogueType, day: date) -> dict[str, Any] | None:
    edition = catalogues.edition_on(type_, day)
    if edition is None:
        return None
    content = edition.content
    rows = "items" if type_ is CatalogueType.INFORMATION else "applications"
    head = _head(edition, catalogues.end(edition))
    return {**head, "legalBasis": edition.legal_basis, rows: content[rows]}


def _head(edition: Edition, end: date | None) -> dict[str, Any]:
    return {
        "type": edition.type.value,
        "edition": edition.edition,
        "validFrom": edition.valid_from.isoformat(),
        "validTo": end.isoformat() if end else None,
    }
