"""Signing notes (C2SP signed-note); reading and verifying them is `client.note`."""

import time
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from client.note import Note, NoteSignature, VerifierKey, is_name, key_id

__all__ = ["Note", "NoteSignature", "NoteSigner", "VerifierKey", "is_name", "key_id"]


@dataclass(frozen=True, slots=True)
class NoteSigner:
    """A private Ed25519 key that signs notes under a name, until a time (Unix seconds).

    `also` are the keys before it that still sign beside it, `former` the public keys before it
    that may have signed what lies on disk (docs/keys.md).
    """

    name: str
    private: Ed25519PrivateKey
    until: float = float("inf")
    also: tuple["NoteSigner", ...] = ()
    former: tuple[VerifierKey, ...] = ()

    def __post_init__(self) -> None:
        if not is_name(self.name):
            raise ValueError("a note key's name has no spaces and no plus sign")

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""
        return VerifierKey(self.name, self.private.public_key().public_bytes_raw())

    @property
    def verifiers(self) -> tuple[VerifierKey, ...]:
        """The public keys that may have signed notes under this name, the present one first."""
        return (self.verifier, *self.former)

    def sign(self, text: str) -> bytes:
        """Sign a text that ends in a newline and give the whole note."""
        if not text.endswith("\n"):
            raise ValueError("a note's text ends in a newline")
        lines = [self.line(text)]
        if self.also:
            now = time.time()
            lines += [one.line(text) for one in self.also if now < one.until]
        return Note(text, tuple(lines)).bytes()

    def line(self, text: str) -> NoteSignature:
        """Give this key's own signature line of a text."""
        return NoteSignature(self.name, self.verifier.id, self.private.sign(text.encode()))
