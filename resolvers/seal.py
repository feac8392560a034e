"""Document numbers in an answer: sealed while PostgreSQL writes it, opened before it leaves.

Numbers are encrypted at rest, so the statement can only carry ciphertext. It puts a mark before
it that is random for each answer, so that no stored text can pass for one.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

import orjson

from security.policy import Number

_OPEN = 4  # characters of the end that a mask shows
_DIVISION = 6  # and of the beginning of an identity number


def masked_number(number: str) -> str:
    """A document number as a help to recognise it: 210502********0018 (access rules §6).

    Of numbers that are no identity numbers the first and the last two characters are shown.
    """
    if len(number) in (15, 18) and number[:-1].isdigit():
        hidden = len(number) - _DIVISION - _OPEN
        return number[:_DIVISION] + "*" * hidden + number[-_OPEN:]
    if len(number) <= _OPEN:
        return "*" * len(number)
    return number[0] + "*" * (len(number) - 3) + number[-2:]


@dataclass(slots=True)
class Seal:
    """The mark of one answer; `read` decrypts a person's number, or raises."""

    read: Callable[[bytes], str] | None
    mark: str = field(default_factory=lambda: secrets.token_hex(16))

    def opened(self, body: bytes) -> bytes:
        """The body with its numbers, null where one cannot be read."""
        sealed = re.compile(rb'"%b(FULL|MASK):([0-9a-f]*);"' % self.mark.encode())
        return sealed.sub(self._opened, body)

    def _opened(self, found: re.Match[bytes]) -> bytes:
        if self.read is None:
            return b"null"
        try:
            number = self.read(bytes.fromhex(found[2].decode()))
        except Exception:  # whatever the key's owner raises: the number stays closed
            return b"null"
        whole = found[1].decode() == Number.FULL
        return orjson.dumps(number if whole else masked_number(number))
