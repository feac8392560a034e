"""The kinds that a node serves: those of this release and the items that its city defined."""

from __future__ import annotations

from collections.abc import Mapping

from schema.catalog_kind import read_declaration
from schema.records import kinds
from store.catalogue_kind import Reader, declarations
from store.kind import Kinds


def kinds_with(declared: Mapping[str, str]) -> Kinds:
    """The kinds of this release and those of the declarations."""
    own = kinds()
    items = [
        read_declaration(text) for name, text in sorted(declared.items()) if name not in own.by_name
    ]
    return Kinds.of([*own, *items])


async def served_kinds(connection: Reader) -> Kinds:
    """Every kind that the node of this database serves."""
    return kinds_with(await declarations(connection))
