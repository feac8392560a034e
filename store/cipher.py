"""What the store needs to protect numbers: handed in by the service, implemented in security."""

from __future__ import annotations

from typing import Protocol


class Cipher(Protocol):
    """Encrypts fields, indexes them blindly and digests content, all with the node's keys."""

    def encrypt(self, plain: str, context: bytes) -> bytes:
        """Authenticated ciphertext that only decrypts under the same context."""
        ...

    def blind_index(self, kind: str, value: str) -> str:
        """The keyed index under which an equal value of this kind is found again (`k1:…`)."""
        ...

    def blind_indexes(self, kind: str, value: str) -> tuple[str, ...]:
        """That index and those of the key's older epochs, newest first."""
        ...

    def digest(self, content: bytes) -> bytes:
        """HMAC-SHA-256 under a key of this node; never compared across nodes."""
        ...
