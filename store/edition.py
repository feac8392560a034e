"""Editions of catalogues in a node's store: one follows the other, none is ever changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import date, timedelta
from importlib import resources
from itertools import pairwise
from typing import TYPE_CHECKING

import orjson

from store.catalogue import CatalogueType, Edition, load_catalogues
from store.catalogue_document import read_edition
from store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from store.connection import Connection
    from store.kind import Kinds


def check_sequence(editions: Iterable[Edition]) -> None:
    """Check that the editions of one catalogue follow each other without overlap and gap.

    An edition without an end of its own ends when the next one begins. Raises StoreError
    `CATALOGUE_OVERLAP` or `CATALOGUE_GAP`.
    """
    for former, latter in pairwise(sorted(editions, key=lambda e: (e.valid_from, e.edition))):
        if former.valid_from == latter.valid_from:
            raise StoreError(
                "CATALOGUE_OVERLAP",
                f"valid_from: {former.edition} and {latter.edition} both begin on"
                f" {latter.valid_from}: only one edition is in force on a day",
            )
        if former.valid_to is None or former.valid_to == latter.valid_from:
            continue
        if former.valid_to > latter.valid_from:
            last = former.valid_to - timedelta(days=1)
            raise StoreError(
                "CATALOGUE_OVERLAP",
                f"valid_from: {former.edition} is in force until {last}: let {latter.edition}"
                f" begin on {former.valid_to}",
            )
        raise StoreError(
            "CATALOGUE_GAP",
            f"valid_from: nothing is in force from {former.valid_to} on: let {latter.edition}"
            f" begin then and not on {latter.valid_from}",
        )


def digest(edition: Edition) -> bytes:
    """SHA-256 of what an edition says, whatever the order and spacing of its document."""
    told = {
        "type": edition.type,
        "edition": edition.edition,
        "region": edition.region,
        "validFrom": edition.valid_from,
        **edition.content,
    }
    return hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).digest()


async def record_edition(connection: Connection, edition: Edition) -> bool:
    """Keep an edition; the same one again changes nothing and gives False.

    Raises StoreError `CATALOGUE_CHANGED` when another text is known under its name, and as
    `check_sequence` does.
    """
    async with connection.transaction():
        await connection.execute("LOCK TABLE catalogue_edition IN SHARE ROW EXCLUSIVE MODE")
        made = digest(edition)
        kept = await connection.fetchval(
            "SELECT digest FROM catalogue_edition WHERE region_id = $1 AND type = $2"
            " AND edition = $3",
            edition.region,
            edition.type.value,
            edition.edition,
        )
        if kept is not None:
            if bytes(kept) == made:
                return False
            raise StoreError(
                "CATALOGUE_CHANGED",
                f"edition: {edition.edition} was loaded with another content: give the changed"
                " catalogue a new edition and a date from which it is in force",
            )
        known = (await load_catalogues(connection, edition.region)).editions
        check_sequence([*(e for e in known if e.type is edition.type), edition])
        await connection.execute(
            "INSERT INTO catalogue_edition (region_id, type, edition, valid_from, valid_to,"
            " content, digest) VALUES ($1, $2, $3, $4, $5, $6::text::jsonb, $7)",
            edition.region,
            edition.type.value,
            edition.edition,
            edition.valid_from,
            edition.valid_to,
            orjson.dumps(edition.content).decode(),
            made,
        )
    return True


async def load_demo_catalogues(
    connection: Connection, kinds: Kinds, region: str, today: date
) -> None:
    """Give a city of the demo its catalogues, each where it has none (store/data/catalogue)."""
    known = (await load_catalogues(connection, region)).editions
    if {edition.type for edition in known} == set(CatalogueType):
        return
    for document in demo_documents():
        edition = read_edition(document, kinds, today=today, demo=True)
        if edition.region == region and all(e.type is not edition.type for e in known):
            await record_edition(connection, edition)


def demo_documents() -> Iterator[bytes]:
    """The documents of the demo's cities in order."""
    folder = resources.files("store").joinpath("data/catalogue")
    for entry in sorted(folder.iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".toml"):
            yield entry.read_bytes()
