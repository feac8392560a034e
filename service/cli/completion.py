"""What the shell offers for an option's value: names of this machine, codes with their meaning.

Everything here only reads, fast: a shell asks at each press of the tab key.
"""

from __future__ import annotations

Offer = list[str | tuple[str, str]]


def nodes(incomplete: str) -> Offer:
    """Names of this machine's nodes; before the first start, those of the demo."""
    from service.demo import CITIES
    from service.home import home

    found: set[str] = set()
    try:
        found = {path.parent.name for path in home().glob("*/settings.toml")}
        found |= {path.parent.name for path in home().glob("*/keys")}
    except OSError:
        pass
    return _beginning(incomplete, sorted(found) or [city.node for city in CITIES])


def identities(incomplete: str) -> Offer:
    """Names of the identities whose keys this machine holds."""
    from service.home import home

    try:
        found = sorted(path.stem for path in (home() / "identities").glob("*.pem"))
    except OSError:
        found = []
    return _beginning(incomplete, found)


def kinds(incomplete: str) -> Offer:
    """Names of the record kinds with their Chinese names."""
    from schema.records import kinds as declared

    return [(kind.name, kind.label) for kind in declared() if kind.name.startswith(incomplete)]


def purposes(incomplete: str) -> Offer:
    """Codes of purposes with their Chinese names."""
    from service.purpose import PURPOSES

    return [(code, name) for code, name in PURPOSES.items() if code.startswith(incomplete)]


def logs(incomplete: str) -> Offer:
    """Names of a node's logs."""
    return _beginning(incomplete, ["access", "audit", "feed"])


def algorithms(incomplete: str) -> Offer:
    """Signature algorithms."""
    return _beginning(incomplete, ["ed25519", "ecdsa-p256-sha256", "sm2-sm3"])


def key_uses(incomplete: str) -> Offer:
    """Uses of a node's own keys."""
    return _beginning(
        incomplete, ["answer", "access", "audit", "feed", "acknowledgement", "field", "blind"]
    )


def roles(incomplete: str) -> Offer:
    """Roles that can be enrolled."""
    from security.policy import Role

    return _beginning(incomplete, [role for role in Role if role is not Role.PUB])


def _beginning(incomplete: str, names: list[str]) -> Offer:
    return [name for name in names if name.startswith(incomplete)]
