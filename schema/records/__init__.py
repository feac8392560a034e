"""The record kinds: one file each, found by being here."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from store.kind import Kind, Kinds


def kinds() -> Kinds:
    """Every kind declared in this package: each module with a `KIND`."""
    found: list[Kind] = []
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda m: m.name):
        kind = getattr(import_module(f"{__name__}.{module.name}"), "KIND", None)
        if isinstance(kind, Kind):
            found.append(kind)
    return Kinds.of(found)
