"""Salted field digests: what a leaf commits to, and what each partner is shown of it.

As in SD-JWT (RFC 9901), a field is the array [salt, name, value] and its digest is SHA-256 of
the array in canonical JSON (RFC 8785). The root is the Merkle root (RFC 6962 §2.1) over the
digests in ascending order, so the order tells nothing. Whoever may not see a field is given its
digest in its place. The form is final (docs/formats-feed.md).
"""

from __future__ import annotations

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from security.tlog.merkle import leaf_hash, root_hash
from sync.canonical import Value, canonical

SALT_SIZE = 16
"""Bytes of salt per field."""
DIGEST_SIZE = 32


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One field with its salt (base64url without padding, 22 characters)."""

    salt: str
    name: str
    value: Value

    @property
    def digest(self) -> bytes:
        """SHA-256 of the canonical array [salt, name, value]."""
        return sha256(canonical([self.salt, self.name, self.value])).digest()

    def array(self) -> list[Value]:
        """The array [salt, name, value] as it travels."""
        return [self.salt, self.name, self.value]

    @classmethod
    def parse(cls, array: object) -> Disclosure:
        """Read an array; ValueError unless it is [salt, name, value] with a salt of 16 bytes."""
        if not isinstance(array, list) or len(array) != 3:
            raise ValueError("a disclosure is [salt, name, value]")
        salt, name, value = array
        if not isinstance(salt, str) or not isinstance(name, str) or not name:
            raise ValueError("salt and name of a disclosure are strings")
        raw = urlsafe_b64decode(salt + "==")
        if len(raw) != SALT_SIZE or _text(raw) != salt:
            raise ValueError("a salt is 16 bytes in base64url without padding")
        return cls(salt, name, value)


def salted(fields: Mapping[str, Value]) -> tuple[Disclosure, ...]:
    """Give every field a fresh random salt."""
    raw = os.urandom(SALT_SIZE * len(fields))
    return tuple(
        Disclosure(_text(raw[at * SALT_SIZE : (at + 1) * SALT_SIZE]), name, value)
        for at, (name, value) in enumerate(sorted(fields.items()))
    )


def fields_root(digests: Iterable[bytes]) -> bytes:
    """Give the Merkle root over the digests in ascending order."""
    return root_hash([leaf_hash(digest) for digest in sorted(digests)])


def split(
    disclosures: Iterable[Disclosure], names: Collection[str] | None
) -> tuple[list[Disclosure], list[bytes]]:
    """Part what is shown from what is only committed to; `names` None shows everything."""
    shown: list[Disclosure] = []
    hidden: list[bytes] = []
    for disclosure in disclosures:
        if names is None or disclosure.name in names:
            shown.append(disclosure)
        else:
            hidden.append(disclosure.digest)
    return shown, sorted(hidden)


def disclosed(
    disclosures: Iterable[Disclosure], hidden: Iterable[bytes], root: bytes
) -> dict[str, Value] | None:
    """Give the shown fields by name, or None when they are not what the root commits to."""
    shown = tuple(disclosures)
    fields = {disclosure.name: disclosure.value for disclosure in shown}
    digests = [disclosure.digest for disclosure in shown] + list(hidden)
    if len(fields) != len(shown) or len(set(digests)) != len(digests):
        return None
    if any(len(digest) != DIGEST_SIZE for digest in digests) or fields_root(digests) != root:
        return None
    return fields


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
