"""Encryption of single fields, and blind indexes to find them by.

A value is encrypted with AES-256-GCM (NIST SP 800-38D) under a data key, which lies wrapped by
the folder's master key; its number stands before the value. A blind index is HMAC-SHA-256
under a key of its own, with the key's epoch before it (`k1:…`). New keys are begun beside the old
ones, which read on until they are destroyed.
"""

import hmac
import os
import time
from contextlib import suppress

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from security.errors import KeyFileError, SecurityError
from security.keys import KeyFolder

_FORMAT = 1
_HEADER = 3
_NONCE = 12
_DATA, _INDEX = "field-data-k", "field-index-k"
_TICK = 0.02  # seconds within which a folder's time of change may stay the same


class FieldCipher:
    """Encrypts and finds fields with the keys in a node's folder; makes them at first use.

    `context` ties a ciphertext to its place, for example b"person.number": it decrypts only
    there. A key that another process began is used from its next call on.
    """

    def __init__(self, keys: KeyFolder) -> None:
        self._keys = keys
        self._master = AESGCM(keys.secret("field-master"))
        self._ciphers: dict[int, AESGCM] = {}
        self._digest_key = keys.secret("content-digest")
        self._seen = -1
        self._number = 1
        self._epochs: tuple[tuple[int, bytes], ...] = ()
        self._look()

    @property
    def epoch(self) -> str:
        """The epoch that new blind indexes begin with, `k1` and so on."""
        self._look()
        return f"k{self._epochs[0][0]}"

    @property
    def number(self) -> int:
        """The number of the data key that encrypts now."""
        self._look()
        return self._number

    def encrypt(self, plain: str, context: bytes) -> bytes:
        """Encrypt a text; 31 bytes longer than its UTF-8 form."""
        self._look()
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

    def opened(self, data: bytes, context: bytes) -> str | None:
        """As `decrypt`; None for what cannot be read."""
        with suppress(SecurityError):
            return self.decrypt(data, context)
        return None

    def is_current(self, data: bytes) -> bool:
        """Whether a ciphertext is under the data key that encrypts now."""
        return int.from_bytes(data[1:_HEADER], "big") == self.number

    def blind_index(self, kind: str, value: str) -> str:
        """Give the index under which an equal value of this kind is found again."""
        self._look()
        epoch, key = self._epochs[0]
        message = f"{kind}\0{value}".encode()
        return f"k{epoch}:{hmac.digest(key, message, 'sha256').hex()}"

    def blind_indexes(self, kind: str, value: str) -> tuple[str, ...]:
        """Give the indexes of all epochs, newest first, to search while rows are re-indexed."""
        self._look()
        message = f"{kind}\0{value}".encode()
        return tuple(
            [f"k{e}:{hmac.digest(key, message, 'sha256').hex()}" for e, key in self._epochs]
        )

    def digest(self, content: bytes) -> bytes:
        """Give the node's keyed digest of a content (HMAC-SHA-256): equal only within the node."""
        return hmac.digest(self._digest_key, content, "sha256")

    def begin_data_key(self) -> int:
        """Encrypt with a new data key from now on, in every process; gives its number."""
        self._cipher(number := self.number + 1)
        self._announce()
        return number

    def begin_epoch(self) -> int:
        """Index with a new key from now on, in every process; gives the epoch's number."""
        self._look()
        self._keys.secret(f"{_INDEX}{(number := self._epochs[0][0] + 1)}")
        self._announce()
        return number

    def destroy_former(self, *, index: bool) -> list[int]:
        """Destroy the data keys, or the index keys, before those in use; gives their numbers."""
        name = _INDEX if index else _DATA
        former = sorted(self._numbers(name))[:-1]
        for number in former:
            self._keys.destroy(f"{name}{number}")
            if not index:
                self._ciphers.pop(number, None)
        self._announce()
        return former

    def _look(self) -> None:
        """See the keys that other processes began: one stat where none did."""
        changed = self._keys.path.stat().st_mtime_ns
        if changed == self._seen:
            return
        self._number = max(self._numbers(_DATA), default=1)
        self._cipher(self._number)
        epochs = sorted(self._numbers(_INDEX), reverse=True) or [1]
        self._epochs = tuple([(epoch, self._keys.secret(f"{_INDEX}{epoch}")) for epoch in epochs])
        self._seen = changed  # a key made just now is looked at once more

    def _announce(self) -> None:
        """Let the folder's time of change differ from any that was looked at before the change."""
        time.sleep(_TICK)
        os.utime(self._keys.path)
        self._look()

    def _numbers(self, name: str) -> list[int]:
        return [int(one.removeprefix(name)) for one in self._keys.names(f"{name}*")]

    def _cipher(self, number: int, create: bool = True) -> AESGCM:
        cipher = self._ciphers.get(number)
        if cipher is None:
            name = f"{_DATA}{number}"
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
