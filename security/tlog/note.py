"""Signing notes (C2SP signed-note); reading and verifying them is `client.note`."""

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from client.note import Note, NoteSignature, VerifierKey, is_name, key_id

__all__ = ["Note", "NoteSignature", "NoteSigner", "VerifierKey", "is_name", "key_id"]


@dataclass(frozen=True, slots=True)
class NoteSigner:
    """A private Ed25519 key that signs notes under a name."""

    name: str
    private: Ed25519PrivateKey

    def __post_init__(self) -> None:
        if not is_name(self.name):
            raise ValueError("a note key's name has no spaces and no plus sign")

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""
        return VerifierKey(self.name, self.private.public_key().public_bytes_raw())

    def sign(self, text: str) -> bytes:
        """Sign a text that ends in a newline and give the whole note."""
        if not text.endswith("\n"):
            raise ValueError("a note's text ends in a newline")
        verifier = self.verifier
        signature = NoteSignature(self.name, verifier.id, self.private.sign(text.encode()))
        return Note(text, (signature,)).bytes()
