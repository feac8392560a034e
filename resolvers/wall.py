"""Through which of the store's walls a role of the policy reads."""

from __future__ import annotations

from security.policy import Role
from store.wall import Wall

_WALLS = {Role.PUB: Wall.PUBLIC, Role.STEWARD: Wall.STEWARD, Role.AUDITOR: Wall.STEWARD}


def wall_of(role: Role) -> Wall:
    """The database role behind a role: the narrowest that holds all it may ever see."""
    return _WALLS.get(role, Wall.GOVERNMENT)
