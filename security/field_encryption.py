"""Encryption of single fields, and blind indexes to find them by.

A value is encrypted with AES-256-GCM (NIST SP 800-38D) under a data key, which lies wrapped by
the folder's master key; its number stands before the value. A blind index is HMAC-SHA-256
under a key of its own, with the key's epoch before it (`k1:…`).
"""

import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from security.errors import KeyFileError, SecurityError
from security.keys import KeyFolder

_FORMAT = 1
_HEADER = 3
_NONCE = 12


class FieldCipher:
    """Encrypts and finds fields with the keys in a node's folder; makes them at first use.

    `context` ties a ciphertext to its place, for example b"person.number": it decrypts only
    there.
    """

    def __init__(self, keys: KeyFolder) -> None:
        self._keys = keys
        self._master = AESGCM(keys.secret("field-master"))
        self._ciphers: dict[int, AESGCM] = {}
        self._number = max(self._numbers("field-data-*"), default=1)
        self._cipher(self._number)
        self._epoch = max(self._numbers("field-index-*"), default=1)
        self._index_key = keys.secret(f"field-index-k{self._epoch}")
        self._digest_key = keys.secret("content-digest")

    @property
    def epoch(self) -> str:
        """The epoch that new blind indexes begin with, `k1` and so on."""
        return f"k{self._epoch}"

    def encrypt(self, plain: str, context: bytes) -> bytes:
        """Encrypt a text; 31 bytes longer than its UTF-8 form."""
        header = bytes((_FORMAT, self._number >> 8, self._number & 255))
        nonce = os.urandom(_NONCE)
        cipher = self._ciphers[self._number]
        return header + nonce + cipher.encrypt(nonce, plain.encode(), header + context)

    def decrypt(self, data: bytes, context: bytes) -> str:
        """Decrypt a text; SecurityError `FIELD_UNREADABLE` for another key, place or content."""
        header, nonce = data[:_HEADER], data[_HEADER : _HEADER + _NONCE]
        try:
            if len(data) < _HEADER + _NONCE or data[0] != _FORMAT:
                raise ValueError
            cipher = self._cipher(int.from_bytes(header[1:], "big"), create=False)
            return cipher.decrypt(nonce, data[_HEADER + _NONCE :], header + context).decode()
        except (InvalidTag, ValueError, KeyFileError):
            raise SecurityError(
                "FIELD_UNREADABLE", "Restore the field's key, or take the field from its source."
            ) from None

    def blind_index(self, kind: str, value: str) -> str:
        """Give the index under which an equal value of this kind is found again."""
        message = f"{kind}\0{value}".encode()
        return f"k{self._epoch}:{hmac.digest(self._index_key, message, 'sha256').hex()}"

    def blind_indexes(self, kind: str, value: str) -> tuple[str, ...]:
        """Give the indexes of all epochs, newest first, to search while rows are re-indexed."""
        message = f"{kind}\0{value}".encode()
        epochs = sorted(self._numbers("field-index-*"), reverse=True)
        keys = ((epoch, self._keys.existing_secret(f"field-index-k{epoch}")) for epoch in epochs)
        return tuple(f"k{e}:{hmac.digest(key, message, 'sha256').hex()}" for e, key in keys)

    def digest(self, content: bytes) -> bytes:
        """Give the node's keyed digest of a content (HMAC-SHA-256): equal only within the node."""
        return hmac.digest(self._digest_key, content, "sha256")

    def rotate(self) -> None:
        """Begin a new data key and a new index epoch; older values stay readable."""
        self._number = max(self._numbers("field-data-*"), default=0) + 1
        self._cipher(self._number)
        self._epoch = max(self._numbers("field-index-*"), default=0) + 1
        self._index_key = self._keys.secret(f"field-index-k{self._epoch}")

    def _numbers(self, pattern: str) -> list[int]:
        return [int(name.rpartition("-k")[2]) for name in self._keys.names(pattern)]

    def _cipher(self, number: int, create: bool = True) -> AESGCM:
        cipher = self._ciphers.get(number)
        if cipher is None:
            name = f"field-data-k{number}"
            wrapped = (
                self._keys.secret(name, 60, self._wrapped_key)
                if create
                else self._keys.existing_secret(name, 60)
            )
            key = self._master.decrypt(wrapped[:_NONCE], wrapped[_NONCE:], b"field-data")
            cipher = self._ciphers[number] = AESGCM(key)
        return cipher

    def _wrapped_key(self) -> bytes:
        nonce = os.urandom(_NONCE)
        return nonce + self._master.encrypt(nonce, os.urandom(32), b"field-data")
