"""The demo world of Benxi and Shenyang: invented, deterministic, with planted cases."""

from service.world.manifest import WorldError, WorldManifest
from service.world.world import DEFAULT_SEED, write_world

__all__ = ["DEFAULT_SEED", "WorldError", "WorldManifest", "write_world"]
