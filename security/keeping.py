"""Encryption of what the node keeps for a caller for a while: jobs, their results, answers.

AES-256-GCM (NIST SP 800-38D) under one key of the node's folder. Nothing is kept longer than its
setting says, so the key is not rotated with those of the records' fields.
"""

from __future__ import annotations

import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from security.errors import SecurityError

_NONCE = 12


class Keeping:
    """Seals and opens with a secret of 32 bytes; `place` ties a ciphertext to where it stands."""

    def __init__(self, secret: bytes) -> None:
        self._cipher = AESGCM(hmac.digest(secret, b"xinqiao keeping v1", "sha256"))
        self._digest_key = hmac.digest(secret, b"xinqiao keeping digests v1", "sha256")

    def seal(self, plain: bytes, place: bytes) -> bytes:
        """Encrypt; 28 bytes longer."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, plain, place)

    def opened(self, sealed: bytes, place: bytes) -> bytes:
        """Decrypt; SecurityError `KEPT_UNREADABLE` for another key, place or content."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], place)
        except (InvalidTag, ValueError):
            raise SecurityError(
                "KEPT_UNREADABLE", "Ask again: what the node kept cannot be read any more."
            ) from None

    def digest(self, content: bytes) -> bytes:
        """HMAC-SHA-256 of a content: equal only within the node."""
        return hmac.digest(self._digest_key, content, "sha256")
