"""Catalogue items 目录项 of the city's own, at a node of this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from schema.catalog_kind import check_successor, read_declaration
from schema.records import kinds
from service.enrolled import node_connection
from service.enrolment import establish
from service.kinds import served_kinds
from store.catalogue_kind import declarations, lock_declarations, record_declaration
from store.errors import StoreError
from store.intake.layout import layouts
from store.kind import Kind, Kinds


@dataclass(frozen=True, slots=True)
class Declared:
    """What became of a declaration; `version` is None when it was known already."""

    kind: Kind
    version: int | None


def read_item(path: Path) -> str:
    """The text of a declaration; raises StoreError `FILE_UNREADABLE`."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(
            "FILE_UNREADABLE", f"{path.name} cannot be read as UTF-8: check path and rights"
        ) from error


async def declare_here(root: Path, node: str, text: str) -> Declared:
    """Declare a catalogue item at a node; a running node serves it within a few seconds.

    Raises StoreError `CATALOGUE_KIND_INVALID`, `CATALOGUE_KIND_CHANGED`.
    """
    establish(root)
    kind = read_declaration(text, taken=layouts(kinds()).keys())
    async with node_connection(root, node) as connection, connection.transaction():
        await lock_declarations(connection)
        before = (await declarations(connection)).get(kind.name)
        if before == text:
            return Declared(kind, None)
        if before is not None:
            check_successor(read_declaration(before), kind)
        return Declared(kind, await record_declaration(connection, kind.name, text))


async def kinds_here(root: Path, node: str) -> Kinds:
    """Every kind that a node serves."""
    establish(root)
    async with node_connection(root, node) as connection:
        return await served_kinds(connection)


async def items_here(root: Path, node: str) -> list[Kind]:
    """The catalogue items of a node."""
    return [kind for kind in await kinds_here(root, node) if kind.run_time]
