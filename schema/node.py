"""Node: whatever can be asked for again by its id (Relay global object identification)."""

from __future__ import annotations

import strawberry

from schema.binding import described


@strawberry.interface(
    description="节点 an object with an id; `node` answers null for what the caller may not see."
)
class Node:
    id: strawberry.ID = described("标识 opaque global id.")
