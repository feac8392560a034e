"""The leaf of the sharing feed. Its form is final (docs/formats-feed.md)."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from enum import StrEnum

import orjson

from sync.canonical import canonical

VERSION = 1
_TAG = re.compile(r"[a-z][a-z0-9_]{0,62}\.[a-z][a-z0-9_]{0,62}")


class Operation(StrEnum):
    """What a leaf does to the record it names."""

    UPSERT = "UPSERT"
    TOMBSTONE = "TOMBSTONE"


@dataclass(frozen=True, slots=True)
class Leaf:
    """One entry of the feed: catalogue item tag, operation, root over salted fields (32 bytes)."""

    item: str
    operation: Operation
    root: bytes

    def entry(self) -> bytes:
        """Serialise: canonical JSON {"item", "op", "root", "v"}, the root in base64."""
        return canonical(
            {
                "v": VERSION,
                "item": self.item,
                "op": self.operation.value,
                "root": b64encode(self.root).decode(),
            }
        )

    @classmethod
    def parse(cls, entry: bytes) -> Leaf:
        """Read an entry; ValueError unless it is exactly what `entry` would write."""
        document = orjson.loads(entry)
        if not isinstance(document, dict):
            raise ValueError("a leaf is a JSON object")
        item, root = document.get("item"), document.get("root")
        if not isinstance(item, str) or _TAG.fullmatch(item) is None or not isinstance(root, str):
            raise ValueError("a leaf names its item and its root")
        leaf = cls(item, Operation(str(document.get("op"))), b64decode(root, validate=True))
        if len(leaf.root) != 32 or leaf.entry() != entry:
            raise ValueError("a leaf is canonical JSON of version 1")
        return leaf


def item_tag(kind: str, category: str) -> str:
    """Name the catalogue item of a record kind and a category of subjects.

    `penalty` of `LEGAL_ENTITY` is `penalty.legal_entity`.
    """
    return f"{kind}.{category.lower()}"
